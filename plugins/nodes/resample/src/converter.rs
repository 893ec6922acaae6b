//! What the node needs of a rate converter, and the choice of one. Built on the control thread, run
//! on the pipeline thread.

use glottis_core::{Fault, Problem, Rate};
use multiversion::multiversion;
use rubato::ResamplerConstructionError;

use crate::Quality;
use crate::fft::Fourier;
use crate::filter::{HIGH, LOW_DELAY};
use crate::polyphase::Polyphase;

/// The largest sample that is taken for sound, 180 dB above full scale. rubato's transforms panic on
/// what is not finite, and infinities grow out of sums of very large numbers.
const LOUDEST: f32 = 1e9;

/// Turns blocks of one rate into blocks of another. rubato, which changes its interface several times
/// a year, stays behind this trait.
pub(crate) trait Converter: Send {
    /// Turns one input block into one output block. Real-time safe. Samples that cannot be sound count
    /// as silence, see [`clean`].
    fn convert(&mut self, input: &[f32], output: &mut [f32]) -> Result<(), Fault>;

    /// Forgets all it heard. Real-time safe.
    fn reset(&mut self);

    /// Frames of the output by which the sound leaves late, rounded to the nearest. Never changes.
    fn latency(&self) -> u32;
}

/// The converter of `quality` between two different rates. Allocates.
pub(crate) fn build(quality: Quality, from: Rate, to: Rate) -> Result<Box<dyn Converter>, Problem> {
    match quality {
        Quality::High => Ok(Box::new(Polyphase::new(&HIGH, from, to))),
        Quality::LowDelay => Ok(Box::new(Polyphase::new(&LOW_DELAY, from, to))),
        Quality::Fast => match Fourier::new(from, to) {
            Ok(converter) => Ok(Box::new(converter)),
            Err(error) => Err(refused(from, to, &error)),
        },
    }
}

/// A sample, or silence where it is not finite or beyond [`LOUDEST`].
#[inline(always)]
pub(crate) fn clean(sample: f32) -> f32 {
    if sample.abs() <= LOUDEST { sample } else { 0.0 }
}

/// Copies samples, [`clean`], as many as the shorter of the two slices holds. Real-time safe.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2+fma", "x86_64+sse4.1"))]
pub(crate) fn copy_clean(samples: &[f32], copy: &mut [f32]) {
    for (copy, &sample) in copy.iter_mut().zip(samples) {
        *copy = clean(sample);
    }
}

fn refused(from: Rate, to: Rate, error: &ResamplerConstructionError) -> Problem {
    Problem::new(Default::default(), "", format!("cannot convert from {from} to {to}: {error}"))
        .help("insert a second resample node with a rate between the two")
}
