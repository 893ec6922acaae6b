//! The keys of the `resample` node. Control thread only.

use glottis_core::param::{Kind, Param, Settings};
use glottis_core::{Problem, Rate};

use crate::Resample;

/// The keys a configuration may set.
pub(crate) const PARAMS: &[Param] = &[
    Param::new(
        "rate",
        Kind::Int(8_000, 96_000),
        "The rate to convert to: 8000, 16000, 24000, 32000, 44100, 48000, 88200 or 96000.",
    )
    .unit("Hz")
    .required(),
    Param::new(
        "quality",
        Kind::Choice(QUALITIES),
        "high: flat to 7/8 of the band, 2.1 ms late at 16 kHz; low-delay: flat to 4/5 of it, 0.75 ms; fast: a transform, 5 ms.",
    )
    .default("\"high\""),
];

const QUALITIES: &[&str] = &["high", "low-delay", "fast"];

/// How good the filter is, and what it costs. The README has the figures.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Quality {
    /// A polyphase filter, the usual choice.
    #[default]
    High,
    /// A shorter one: a third of the delay, and alias close above the band.
    LowDelay,
    /// One Fourier transform per block.
    Fast,
}

/// The node's checked configuration.
pub(crate) struct Config {
    rate: Rate,
    quality: Quality,
}

impl Config {
    pub(crate) fn from_settings(settings: &Settings) -> Result<Config, Vec<Problem>> {
        let hz = settings.int("rate");
        let rate = u32::try_from(hz).ok().and_then(Rate::new).ok_or_else(|| vec![unlisted(settings, hz)])?;
        let quality = match settings.text("quality") {
            "fast" => Quality::Fast,
            "low-delay" => Quality::LowDelay,
            _ => Quality::High,
        };
        Ok(Config { rate, quality })
    }

    pub(crate) fn build(self) -> Resample {
        Resample::new(self.rate, self.quality)
    }
}

fn unlisted(settings: &Settings, hz: i64) -> Problem {
    let rates = Rate::LIST.map(|hz| hz.to_string()).join(", ");
    settings.problem("rate", format!("no edge can have a rate of {hz} Hz")).help(format!("one of {rates}"))
}
