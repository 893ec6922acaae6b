//! The record of a run: what came in, what went out, what was wrong with it. Owned by the `State`,
//! written under its lock; a clone is a consistent snapshot for any thread.
//!
//! No entry holds a token or audio: tokens appear as their number, payloads as their length.

use super::audio::{BlobFacts, Level};
use super::check::Kind;
use super::findings::{Code, Findings, Severity, Violation};
use super::licenses::LicenseChange;
use super::tokens::TokenUse;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use std::collections::VecDeque;
use std::time::Duration;

/// Everything recorded since the start or the last reset, oldest first.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Log {
    /// The entries that were kept.
    pub entries: VecDeque<Entry>,
    /// How many older entries were dropped to stay within `max_log_entries`.
    pub cut: u64,
    /// Violations and notes, also of entries that were dropped, up to the same limit.
    pub findings: VecDeque<Violation>,
    /// How many older findings were dropped.
    pub findings_cut: u64,
    #[serde(skip)]
    most: usize,
    #[serde(skip)]
    next: u64,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// Number of the entry, from 1, without gaps.
    pub n: u64,
    /// When, on the simulator's clock; seconds in JSON.
    #[serde(serialize_with = "seconds")]
    pub t: Duration,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}

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

/// Who ended a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseBy {
    /// The client sent a close frame.
    Client,
    /// We sent a close frame.
    Simulator,
    /// The connection broke without a close frame, or broke the WebSocket protocol.
    Loss,
}

impl Log {
    pub(crate) fn new(most: usize) -> Self {
        Self { most: most.max(1), ..Self::default() }
    }

    /// Records one event and what was wrong with it; returns the entry's number.
    pub(crate) fn add(&mut self, t: Duration, event: Event) -> u64 {
        self.next += 1;
        if self.entries.len() == self.most {
            self.entries.pop_front();
            self.cut += 1;
        }
        self.entries.push_back(Entry { n: self.next, t, event });
        self.next
    }

    /// Records the findings of entry `entry`.
    pub(crate) fn blame(&mut self, entry: u64, t: Duration, place: &str, findings: Findings) {
        for finding in findings.into_list() {
            if self.findings.len() == self.most {
                self.findings.pop_front();
                self.findings_cut += 1;
            }
            self.findings.push_back(Violation {
                entry,
                t,
                code: finding.code,
                severity: finding.severity,
                detail: finding.detail,
                place: place.into(),
            });
        }
    }

    /// Broken rules, without notes.
    pub fn violations(&self) -> impl Iterator<Item = &Violation> {
        self.findings.iter().filter(|finding| finding.severity == Severity::Violation)
    }

    /// Notes: things worth knowing that break no rule.
    pub fn notes(&self) -> impl Iterator<Item = &Violation> {
        self.findings.iter().filter(|finding| finding.severity == Severity::Note)
    }

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

/// Durations are seconds in JSON.
pub(crate) fn seconds<S: Serializer>(t: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(t.as_secs_f64())
}

/// Longest text the log repeats.
const LONGEST: usize = 256;

/// A text fit for the log.
pub(crate) fn shorten(text: &str) -> String {
    if text.len() <= LONGEST {
        return text.into();
    }
    format!("<{} characters>", text.chars().count())
}

/// A JSON value fit for the log: of an object at most 32 fields; long texts and long nested values
/// become their length. So an entry is small whatever a client sends.
pub(crate) fn summarise(value: &Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(summarise_fields(fields)),
        other => brief(other),
    }
}

/// As [`summarise`], for an object.
pub(crate) fn summarise_fields(fields: &Map<String, Value>) -> Map<String, Value> {
    let short = |(name, value): (&String, &Value)| (shorten(name), brief(value));
    fields.iter().take(32).map(short).collect()
}

fn brief(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(shorten(text)),
        Value::Array(_) | Value::Object(_) => {
            let length = value.to_string().len();
            if length > LONGEST { format!("<{length} bytes of JSON>").into() } else { value.clone() }
        }
        plain => plain.clone(),
    }
}
