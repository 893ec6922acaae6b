//! What a format makes of the chunks of a recording: bytes, in order, into an [`Output`]. The sink's
//! task. A new format is one more implementation and one more line in [`track`].

use glottis_core::Packet;

use crate::config::{Config, Format};
use crate::flac::Flac;
use crate::lines::Lines;
use crate::opus::Opus;
use crate::output::Output;
use crate::pcm::Pcm;

/// A format at work on one file. Nothing here writes to disk: [`Output`] is told when.
pub(crate) trait Track: Send {
    /// Puts what comes before the first chunk.
    fn start(&mut self, out: &mut Output);

    /// Puts a chunk of the segment `packet` belongs to. Returns the frames it had.
    ///
    /// # Errors
    /// The chunk cannot be encoded, and why. Nothing of it was put.
    fn chunk(&mut self, packet: &Packet, out: &mut Output) -> Result<u64, String>;

    /// Puts `frames` frames of silence.
    ///
    /// # Errors
    /// As for [`Track::chunk`].
    fn silence(&mut self, frames: usize, out: &mut Output) -> Result<(), String>;

    /// Whether silence shall stand in for missing frames.
    fn keeps_time(&self) -> bool {
        true
    }

    /// Bytes of a frame, where silence is that many zeros: it may then be a hole in the file.
    fn zeros(&self) -> Option<u64> {
        None
    }

    /// `frames` frames of silence were left as a hole.
    fn skipped(&mut self, frames: u64) {
        let _ = frames;
    }

    /// Frames whose every byte has been put.
    fn frames(&self) -> u64;

    /// A segment begins.
    fn segment(&mut self) {}

    /// Puts what comes after the last chunk.
    ///
    /// # Errors
    /// As for [`Track::chunk`].
    fn finish(&mut self, out: &mut Output) -> Result<(), String> {
        let _ = out;
        Ok(())
    }

    /// The first bytes of a file that holds `frames` frames; empty for a format that has no need to
    /// write them again.
    fn header(&self, frames: u64, header: &mut Vec<u8>) {
        let _ = (frames, header);
    }
}

/// The format of `config` for a file of `rate` Hz; `regular` is whether its first bytes can be
/// written again.
pub(crate) fn track(config: &Config, rate: u32, regular: bool) -> Result<Box<dyn Track>, String> {
    Ok(match &config.format {
        Format::Wav => Box::new(Pcm::wav(config.sample, rate, regular)),
        Format::Raw => Box::new(Pcm::raw(config.sample)),
        Format::Flac => Box::new(Flac::new(rate)?),
        Format::Opus => Box::new(Opus::new(rate)?),
        Format::Lines(message) => Box::new(Lines::new(message.clone(), rate)),
    })
}
