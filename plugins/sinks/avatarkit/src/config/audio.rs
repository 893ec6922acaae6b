//! How speech travels: format, rate, and the Opus encoder's keys. Control side only.

use std::time::Duration;

use glottis_core::param::{Kind, Param, Settings};
use glottis_core::{Problem, Rate};
use glottis_encoder_opus::Application;

const FRAMES: [u64; 4] = [10, 20, 40, 60];

/// The keys of `opus`.
pub(super) const OPUS: &[Param] = &[
    Param::new("frame", Kind::Choice(&["10ms", "20ms", "40ms", "60ms"]), "length of a packet; \"20ms\" where absent"),
    Param::new(
        "application",
        Kind::Choice(&Application::NAMES),
        "what the encoder is tuned for; \"voip\" where absent",
    ),
];

/// The same as the vendor names them.
pub(super) const OGG_OPUS_ENCODER: &[Param] = &[
    Param::new("frame_duration_ms", Kind::Int(10, 60), "length of a packet: 10, 20, 40 or 60").unit("ms"),
    Param::new(
        "application",
        Kind::Choice(&Application::NAMES),
        "what the encoder is tuned for; \"voip\" where absent",
    ),
];

/// Rates the service takes as PCM, and as Opus.
const PCM_RATES: &[u32] = &[8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];
const OPUS_RATES: &[u32] = &glottis_encoder_opus::RATES;

/// How speech is packed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    Pcm,
    OggOpus { frame: Duration, application: Application },
}

/// How speech travels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Audio {
    pub(crate) format: Format,
    /// Hz.
    pub(crate) sample_rate: u32,
    /// Bits per second; 0 leaves it to the encoder.
    pub(crate) bitrate: u32,
}

impl Audio {
    pub(super) fn new(settings: &Settings, problems: &mut Vec<Problem>) -> Option<Audio> {
        let before = problems.len();
        let opus = settings.text("audio") == "ogg-opus";
        let encoder = encoder(settings, opus, problems);
        let sample_rate = settings.int("sample_rate") as u32;
        let rates = if opus { OPUS_RATES } else { PCM_RATES };
        if !rates.contains(&sample_rate) {
            let rates = rates.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
            let format = if opus { "Opus" } else { "PCM" };
            let problem = settings.problem("sample_rate", format!("the service takes no {format} at {sample_rate} Hz"));
            problems.push(problem.help(format!("one of {rates}")));
        }
        let bitrate = settings.int("bitrate") as u32;
        if bitrate != 0 && bitrate < 500 {
            let problem = settings.problem("bitrate", format!("{bitrate} bit/s is out of range"));
            problems.push(problem.help("from 500 to 512000, or 0 for the encoder's choice"));
        }
        if bitrate != 0 && !opus {
            let problem = settings.problem("bitrate", "PCM has no bitrate to choose");
            problems.push(problem.help("leave it out, or set audio = \"ogg-opus\""));
        }
        (problems.len() == before).then_some(Audio { format: encoder, sample_rate, bitrate })
    }

    /// The edge's rate, where it must have a certain one: a rate that no edge can have is made at the
    /// sink's door, from any.
    pub(crate) fn edge(&self) -> Option<Rate> {
        Rate::new(self.sample_rate)
    }
}

fn encoder(settings: &Settings, opus: bool, problems: &mut Vec<Problem>) -> Format {
    let (own, vendors) = (settings.table("opus"), settings.table("ogg_opus_encoder"));
    let written = |table: &Settings, keys: [&str; 2]| keys.into_iter().any(|key| table.has(key));
    let (has_own, has_vendors) =
        (written(&own, ["frame", "application"]), written(&vendors, ["frame_duration_ms", "application"]));
    if has_own && has_vendors {
        let problem = settings.problem("ogg_opus_encoder", "the Opus encoder is set twice");
        problems.push(problem.help("keep opus or ogg_opus_encoder"));
    }
    if (has_own || has_vendors) && !opus {
        let key = if has_own { "opus" } else { "ogg_opus_encoder" };
        let problem = settings.problem(key, "there is no Opus encoder without Opus");
        problems.push(problem.help("set audio = \"ogg-opus\", or leave it out"));
    }
    if !opus {
        return Format::Pcm;
    }
    let ms = vendors.opt_int("frame_duration_ms").map(|ms| ms as u64);
    if let Some(ms) = ms.filter(|ms| !FRAMES.contains(ms)) {
        let problem = vendors.problem("frame_duration_ms", format!("an Opus frame cannot last {ms} ms here"));
        problems.push(problem.help("one of 10, 20, 40, 60"));
    }
    let frame = own.opt_duration("frame").or(ms.map(Duration::from_millis)).unwrap_or(Duration::from_millis(20));
    let application = own.opt_text("application").or_else(|| vendors.opt_text("application"));
    Format::OggOpus { frame, application: application.and_then(Application::named).unwrap_or_default() }
}
