//! An open sound file: plain PCM read as it is, anything else decoded; from the start again where
//! that is wanted. Opened on the control thread, read on the reading thread.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use glottis_core::source::SourceError;
use glottis_source_door::reel::{Bytes, Piece, Reel};
use glottis_source_door::wav::{self, NoHeader};

use crate::decoded::Decoded;

/// An open sound file.
pub struct Tape {
    content: Content,
    handle: Handle,
    name: String,
    extension: Option<String>,
    repeat: bool,
    /// Whether this lap has given anything: a file without sound must not be repeated for ever.
    heard: bool,
}

enum Content {
    /// PCM in a WAV file whose samples begin at this byte. Ten minutes of 48 kHz stereo take 0.07 s
    /// of processor time this way, and 0.6 s by way of the general decoder.
    Plain(Bytes<Handle>, u64),
    Coded(Decoded),
}

impl Tape {
    /// Opens the file at `path`.
    pub fn open(path: &Path, repeat: bool) -> Result<Tape, SourceError> {
        let cannot = |error: io::Error| {
            let advice = match error.kind() {
                io::ErrorKind::NotFound => "check `path`: it is relative to the configuration file",
                io::ErrorKind::PermissionDenied => "give this user the right to read it",
                _ => "check `path`",
            };
            SourceError::new("File", format!("cannot open {}: {error}", name(path)), advice)
        };
        // Looked at before it is opened: opening a pipe would wait for its writer.
        let facts = path.metadata().map_err(cannot)?;
        if facts.is_dir() {
            return Err(not_a_file(path, "a directory", "name a file in it"));
        }
        if !facts.is_file() {
            return Err(not_a_file(path, "no regular file", "send it to standard input and use the source `stdin`"));
        }
        if facts.len() == 0 {
            return Err(bad_format(path, "it is empty"));
        }
        let handle = Handle(Arc::new(File::open(path).map_err(cannot)?));
        let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
        let content = Content::find(path, &handle, extension.as_deref())?;
        Ok(Tape { content, handle, name: name(path), extension, repeat, heard: false })
    }

    fn rewind(&mut self) -> Result<(), SourceError> {
        let format = self.format();
        let name = self.name.clone();
        let failed = move |what: String| {
            SourceError::new("File", format!("cannot play {name} again: {what}"), "what came before has been played")
        };
        match &mut self.content {
            Content::Plain(bytes, start) => {
                self.handle.seek(SeekFrom::Start(*start)).map_err(|e| failed(e.to_string()))?;
                bytes.rewound();
            }
            Content::Coded(decoded) => {
                self.handle.rewind().map_err(|e| failed(e.to_string()))?;
                *decoded = Decoded::open(self.handle.clone(), self.extension.as_deref(), &self.name).map_err(failed)?;
            }
        }
        if self.format() != format {
            return Err(bad_format(Path::new(&self.name), "its format changed while it was played"));
        }
        Ok(())
    }
}

impl Content {
    fn find(path: &Path, handle: &Handle, extension: Option<&str>) -> Result<Content, SourceError> {
        let mut handle = handle.clone();
        match wav::header(&mut handle) {
            Ok(header) => {
                let start = handle.stream_position().map_err(|e| bad_format(path, &e.to_string()))?;
                return Ok(Content::Plain(Bytes::new(handle, name(path), "File", header), start));
            }
            Err(NoHeader::NotWav | NoHeader::Coding(_)) => {}
            Err(why) => return Err(bad_format(path, &why.to_string())),
        }
        handle.rewind().map_err(|e| bad_format(path, &e.to_string()))?;
        Decoded::open(handle, extension, &name(path)).map(Content::Coded).map_err(|why| bad_format(path, &why))
    }

    fn reel(&mut self) -> &mut dyn Reel {
        match self {
            Content::Plain(bytes, _) => bytes,
            Content::Coded(decoded) => decoded,
        }
    }
}

impl Reel for Tape {
    fn format(&self) -> (u32, u16) {
        match &self.content {
            Content::Plain(bytes, _) => bytes.format(),
            Content::Coded(decoded) => decoded.format(),
        }
    }

    fn read(&mut self, frames: usize) -> Result<usize, SourceError> {
        let got = self.content.reel().read(frames)?;
        if got > 0 || !self.repeat || !self.heard {
            self.heard |= got > 0;
            return Ok(got);
        }
        self.rewind()?;
        let got = self.content.reel().read(frames)?;
        self.heard = got > 0;
        Ok(got)
    }

    fn piece(&self) -> Piece<'_> {
        match &self.content {
            Content::Plain(bytes, _) => bytes.piece(),
            Content::Coded(decoded) => decoded.piece(),
        }
    }
}

/// An open file that several readers, one after the other, share: it can be played again even after
/// its name has gone.
#[derive(Clone)]
pub struct Handle(Arc<File>);

impl Read for Handle {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        (&*self.0).read(bytes)
    }
}

impl Seek for Handle {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        (&*self.0).seek(to)
    }
}

impl symphonia::core::io::MediaSource for Handle {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        self.0.metadata().ok().map(|facts| facts.len())
    }
}

/// What messages call the file.
pub fn name(path: &Path) -> String {
    format!("\"{}\"", path.display())
}

/// The file cannot be played.
pub fn bad_format(path: &Path, why: &str) -> SourceError {
    SourceError::new(
        "Format",
        format!("cannot play {}: {why}", name(path)),
        "WAV, FLAC, Ogg Vorbis, MP3, AAC and MP4 can be played; convert others, for example with `ffmpeg -i IN OUT.wav`",
    )
}

fn not_a_file(path: &Path, what: &str, advice: &str) -> SourceError {
    SourceError::new("File", format!("cannot open {}: it is {what}", name(path)), advice)
}
