//! The keys of the `stdin` source. Control thread only.

use glottis_core::Problem;
use glottis_core::feed::Channel;
use glottis_core::param::{Kind, Param, Settings};
use glottis_source_door::pcm::Coding;
use glottis_source_door::reel::Pace;
use glottis_source_door::wav::Header;
use glottis_source_door::{MAX_HZ, keys};

/// What the source is, in one sentence.
pub const DOC: &str = "sound from standard input: a WAV stream, or raw samples";

/// The keys.
pub const PARAMS: &[Param] = &[
    Param::new(
        "format",
        Kind::Choice(&["wav", "u8", "s8", "s16le", "s24le", "s32le", "f32le", "f64le", "alaw", "mulaw"]),
        "\"wav\", or how raw samples are written",
    )
    .default("\"wav\""),
    Param::new("rate", Kind::Int(1, MAX_HZ as i64), "sample rate; needed for raw samples, checked for WAV").unit("Hz"),
    Param::new("channels", Kind::Int(1, 1024), "interleaved channels; needed for raw samples, checked for WAV"),
    Param::new("pace", keys::PACES, "as fast as it comes, or no faster than it was recorded").default("\"fast\""),
    keys::CHANNEL,
];

/// The values.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    pub content: Content,
    pub pace: Pace,
    pub channel: Channel,
}

/// What comes.
#[derive(Clone, Copy, Debug)]
pub enum Content {
    /// A WAV stream, and what its header must say.
    Wav { rate: Option<u32>, channels: Option<u16> },
    /// Samples without a header: the header they might have had.
    Raw(Header),
}

impl Config {
    /// The values, checked against each other.
    ///
    /// # Errors
    /// Raw samples of which the rate or the number of channels is not given.
    pub fn new(settings: &Settings) -> Result<Config, Vec<Problem>> {
        let rate = settings.opt_int("rate").and_then(|n| u32::try_from(n).ok());
        let channels = settings.opt_int("channels").and_then(|n| u16::try_from(n).ok());
        let name = settings.text("format");
        let content = match (Coding::named(name), rate, channels) {
            (None, ..) => Content::Wav { rate, channels },
            (Some(coding), Some(hz), Some(channels)) => {
                Content::Raw(Header { coding, channels, hz, data: u64::MAX, open_ended: true })
            }
            _ => return Err(missing(settings, name, rate, channels)),
        };
        Ok(Config { content, pace: keys::pace(settings), channel: keys::channel(settings) })
    }
}

fn missing(settings: &Settings, format: &str, rate: Option<u32>, channels: Option<u16>) -> Vec<Problem> {
    let problem = |key: &str, example: &str| {
        settings
            .problem(key, format!("raw samples (`format = \"{format}\"`) say nothing of their {key}"))
            .help(format!("add `{key} = {example}`, with the number that is right"))
    };
    let rate = rate.is_none().then(|| problem("rate", "16000"));
    let channels = channels.is_none().then(|| problem("channels", "1"));
    rate.into_iter().chain(channels).collect()
}
