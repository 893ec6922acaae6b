//! A text that must never be seen: keys, tokens, session ids, URLs that hold one. Plain value.

use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use glottis_core::Settings;

/// Bytes of a secret by which a copy of it is known.
const HEAD: usize = 16;

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
    /// was sent. A copy that is cut off or changed counts from 16 bytes on, with all that hangs on it.
    pub fn scrub(&self, text: &str) -> String {
        let head = (0..=HEAD.min(self.0.len())).rev().find(|at| self.0.is_char_boundary(*at)).unwrap_or_default();
        // Something this short is in every other word and no secret.
        if head < 4 {
            return text.to_owned();
        }
        let (mut clean, mut rest) = (String::with_capacity(text.len()), text);
        while let Some(at) = rest.find(&self.0[..head]) {
            clean.push_str(&rest[..at]);
            clean.push_str("***");
            let copied = rest[at..].chars().zip(self.0.chars()).take_while(|(a, b)| a == b);
            let end = at + copied.map(|(c, _)| c.len_utf8()).sum::<usize>();
            rest = rest[end..].trim_start_matches(in_token);
        }
        clean.push_str(rest);
        clean
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

/// Whether a token may hold this, percent-encoded or not.
fn in_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.~+/=%".contains(c)
}

/// `text` without what looks like a token of anyone: an earlier run's, or another user's.
fn without_tokens(text: &str) -> String {
    /// How a JSON object begins in base64, and so every JWT.
    const JWT: &str = "eyJ";
    let (mut clean, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(JWT) {
        let end = rest[at..].find(|c| !in_token(c)).map_or(rest.len(), |length| at + length);
        clean.push_str(&rest[..at]);
        clean.push_str(if end - at >= 2 * HEAD { "***" } else { &rest[at..end] });
        rest = &rest[end..];
    }
    clean.push_str(rest);
    clean
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

    /// `text` without any secret, and without tokens that are not ours.
    pub fn scrub(&self, text: &str) -> String {
        let secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        without_tokens(&secrets.iter().fold(text.to_owned(), |text, secret| secret.scrub(&text)))
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
    fn a_copy_that_is_cut_off_is_taken_out_too() {
        let secret = Secret::new("eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl");
        let whole = secret.reveal().to_owned();
        for cut in 16..=whole.len() {
            assert_eq!(secret.scrub(&format!("bad {}… twice {whole}", &whole[..cut])), "bad ***… twice ***");
        }
        assert_eq!(secret.scrub("eyJhbGciOiJIUzI another"), "eyJhbGciOiJIUzI another");
        assert_eq!(Secret::new("ä".repeat(20)).scrub(&"ä".repeat(30)), "******");
        assert_eq!(Secret::new("abc").scrub("abc"), "abc");
    }

    #[test]
    fn a_veil_takes_out_every_secret_it_was_told() {
        let veil = Veil::default();
        veil.clone().hide(&Secret::new("first"));
        veil.hide(&Secret::new("second"));
        assert_eq!(veil.scrub("first, second, third"), "***, ***, third");
        let other = "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl";
        assert_eq!(veil.scrub(&format!("not {other}, but eyJ is")), "not ***, but eyJ is");
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
