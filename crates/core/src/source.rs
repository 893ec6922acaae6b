//! What a source must be able to do.

use std::fmt;

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

/// A source that is running. Owned and polled by the control thread, about every 20 ms. Dropping it
/// stops the source and returns within a second, whatever the device does.
pub trait Capture: Send {
    /// How it goes: `Ok(())`, or what ended it. An error is returned once.
    ///
    /// # Errors
    /// The source failed and delivers nothing more.
    fn poll(&mut self) -> Result<(), SourceError>;

    /// Stops (or lets go on) reading. Returns false if the source cannot: the pipeline then gates
    /// what comes.
    fn pause(&mut self, on: bool) -> bool {
        let _ = on;
        false
    }
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
}

impl SourceError {
    /// An error with a stable `code`.
    pub fn new(code: &'static str, message: impl Into<String>, advice: impl Into<String>) -> SourceError {
        SourceError { code, message: message.into(), advice: advice.into() }
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
