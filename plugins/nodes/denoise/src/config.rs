//! The keys of the `denoise` node. Control thread only.

use glottis_core::param::{Kind, Param, Settings};

use crate::Denoise;

/// The keys a configuration may set.
pub(crate) const PARAMS: &[Param] = &[Param::new(
    "mix",
    Kind::Float(0.0, 1.0),
    "How much of what leaves is denoised: 1 all of it; at 0.9 no noise gets softer by more than 20 dB; 0 none.",
)
.default("1")
.live()];

/// The node's checked configuration.
pub(crate) struct Config {
    mix: f64,
}

impl Config {
    pub(crate) fn from_settings(settings: &Settings) -> Config {
        Config { mix: settings.float("mix") }
    }

    pub(crate) fn build(self) -> Denoise {
        Denoise::new(self.mix)
    }
}
