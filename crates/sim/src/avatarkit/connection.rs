//! What is remembered of a connection: how it came in, its frames, its requests. Plain values; a
//! clone is a snapshot for any thread.

use super::proto::{ClientConfigureSession, Codec, Data, Message, TraceContext};
use super::stream::Stream;
use super::tokens::TokenUse;
use crate::common::client::CloseBy;
use crate::common::words::seconds;
use bytes::Bytes;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// How a client presented its credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// `X-App-ID` and `X-Session-Key`.
    Headers,
    /// `appId` and `sessionKey`.
    Query,
}

/// A request for a socket.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Upgrade {
    /// Its path.
    pub path: String,
    /// Its query as it was written, session keys left out.
    pub raw_query: String,
    /// The same decoded.
    pub query: Vec<(String, String)>,
    /// Its headers in order, session keys left out.
    pub headers: Vec<(String, String)>,
    /// Where the credentials were.
    pub auth: Auth,
    /// What the token was worth.
    #[serde(flatten)]
    pub token: TokenUse,
    /// The app.
    pub app_id: String,
    /// The avatar.
    pub avatar_id: String,
}

/// A connection from its upgrade to its end.
#[derive(Clone, Debug, Serialize)]
pub struct Connection {
    /// Its number, from 1.
    pub number: u64,
    /// How it came in.
    pub upgrade: Upgrade,
    /// When it was opened, on the simulator's clock.
    #[serde(serialize_with = "seconds")]
    pub opened: Duration,
    /// Its id, once it was confirmed.
    pub connection_id: Option<String>,
    /// What the confirmation declared.
    pub capabilities: Vec<String>,
    /// What the client sent, in order.
    pub frames: Vec<Frame>,
    /// Its requests, in order.
    pub speeches: Vec<Speech>,
    /// How it ended.
    pub closed: Option<Closed>,
}

/// A frame of a client.
#[derive(Clone, PartialEq, Serialize)]
pub struct Frame {
    /// When it arrived, on the simulator's clock.
    #[serde(serialize_with = "seconds")]
    pub t: Duration,
    /// Its bytes; empty beyond `max_kept_bytes`.
    #[serde(skip)]
    pub bytes: Bytes,
    /// Its length.
    pub size: usize,
}

impl fmt::Debug for Frame {
    /// Without the bytes: a configuration may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame").field("t", &self.t).field("size", &self.size).finish_non_exhaustive()
    }
}

impl Frame {
    /// The frame read as a message; `None` for garbage.
    pub fn message(&self) -> Option<Message> {
        Message::decode(self.bytes.clone()).ok()
    }
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Closed {
    /// The close code, if there was a close frame.
    pub code: Option<u16>,
    /// The reason given with it.
    pub reason: String,
    /// Who ended it.
    pub by: CloseBy,
}

/// The audio of one request id.
#[derive(Clone, Debug, Serialize)]
pub struct Speech {
    /// The request.
    pub req_id: String,
    /// Its messages, in order.
    pub parts: Vec<Part>,
    /// Their audio, one behind the other; cut beyond `max_kept_bytes`.
    #[serde(skip)]
    pub audio: Vec<u8>,
    /// Sample rate of the configuration, Hz.
    pub rate: u32,
    /// Whether `end` arrived.
    pub ended: bool,
    /// Why it was interrupted: `explicit`, `preempted`, `pause_timeout`.
    pub interrupted: Option<&'static str>,
    /// `traceparent` and `tracestate` of its first message.
    pub trace: Option<(String, String)>,
    /// Animation frames sent.
    pub frames: u64,
    /// The Ogg stream, with Ogg Opus.
    #[serde(skip)]
    pub stream: Option<Stream>,
    /// Bytes of audio, those not kept included.
    pub bytes: usize,
}

/// One audio message.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Part {
    /// When it arrived.
    #[serde(serialize_with = "seconds")]
    pub t: Duration,
    /// Bytes of audio.
    pub bytes: usize,
    /// Whether it said `end`.
    pub end: bool,
}

impl Speech {
    pub(crate) fn new(req_id: &str, rate: u32, opus: bool, trace: Option<&TraceContext>) -> Self {
        Self {
            req_id: req_id.into(),
            parts: Vec::new(),
            audio: Vec::new(),
            rate,
            ended: false,
            interrupted: None,
            trace: trace.map(|trace| (trace.traceparent.clone(), trace.tracestate.clone())),
            frames: 0,
            stream: opus.then(|| Stream::new(rate)),
            bytes: 0,
        }
    }

    /// The samples of a request in PCM; of Ogg Opus none.
    pub fn pcm(&self) -> Vec<i16> {
        if self.stream.is_some() {
            return Vec::new();
        }
        self.audio.chunks_exact(2).map(|sample| i16::from_le_bytes([sample[0], sample[1]])).collect()
    }

    /// Length of the sound so far.
    pub fn duration(&self) -> Duration {
        let (samples, rate) = match &self.stream {
            Some(stream) => (stream.samples(), 48_000),
            None => (self.bytes as u64 / 2, u64::from(self.rate.max(1))),
        };
        Duration::from_nanos((u128::from(samples) * 1_000_000_000 / u128::from(rate)) as u64)
    }

    /// Animation frames its sound is worth, 25 per second, rounded up.
    pub(crate) fn frames_due(&self) -> u64 {
        (self.duration().as_nanos() as u64).div_ceil(40_000_000)
    }

    /// Whether nothing more may come for it.
    pub fn is_over(&self) -> bool {
        self.ended || self.interrupted.is_some()
    }
}

impl Connection {
    /// The configuration it began with.
    pub fn configuration(&self) -> Option<ClientConfigureSession> {
        match self.frames.first()?.message()?.data? {
            Data::Configure(configure) => Some(configure),
            _ => None,
        }
    }

    /// Its frames read as messages.
    pub fn messages(&self) -> Vec<Message> {
        self.frames.iter().filter_map(Frame::message).collect()
    }

    /// Its request of that id.
    pub fn speech(&self, req_id: &str) -> Option<&Speech> {
        self.speeches.iter().find(|speech| speech.req_id == req_id)
    }
}
