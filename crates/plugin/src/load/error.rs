//! Why a library was not loaded. Control side.

use std::fmt;
use std::path::{Path, PathBuf};

/// What is wrong with a library.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wrong {
    /// A name without a folder.
    BareName,
    /// The file is not there, or may not be read.
    Unreadable,
    /// The file is no dynamic library of this system.
    NotALibrary,
    /// The file ends before it should, or is damaged.
    Truncated,
    /// The library is for another processor.
    Architecture,
    /// The library exports no `glottis_plugin_v1`.
    MissingSymbol,
    /// What it exports under that name is something else.
    WrongMagic,
    /// It was built for a later version of the ABI, or for another major one.
    NewerAbi,
    /// A structure of it has an impossible size or content.
    Descriptor,
    /// The system's loader refused it.
    Linker,
    /// It did not list its components.
    List,
}

/// Why a library was not loaded: the file, what is wrong, and what to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoadError {
    /// The file, as named by the user.
    pub path: PathBuf,
    /// What is wrong.
    pub wrong: Wrong,
    /// The same in words.
    pub message: String,
    /// What to do about it; empty where the message says it all.
    pub help: String,
}

impl LoadError {
    pub(super) fn new(path: &Path, wrong: Wrong, message: impl Into<String>) -> LoadError {
        LoadError { path: path.to_owned(), wrong, message: message.into(), help: String::new() }
    }

    #[must_use]
    pub(super) fn help(mut self, help: impl Into<String>) -> LoadError {
        self.help = help.into();
        self
    }

    pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> LoadError {
        LoadError::new(path, Wrong::Unreadable, error.to_string()).help("check the name and its permissions")
    }
}

impl LoadError {
    /// The file and what is wrong, without the remedy.
    pub fn what(&self) -> String {
        format!("plugin {}: {:?}: {}", self.path.display(), self.wrong, self.message)
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what())?;
        if !self.help.is_empty() {
            write!(f, " ({})", self.help)?;
        }
        Ok(())
    }
}

impl std::error::Error for LoadError {}
