//! A microphone that is open: the thread that owns its stream, and the watch over it.
//!
//! Opening, starting and dropping a stream can each take for ever, so a thread of its own does them and
//! is left behind if it must be. It holds nothing but the stream; the feed is taken back first.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use cpal::traits::StreamTrait;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded};
use glottis_core::source::{Capture, SourceError};
use glottis_core::{Feed, clock};
use glottis_source_door::{door, keys};

use crate::config::Config;
use crate::find::{Found, first};
use crate::stream::{Shared, build};
use crate::{errors, find};

/// Opening takes 30 ms as a rule; a hung server lets it hang.
pub const OPEN_LIMIT: Duration = Duration::from_secs(5);

/// No sound for so long, and for three times as long as one callback brings, and the device hangs. A
/// machine under load has been seen to stall for 0.3 s.
const SILENCE_LIMIT: Duration = Duration::from_secs(1);

/// For so long the cause of an error is looked for.
const VERDICT_LIMIT: Duration = Duration::from_secs(1);

/// Dropping a capture takes no longer.
const DROP_LIMIT: Duration = Duration::from_millis(800);

/// Runs `work` on a thread that is left behind if it takes longer than [`OPEN_LIMIT`].
///
/// # Errors
/// What `work` returns, or that it took too long.
pub fn patiently<T: Send + 'static>(
    what: &str,
    work: impl FnOnce() -> Result<T, SourceError> + Send + 'static,
) -> Result<T, SourceError> {
    let (sender, result) = bounded(1);
    spawn(move || {
        let _ = sender.send(work());
    })?;
    match result.recv_timeout(OPEN_LIMIT) {
        Ok(result) => result,
        Err(why) => Err(hangs(what, why)),
    }
}

fn spawn(work: impl FnOnce() + Send + 'static) -> Result<(), SourceError> {
    let thread = std::thread::Builder::new().name("glottis microphone".into()).spawn(work);
    thread.map(drop).map_err(|e| errors::error(errors::RECORDER, format!("no thread for the microphone: {e}")))
}

fn hangs(what: &str, why: RecvTimeoutError) -> SourceError {
    let why = match why {
        RecvTimeoutError::Timeout => format!("nothing happens for {} s", OPEN_LIMIT.as_secs()),
        RecvTimeoutError::Disconnected => "the sound system's library failed".into(),
    };
    errors::error(errors::RECORDER, format!("{what}: {why}"))
}

/// A microphone that is open.
pub struct Listening {
    shared: Arc<Shared>,
    name: String,
    /// Dropped to let the owner of the stream go.
    stop: Option<Sender<Infallible>>,
    /// Why the stream failed, once it is dropped; disconnected when its owner is done.
    verdict: Receiver<SourceError>,
    state: State,
    watch: Watch,
}

#[derive(Clone, Copy)]
enum State {
    Running,
    /// An error was reported, and its cause is looked for.
    Failed(Instant),
    Over,
}

impl Listening {
    /// Opens the first of the configured devices that opens, and starts it.
    ///
    /// # Errors
    /// None opens.
    pub fn start(config: &Config, feed: Feed) -> Result<Listening, SourceError> {
        let shared = Arc::new(Shared::default());
        let (stop, stopped) = bounded(0);
        let (opened, result) = bounded(1);
        let (judge, verdict) = bounded(1);
        let owner = Owner { config: config.clone(), shared: shared.clone(), opened, stopped, judge };
        spawn(move || owner.run(feed))?;
        let result = result.recv_timeout(OPEN_LIMIT).unwrap_or_else(|why| Err(hangs("opening the microphone", why)));
        let mut listening = Listening {
            shared,
            name: String::new(),
            stop: Some(stop),
            verdict,
            state: State::Running,
            watch: Watch::new(),
        };
        // An error drops it: the owner, wherever it hangs, is told that nobody listens.
        listening.name = result?;
        Ok(listening)
    }

    fn end(&mut self, error: SourceError) -> Result<(), SourceError> {
        self.state = State::Over;
        self.stop = None;
        drop(self.shared.take_feed());
        Err(error)
    }
}

impl Capture for Listening {
    fn poll(&mut self) -> Result<(), SourceError> {
        match self.state {
            State::Over => Ok(()),
            State::Running if self.shared.failed() => {
                self.stop = None;
                self.state = State::Failed(Instant::now());
                Ok(())
            }
            State::Running => match self.watch.silent(&self.shared) {
                Some(silence) => self.end(errors::error(
                    errors::RECORDER,
                    format!("the microphone \"{}\" has given no sound for {:.1} s", self.name, silence.as_secs_f64()),
                )),
                None => Ok(()),
            },
            State::Failed(since) => match self.verdict.try_recv() {
                Ok(error) => self.end(error),
                Err(TryRecvError::Empty) if since.elapsed() < VERDICT_LIMIT => Ok(()),
                Err(_) => {
                    let error = self.shared.error().unwrap_or_else(|| cpal::ErrorKind::StreamInvalidated.into());
                    let error = errors::streaming(&self.name, &error, || false);
                    self.end(error)
                }
            },
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        drop(self.shared.take_feed());
        self.stop = None;
        while self.verdict.recv_timeout(DROP_LIMIT).is_ok() {}
    }
}

/// Notices when callbacks stop coming.
struct Watch {
    beat: u64,
    looked: u64,
    silent: u64,
}

impl Watch {
    fn new() -> Watch {
        Watch { beat: 0, looked: clock::now(), silent: 0 }
    }

    /// How long the device has been silent, if that is too long. Time in which nobody looked, because
    /// the whole program stood still, hardly counts.
    fn silent(&mut self, shared: &Shared) -> Option<Duration> {
        const MOST_BETWEEN_LOOKS: u64 = 100_000_000;
        let now = clock::now();
        let beat = shared.beat.load(Ordering::Relaxed);
        if beat != self.beat {
            (self.beat, self.silent) = (beat, 0);
        } else {
            self.silent += now.saturating_sub(self.looked).min(MOST_BETWEEN_LOOKS);
        }
        self.looked = now;
        let limit = SILENCE_LIMIT.max(Duration::from_nanos(3 * shared.period.load(Ordering::Relaxed)));
        let silent = Duration::from_nanos(self.silent);
        (silent > limit).then_some(silent)
    }
}

/// Owns the stream, on a thread of its own.
struct Owner {
    config: Config,
    shared: Arc<Shared>,
    opened: Sender<Result<String, SourceError>>,
    stopped: Receiver<Infallible>,
    judge: Sender<SourceError>,
}

impl Owner {
    fn run(self, feed: Feed) {
        let mut feed = Some(feed);
        let opened = first(&self.config, |found| self.open(found, &mut feed));
        let (stream, found) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                let _ = self.opened.send(Err(error));
                return;
            }
        };
        let _ = self.opened.send(Ok(found.name.clone()));
        let _ = self.stopped.recv();
        drop(stream);
        if let Some(error) = self.shared.error() {
            let there = || build(&found, self.config.buffer, &Arc::default()).is_ok();
            let _ = self.judge.send(errors::streaming(&found.name, &error, there));
        }
    }

    fn open(&self, found: Found, feed: &mut Option<Feed>) -> Result<(cpal::Stream, Found), SourceError> {
        check(&self.config, &found)?;
        let bad = |error: &cpal::Error| errors::opening(&found.name, error);
        let stream = build(&found, self.config.buffer, &self.shared).map_err(|error| bad(&error))?;
        if let Some(mut feed) = feed.take().or_else(|| self.shared.take_feed()) {
            feed.set_channel(self.config.channel);
            let hz = found.native.sample_rate();
            match door(hz, feed.rate()) {
                Ok(Some(door)) => feed.set_door(door),
                Ok(None) => {}
                Err(error) => return Err(errors::error(errors::CONSTRAINTS, format!("{}: {error}", found.name))),
            }
            self.shared.put_feed(feed);
        }
        stream.play().map_err(|error| bad(&error))?;
        Ok((stream, found))
    }
}

/// Refuses a device that does not have the wanted channel.
///
/// # Errors
/// It does not.
pub fn check(config: &Config, found: &find::Found) -> Result<(), SourceError> {
    let name = format!("the microphone \"{}\"", found.name);
    keys::check_channel(config.channel, found.native.channels(), &name, errors::CONSTRAINTS)
}
