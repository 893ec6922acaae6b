//! Samples as they are: WAV and raw. The sink's task.

use glottis_core::Packet;

use crate::config::Sample;
use crate::output::Output;
use crate::track::Track;
use crate::wav;

/// Samples, with a WAV header before them or none.
pub(crate) struct Pcm {
    sample: Sample,
    /// The rate the header tells; `None` for no header.
    rate: Option<u32>,
    /// Whether the header can be written again.
    patchable: bool,
    frames: u64,
}

impl Pcm {
    pub(crate) fn wav(sample: Sample, rate: u32, patchable: bool) -> Pcm {
        Pcm { sample, rate: Some(rate), patchable, frames: 0 }
    }

    pub(crate) fn raw(sample: Sample) -> Pcm {
        Pcm { sample, rate: None, patchable: false, frames: 0 }
    }
}

impl Track for Pcm {
    fn start(&mut self, out: &mut Output) {
        if let Some(rate) = self.rate {
            let mut header = Vec::new();
            wav::header(self.sample, rate, self.patchable.then_some(0), &mut header);
            out.put(&header);
        }
    }

    fn chunk(&mut self, packet: &Packet, out: &mut Output) -> Result<u64, String> {
        let size = self.sample.bytes();
        // An encoder that failed half-way leaves a short body: its whole frames are good.
        let frames = packet.body.len() / size;
        out.put(&packet.body[..frames * size]);
        self.frames += frames as u64;
        Ok(frames as u64)
    }

    fn silence(&mut self, frames: usize, out: &mut Output) -> Result<(), String> {
        let bytes = frames * self.sample.bytes();
        out.space(bytes)[..bytes].fill(0);
        out.commit(bytes);
        self.frames += frames as u64;
        Ok(())
    }

    fn zeros(&self) -> Option<u64> {
        Some(self.sample.bytes() as u64)
    }

    fn skipped(&mut self, frames: u64) {
        self.frames += frames;
    }

    fn frames(&self) -> u64 {
        self.frames
    }

    fn header(&self, frames: u64, header: &mut Vec<u8>) {
        if let (Some(rate), true) = (self.rate, self.patchable) {
            wav::header(self.sample, rate, Some(frames), header);
        }
    }
}
