//! The sound that is looked for: short, unlike anything else, and exact at every rate. Plain values, any
//! thread.
//!
//! A burst is a sum of tones 15.6 Hz apart from 312 to 3390 Hz, with phases drawn from a generator: noise
//! that is known as a formula, so that the reference for another rate needs no resampler, whose own delay
//! would be measured with it. Its band passes every rate from 8 kHz on and every telephone-band codec, and
//! its autocorrelation falls to a fifth within 0.3 ms. Each burst has phases of its own: the tenth is never
//! taken for the ninth.

use std::f64::consts::TAU;

/// How long a burst lasts, in seconds.
pub const SECONDS: f64 = 0.064;

/// Tones, as multiples of what fits the burst once.
const TONES: std::ops::RangeInclusive<u32> = 20..=217;

/// From silence to full level, and back, in seconds.
const RAMP: f64 = 0.004;

/// One burst of a series.
#[derive(Clone, Debug)]
pub struct Burst {
    phases: Vec<f64>,
}

impl Burst {
    /// The burst of that number. The same number gives the same burst, always.
    pub fn new(number: u64) -> Burst {
        let mut dice = Dice::new(number);
        Burst { phases: TONES.map(|_| TAU * dice.roll()).collect() }
    }

    /// Its samples at `hz`, with an RMS of about 1 between the ramps. Allocates.
    pub fn samples(&self, hz: u32) -> Vec<f32> {
        let hz = f64::from(hz);
        let frames = (SECONDS * hz).ceil() as usize;
        let mut sound = vec![0.0; frames];
        for (tone, phase) in TONES.zip(&self.phases) {
            // A turn of a pointer instead of a cosine for each sample.
            let (step_sin, step_cos) = (TAU * f64::from(tone) / SECONDS / hz).sin_cos();
            let (mut sin, mut cos) = phase.sin_cos();
            for sample in &mut sound {
                *sample += cos;
                (sin, cos) = (sin * step_cos + cos * step_sin, cos * step_cos - sin * step_sin);
            }
        }
        let scale = (2.0 / self.phases.len() as f64).sqrt();
        let shape = |(i, sample): (usize, f64)| (sample * scale * ramp(i as f64 / hz)) as f32;
        sound.into_iter().enumerate().map(shape).collect()
    }
}

/// The level `t` seconds into a burst.
fn ramp(t: f64) -> f64 {
    let edge = t.min(SECONDS - t).clamp(0.0, RAMP) / RAMP;
    0.5 - 0.5 * (edge * TAU / 2.0).cos()
}

/// A small generator (SplitMix64, Steele, Lea and Flood 2014): the same on every machine.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// From 0 to just below 1.
    pub(crate) fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as f64 / (u64::MAX as f64 + 1.0)
    }
}
