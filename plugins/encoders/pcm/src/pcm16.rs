//! The `pcm16` encoder. Built on the control thread, runs on the pipeline thread.

use glottis_core::convert::{f32_to_i16, f32_to_s16le};
use glottis_core::{Body, Encoder, Fault, Problem, Rate};

use crate::noise::Noise;

/// 16-bit integers, little-endian: `clamp(round(x · 32768), −32768, 32767)`, ties to even, NaN → 0. So
/// 16-bit audio that came in leaves bit for bit.
///
/// With dither, triangular noise of one step is added before rounding. The noise starts afresh with
/// every segment: the same segment gives the same bytes, whatever came before it.
///
/// Two bytes per frame. Real-time safe.
pub struct Pcm16 {
    noise: Option<Noise>,
}

impl Pcm16 {
    /// An encoder with or without dither.
    pub fn new(dither: bool) -> Pcm16 {
        Pcm16 { noise: dither.then(Noise::new) }
    }
}

impl Encoder for Pcm16 {
    fn prepare(&mut self, _: Rate, frames: usize) -> Result<usize, Problem> {
        Ok(frames * 2)
    }

    fn begin(&mut self, _: &mut Body) -> Result<(), Fault> {
        if let Some(noise) = &mut self.noise {
            *noise = Noise::new();
        }
        Ok(())
    }

    fn encode(&mut self, frames: &[f32], body: &mut Body) -> Result<(), Fault> {
        let out = body.grow(frames.len() * 2)?;
        match &mut self.noise {
            None => f32_to_s16le(frames, out),
            Some(noise) => {
                for (out, &frame) in out.as_chunks_mut::<2>().0.iter_mut().zip(frames) {
                    *out = f32_to_i16(frame + noise.next()).to_le_bytes();
                }
            }
        }
        Ok(())
    }
}
