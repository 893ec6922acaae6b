//! What a turn is packed in. Plain values.

use glottis_core::Rate;
use glottis_core::param::Settings;

use super::opus::{Ogg, Webm};
use super::wav::Wav;

/// The `blob` key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Container {
    /// 16-bit PCM with a canonical header of 44 bytes.
    Wav,
    /// Opus in WebM.
    Webm,
    /// Opus in Ogg.
    Ogg,
}

impl Container {
    /// What the key says.
    pub(crate) fn of(settings: &Settings) -> Container {
        match settings.text("blob") {
            "webm-opus" => Container::Webm,
            "ogg-opus" => Container::Ogg,
            _ => Container::Wav,
        }
    }

    /// An empty file for mono audio at `rate`.
    ///
    /// # Errors
    /// The format does not have that rate.
    pub(crate) fn record(self, rate: Rate) -> Result<Box<dyn Recording>, Failed> {
        Ok(match self {
            Container::Wav => Box::new(Wav::new(rate)),
            Container::Webm => Box::new(Webm::new(rate)?),
            Container::Ogg => Box::new(Ogg::new(rate)?),
        })
    }
}

/// Why there is no file, in words.
pub(crate) type Failed = Box<dyn std::error::Error + Send + Sync>;

/// A file in the making.
pub(crate) trait Recording: Send {
    /// Appends 16-bit little-endian samples.
    ///
    /// # Errors
    /// The encoder failed; the file is of no use any more.
    fn push(&mut self, pcm: &[u8]) -> Result<(), Failed>;

    /// The most bytes the file can have if it ends after `pcm` more bytes of samples.
    fn most(&self, pcm: usize) -> usize;

    /// The whole file.
    ///
    /// # Errors
    /// The encoder failed.
    fn finish(self: Box<Self>) -> Result<Vec<u8>, Failed>;
}
