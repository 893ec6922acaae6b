//! What a socket's task can be asked to do: send, close, break, or change its habits. Plain values,
//! any thread.

use super::gate::Reading;
use bytes::Bytes;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio_tungstenite::tungstenite::protocol::frame::Frame as RawFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// One thing a socket's task is asked to do.
#[derive(Clone, Debug)]
pub(crate) enum Outgoing {
    /// Send a message.
    Say(Value),
    /// Send a frame that need not be a message.
    Raw(Frame),
    /// Close with a code.
    Close(u16, Arc<str>),
    /// Break the connection without a close frame, by a reset if asked.
    Drop { reset: bool },
    /// Read differently.
    Read(Reading),
    /// Answer pings or not.
    Pongs(bool),
    /// Ping this often, counted from `since` on the simulator's clock.
    PingEvery { every: Duration, since: Duration },
}

impl Outgoing {
    /// What takes a time takes it from `at` on, however late the socket's task gets to it.
    pub(crate) fn begun(self, at: Duration) -> Self {
        match self {
            Self::Read(Reading::Stall { time, .. }) => Self::Read(Reading::Stall { time, since: at }),
            Self::PingEvery { every, .. } => Self::PingEvery { every, since: at },
            other => other,
        }
    }
}

/// A frame that need not be a message. Huge ones are made when they are sent, so that rules and
/// queues stay small.
#[derive(Clone, Debug)]
pub(crate) enum Frame {
    Text(Utf8Bytes),
    /// So many bytes.
    Binary(usize),
    /// A message that is not UTF-8.
    NoUtf8,
    /// A message of so many bytes, or of the fewest that are possible.
    Huge(usize),
    /// A message with so many lists inside one another.
    Nested(usize),
}

impl Frame {
    pub(crate) fn into_message(self) -> Message {
        match self {
            Self::Text(text) => Message::Text(text),
            Self::Binary(bytes) => Message::Binary(Bytes::from(vec![b'x'; bytes])),
            Self::NoUtf8 => {
                let bytes = Bytes::from_static(b"{\"type\":\"event\",\"content\":\"\xff\xfe\"}");
                Message::Frame(RawFrame::message(bytes, OpCode::Data(Data::Text), true))
            }
            Self::Huge(bytes) => {
                let filling = bytes.saturating_sub(event("\"\"").len());
                Message::text(event(&format!("\"{}\"", "x".repeat(filling))))
            }
            Self::Nested(depth) => Message::text(event(&("[".repeat(depth) + &"]".repeat(depth)))),
        }
    }

    /// The frame fit for the log.
    pub(crate) fn shown(&self) -> Value {
        match self {
            Self::Text(text) => super::log::shorten(text.as_str()).into(),
            Self::Binary(bytes) => format!("<binary, {bytes} bytes>").into(),
            Self::NoUtf8 => "<text that is not UTF-8>".into(),
            Self::Huge(bytes) => format!("<message of {bytes} bytes>").into(),
            Self::Nested(depth) => format!("<message with {depth} nested lists>").into(),
        }
    }
}

/// An event with that JSON as its content.
fn event(content: &str) -> String {
    format!(r#"{{"type":"event","content":{content}}}"#)
}
