//! The keys of the `gain` node. Control thread only.

use glottis_core::param::{Kind, Param, Settings};

use crate::Gain;

/// The least gain, in dB.
pub(crate) const MIN_DB: f64 = -60.0;

/// The greatest gain, in dB.
pub(crate) const MAX_DB: f64 = 60.0;

/// The keys a configuration may set.
pub(crate) const PARAMS: &[Param] = &[Param::new(
    "db",
    Kind::Float(MIN_DB, MAX_DB),
    "How much louder: 6 doubles the amplitude, -6 halves it, 0 changes nothing.",
)
.unit("dB")
.default("0")
.live()];

/// The node's checked configuration.
pub(crate) struct Config {
    db: f64,
}

impl Config {
    pub(crate) fn from_settings(settings: &Settings) -> Config {
        Config { db: settings.float("db") }
    }

    pub(crate) fn build(self) -> Gain {
        Gain::new(self.db)
    }
}
