//! What is wrong with a configuration, and where. Control side only.

use std::fmt;

/// Where a key or value was written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Place {
    /// Nowhere: a program set it.
    #[default]
    None,
    /// Nowhere: nobody wrote it, and the value is the default.
    Default,
    /// Bytes `start..end` of the configuration's text.
    Span {
        /// First byte.
        start: usize,
        /// One past the last byte.
        end: usize,
    },
    /// A `--set` option, as typed.
    Override(String),
}

/// One thing wrong with a configuration. Building collects as many as it can find.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// The key's path from the top, for example `sink[0].turn.mode`; empty where none applies.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it; empty where the message says it all.
    pub help: String,
}

impl Problem {
    /// A problem at `place` with the key `path`.
    pub fn new(place: Place, path: impl Into<String>, message: impl Into<String>) -> Problem {
        Problem { place, path: path.into(), message: message.into(), help: String::new() }
    }

    /// Adds the remedy.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Problem {
        self.help = help.into();
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        if !self.help.is_empty() {
            write!(f, " ({})", self.help)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}
