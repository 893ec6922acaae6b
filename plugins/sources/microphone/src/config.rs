//! The keys of the `microphone` source. Control thread only.

use cpal::HostId;
use glottis_core::Problem;
use glottis_core::feed::Channel;
use glottis_core::param::{Kind, Param, Settings};
use glottis_source_door::keys;

use crate::find;
use crate::stream::Ask;

/// What the source is, in one sentence.
pub const DOC: &str = "a capture device: the default one, or by id, name or part of a name";

/// The keys.
pub const PARAMS: &[Param] = &[
    Param::new("device", Kind::TextOrList, "\"default\", an id, a name, part of a name, or a list to try in turn")
        .default("\"default\""),
    keys::CHANNEL,
    Param::new(
        "host",
        Kind::Choice(&["auto", "alsa", "pulseaudio", "coreaudio", "wasapi"]),
        "the system's sound interface; \"auto\" tries ALSA, then PulseAudio on Linux",
    )
    .default("\"auto\""),
    Param::new(
        "buffer",
        Kind::ChoiceOrDuration(&["auto"], 1, 2000),
        "how much sound to ask for at a time; devices may give more or less",
    )
    .default("\"auto\""),
    Param::new("wait", Kind::Bool, "at the start, wait for a device to be plugged in, instead of ending the run")
        .default("false"),
    Param::new(
        "drift",
        Kind::Choice(&["measure", "correct", "off"]),
        "the device's clock: report how far it is off, also stretch the sound to keep it on the system's, or neither",
    )
    .default("\"measure\""),
];

/// What is done about the device's clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clock {
    Measure,
    Correct,
    Ignore,
}

/// The values.
#[derive(Clone, Debug)]
pub struct Config {
    pub devices: Vec<String>,
    /// None was named, although the key is there: the default one stands in.
    pub unasked: bool,
    pub channel: Channel,
    /// In the order to try them.
    pub hosts: Vec<HostId>,
    pub buffer: Ask,
    /// Wait for the first device.
    pub wait: bool,
    pub clock: Clock,
}

impl Config {
    /// The values.
    ///
    /// # Errors
    /// A host that this system does not have.
    pub fn new(settings: &Settings) -> Result<Config, Vec<Problem>> {
        let all = find::hosts();
        let hosts = match settings.text("host") {
            "auto" => all,
            name => match all.iter().find(|host| host.name().eq_ignore_ascii_case(name)) {
                Some(host) => vec![*host],
                None => return Err(vec![unknown_host(settings, name, &all)]),
            },
        };
        let mut devices = settings.list("device");
        devices.retain(|device| !device.trim().is_empty());
        let unasked = devices.is_empty();
        if unasked {
            devices.push("default".to_owned());
        }
        Ok(Config {
            devices,
            unasked,
            channel: keys::channel(settings),
            hosts,
            buffer: settings.opt_duration("buffer").map_or(Ask::Suits, Ask::Time),
            wait: settings.bool("wait"),
            clock: match settings.text("drift") {
                "correct" => Clock::Correct,
                "off" => Clock::Ignore,
                _ => Clock::Measure,
            },
        })
    }
}

fn unknown_host(settings: &Settings, name: &str, all: &[HostId]) -> Problem {
    let names: Vec<String> = all.iter().map(|host| host.name().to_lowercase()).collect();
    settings
        .problem("host", format!("this system has no sound interface \"{name}\""))
        .help(format!("one of: auto, {}", names.join(", ")))
}
