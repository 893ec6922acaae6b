//! Versions of libraries that change while the program runs. Control side.

use std::collections::HashMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use glottis_core::Registry;
use glottis_core::registry::Component;

use super::{LoadError, Wrong, absolute, open};

/// Loads each version of a library from a copy of its own, so that the file itself can be replaced or
/// written into at any time, and so that the system does not take the new version for the old one.
///
/// A version that did not change is loaded once. What has been loaded stays in memory: every version
/// costs its size, for as long as the process runs.
#[derive(Default)]
pub struct Shelf {
    versions: Mutex<HashMap<PathBuf, (Stamp, Vec<Component>)>>,
}

/// What tells one version of a file from another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Stamp {
    length: u64,
    changed: Option<SystemTime>,
    inode: u64,
}

impl Stamp {
    fn of(file: &Path, named: &Path) -> Result<Stamp, LoadError> {
        let data = std::fs::metadata(file).map_err(|error| LoadError::unreadable(named, &error))?;
        Ok(Stamp { length: data.len(), changed: data.modified().ok(), inode: inode(&data) })
    }
}

#[cfg(unix)]
fn inode(data: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(data)
}

#[cfg(not(unix))]
fn inode(_data: &Metadata) -> u64 {
    0
}

impl Shelf {
    /// An empty shelf.
    pub fn new() -> Shelf {
        Shelf::default()
    }

    /// Loads the current version of the library at `path` and registers its components, as
    /// [`load`](super::load) does.
    ///
    /// # Errors
    /// As for [`load`](super::load), or that no copy could be made in the folder for temporary files.
    pub fn load(&self, registry: &mut Registry, path: &Path) -> Result<(), LoadError> {
        for component in self.components(path)? {
            registry.add(component);
        }
        Ok(())
    }

    /// The components of the current version of the library at `path`.
    ///
    /// # Errors
    /// As for [`Shelf::load`].
    pub fn components(&self, path: &Path) -> Result<Vec<Component>, LoadError> {
        let file = absolute(path, path)?;
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = Stamp::of(&file, path)?;
        if let Some((known, components)) = versions.get(&file)
            && *known == stamp
        {
            return Ok(components.clone());
        }
        let copy = Copy::of(&file, path)?;
        if Stamp::of(&file, path)? != stamp {
            let message = "the file changed while it was read";
            return Err(LoadError::new(path, Wrong::Truncated, message).help("try again when it is whole"));
        }
        let components = open(&copy.file, path)?;
        versions.insert(file, (stamp, components.clone()));
        Ok(components)
    }
}

/// A copy in a folder nobody else may enter. It can go as soon as it is mapped.
struct Copy {
    file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Copy {
    fn of(file: &Path, named: &Path) -> Result<Copy, LoadError> {
        let failed = |error: std::io::Error| {
            let message = format!("no copy of it could be made: {error}");
            LoadError::new(named, Wrong::Unreadable, message).help("set TMPDIR to a folder with room")
        };
        let folder = tempfile::Builder::new().prefix("glottis-").tempdir().map_err(failed)?;
        let copy = folder.path().join(file.file_name().unwrap_or_default());
        std::fs::copy(file, &copy).map_err(failed)?;
        Ok(Copy { file: copy, _folder: folder })
    }
}
