//! The keys of the `high-pass` node. Control thread only.

use glottis_core::param::{Kind, Param, Settings};

use crate::HighPass;

/// The lowest cutoff, in Hz.
pub(crate) const MIN_HZ: f64 = 10.0;

/// The highest cutoff, in Hz: still below half of the lowest rate, and above any voice's fundamental.
pub(crate) const MAX_HZ: f64 = 2_000.0;

/// The keys a configuration may set.
pub(crate) const PARAMS: &[Param] = &[Param::new(
    "cutoff",
    Kind::Float(MIN_HZ, MAX_HZ),
    "The frequency that leaves 3 dB softer; an octave below it is 12 dB softer.",
)
.unit("Hz")
.default("80")
.live()];

/// The node's checked configuration.
pub(crate) struct Config {
    cutoff: f64,
}

impl Config {
    pub(crate) fn from_settings(settings: &Settings) -> Config {
        Config { cutoff: settings.float("cutoff") }
    }

    pub(crate) fn build(self) -> HighPass {
        HighPass::new(self.cutoff)
    }
}
