//! The keys of the `earshot` detector. Control thread only.

use glottis_core::param::{Kind, Param};

/// The least threshold; the greatest is as far from 1.
pub(crate) const MIN_THRESHOLD: f64 = 0.01;

/// The greatest threshold.
pub(crate) const MAX_THRESHOLD: f64 = 0.99;

/// The keys a configuration may set.
pub(crate) const PARAMS: &[Param] = &[Param::new(
    "threshold",
    Kind::Float(MIN_THRESHOLD, MAX_THRESHOLD),
    "The network's score from which on a window is speech: higher lets less noise through and misses more speech.",
)
.default("0.5")
.live()];
