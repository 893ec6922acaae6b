//! What a connection's task is asked to do: send, close, break, or change its habits. Plain values,
//! any thread.

use super::proto::{
    Data, Message, PlaybackState, ServerConfirmSession, ServerError, ServerPlaybackState, ServerResponseAnimation,
};
use crate::common::gate::Reading;
use crate::common::wire::Kept;
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio_tungstenite::tungstenite;

/// One thing a connection's task does.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Send a message.
    Say(Message),
    /// Send a message in so many WebSocket fragments.
    Fragments(Message, usize),
    /// Send animation frames of a request, the last one marked as such if asked.
    Frames { req_id: Arc<str>, count: u64, end: bool },
    /// Send a frame that need not be a message.
    Raw(Raw),
    /// Send a message about the connection at hand.
    Template(Template),
    /// Close, with a code or without.
    Close(Option<u16>, Arc<str>),
    /// Break the connection without a close frame, by a reset if asked.
    Drop { reset: bool },
    /// Read differently.
    Read(Reading),
    /// Send frames of a kind that the library sends by itself, or not.
    Keep { kind: Kept, withhold: bool },
    /// Write at most so many bytes at once.
    Pieces(usize),
    /// Ping this often, counted from `since` on the simulator's clock.
    PingEvery { every: Duration, since: Duration },
    /// Throw away what waits for a request, but for so many of its frames.
    Forget { req_id: Arc<str>, keep: u64 },
}

impl Act {
    /// What takes a time takes it from `at` on, however late the task gets to it.
    pub(crate) fn begun(self, at: Duration) -> Self {
        match self {
            Self::Read(Reading::Stall { time, .. }) => Self::Read(Reading::Stall { time, since: at }),
            Self::PingEvery { every, .. } => Self::PingEvery { every, since: at },
            other => other,
        }
    }
}

/// An act and when it is due, on the simulator's clock.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) due: Duration,
    pub(crate) act: Act,
}

/// A WebSocket frame that need not be a message.
#[derive(Clone, Debug)]
pub(crate) enum Raw {
    Text(String),
    Bytes(Bytes),
    /// So many bytes, made when they are sent: an animation without a request.
    Huge(usize),
}

impl Raw {
    pub(crate) fn into_frame(self) -> tungstenite::Message {
        match self {
            Self::Text(text) => tungstenite::Message::text(text),
            Self::Bytes(bytes) => tungstenite::Message::Binary(bytes),
            Self::Huge(bytes) => {
                let animation = ServerResponseAnimation { animation: vec![0; bytes].into(), ..Default::default() };
                let message = Message::of(Data::Animation(animation));
                tungstenite::Message::Binary(prost::Message::encode_to_vec(&message).into())
            }
        }
    }

    /// The frame fit for the log.
    pub(crate) fn shown(&self) -> Value {
        match self {
            Self::Text(text) => json!({ "kind": "raw", "text": crate::common::words::shorten(text) }),
            Self::Bytes(bytes) => json!({ "kind": "raw", "bytes": bytes.len() }),
            Self::Huge(bytes) => json!({ "kind": "raw", "bytes": bytes }),
        }
    }
}

/// A message whose ids are those of the connection it is sent on, unless it names others.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Template {
    pub(crate) req_id: Option<String>,
    pub(crate) connection_id: Option<String>,
    pub(crate) what: What,
}

/// The rest of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    Confirm { capabilities: Vec<String> },
    Error { code: i32, message: String },
    Animation { end: bool, bytes: usize, avatar_id: String },
    Playback { state: PlaybackState, played_ms: i64, reason: String },
}

impl Template {
    /// The message on a connection; `req_id` and `connection_id` are its own.
    pub(crate) fn fill(&self, req_id: &str, connection_id: &str) -> Message {
        let req_id = self.req_id.clone().unwrap_or_else(|| req_id.into());
        let connection_id = self.connection_id.clone().unwrap_or_else(|| connection_id.into());
        Message::of(match self.what.clone() {
            What::Confirm { capabilities } => Data::Confirm(ServerConfirmSession { connection_id, capabilities }),
            What::Error { code, message } => Data::Error(ServerError { connection_id, req_id, code, message }),
            What::Animation { end, bytes, avatar_id } => {
                let animation = vec![0; bytes].into();
                Data::Animation(ServerResponseAnimation { connection_id, req_id, end, animation, avatar_id })
            }
            What::Playback { state, played_ms, reason } => {
                let state = state.into();
                Data::Playback(ServerPlaybackState { connection_id, req_id, state, played_ms, reason })
            }
        })
    }
}
