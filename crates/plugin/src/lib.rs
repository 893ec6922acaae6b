//! The door for components that are not built in. Control side only.
//!
//! A plugin is a crate with one function, `register(&mut Registry)`, and one line in it for each of
//! its components. A crate that is linked into the program enters through [`install`]; loading a
//! library from a file at run time is not part of this version, and [`load`] says so.

use std::fmt;
use std::path::{Path, PathBuf};

use glottis_core::Registry;

/// What a plugin crate exports: puts its components into the registry.
pub type Register = fn(&mut Registry);

/// Puts the components of linked crates into the registry, in order; a later one takes the place of
/// an earlier one of the same kind and name.
///
/// ```
/// use glottis_core::Registry;
///
/// fn register(_registry: &mut Registry) {} // a plugin crate's one function
///
/// let mut registry = Registry::new();
/// glottis_plugin::install(&mut registry, &[register]);
/// ```
pub fn install(registry: &mut Registry, plugins: &[Register]) {
    for register in plugins {
        register(registry);
    }
}

/// Why a library was not loaded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoadError {
    /// The file, as named by the user.
    pub path: PathBuf,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: this version cannot load plugins from files yet; link the plugin's crate into a program of your own \
             and call its `register` function",
            self.path.display()
        )
    }
}

impl std::error::Error for LoadError {}

/// Loads the library at `path` and registers its components.
///
/// # Errors
/// Always, in this version: the C ABI of plugins is not settled.
pub fn load(_registry: &mut Registry, path: &Path) -> Result<(), LoadError> {
    Err(LoadError { path: path.to_owned() })
}
