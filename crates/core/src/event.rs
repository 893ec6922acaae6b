//! What a sink tells the outside. The engine adds the time and the sink's name.

use crate::sink::{Answer, SinkError};

/// Something a sink has to say. Made on the async runtime, never on an audio thread.
#[derive(Clone, PartialEq, Debug)]
pub enum SinkEvent {
    /// A change of state: `connecting`, `connected`, `open`, `reconnecting`, `paused`, `done` …
    State(&'static str),
    /// A socket was opened.
    Connected {
        /// The service's name for the connection, if it gives one.
        connection_id: Option<String>,
        /// What the service says it can do.
        capabilities: Vec<String>,
    },
    /// A socket was lost or closed.
    Disconnected {
        /// WebSocket close code.
        close_code: Option<u16>,
        /// WebSocket close reason.
        close_reason: Option<String>,
    },
    /// Another attempt at something that failed is scheduled within this run of the sink. Those
    /// between runs the engine tells itself.
    Retry {
        /// Number of the attempt, from 1.
        attempt: u32,
        /// Milliseconds until it is made.
        in_ms: u64,
        /// The code of what went wrong.
        why: &'static str,
    },
    /// Public facts of the service's session; never a token.
    Session(Session),
    /// An answer of the service.
    Reply(Reply),
    /// A message for people.
    Notice(String),
    /// Playback on the service's side.
    Playback(Playback),
    /// Something went wrong.
    Error {
        /// What.
        error: Box<SinkError>,
        /// Whether this makes the sink give up.
        fatal: bool,
    },
    /// An answer to a command.
    Answer(Answer),
}

/// Public facts of a service's session.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Session {
    /// Whether a live session is running.
    pub live: bool,
    /// The licence of the live session.
    pub license_id: Option<String>,
    /// Whether the service gave a streaming URL.
    pub has_streaming_url: bool,
    /// The streaming URL with its token: only in answer to a command that asks for it.
    pub streaming_url: Option<String>,
}

/// An answer of the service.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reply {
    /// The answer's text, an echoed transcript split off.
    pub text: String,
    /// What the service heard.
    pub transcript: Option<String>,
    /// The text as it came.
    pub raw: String,
    /// What comes with it.
    pub media: Option<Media>,
    /// When the service says it was made, in Unix milliseconds.
    pub time_ms: Option<u64>,
}

/// Sound or pictures that come with an answer.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize)]
pub struct Media {
    /// `audio`, `video` or `link`.
    pub kind: &'static str,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Or the thing itself, in standard base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_base64: Option<String>,
}

/// Playback on the service's side.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Playback {
    /// The request it plays.
    pub req_id: String,
    /// The service's word for its state.
    pub state: String,
    /// Milliseconds played.
    pub played_ms: u64,
    /// Whether it is over.
    pub end: bool,
    /// The service's word for why, where it gives one.
    pub reason: Option<String>,
}
