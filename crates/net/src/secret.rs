//! A text that must never be seen: keys, tokens, session ids, URLs that hold one. Plain value.

use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use glottis_core::Settings;

/// A secret. `Debug` and `Display` print `***`, so it cannot reach a log or an error by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// `text` as a secret.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text itself: only for the wire.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// `text` with every copy of this secret replaced: for words of a server that repeats what it
    /// was sent.
    pub fn scrub(&self, text: &str) -> String {
        // Something this short is in every other word and no secret.
        if self.0.len() < 4 { text.to_owned() } else { text.replace(&self.0, "***") }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The secrets of one sink, to take them out of texts that come from the service. Clones share them.
#[derive(Clone, Default)]
pub struct Veil(Arc<Mutex<VecDeque<Secret>>>);

impl Veil {
    /// Secrets remembered: a day's tokens and then some.
    const MOST: usize = 16;

    /// From now on `secret` is taken out of texts.
    pub fn hide(&self, secret: &Secret) {
        let mut secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !secrets.contains(secret) {
            secrets.push_front(secret.clone());
            secrets.truncate(Self::MOST);
        }
    }

    /// `text` without any secret.
    pub fn scrub(&self, text: &str) -> String {
        let secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.iter().fold(text.to_owned(), |text, secret| secret.scrub(&text))
    }
}

/// Where a secret is kept. Known when a configuration is checked; read when it is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// In an environment variable of this name.
    Env(String),
    /// In a file.
    File(PathBuf),
}

impl Kept {
    /// What the keys `{name}_env` and `{name}_file` say; `None` if neither is written. A component
    /// need not declare both.
    pub fn of(settings: &Settings, name: &str) -> Option<Kept> {
        let env = settings.opt_text(&format!("{name}_env")).map(|name| Kept::Env(name.to_owned()));
        env.or_else(|| settings.opt_path(&format!("{name}_file")).map(Kept::File))
    }

    /// The secret, without blanks around it.
    ///
    /// # Errors
    /// What is wrong with the variable or the file, by name.
    pub fn read(&self) -> Result<Secret, String> {
        let (text, place) = match self {
            Kept::Env(name) => {
                let place = format!("the environment variable {name}");
                let text = std::env::var(name).map_err(|error| match error {
                    std::env::VarError::NotPresent => format!("{place} is not set"),
                    std::env::VarError::NotUnicode(_) => format!("{place} is not text"),
                })?;
                (text, place)
            }
            Kept::File(path) => {
                let place = format!("the file {}", path.display());
                let text = std::fs::read_to_string(path).map_err(|error| format!("{place} cannot be read: {error}"))?;
                (text, place)
            }
        };
        match text.trim() {
            "" => Err(format!("{place} is empty")),
            text => Ok(Secret::new(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_formatting_shows_a_secret() {
        let secret = Secret::new("eyJ.abc");
        assert_eq!(format!("{secret} {secret:?} {:?}", Some(&secret)), "*** *** Some(***)");
        assert_eq!(secret.scrub("bad token eyJ.abc!"), "bad token ***!");
    }

    #[test]
    fn a_veil_takes_out_every_secret_it_was_told() {
        let veil = Veil::default();
        veil.clone().hide(&Secret::new("first"));
        veil.hide(&Secret::new("second"));
        assert_eq!(veil.scrub("first, second, third"), "***, ***, third");
    }

    #[test]
    fn a_secret_comes_from_where_it_is_kept_and_its_absence_names_the_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, "s3cret\n").unwrap();
        assert_eq!(Kept::File(file.clone()).read().unwrap(), Secret::new("s3cret"));
        std::fs::write(&file, " \n").unwrap();
        assert!(Kept::File(file.clone()).read().unwrap_err().contains("is empty"));
        let missing = Kept::File(folder.path().join("none")).read().unwrap_err();
        assert!(missing.contains("none"), "{missing}");
        let unset = Kept::Env("GLOTTIS_NO_SUCH_VARIABLE".to_owned()).read().unwrap_err();
        assert_eq!(unset, "the environment variable GLOTTIS_NO_SUCH_VARIABLE is not set");
        // Every test run has this one.
        assert!(Kept::Env("PATH".to_owned()).read().is_ok());
    }
}
