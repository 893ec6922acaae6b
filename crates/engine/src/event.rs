//! What the outside is told, in the shape of the public interface: one JSON object per event.
//! Control thread.

use glottis_core::event::{Media, Playback, Session};
use glottis_core::{Reason, SinkError};
use serde::Serialize;

use crate::report::Report;

/// Something that happened, and when.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
    /// Seconds since the start of the run; never goes back.
    pub t: f64,
}

impl Event {
    /// The event as one line of JSON, without the line's end.
    pub fn to_json(&self) -> String {
        // Only maps with other keys than texts can fail here, and there are none.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// What happened. Positions (`at`) are frames at the source's rate, from 0.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventKind {
    /// The first event: a snapshot.
    Ready {
        /// Version of the engine.
        version: &'static str,
        /// Where sound comes from.
        source: ReadySource,
        /// Names of the nodes, in the order they run.
        nodes: Vec<String>,
        /// The sinks.
        sinks: Vec<ReadySink>,
    },
    /// The source, a node or a sink is in another state.
    State {
        /// The source's type, if it is the source.
        #[serde(skip_serializing_if = "Option::is_none")]
        source: Option<String>,
        /// The node's name, if it is a node: `bypassed` after a failure, `active` once it is tried again.
        #[serde(skip_serializing_if = "Option::is_none")]
        node: Option<String>,
        /// The sink's name, if it is a sink.
        #[serde(skip_serializing_if = "Option::is_none")]
        sink: Option<String>,
        /// The state.
        state: &'static str,
        /// The device that is open, if it is a source with several to choose from.
        #[serde(skip_serializing_if = "Option::is_none")]
        device: Option<String>,
    },
    /// Voice began.
    SpeechStart {
        /// Its first frame.
        at: u64,
        /// The detector's confidence, 0 to 1.
        probability: f32,
    },
    /// Voice stopped; it may go on in a moment.
    MaybeEnd {
        /// One past its last frame.
        at: u64,
        /// The detector's confidence that it goes on, 0 to 1.
        probability: f32,
    },
    /// Voice stopped and did not go on.
    SpeechEnd {
        /// One past its last frame.
        at: u64,
        /// The detector's confidence that it went on, 0 to 1.
        probability: f32,
    },
    /// A segment began at a sink.
    SegmentBegin {
        /// The sink's name.
        sink: String,
        /// Number of the segment at this sink, from 0.
        segment: u64,
        /// Its first frame.
        at: u64,
    },
    /// A segment ended at a sink; exactly one for each begin.
    SegmentEnd {
        /// The sink's name.
        sink: String,
        /// Number of the segment at this sink, from 0.
        segment: u64,
        /// One past its last frame.
        at: u64,
        /// Its length, at the rate of the sink's edge.
        frames: u64,
        /// Why it ended.
        reason: Reason,
    },
    /// The source lost frames; silence stands in for them.
    Gap {
        /// The first of them.
        at: u64,
        /// How many.
        frames: u64,
        /// `overrun`: the capture ring was full; `device`: the device lost them.
        cause: &'static str,
    },
    /// A socket was opened.
    Connected {
        /// The sink's name.
        sink: String,
        /// The service's name for the connection.
        #[serde(skip_serializing_if = "Option::is_none")]
        connection_id: Option<String>,
        /// What the service says it can do.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        capabilities: Vec<String>,
    },
    /// A socket was lost or closed.
    Disconnected {
        /// The sink's name.
        sink: String,
        /// WebSocket close code.
        #[serde(skip_serializing_if = "Option::is_none")]
        close_code: Option<u16>,
        /// WebSocket close reason.
        #[serde(skip_serializing_if = "Option::is_none")]
        close_reason: Option<String>,
    },
    /// The service's public facts.
    Session {
        /// The sink's name.
        sink: String,
        /// The facts.
        #[serde(flatten)]
        session: SessionFacts,
    },
    /// An attempt to connect, or to open a device, was scheduled.
    Retry {
        /// The source's type, if it is the source.
        #[serde(skip_serializing_if = "Option::is_none")]
        source: Option<String>,
        /// The sink's name, if it is a sink.
        #[serde(skip_serializing_if = "Option::is_none")]
        sink: Option<String>,
        /// Number of the attempt, from 1.
        attempt: u32,
        /// Milliseconds until it is made.
        in_ms: u64,
        /// The code of what went wrong.
        why: &'static str,
    },
    /// An answer of the service.
    Reply {
        /// The sink's name.
        sink: String,
        /// Its text, an echoed transcript split off.
        text: String,
        /// What the service heard.
        #[serde(skip_serializing_if = "Option::is_none")]
        transcript: Option<String>,
        /// The text as it came.
        raw: String,
        /// What comes with it.
        #[serde(skip_serializing_if = "Option::is_none")]
        media: Option<Media>,
        /// When the service says it was made, in Unix milliseconds.
        #[serde(skip_serializing_if = "Option::is_none")]
        time_ms: Option<u64>,
        /// Seconds since the start of the run.
        received: f64,
    },
    /// A message for people: something to know that is no failure.
    Notice {
        /// The source's type, if it is about the source.
        #[serde(skip_serializing_if = "Option::is_none")]
        source: Option<String>,
        /// The sink's name, if it is about a sink.
        #[serde(skip_serializing_if = "Option::is_none")]
        sink: Option<String>,
        /// A stable code, if there is one: `ZEROS`, `CLIPPING` … of the signal, `RealtimeRefused`.
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<&'static str>,
        /// The message.
        text: String,
        /// What to do about it.
        #[serde(skip_serializing_if = "String::is_empty")]
        advice: String,
    },
    /// Playback on the service's side.
    Playback {
        /// The sink's name.
        sink: String,
        /// The request it plays.
        req_id: String,
        /// The service's word for its state.
        state: String,
        /// Milliseconds played.
        played_ms: u64,
        /// Whether it is over.
        end: bool,
        /// The service's word for why, where it gives one.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Level of the source over the last 100 ms.
    Level {
        /// First frame of the measurement.
        at: u64,
        /// Root mean square in dB of full scale; −120 for silence.
        rms_dbfs: f32,
        /// Largest magnitude in dB of full scale; −120 for silence.
        peak_dbfs: f32,
    },
    /// A new version of a node stands in the place of the old one.
    Swapped {
        /// The node's name.
        node: String,
        /// The library it came from.
        plugin: String,
        /// The first frame it got.
        at: u64,
    },
    /// The report so far.
    Stats(Box<Report>),
    /// Something went wrong.
    Error(Box<ErrorFacts>),
    /// A command took effect.
    Done {
        /// The command.
        #[serde(rename = "do")]
        command: String,
    },
    /// The last event.
    Report(Box<Report>),
}

/// Where sound comes from.
#[derive(Clone, Debug, Serialize)]
pub struct ReadySource {
    /// The source's type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The device or file.
    pub device: String,
    /// Its rate, in Hz; absent if it could not be opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<u32>,
}

/// A sink at the start.
#[derive(Clone, Debug, Serialize)]
pub struct ReadySink {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its state.
    pub state: &'static str,
}

/// Public facts of a service's session.
#[derive(Clone, Debug, Serialize)]
pub struct SessionFacts {
    /// Whether a live session is running.
    pub live: bool,
    /// Its licence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license_id: Option<String>,
    /// Whether the service gave a streaming URL.
    pub has_streaming_url: bool,
    /// The URL with its token: only in answer to the command `streaming_url`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub streaming_url: Option<String>,
}

impl From<Session> for SessionFacts {
    fn from(s: Session) -> SessionFacts {
        SessionFacts {
            live: s.live,
            license_id: s.license_id,
            has_streaming_url: s.has_streaming_url,
            streaming_url: s.streaming_url,
        }
    }
}

/// Everything known of an error.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ErrorFacts {
    /// The sink's name, if it is a sink's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sink: Option<String>,
    /// The source's type, if it is the source's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The node's name, if it is a node's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// A stable code.
    pub code: String,
    /// Where in the protocol, or which command.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub phase: String,
    /// What happened.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub advice: String,
    /// Whether trying again may help.
    pub retryable: bool,
    /// Whether this makes the sink give up, or ends the source.
    pub fatal: bool,
    /// The command that was refused; null for a line that is no command.
    #[serde(rename = "do", skip_serializing_if = "Option::is_none")]
    pub command: Option<Option<String>>,
    /// HTTP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    /// The service's own code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_code: Option<String>,
    /// The service's own title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_title: Option<String>,
    /// The service's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_detail: Option<String>,
    /// The connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<String>,
    /// The request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub req_id: Option<String>,
    /// WebSocket close code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub close_code: Option<u16>,
    /// WebSocket close reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub close_reason: Option<String>,
    /// The body of an HTTP refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw_body: Option<String>,
}

impl ErrorFacts {
    pub(crate) fn of_sink(sink: &str, error: SinkError, fatal: bool) -> ErrorFacts {
        ErrorFacts {
            sink: Some(sink.to_owned()),
            code: error.code.to_owned(),
            phase: error.phase.to_owned(),
            message: error.message,
            advice: error.advice,
            retryable: error.kind == glottis_core::SinkErrorKind::Retry,
            fatal,
            http_status: error.http_status,
            server_code: error.server_code,
            server_title: error.server_title,
            server_detail: error.server_detail,
            connection_id: error.connection_id,
            req_id: error.req_id,
            close_code: error.close_code,
            close_reason: error.close_reason,
            raw_body: error.raw_body,
            ..ErrorFacts::default()
        }
    }

    /// An error that ends the source.
    pub(crate) fn of_source(source: &str, error: &glottis_core::SourceError) -> ErrorFacts {
        ErrorFacts {
            source: Some(source.to_owned()),
            code: error.code.to_owned(),
            phase: "source".to_owned(),
            message: error.message.clone(),
            advice: error.advice.clone(),
            fatal: true,
            ..ErrorFacts::default()
        }
    }

    /// An error of a source that goes on.
    pub(crate) fn of_living_source(source: &str, error: &glottis_core::SourceError, retryable: bool) -> ErrorFacts {
        ErrorFacts { retryable, fatal: false, ..ErrorFacts::of_source(source, error) }
    }

    pub(crate) fn bad_command(command: Option<String>, sink: Option<String>, message: String) -> ErrorFacts {
        ErrorFacts {
            sink,
            code: "BadCommand".to_owned(),
            phase: "control".to_owned(),
            message,
            command: Some(command),
            ..ErrorFacts::default()
        }
    }
}

impl EventKind {
    /// A notice about the source.
    pub(crate) fn notice(source: &str, code: &'static str, text: impl Into<String>, advice: &str) -> EventKind {
        EventKind::Notice {
            source: Some(source.to_owned()),
            sink: None,
            code: Some(code),
            text: text.into(),
            advice: advice.to_owned(),
        }
    }

    pub(crate) fn playback(sink: String, playback: Playback) -> EventKind {
        EventKind::Playback {
            sink,
            req_id: playback.req_id,
            state: playback.state,
            played_ms: playback.played_ms,
            end: playback.end,
            reason: playback.reason,
        }
    }
}

/// Full scale to decibels, with a floor so that silence is a number.
pub(crate) fn dbfs(amplitude: f32) -> f32 {
    let db = 20.0 * amplitude.log10();
    // The sum turns −0 into 0.
    if db.is_finite() { (db.max(-120.0) * 10.0).round() / 10.0 + 0.0 } else { -120.0 }
}
