//! The keys of the `file` source. Control thread only.

use std::path::PathBuf;

use glottis_core::feed::Channel;
use glottis_core::param::{Kind, Param, Settings};
use glottis_source_door::keys;
use glottis_source_door::reel::Pace;

/// What the source is, in one sentence.
pub const DOC: &str = "a sound file: WAV, FLAC, Ogg Vorbis, MP3, AAC or MP4, of any rate and channel count";

/// The keys.
pub const PARAMS: &[Param] = &[
    Param::new("path", Kind::Path, "the sound file, relative to the configuration file").required(),
    Param::new("pace", keys::PACES, "as fast as it was recorded, or as fast as the pipeline takes it")
        .default("\"realtime\""),
    Param::new("loop", Kind::Bool, "whether to start again at the end, without a gap, for ever").default("false"),
    keys::CHANNEL,
];

/// The values.
#[derive(Clone, Debug)]
pub struct Config {
    pub path: PathBuf,
    pub pace: Pace,
    pub repeat: bool,
    pub channel: Channel,
}

impl Config {
    pub fn new(settings: &Settings) -> Config {
        Config {
            path: settings.path("path"),
            pace: keys::pace(settings),
            repeat: settings.bool("loop"),
            channel: keys::channel(settings),
        }
    }
}
