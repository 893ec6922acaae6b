//! A capture that runs: a thread of its own lets the [`Machine`] decide and the [`Host`] act, and hands
//! what there is to tell to the control thread.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use glottis_core::Feed;
use glottis_core::source::{Capture, Nudge, SourceError, SourceEvent};

use crate::config::Config;
use crate::errors;
use crate::machine::{Input, Machine, Order};
use crate::system::System;

/// Dropping a capture takes no longer.
const DROP_LIMIT: Duration = Duration::from_millis(900);

/// What a machine's orders are given to. None of its calls waits for a device.
pub trait Host {
    /// Nanoseconds of a clock that does not go back.
    fn now(&self) -> u64;
    /// Begins to open a device; answered by [`Input::Opened`] or [`Input::Refused`].
    fn open(&mut self, plain: bool);
    /// Begins to close it; answered by [`Input::Closed`].
    fn close(&mut self, lost: bool);
    /// Waits for the next thing to happen, until `due` at most, and then says [`Input::Tick`]. With
    /// `eager`, looks often what devices there are. `None`: stop.
    fn next(&mut self, due: Option<u64>, eager: bool) -> Option<Input>;
}

/// Runs a capture until it is stopped, or ends because no device was ever there: then it says why.
///
/// # Errors
/// Why there never was a device.
pub fn run(host: &mut impl Host, patient: bool, tell: &mut dyn FnMut(SourceEvent)) -> Result<(), SourceError> {
    let mut orders = Vec::new();
    let mut machine = Machine::new(patient, &mut orders);
    loop {
        for order in orders.drain(..) {
            match order {
                Order::Open { plain } => host.open(plain),
                Order::Close { lost } => host.close(lost),
                Order::Tell(event) => tell(event),
                Order::End(error) => return Err(error),
            }
        }
        let Some(input) = host.next(machine.due(), machine.eager()) else { return Ok(()) };
        machine.step(host.now(), input, &mut orders);
    }
}

/// What there is to tell: an event, or why there will be nothing more.
type Word = Result<SourceEvent, SourceError>;

/// The capture's thread's way to tell it.
struct Teller {
    words: Sender<Word>,
    nudge: Arc<Mutex<Option<Nudge>>>,
}

impl Teller {
    fn tell(&self, word: Word) {
        let _ = self.words.send(word);
        // Behind it: who sets a nudge only now looks for words after that.
        if let Some(nudge) = &*self.nudge.lock().unwrap_or_else(PoisonError::into_inner) {
            nudge();
        }
    }
}

/// A microphone that is captured from, or looked for.
pub struct Listening {
    /// Dropped to stop.
    stop: Option<Sender<Infallible>>,
    told: Receiver<Word>,
    nudge: Arc<Mutex<Option<Nudge>>>,
    events: VecDeque<SourceEvent>,
    end: Option<SourceError>,
}

impl Listening {
    /// Starts to open a device.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(config: &Config, feed: Feed) -> Result<Listening, SourceError> {
        let (stop, stopped) = bounded(0);
        let (words, told) = unbounded();
        let nudge = Arc::default();
        let teller = Teller { words, nudge: Arc::clone(&nudge) };
        let config = config.clone();
        spawn("glottis microphone", move || {
            let patient = config.wait;
            if config.unasked {
                let error = errors::error(errors::NO_CONSTRAINTS, "`device` names no device: the default one is used");
                teller.tell(Ok(SourceEvent::Error { error, retryable: true }));
            }
            let mut system = System::new(config, feed, stopped);
            let tell = &mut |event| teller.tell(Ok(event));
            if let Err(error) = run(&mut system, patient, tell) {
                // Before the stream ends: who sees the end must find the error.
                teller.tell(Err(error));
            }
            system.stop();
        })?;
        Ok(Listening { stop: Some(stop), told, nudge, events: VecDeque::new(), end: None })
    }

    fn listen(&mut self) {
        for told in self.told.try_iter() {
            match told {
                Ok(event) => self.events.push_back(event),
                Err(error) => self.end = Some(error),
            }
        }
    }
}

/// Starts a thread that may be left behind.
///
/// # Errors
/// The system gives none.
pub fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), SourceError> {
    let thread = std::thread::Builder::new().name(name.into()).spawn(work);
    thread.map(drop).map_err(|e| errors::error(errors::RECORDER, format!("no thread for the microphone: {e}")))
}

impl Capture for Listening {
    fn nudge_with(&mut self, nudge: Nudge) {
        *self.nudge.lock().unwrap_or_else(PoisonError::into_inner) = Some(nudge);
    }

    fn event(&mut self) -> Option<SourceEvent> {
        self.listen();
        self.events.pop_front()
    }

    fn opens_later(&self) -> bool {
        true
    }

    fn poll(&mut self) -> Result<(), SourceError> {
        self.listen();
        match self.end.take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.stop = None;
        while self.told.recv_timeout(DROP_LIMIT).is_ok() {}
    }
}
