//! What a source must be able to do.

use std::fmt;
use std::sync::Arc;

use crate::audio::Rate;
use crate::feed::Feed;

/// What a source is about to deliver.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SourceFormat {
    /// The rate of the blocks it will feed.
    pub rate: Rate,
    /// The rate of the device or file; another one than `rate` if the source converts at its door.
    pub native_hz: u32,
    /// Channels of the device or file.
    pub channels: u16,
    /// Whether the source can wait: then nothing is ever dropped, and the run goes as fast as its
    /// slowest sink.
    pub waits: bool,
}

/// A place sound comes from. On the control thread; opening may block.
pub trait Source: Send {
    /// Finds out what the source will deliver. May open the file or device, or look at it.
    /// `check` calls it with `look` false: nothing is opened then, and a source that cannot tell
    /// without answers `None`.
    ///
    /// # Errors
    /// The source cannot deliver anything.
    fn format(&mut self, look: bool) -> Result<Option<SourceFormat>, SourceError>;

    /// What the user would call the device: its name, or the file's.
    fn device(&self) -> String;

    /// Whether sound goes on whether anybody listens or not. A file waits until every sink is ready,
    /// a microphone does not.
    fn live(&self) -> bool;

    /// Starts to fill `feed`. Dropping the result stops it.
    ///
    /// # Errors
    /// The device or file could not be opened.
    fn start(&mut self, feed: Feed) -> Result<Box<dyn Capture>, SourceError>;
}

/// Tells the control thread that a capture has something to say. From any thread but those of audio; may
/// allocate, and may block briefly.
pub type Nudge = Arc<dyn Fn() + Send + Sync>;

/// A source that is running. Owned by the control thread, which asks it whenever it is
/// [nudged](Capture::nudge_with), ten times a second in any case, and when the stream has ended. Dropping it
/// stops the source and returns within a second, whatever the device does.
pub trait Capture: Send {
    /// From now on `nudge` may be called when there is something new for [`Capture::poll`] or
    /// [`Capture::event`] to tell, so that it is told at once. Called once, right after
    /// [`Source::start`]; both are asked after it.
    fn nudge_with(&mut self, nudge: Nudge) {
        let _ = nudge;
    }

    /// How it goes: `Ok(())`, or what ended it. An error is returned once.
    ///
    /// # Errors
    /// The source failed and delivers nothing more.
    fn poll(&mut self) -> Result<(), SourceError>;

    /// What happened since the last call; asked until there is nothing more.
    fn event(&mut self) -> Option<SourceEvent> {
        None
    }

    /// Whether the source is still opening when [`Source::start`] returns, and [`Capture::event`]
    /// tells when it is open.
    fn opens_later(&self) -> bool {
        false
    }

    /// Stops (or lets go on) reading. Returns false if the source cannot: the pipeline then gates
    /// what comes.
    fn pause(&mut self, on: bool) -> bool {
        let _ = on;
        false
    }
}

/// Something a source that goes on has to say. The engine adds the time and the source's type.
#[derive(Clone, PartialEq, Debug)]
pub enum SourceEvent {
    /// Another state: `open`, `lost` or `searching`.
    State {
        /// Its name.
        state: &'static str,
        /// The device that is open, as the user would call it.
        device: Option<String>,
    },
    /// Something went wrong, and the source goes on, or looks for a way to.
    Error {
        /// What.
        error: SourceError,
        /// Whether it tries again.
        retryable: bool,
    },
    /// Another attempt to open the device is scheduled.
    Retry {
        /// Number of the attempt, from 1.
        attempt: u32,
        /// Milliseconds until it is made.
        in_ms: u64,
        /// The code of what went wrong.
        why: &'static str,
    },
    /// Something to know that is no failure.
    Notice {
        /// A stable code.
        code: &'static str,
        /// What it is.
        text: String,
        /// What to do about it.
        advice: String,
    },
}

/// Why a source delivers nothing (more).
#[derive(Clone, PartialEq, Eq)]
pub struct SourceError {
    /// A stable code: one of the seven media codes of capture devices, or `File`, `Format`, `Input`.
    pub code: &'static str,
    /// What happened, naming the file or device.
    pub message: String,
    /// What to do about it.
    pub advice: String,
    /// Whether [`Source::start`] is worth a try all the same: a live source then looks for its device
    /// itself, and sinks wait until it has one.
    pub retryable: bool,
}

impl SourceError {
    /// An error with a stable `code`.
    pub fn new(code: &'static str, message: impl Into<String>, advice: impl Into<String>) -> SourceError {
        SourceError { code, message: message.into(), advice: advice.into(), retryable: false }
    }

    /// The same, worth another try.
    pub fn worth_a_retry(self) -> SourceError {
        SourceError { retryable: true, ..self }
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        if !self.advice.is_empty() {
            write!(f, " ({})", self.advice)?;
        }
        Ok(())
    }
}

impl fmt::Debug for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for SourceError {}
