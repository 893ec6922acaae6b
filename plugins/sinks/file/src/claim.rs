//! Which files the sinks of this program are writing, so that two of them never share one: the
//! second would empty the first one's recording. The sinks' tasks; locked only while a file is
//! opened or closed.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

static CLAIMED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// The sole right to write a file, given up when dropped.
pub(crate) struct Claim(PathBuf);

impl Claim {
    /// Claims `path`; `None` if another sink of this program is writing it.
    pub(crate) fn take(path: &Path) -> Option<Claim> {
        let path = real(path);
        let mut claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
        if claimed.contains(&path) {
            return None;
        }
        claimed.push(path.clone());
        Some(Claim(path))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        CLAIMED.lock().unwrap_or_else(PoisonError::into_inner).retain(|path| *path != self.0);
    }
}

/// The path without links, as far as it exists.
fn real(path: &Path) -> PathBuf {
    let folder = || Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?));
    path.canonicalize().ok().or_else(folder).unwrap_or_else(|| path.to_owned())
}
