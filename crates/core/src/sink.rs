//! What a sink must be able to do.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use crate::audio::Rate;
use crate::inlet::{Inlet, Item};
use crate::ledger::Cause;
use crate::packet::Packet;
use crate::param::Table;
use crate::problem::Problem;

/// A future that can move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A place sound goes to. It owns its loop, so that it can wait for audio and for its socket at
/// once.
pub trait Sink: Send {
    /// What the outlet in front of the sink shall do. Asked once, before anything runs.
    fn wants(&self) -> Wants;

    /// Learns what its outlet will deliver, before anything runs.
    ///
    /// # Errors
    /// The sink cannot take this: the help names the node to insert or the key to change. Place and
    /// path are filled in by the caller where they are empty.
    fn prepare(&mut self, edge: &Edge) -> Result<(), Problem>;

    /// Runs until the queue is closed and empty, or until something goes wrong. Called again on the
    /// same object after [`SinkErrorKind::Retry`], once the backoff has passed.
    ///
    /// Every packet taken from `inlet` is settled, at the latest before this returns; a packet kept
    /// in `self` for the next run is settled then. Calls [`Inlet::open`] when it can take audio.
    /// After [`crate::Item::Halt`] it ends what is open on the wire within two seconds and returns
    /// `Ok`.
    ///
    /// On the async runtime: must not block the thread for longer than a write to a local file.
    fn run<'a>(&'a mut self, inlet: &'a mut Inlet) -> BoxFuture<'a, Result<(), SinkError>>;

    /// Takes what comes while the sink waits to be run again: a command, or a packet of a source that
    /// cannot wait. Packets are settled or kept, commands answered or kept, as in `run`; without a
    /// method of its own a sink loses the one by name and refuses the other.
    ///
    /// On the async runtime: must return at once.
    fn meanwhile(&mut self, inlet: &mut Inlet, item: Item) {
        match item {
            Item::Packet(packet) => inlet.dropped(packet, Cause::Disconnected),
            Item::Command(command) => inlet.answer(&command, Err("the sink is not connected".to_owned())),
            Item::Halt | Item::Closed => {}
        }
    }

    /// Whether the sink has kept something that it means to deliver in another run. Then the end of
    /// the stream waits for that run, within the limits of a drain.
    fn keeps(&self) -> bool {
        false
    }

    /// The last call, if the last `run` did not return `Ok`: the sink is given up, or the run ended
    /// while it was waiting to try again. It settles packets it kept and ends, as best it can and
    /// within two seconds, what it left open on the service's side.
    fn leave<'a>(&'a mut self, inlet: &'a mut Inlet) -> BoxFuture<'a, ()> {
        let _ = inlet;
        Box::pin(std::future::ready(()))
    }

    /// How long to wait before attempt `attempt` (from 1) to run again after a failure; `None` to
    /// give up. `opened` says whether the failed run had been open.
    fn backoff(&self, attempt: u32, opened: bool) -> Option<Duration> {
        let _ = (attempt, opened);
        None
    }

    /// The same sink as three blocking calls, if it is one. Only such a sink can be offered by a
    /// library that is loaded at run time: an async runtime does not reach across that border.
    fn blocking(self: Box<Self>) -> Option<Box<dyn BlockingSink>> {
        None
    }
}

/// A sink of three calls that may block, on a thread of its own: what a plugin offers. `open`, then
/// `write` for every packet, then `close`; after a failure with [`SinkErrorKind::Retry`] from `open`
/// again.
pub trait BlockingSink: Send {
    /// See [`Sink::wants`].
    fn wants(&self) -> Wants {
        Wants::default()
    }

    /// See [`Sink::prepare`].
    ///
    /// # Errors
    /// The sink cannot take this.
    fn prepare(&mut self, edge: &Edge) -> Result<(), Problem> {
        let _ = edge;
        Ok(())
    }

    /// Connects, or opens a file.
    ///
    /// # Errors
    /// What went wrong, and what it obliges the engine to do.
    fn open(&mut self) -> Result<(), Box<SinkError>>;

    /// Takes a packet. When this returns `Ok` its frames count as delivered.
    ///
    /// # Errors
    /// What went wrong, and what it obliges the engine to do. The frames of the packet are dropped by
    /// name.
    fn write(&mut self, packet: &Packet) -> Result<(), Box<SinkError>>;

    /// Ends what is open, within two seconds. Called once for each `open` that succeeded.
    ///
    /// # Errors
    /// What was written may be incomplete.
    fn close(&mut self) -> Result<(), Box<SinkError>> {
        Ok(())
    }

    /// See [`Sink::backoff`]. Here as [`three_tries`].
    fn backoff(&self, attempt: u32, opened: bool) -> Option<Duration> {
        let _ = opened;
        three_tries(attempt)
    }
}

/// The waits of a sink that has nothing better to say: 1, 2 and 4 seconds, then it is given up.
pub fn three_tries(attempt: u32) -> Option<Duration> {
    (1..=3).contains(&attempt).then(|| Duration::from_secs(1 << (attempt - 1)))
}

/// What an outlet shall do for its sink.
#[derive(Clone, Debug)]
pub struct Wants {
    /// The encoder's name.
    pub encoder: &'static str,
    /// Keys for the encoder, as they would be written.
    pub encoder_settings: Table,
    /// Frames of a chunk where the configuration does not say.
    pub chunk_frames: u32,
    /// Whether the last chunk of a segment is padded to full length where the configuration does
    /// not say.
    pub pad: bool,
    /// The turn mode where the configuration does not say.
    pub turn: TurnMode,
    /// What happens when the queue is full, where the configuration does not say.
    pub overflow: Overflow,
    /// Whether `interrupt` also cuts the running segment: for a service that speaks what it is sent.
    /// Where it answers what it is sent, the user's own voice is what interrupts, and goes on.
    pub cut_on_interrupt: bool,
}

impl Default for Wants {
    fn default() -> Self {
        Wants {
            encoder: "pcm16",
            encoder_settings: Table::default(),
            chunk_frames: 320,
            pad: false,
            turn: TurnMode::Always,
            overflow: Overflow::Shed,
            cut_on_interrupt: false,
        }
    }
}

/// What an outlet will deliver to its sink.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Edge {
    /// The rate of the samples.
    pub rate: Rate,
    /// Frames of a full chunk.
    pub chunk_frames: u32,
    /// Whether the last chunk of a segment is padded to full length.
    pub pad: bool,
    /// The turn mode.
    pub turn: TurnMode,
    /// Whether a voice detector stands upstream.
    pub voice: bool,
    /// Whether the source can wait, so that nothing may be dropped.
    pub waits: bool,
}

/// Who decides where a segment begins and ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum TurnMode {
    /// The service: decided when it has said what it expects.
    Auto = 0,
    /// Nobody: one segment from start to stop.
    Always = 1,
    /// The voice detector.
    Speech = 2,
    /// The user's finger.
    PushToTalk = 3,
}

impl TurnMode {
    pub(crate) fn from_u8(raw: u8) -> TurnMode {
        match raw {
            1 => TurnMode::Always,
            2 => TurnMode::Speech,
            3 => TurnMode::PushToTalk,
            _ => TurnMode::Auto,
        }
    }
}

/// What happens when a sink's queue is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Overflow {
    /// The rest of the segment is shed and the segment aborted.
    Shed,
    /// Frames are left out and the segment goes on: the next packet shows the hole by its position.
    Gap,
}

/// A command for a sink. Answered with [`Inlet::answer`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SinkCommand {
    /// Number of the command, for its answer.
    pub id: u64,
    /// What to do.
    pub action: SinkAction,
}

/// What a sink can be asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SinkAction {
    /// Send a text turn.
    Text(String),
    /// The service's own playback pause.
    Pause(bool),
    /// Stop the service's answer.
    Interrupt,
    /// Hand out the streaming URL, token included, in a `session` event.
    StreamingUrl,
}

impl SinkAction {
    /// The name of the command.
    pub const fn name(&self) -> &'static str {
        match self {
            SinkAction::Text(_) => "text",
            SinkAction::Pause(_) => "pause",
            SinkAction::Interrupt => "interrupt",
            SinkAction::StreamingUrl => "streaming_url",
        }
    }
}

/// A sink's answer to a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The command's number.
    pub id: u64,
    /// The command's name.
    pub name: &'static str,
    /// `Err` says what was wrong with it.
    pub result: Result<(), String>,
}

/// What a failure obliges the engine to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SinkErrorKind {
    /// The connection failed or was lost: run the sink again after its backoff.
    Retry,
    /// The service refused the segment: the sink goes on with the next.
    Rejected,
    /// Nothing will help: give this sink up.
    Fatal,
}

/// A failure of a sink, in the shape of an `error` event.
///
/// No field ever holds a secret: no token, no URL with a query.
#[derive(Clone, PartialEq, Eq)]
pub struct SinkError {
    /// What it obliges the engine to do.
    pub kind: SinkErrorKind,
    /// The service's stable code, for example `AuthFailed`.
    pub code: &'static str,
    /// Where in the protocol it happened, for example `login`, `connect`, `live_start`, `stream`.
    pub phase: &'static str,
    /// What happened, naming host or file.
    pub message: String,
    /// What to do about it.
    pub advice: String,
    /// HTTP status, where there was one.
    pub http_status: Option<u16>,
    /// The service's own code.
    pub server_code: Option<String>,
    /// The service's own title.
    pub server_title: Option<String>,
    /// The service's own words.
    pub server_detail: Option<String>,
    /// The connection, where the service names it.
    pub connection_id: Option<String>,
    /// The request, where the protocol has such.
    pub req_id: Option<String>,
    /// WebSocket close code.
    pub close_code: Option<u16>,
    /// WebSocket close reason.
    pub close_reason: Option<String>,
    /// The body of an HTTP refusal as it came, shortened and without secrets.
    pub raw_body: Option<String>,
    /// The sink has told of it already: the engine acts on it and does not tell it again.
    pub told: bool,
}

impl SinkError {
    /// An error of `kind` with a stable `code`.
    pub fn new(kind: SinkErrorKind, code: &'static str, phase: &'static str, message: impl Into<String>) -> SinkError {
        SinkError {
            kind,
            code,
            phase,
            message: message.into(),
            advice: String::new(),
            http_status: None,
            server_code: None,
            server_title: None,
            server_detail: None,
            connection_id: None,
            req_id: None,
            close_code: None,
            close_reason: None,
            raw_body: None,
            told: false,
        }
    }

    /// An error after which the sink is run again.
    pub fn retry(code: &'static str, phase: &'static str, message: impl Into<String>) -> SinkError {
        SinkError::new(SinkErrorKind::Retry, code, phase, message)
    }

    /// An error after which the sink is given up.
    pub fn fatal(code: &'static str, phase: &'static str, message: impl Into<String>) -> SinkError {
        SinkError::new(SinkErrorKind::Fatal, code, phase, message)
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn advice(mut self, advice: impl Into<String>) -> SinkError {
        self.advice = advice.into();
        self
    }
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        if !self.advice.is_empty() {
            write!(f, " ({})", self.advice)?;
        }
        Ok(())
    }
}

impl fmt::Debug for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for SinkError {}
