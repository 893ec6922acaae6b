//! One attempt at a device, from the order to open it to the moment its stream is dropped. On the
//! capture's own thread, which never waits for it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Sender;
use glottis_core::source::SourceError;

use crate::errors;
use crate::owner::Started;
use crate::stream::{Shared, Watch};

/// A device that is open gives sound within this time, or is none.
const PROOF_LIMIT: Duration = Duration::from_secs(1);

/// An attempt that is on.
pub struct Attempt {
    /// Tells its words from those of one that was left behind.
    pub number: u64,
    pub shared: Arc<Shared>,
    /// Dropped to let the owner of the stream go.
    pub stop: Option<Sender<Infallible>>,
    pub phase: Phase,
    /// Since when it is in this phase.
    since: u64,
    pub watch: Watch,
    /// Once it is open.
    pub started: Started,
}

/// How far it is.
pub enum Phase {
    Opening,
    /// It is open, and has given no sound yet.
    Proving,
    Open,
    /// It failed, and the machine knows.
    Failed(Option<SourceError>),
    Closing(Option<SourceError>),
    /// It failed before it gave any sound.
    Discarding(SourceError),
}

impl Attempt {
    /// One that begins at `now`.
    pub fn new(number: u64, shared: Arc<Shared>, stop: Sender<Infallible>, now: u64) -> Attempt {
        Attempt {
            number,
            shared,
            stop: Some(stop),
            phase: Phase::Opening,
            since: now,
            watch: Watch::new(now),
            started: Started::default(),
        }
    }

    /// Goes on.
    pub fn enter(&mut self, phase: Phase, now: u64) {
        self.phase = phase;
        self.since = now;
    }

    /// How long it has been in its phase.
    pub fn waited(&self, now: u64) -> Duration {
        Duration::from_nanos(now.saturating_sub(self.since))
    }

    /// What is wrong with a stream that reports no error.
    pub fn ails(&mut self, now: u64) -> Option<String> {
        let name = &self.started.name;
        if let Some(silence) = self.watch.silent(now, &self.shared) {
            return Some(format!("the microphone \"{name}\" has given no sound for {:.1} s", silence.as_secs_f64()));
        }
        let count = self.watch.storm(now, &self.shared)?;
        Some(format!("the microphone \"{name}\" had {count} overruns within seconds"))
    }

    /// Why a stream that has given no sound for so long after it was opened is none.
    pub fn mute(&self, waited: Duration) -> Option<SourceError> {
        let name = &self.started.name;
        let failed = self.shared.error().map(|error| errors::opening(name, &error));
        failed.or_else(|| {
            let text = format!("the microphone \"{name}\" is open and gives no sound");
            (waited > PROOF_LIMIT).then(|| errors::error(errors::RECORDER, text))
        })
    }
}
