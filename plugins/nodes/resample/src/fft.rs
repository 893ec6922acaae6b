//! The `fast` converter: rubato's overlap-add in the frequency domain, one transform per block. Runs
//! on the pipeline thread.

use audioadapter_buffers::direct::InterleavedSlice;
use glottis_core::{Fault, Rate};
use rubato::{Fft, FixedSync, Resampler, ResamplerConstructionError};

use crate::converter::{Converter, copy_clean};

/// Its filter is as long as a block: half a block of delay at every pair of rates.
pub(crate) struct Fourier {
    inner: Fft<f32>,
    /// The input, fit for a transform.
    clean: Vec<f32>,
    latency: u32,
}

impl Fourier {
    pub(crate) fn new(from: Rate, to: Rate) -> Result<Fourier, ResamplerConstructionError> {
        let inner = Fft::new(from.hz() as usize, to.hz() as usize, from.block(), 1, FixedSync::Both)?;
        // Every listed rate is a multiple of 100 Hz, so a block is a whole number of the smallest
        // transforms and rubato does not round its size up.
        debug_assert_eq!((inner.input_frames_next(), inner.output_frames_next()), (from.block(), to.block()));
        // Not rubato's `output_delay`, which is a frame off where a block has an odd number of frames: the
        // middle of its filter is a whole input frame.
        let middle = (inner.fft_size_in() / 2) as f64;
        let latency = (middle * f64::from(to.hz()) / f64::from(from.hz())).round() as u32;
        Ok(Fourier { inner, clean: vec![0.0; from.block()], latency })
    }
}

impl Converter for Fourier {
    fn convert(&mut self, input: &[f32], output: &mut [f32]) -> Result<(), Fault> {
        let (frames_in, frames_out) = (input.len(), output.len());
        copy_clean(input, &mut self.clean);
        let input = InterleavedSlice::new(&self.clean, 1, frames_in).map_err(|_| Fault::failed())?;
        let mut output = InterleavedSlice::new_mut(output, 1, frames_out).map_err(|_| Fault::failed())?;
        match self.inner.process_into_buffer(&input, &mut output, None) {
            Ok(done) if done == (frames_in, frames_out) => Ok(()),
            _ => Err(Fault::failed()),
        }
    }

    fn reset(&mut self) {
        self.inner.reset();
    }

    fn latency(&self) -> u32 {
        self.latency
    }
}
