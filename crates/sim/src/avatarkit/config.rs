//! What one run of the simulator is told. Read once at start and never changed afterwards, so every
//! thread may read it without a lock.
//!
//! "Dossier" is the project's AvatarKit dossier. Where nothing is published the default is our
//! choice, and a setting because of that.

use super::faults::Rules;
use crate::common::span;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Which of the two live lines the server belongs to (dossier 0.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// Refuses at the upgrade, knows no pause, answers a token call with `sessionToken`.
    #[default]
    Spatius,
    /// Refuses after the upgrade by an error and a close of the same number; knows capabilities,
    /// pause and playback states.
    SpatialReal,
}

/// Whether nonconforming input is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// It is recorded and, as far as it makes sense, accepted.
    #[default]
    Observe,
    /// It is refused: HTTP 400, or an error 3 with the finding's name and no effect.
    Strict,
}

/// Whether the account can pay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Credits {
    /// It can.
    #[default]
    Plenty,
    /// It cannot (HTTP 402, or 4001).
    Exhausted,
}

/// A certificate for `https` and `wss`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// A PEM file with the server's certificate and those between it and the root.
    pub certificate: PathBuf,
    /// A PEM file with its private key.
    pub key: PathBuf,
}

/// Settings of a [`Simulator`](super::Simulator). All fields have defaults; in configuration text
/// durations are written with a unit (`"300ms"`) and unknown keys are errors.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address to listen on. Default `127.0.0.1:0`, any free port.
    pub listen: SocketAddr,
    /// Default none: plain `http` and `ws`.
    pub tls: Option<Tls>,
    /// Seed of every id and token. Default 1.
    pub seed: u64,
    /// Wall-clock time at start, Unix milliseconds. Default: the system's time.
    pub epoch_ms: Option<u64>,
    /// Default [`Mode::Observe`].
    pub mode: Mode,
    /// Default [`Dialect::Spatius`].
    pub dialect: Dialect,

    /// Known API keys, and the app whose tokens they get. Default `demo-key` of `demo-app`.
    pub api_keys: BTreeMap<String, String>,
    /// Known apps. Default `demo-app`.
    pub apps: Vec<String>,
    /// Known avatars. Default `demo-avatar`.
    pub avatars: Vec<String>,
    /// Default [`Credits::Plenty`].
    pub credits: Credits,
    /// Connections at once; the next one gets 4003. Default 16.
    pub connections: usize,
    /// `region.current` of `POST /bootstrap`, and the one environment of `GET /sdk`. Default
    /// `us-west`.
    pub region: String,

    /// How long the first frame may take. Default 10 s (dossier 18.2).
    #[serde(deserialize_with = "span::required")]
    pub handshake_timeout: Duration,
    /// What a confirmation declares; default: both capabilities in the SpatialReal dialect with an
    /// egress, else none.
    pub capabilities: Option<Vec<String>>,
    /// Silence after which a session ends: default 60 s. With LiveKit `idle_timeout` comes first.
    #[serde(deserialize_with = "span::required")]
    pub idle: Duration,
    /// Age at which a session ends with 4002, `"off"` for none. Default none.
    #[serde(deserialize_with = "span::or_off")]
    pub session_limit: Option<Duration>,
    /// A connection ends with 4010 when its token does. Default false (dossier 4.2).
    pub expiry_closes: bool,
    /// How long playback may be paused. Default 30 s.
    #[serde(deserialize_with = "span::required")]
    pub pause_limit: Duration,
    /// Interval of the server's pings, `"off"` for none. Default 20 s.
    #[serde(deserialize_with = "span::or_off")]
    pub ping: Option<Duration>,

    /// From audio to its animation frames. Default 0.
    #[serde(deserialize_with = "span::required")]
    pub answer_delay: Duration,
    /// Bytes of an animation frame. Default 800, 20 kB per second of speech.
    pub animation_bytes: usize,
    /// Frames of an interrupted request that are on their way and still arrive. Default 0.
    pub in_flight: usize,
    /// Messages above this many bytes are not read: closed with 1009. Default 16 MiB.
    pub max_message_bytes: usize,

    /// Look for messages all the time instead of sleeping until one comes, so that it counts as received when
    /// it arrives and not when the system has woken a thread. Takes a whole core. Default false.
    pub busy_poll: bool,

    /// Fault rules in force from the start and after a reset. Default none.
    pub faults: Rules,

    /// Log entries kept; older ones are cut and counted. Default 20 000.
    pub max_log_entries: usize,
    /// Bytes of audio and frames kept over all connections; later ones are counted only. Default
    /// 256 MiB.
    pub max_kept_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tls: None,
            seed: 1,
            epoch_ms: None,
            mode: Mode::Observe,
            dialect: Dialect::Spatius,
            api_keys: BTreeMap::from([("demo-key".into(), "demo-app".into())]),
            apps: vec!["demo-app".into()],
            avatars: vec!["demo-avatar".into()],
            credits: Credits::Plenty,
            connections: 16,
            region: "us-west".into(),
            handshake_timeout: Duration::from_secs(10),
            capabilities: None,
            idle: Duration::from_secs(60),
            session_limit: None,
            expiry_closes: false,
            pause_limit: Duration::from_secs(30),
            ping: Some(Duration::from_secs(20)),
            answer_delay: Duration::ZERO,
            animation_bytes: 800,
            in_flight: 0,
            max_message_bytes: 16 << 20,
            busy_poll: false,
            faults: Rules::default(),
            max_log_entries: 20_000,
            max_kept_bytes: 256 << 20,
        }
    }
}

impl Config {
    pub(crate) fn strict(&self) -> bool {
        self.mode == Mode::Strict
    }

    /// Settings that cannot work, in words.
    pub(crate) fn problem(&self) -> Option<String> {
        if self.ping.is_some_and(|every| every.is_zero()) {
            return Some("ping must be longer than 0, or \"off\"".into());
        }
        if self.max_message_bytes < 4 << 20 {
            return Some("max_message_bytes must be at least 4 MiB".into());
        }
        (self.animation_bytes > 1 << 20).then(|| "animation_bytes must be at most 1 MiB".into())
    }
}
