//! The record of a run: what came in, what went out, what was wrong with it. Owned by the `State`,
//! written under its lock; a clone is a consistent snapshot for any thread.
//!
//! No entry holds a token or audio: tokens appear as their number, payloads as their length.

use super::audio::{BlobFacts, Level};
use super::check::Kind;
use super::findings::Code;
use super::licenses::LicenseChange;
use super::tokens::TokenUse;
pub use crate::common::client::CloseBy;
use crate::common::log;
pub(crate) use crate::common::words::{shorten, summarise, summarise_fields};
use serde::Serialize;
use serde_json::{Map, Value};

/// The record of a run.
pub type Log = log::Log<Event, Code>;

/// One thing that happened.
pub type Entry = log::Entry<Event>;

/// What can happen.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A REST call or a visit of the streaming page was answered.
    Request(Request),
    /// A client's socket is open.
    SocketOpened {
        /// Number of the socket, from 1.
        socket: u64,
        /// The token's user.
        user_id: String,
        /// The token.
        #[serde(flatten)]
        token: TokenUse,
        /// The `Origin` header, if any.
        origin: Option<String>,
    },
    /// A client's socket was refused.
    SocketRefused {
        /// The HTTP status, or the close code after an upgrade; 0 if a fault left it unanswered.
        code: u16,
        /// The token.
        #[serde(flatten)]
        token: TokenUse,
    },
    /// A socket is gone.
    SocketClosed {
        /// Number of the socket.
        socket: u64,
        /// The close code, if there was a close frame.
        code: Option<u16>,
        /// The reason given with it.
        reason: String,
        /// Who ended it.
        by: CloseBy,
    },
    /// A message arrived.
    Message(Box<Message>),
    /// A frame arrived that never became a message: binary, or beyond `hard_message_bytes`.
    BadFrame {
        /// Number of the socket.
        socket: u64,
        /// Its length, if it was read.
        bytes: Option<usize>,
        /// What was wrong with it.
        findings: Vec<Code>,
    },
    /// A message was sent.
    Sent {
        /// Number of the socket.
        socket: u64,
        /// The message, inline audio as its length.
        message: Value,
    },
    /// An answer was due but its socket was gone or full; `GET /chat` still has it.
    Undelivered {
        /// Number of the socket.
        socket: u64,
    },
    /// A client's ping arrived.
    Ping {
        /// Number of the socket.
        socket: u64,
    },
    /// A client answered our ping.
    Pong {
        /// Number of the socket.
        socket: u64,
    },
    /// A licence was given out or came to its end.
    License {
        /// The licence.
        license_id: String,
        /// What happened to it.
        change: LicenseChange,
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
    /// The run was steered (`push`, `clock`, `faults`, `reset`), or the port closed and opened by a
    /// fault (`port closed`, `port open`).
    Control {
        /// What was done, in words.
        what: String,
    },
}

/// A REST call, or a visit of the streaming page.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// The query, decoded; a `token` is replaced by `…`.
    pub query: Vec<(String, String)>,
    /// The bearer token, or the one of the query where the endpoint wants it there.
    #[serde(flatten)]
    pub token: TokenUse,
    /// Whether an `Authorization` header was there at all.
    pub authorization: bool,
    /// The `Content-Type` header.
    pub content_type: Option<String>,
    /// The body as JSON, if it is JSON.
    pub body: Option<Value>,
    /// Length of the body in bytes.
    pub bytes: usize,
    /// The HTTP status of the answer, 0 if a fault kept it from being sent.
    pub status: u16,
    /// The `error` of the answer, if it has one.
    pub error: Option<String>,
    /// What was wrong with it.
    pub findings: Vec<Code>,
}

/// A message of a client, parsed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Message {
    /// Number of the socket.
    pub socket: u64,
    /// When its frame had been read from the socket, on the simulator's clock; the entry's `t` is when it was
    /// judged.
    #[serde(serialize_with = "crate::common::words::seconds")]
    pub arrived: std::time::Duration,
    /// Which of the five kinds of message it is.
    pub kind: Kind,
    /// Length of the frame in bytes.
    pub bytes: usize,
    /// Its fields; texts over 256 characters are replaced by their length, `session` is left out.
    pub fields: Map<String, Value>,
    /// Its `session`, compared with the one of `GET /connection`.
    pub session: SessionUse,
    /// Its `LicenseId`.
    pub license_id: Option<String>,
    /// The PCM chunk it carried.
    pub pcm: Option<Pcm>,
    /// The blob it carried.
    pub blob: Option<BlobFacts>,
    /// Whether it had its effect. False: refused, unreadable, or its licence is not usable.
    pub accepted: bool,
    /// What was wrong with it.
    pub findings: Vec<Code>,
}

/// A PCM chunk.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Pcm {
    /// Index of its first sample in the licence's stream; `None` if it was not accepted.
    pub first: Option<u64>,
    /// Number of samples.
    pub samples: usize,
    /// Its loudness.
    #[serde(flatten)]
    pub level: Level,
}

/// How the `session` of a message compares with the one of `GET /connection`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionUse {
    /// No such field.
    Absent,
    /// The same, character for character.
    Same,
    /// Another one.
    Other,
}

impl Log {
    /// Numbers of the rules that struck, in order.
    pub fn faults(&self) -> impl Iterator<Item = u64> {
        self.entries.iter().filter_map(|entry| match &entry.event {
            Event::Fault { rule, .. } => Some(*rule),
            _ => None,
        })
    }

    /// REST calls in order, those to `path` only if it is given (`"POST /jwt"` or `"/jwt"`).
    pub fn requests<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a Request> {
        self.entries.iter().filter_map(move |entry| match &entry.event {
            Event::Request(request) if request.is(path) => Some(request),
            _ => None,
        })
    }

    /// Messages of clients in order.
    pub fn messages(&self) -> impl Iterator<Item = &Message> {
        self.entries.iter().filter_map(|entry| match &entry.event {
            Event::Message(message) => Some(message.as_ref()),
            _ => None,
        })
    }

    /// Messages sent to clients in order.
    pub fn sent(&self) -> impl Iterator<Item = &Value> {
        self.entries.iter().filter_map(|entry| match &entry.event {
            Event::Sent { message, .. } => Some(message),
            _ => None,
        })
    }
}

impl Request {
    fn is(&self, wanted: &str) -> bool {
        match wanted.split_once(' ') {
            Some((method, path)) => self.method == method && self.path == path,
            None => wanted.is_empty() || self.path == wanted,
        }
    }
}
