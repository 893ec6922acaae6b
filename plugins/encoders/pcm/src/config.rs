//! The keys of the encoders. Control thread only.

use glottis_core::param::{Kind, Param, Settings};

use crate::{Pcm16, Wav};

/// The keys of `pcm16` and `wav`.
pub(crate) const DITHER: &[Param] = &[Param::new(
    "dither",
    Kind::Bool,
    "Adds triangular noise of one step before rounding, so that very soft sounds are not distorted.",
)
.default("false")];

pub(crate) fn pcm16(settings: &Settings) -> Pcm16 {
    Pcm16::new(settings.bool("dither"))
}

pub(crate) fn wav(settings: &Settings) -> Wav {
    Wav::new(settings.bool("dither"))
}
