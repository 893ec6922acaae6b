//! A second-order high-pass section and its state. Runs on the pipeline thread.

use std::f64::consts::{FRAC_1_SQRT_2, TAU};

/// Below this the state is set to zero: 600 dB under full scale, and long before numbers become
/// denormal, which many processors compute a hundred times slower.
const SILENT: f64 = 1e-30;

/// The coefficients of a high-pass section; the numerator is `gain · (1 − 2z⁻¹ + z⁻²)`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Section {
    gain: f64,
    a1: f64,
    a2: f64,
}

impl Section {
    /// A Butterworth high-pass at `cutoff` Hz: the HPF of Robert Bristow-Johnson's "Cookbook formulae
    /// for audio EQ biquad filter coefficients", with Q = 1/√2.
    pub(crate) fn butterworth(cutoff: f64, rate: f64) -> Section {
        let (sin, cos) = (TAU * cutoff / rate).sin_cos();
        let alpha = sin / (2.0 * FRAC_1_SQRT_2);
        let a0 = 1.0 + alpha;
        Section { gain: (1.0 + cos) / 2.0 / a0, a1: -2.0 * cos / a0, a2: (1.0 - alpha) / a0 }
    }

    /// The section `share` of the way to `other`. Every one between two stable sections is stable,
    /// because the stable pairs of `a1` and `a2` form a triangle.
    pub(crate) fn toward(self, other: Section, share: f64) -> Section {
        let mix = |from: f64, to: f64| from + (to - from) * share;
        Section { gain: mix(self.gain, other.gain), a1: mix(self.a1, other.a1), a2: mix(self.a2, other.a2) }
    }
}

/// What a section remembers, in transposed direct form II: of all forms the one that takes changes of
/// its coefficients best. 64 bits, because at 20 Hz and 96 kHz the poles are so close to 1 that 32
/// would add noise.
#[derive(Clone, Copy, Default)]
pub(crate) struct State {
    s1: f64,
    s2: f64,
}

impl State {
    #[inline]
    pub(crate) fn step(&mut self, section: &Section, input: f32) -> f32 {
        let x = section.gain * f64::from(input);
        let y = x + self.s1;
        self.s1 = self.s2 - 2.0 * x - section.a1 * y;
        self.s2 = x - section.a2 * y;
        y as f32
    }

    /// Ends what is left of a sound long gone.
    pub(crate) fn settle(&mut self) {
        if self.s1.abs() < SILENT && self.s2.abs() < SILENT {
            *self = State::default();
        }
    }
}
