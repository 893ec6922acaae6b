//! The `wav` encoder. Built on the control thread, runs on the pipeline thread.

use glottis_core::{Body, Encoder, Fault, Problem, Rate};

use crate::{Pcm16, wav_header};

/// A WAV file of 16-bit mono: the header when a segment begins, then as [`Pcm16`].
///
/// The length is not known when the header is written, so its sizes are the largest there are, which
/// players take as "until the end". Who has the whole file puts the true ones in with
/// [`patch_sizes`](crate::patch_sizes).
///
/// Real-time safe.
pub struct Wav {
    samples: Pcm16,
    rate: u32,
}

impl Wav {
    /// An encoder with or without dither.
    pub fn new(dither: bool) -> Wav {
        Wav { samples: Pcm16::new(dither), rate: 16_000 }
    }
}

impl Encoder for Wav {
    fn prepare(&mut self, rate: Rate, frames: usize) -> Result<usize, Problem> {
        self.rate = rate.hz();
        let header = wav_header(self.rate, 1, 16, false, None).len();
        Ok(self.samples.prepare(rate, frames)?.max(header))
    }

    fn begin(&mut self, body: &mut Body) -> Result<(), Fault> {
        self.samples.begin(body)?;
        body.extend(&wav_header(self.rate, 1, 16, false, None))
    }

    fn encode(&mut self, frames: &[f32], body: &mut Body) -> Result<(), Fault> {
        self.samples.encode(frames, body)
    }
}
