//! A text that must never be seen: tokens, session ids, URLs that hold one. Plain value.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// A secret. `Debug` and `Display` print `***`, so it cannot reach a log or an error by accident.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text itself: only for the wire.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// `text` with every copy of this secret replaced: for words of a server that repeats what it
    /// was sent.
    pub(crate) fn scrub(&self, text: &str) -> String {
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
pub(crate) struct Veil(Arc<Mutex<VecDeque<Secret>>>);

impl Veil {
    /// Secrets remembered: a day's tokens and then some.
    const MOST: usize = 16;

    /// From now on `secret` is taken out of texts.
    pub(crate) fn hide(&self, secret: &Secret) {
        let mut secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !secrets.contains(secret) {
            secrets.push_front(secret.clone());
            secrets.truncate(Self::MOST);
        }
    }

    /// `text` without any secret.
    pub(crate) fn scrub(&self, text: &str) -> String {
        let secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.iter().fold(text.to_owned(), |text, secret| secret.scrub(&text))
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
}
