//! One open file behind a buffer that is written when told to, so that it is known at every moment
//! how much is on disk. The sink's task.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use glottis_core::SinkError;

use crate::claim::Claim;
use crate::error::{cannot, refused};

/// Bytes worth a write of their own.
const FULL: usize = 64 * 1024;

/// A file being written from start to end, whose first bytes can be written again.
pub(crate) struct Output {
    file: File,
    path: PathBuf,
    regular: bool,
    /// Storage; its first `filled` bytes wait to be written.
    buffer: Vec<u8>,
    filled: usize,
    /// Bytes on disk.
    disk: u64,
    _claim: Option<Claim>,
}

impl Output {
    /// Opens `path`, emptied, in a folder that is made if need be. Also says how many bytes of an
    /// older file this replaced.
    ///
    /// # Errors
    /// Whatever the system objects to; a file that is there already unless `overwrite`; a file
    /// another sink of this program is writing; and what is no file: a pipe, a socket, a disk.
    pub(crate) fn open(path: PathBuf, overwrite: bool) -> Result<(Output, u64), SinkError> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(|error| cannot("open", "make the folder", folder, &error))?;
        }
        let old = fs::metadata(&path).ok();
        let device = old.as_ref().is_some_and(is_device);
        if old.as_ref().is_some_and(|old| !old.is_file() && !old.is_dir() && !device) {
            return Err(refused(&path, "it is a pipe, a socket or a disk", "change `path` to name a file"));
        }
        let claim = if device { None } else { Claim::take(&path) };
        if claim.is_none() && !device {
            let advice = "give each sink a path of its own, for example with {sink} in it";
            return Err(refused(&path, "another sink of this run is writing it", advice));
        }
        let mut options = OpenOptions::new();
        options.write(true);
        if overwrite || device {
            options.create(true).truncate(true);
        } else {
            options.create_new(true);
        }
        let file = options.open(&path).map_err(|error| cannot("open", "write", &path, &error))?;
        let replaced = old.filter(Metadata::is_file).map_or(0, |old| old.len());
        let buffer = vec![0; FULL];
        Ok((Output { file, path, regular: !device, buffer, filled: 0, disk: 0, _claim: claim }, replaced))
    }

    /// The file's name.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the file can be changed after it was written; not so a device.
    pub(crate) fn is_regular(&self) -> bool {
        self.regular
    }

    /// Bytes put so far.
    pub(crate) fn len(&self) -> u64 {
        self.disk + self.filled as u64
    }

    /// Bytes on disk.
    pub(crate) fn on_disk(&self) -> u64 {
        self.disk
    }

    /// Whether what waits is worth a write.
    pub(crate) fn is_full(&self) -> bool {
        self.filled >= FULL
    }

    /// At least `bytes` bytes to be put: write to their front, then say how many with
    /// [`Output::commit`].
    pub(crate) fn space(&mut self, bytes: usize) -> &mut [u8] {
        if self.buffer.len() < self.filled + bytes {
            self.buffer.resize(self.filled + bytes, 0);
        }
        &mut self.buffer[self.filled..]
    }

    /// The first `bytes` bytes of the last [`Output::space`] are put.
    pub(crate) fn commit(&mut self, bytes: usize) {
        self.filled = (self.filled + bytes).min(self.buffer.len());
    }

    /// Puts `bytes`.
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        self.space(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        self.commit(bytes.len());
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// What the system objects to. [`Output::on_disk`] then tells how far it came.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let mut written = 0;
        while written < self.filled {
            match self.file.write(&self.buffer[written..self.filled]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(bytes) => {
                    written += bytes;
                    self.disk += bytes as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.filled = 0;
        Ok(())
    }

    /// Writes `bytes` over the first bytes of the file, in one call.
    pub(crate) fn patch(&mut self, bytes: &[u8]) -> io::Result<()> {
        write_at_start(&mut self.file, bytes)
    }

    /// Puts `bytes` zeros that take no space on disk. Nothing may wait.
    pub(crate) fn skip(&mut self, bytes: u64) -> io::Result<()> {
        self.file.set_len(self.disk + bytes)?;
        self.disk += bytes;
        self.file.seek(SeekFrom::Start(self.disk)).map(drop)
    }

    /// Takes everything behind the first `bytes` bytes away, written or not: after a failed write.
    pub(crate) fn cut(&mut self, bytes: u64) {
        self.filled = 0;
        // The disk may be past helping: the error that led here is the one to tell.
        if self.regular && self.file.set_len(bytes).is_ok() && self.file.seek(SeekFrom::Start(bytes)).is_ok() {
            self.disk = bytes;
        }
    }
}

#[cfg(unix)]
fn write_at_start(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, 0)
}

#[cfg(not(unix))]
fn write_at_start(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    let end = file.stream_position()?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(bytes)?;
    file.seek(SeekFrom::Start(end)).map(drop)
}

/// Whether this is a device that takes bytes as they come, such as `/dev/null`.
#[cfg(unix)]
fn is_device(metadata: &Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_char_device(&metadata.file_type())
}

#[cfg(not(unix))]
fn is_device(_: &Metadata) -> bool {
    false
}
