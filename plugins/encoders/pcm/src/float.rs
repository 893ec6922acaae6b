//! The `f32` encoder. Built on the control thread, runs on the pipeline thread.

use glottis_core::{Body, Encoder, Fault, Problem, Rate};

/// 32-bit floats, little-endian, nominal range −1 to 1: every sample as it is, larger ones too, but
/// NaN → 0.
///
/// Four bytes per frame. Real-time safe.
#[derive(Default)]
pub struct F32(());

impl F32 {
    /// An encoder.
    pub fn new() -> F32 {
        F32::default()
    }
}

impl Encoder for F32 {
    fn prepare(&mut self, _: Rate, frames: usize) -> Result<usize, Problem> {
        Ok(frames * 4)
    }

    fn encode(&mut self, frames: &[f32], body: &mut Body) -> Result<(), Fault> {
        let out = body.grow(frames.len() * 4)?;
        for (out, &frame) in out.as_chunks_mut::<4>().0.iter_mut().zip(frames) {
            let frame = if frame.is_nan() { 0.0 } else { frame };
            *out = frame.to_le_bytes();
        }
        Ok(())
    }
}
