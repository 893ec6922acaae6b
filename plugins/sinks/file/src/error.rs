//! What the system says of a file, in words that name the file and the remedy. The sink's task.

use std::io::{self, ErrorKind};
use std::path::Path;

use glottis_core::SinkError;

/// An error that ends the sink: `doing` (as in "cannot write") failed on `path`.
pub(crate) fn cannot(phase: &'static str, doing: &str, path: &Path, error: &io::Error) -> SinkError {
    SinkError::fatal("File", phase, format!("cannot {doing} {}: {error}", path.display())).advice(advice(error.kind()))
}

/// An error of our own about `path`.
pub(crate) fn refused(path: &Path, why: &str, advice: impl Into<String>) -> SinkError {
    SinkError::fatal("File", "open", format!("cannot write {}: {why}", path.display())).advice(advice)
}

fn advice(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "the folder is gone, or cannot be made there; change `path`",
        ErrorKind::PermissionDenied => "let this user write to the folder and the file, or change `path`",
        ErrorKind::ReadOnlyFilesystem => "the file system takes no changes; change `path`",
        ErrorKind::AlreadyExists => {
            "move the file away, put {start} in `path` for a name per run, or set overwrite = true"
        }
        ErrorKind::IsADirectory => "that is a folder; add a file name to `path`",
        ErrorKind::NotADirectory => "a part of `path` before the file name is a file; change `path`",
        ErrorKind::StorageFull | ErrorKind::WriteZero => "free some space, or change `path` to another disk",
        ErrorKind::QuotaExceeded => "this user's share of the disk is used up; free some space, or change `path`",
        ErrorKind::FileTooLarge => "the file system takes no longer file; put {segment} in `path`, or use another disk",
        ErrorKind::InvalidFilename => "the file system takes no such name; change `path`",
        _ => "see whether the disk is in order, or change `path`",
    }
}
