//! What a turn is packed in. Plain values.

use glottis_core::{Fault, Rate};

use super::wav::Wav;

/// The `blob` key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Container {
    /// 16-bit PCM with a canonical header of 44 bytes.
    Wav,
}

impl Container {
    /// An empty file for mono audio at `rate`.
    pub(crate) fn record(self, rate: Rate) -> Box<dyn Recording> {
        match self {
            Container::Wav => Box::new(Wav::new(rate)),
        }
    }
}

/// A file in the making.
pub(crate) trait Recording: Send {
    /// Appends 16-bit little-endian samples.
    ///
    /// # Errors
    /// The encoder failed; the file is of no use any more.
    fn push(&mut self, pcm: &[u8]) -> Result<(), Fault>;

    /// The most bytes the file can have if it ends after `pcm` more bytes of samples.
    fn most(&self, pcm: usize) -> usize;

    /// The whole file.
    ///
    /// # Errors
    /// The encoder failed.
    fn finish(self: Box<Self>) -> Result<Vec<u8>, Fault>;
}
