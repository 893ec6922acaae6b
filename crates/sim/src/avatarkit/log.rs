//! What a run's log holds: requests, connections, messages both ways, faults. Plain values.
//!
//! No entry holds a key, a token or audio: tokens appear as their number, audio as its length.

use super::connection::{Closed, Upgrade};
use super::findings::Code;
use super::proto::{AudioFormat, ClientConfigureSession, Data, EgressType, Message, PlaybackState};
use crate::common::log;
use crate::common::words::shorten;
use serde::Serialize;
use serde_json::{Value, json};

/// The record of a run.
pub type Log = log::Log<Event, Code>;

/// One thing that happened.
pub type Entry = log::Entry<Event>;

/// What can happen.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A call was answered.
    Request(Request),
    /// A connection is open.
    SocketOpened {
        /// Its number.
        socket: u64,
        /// How it came in.
        #[serde(flatten)]
        upgrade: Upgrade,
    },
    /// A connection was refused.
    SocketRefused {
        /// The HTTP status; 0 if a fault left it unanswered.
        status: u16,
        /// How it asked.
        #[serde(flatten)]
        upgrade: Upgrade,
    },
    /// A connection is gone.
    SocketClosed {
        /// Its number.
        socket: u64,
        /// How.
        #[serde(flatten)]
        closed: Closed,
    },
    /// A frame arrived.
    Received {
        /// The connection.
        socket: u64,
        /// The message, audio and secrets left out.
        message: Value,
        /// What was wrong with it.
        findings: Vec<Code>,
        /// Whether it had its effect.
        accepted: bool,
    },
    /// A frame was sent.
    Sent {
        /// The connection.
        socket: u64,
        /// The message, animation as its length.
        message: Value,
    },
    /// A client's ping arrived.
    Ping {
        /// The connection.
        socket: u64,
    },
    /// A client answered our ping.
    Pong {
        /// The connection.
        socket: u64,
    },
    /// A fault struck.
    Fault {
        /// The rule's number.
        rule: u64,
        /// Its short name, if it has one (`F6`).
        fault: Option<String>,
        /// The rule as it was written, shortened.
        written: Value,
    },
    /// The run was steered, or the port closed and opened by a fault (`port closed`, `port open`).
    Control {
        /// What was done, in words.
        what: String,
    },
}

/// A call of the console or of a region service.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Request {
    /// Its method.
    pub method: String,
    /// Its path.
    pub path: String,
    /// Its query, decoded.
    pub query: Vec<(String, String)>,
    /// Its headers in order; an API key is left out.
    pub headers: Vec<(String, String)>,
    /// Its body as JSON, or as text.
    pub body: Value,
    /// Length of the body.
    pub bytes: usize,
    /// The status of the answer; 0 if the client never got one.
    pub status: u16,
    /// Number of the token issued.
    pub token: Option<String>,
    /// What was wrong with it.
    pub findings: Vec<Code>,
}

impl Log {
    /// Numbers of the rules that struck, in order.
    pub fn faults(&self) -> impl Iterator<Item = u64> {
        self.entries.iter().filter_map(|entry| match &entry.event {
            Event::Fault { rule, .. } => Some(*rule),
            _ => None,
        })
    }

    /// Calls in order.
    pub fn requests(&self) -> impl Iterator<Item = &Request> {
        self.entries.iter().filter_map(|entry| match &entry.event {
            Event::Request(request) => Some(request),
            _ => None,
        })
    }

    /// Attempts to open a socket, in order, with whether they succeeded.
    pub fn upgrades(&self) -> impl Iterator<Item = (&Upgrade, bool)> {
        self.entries.iter().filter_map(|entry| match &entry.event {
            Event::SocketOpened { upgrade, .. } => Some((upgrade, true)),
            Event::SocketRefused { upgrade, .. } => Some((upgrade, false)),
            _ => None,
        })
    }

    /// Messages sent to clients, in order.
    pub fn sent(&self) -> impl Iterator<Item = &Value> {
        self.entries.iter().filter_map(|entry| match &entry.event {
            Event::Sent { message, .. } => Some(message),
            _ => None,
        })
    }
}

/// A message fit for the log.
pub(crate) fn shown(message: &Message) -> Value {
    let Some(data) = &message.data else { return json!({ "kind": message.kind }) };
    match data {
        Data::Configure(configure) => shown_configure(configure),
        Data::Confirm(confirm) => json!({
            "kind": "confirm", "connection_id": shorten(&confirm.connection_id), "capabilities": confirm.capabilities,
        }),
        Data::Audio(audio) => json!({
            "kind": "audio", "req_id": shorten(&audio.req_id), "bytes": audio.audio.len(), "end": audio.end,
            "trace": audio.trace_context.is_some(),
        }),
        Data::Error(error) => json!({
            "kind": "error", "code": error.code, "message": shorten(&error.message), "req_id": shorten(&error.req_id),
            "connection_id": shorten(&error.connection_id),
        }),
        Data::Animation(animation) => json!({
            "kind": "animation", "req_id": shorten(&animation.req_id), "end": animation.end,
            "bytes": animation.animation.len(),
        }),
        Data::Interrupt(named) => json!({ "kind": "interrupt", "req_id": shorten(&named.req_id) }),
        Data::Pause(named) => json!({ "kind": "pause", "req_id": shorten(&named.req_id) }),
        Data::Resume(named) => json!({ "kind": "resume", "req_id": shorten(&named.req_id) }),
        Data::Playback(playback) => {
            let state = PlaybackState::try_from(playback.state).map(|state| format!("{state:?}").to_lowercase());
            json!({
                "kind": "playback", "req_id": shorten(&playback.req_id), "played_ms": playback.played_ms,
                "state": state.unwrap_or_else(|_| playback.state.to_string()), "reason": shorten(&playback.reason),
            })
        }
    }
}

fn shown_configure(configure: &ClientConfigureSession) -> Value {
    let livekit = configure.livekit_egress.as_ref().map(|livekit| {
        json!({
            "url": shorten(&livekit.url), "room_name": shorten(&livekit.room_name),
            "publisher_id": shorten(&livekit.publisher_id), "idle_timeout": livekit.idle_timeout,
            "attributes": livekit.extra_attributes.len(),
        })
    });
    let agora = configure.agora_egress.as_ref().map(|agora| {
        json!({
            "channel_name": shorten(&agora.channel_name), "uid": agora.uid,
            "publisher_id": shorten(&agora.publisher_id),
        })
    });
    let format = AudioFormat::try_from(configure.audio_format).map(|format| format!("{format:?}"));
    let egress = EgressType::try_from(configure.egress_type).map(|egress| format!("{egress:?}"));
    json!({
        "kind": "configure", "sample_rate": configure.sample_rate, "bitrate": configure.bitrate,
        "audio_format": format.unwrap_or_else(|_| configure.audio_format.to_string()),
        "egress": egress.unwrap_or_else(|_| configure.egress_type.to_string()),
        "livekit": livekit, "agora": agora, "extra_params": configure.extra_params.len(),
    })
}
