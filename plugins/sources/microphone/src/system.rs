//! The sound system as a [`Host`]: streams through cpal, and the feed that goes from one to the next.
//! On the capture's own thread, which never waits for a device: opening, starting, dropping and
//! listing can each take for ever, so threads of their own do them and are left behind if they must be.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, select_biased, unbounded};
use glottis_core::drift::{Steady, WINDOW_NS};
use glottis_core::feed::{Channel, Lateness};
use glottis_core::source::SourceError;
use glottis_core::{Feed, clock};
use glottis_source_door::{Stretch, door, elastic};

use crate::attempt::{Attempt, Phase};
use crate::capture::{Host, spawn};
use crate::config::{Clock, Config};
use crate::errors;
use crate::machine::{Input, Scene};
use crate::owner::{Opening, Started};
use crate::scene;
use crate::stream::{Shared, Watch};

/// Opening takes 30 ms as a rule; a hung server lets it hang.
pub const OPEN_LIMIT: Duration = Duration::from_secs(5);

/// For so long the end of a stream, and the cause of its error, is waited for.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// For so long when all is over.
const FAREWELL_LIMIT: Duration = Duration::from_millis(700);

/// How often the streams are looked at.
const BEAT: Duration = Duration::from_millis(10);

/// The silence of a hole is so far behind the clock, so that the first sound behind the hole, which is
/// as old as the device's buffer is long, still finds its place.
const BEHIND: u64 = 200_000_000;

/// Threads that hang in a sound system at a time. Where more would, only a restart of it helps.
const MOST_HANGING: usize = 8;

/// What other threads say; the number is that of the stream.
pub enum Word {
    Started(Started),
    Refused(SourceError),
    /// The stream is dropped.
    Closed(Option<SourceError>),
    Seen(Scene),
}

/// The sound system. See the module.
pub struct System {
    config: Config,
    /// Here while no stream has it.
    feed: Option<Feed>,
    stream: Option<Attempt>,
    numbers: u64,
    hanging: Arc<AtomicUsize>,
    words: Sender<(u64, Word)>,
    inbox: Receiver<(u64, Word)>,
    stopped: Receiver<Infallible>,
    eager: Arc<AtomicBool>,
    pace: Pace,
    /// An answer that is due at once.
    answer: Option<Input>,
}

/// Keeps the stream on the system's clock.
#[derive(Default)]
struct Pace {
    steady: Steady,
    stretch: Arc<Stretch>,
    window: u64,
}

impl Pace {
    /// A device begins. Until its clock is known the sound is stretched as that of the one before, which
    /// may well be the same.
    fn begin(&mut self, now: u64) {
        self.steady = Steady::default();
        self.window = now;
    }

    fn keep(&mut self, now: u64, lateness: &Lateness) {
        if now.saturating_sub(self.window) < WINDOW_NS {
            return;
        }
        self.window = now;
        if let Some(least) = lateness.take() {
            self.stretch.set(self.steady.step(now, least));
        }
    }
}

impl System {
    /// The system's devices for `config`, until `stopped` is disconnected.
    pub fn new(config: Config, feed: Feed, stopped: Receiver<Infallible>) -> System {
        let (words, inbox) = unbounded();
        let eager = Arc::new(AtomicBool::new(true));
        let look = (config.clone(), eager.clone(), words.clone(), stopped.clone());
        // Without that thread changes are found later, by trying.
        let _ = spawn("glottis devices", move || scene::watch(&look.0, &look.1, &look.2, &look.3));
        System {
            config,
            feed: Some(feed),
            stream: None,
            numbers: 0,
            hanging: Arc::default(),
            words,
            inbox,
            stopped,
            eager,
            pace: Pace::default(),
            answer: None,
        }
    }

    /// Ends the stream of blocks, and lets go of the device.
    pub fn stop(&mut self) {
        self.take_feed_back();
        self.feed = None;
        let Some(Attempt { number, stop, .. }) = self.stream.take() else { return };
        drop(stop);
        let deadline = std::time::Instant::now() + FAREWELL_LIMIT;
        while let Ok((from, word)) = self.inbox.recv_deadline(deadline) {
            if from == number && matches!(word, Word::Closed(_) | Word::Refused(_)) {
                return;
            }
        }
    }

    fn take_feed_back(&mut self) {
        let Some(stream) = &self.stream else { return };
        if let Some(mut feed) = stream.shared.take_feed() {
            feed.interrupt();
            self.feed = Some(feed);
        }
    }

    /// What has become of the stream.
    fn look(&mut self, now: u64) -> Option<Input> {
        let stream = self.stream.as_mut()?;
        let waited = stream.waited(now);
        match &mut stream.phase {
            Phase::Opening if waited > OPEN_LIMIT => {
                let text = format!("opening the microphone: nothing happens for {} s", OPEN_LIMIT.as_secs());
                self.stream = None;
                Some(Input::Refused(errors::error(errors::RECORDER, text)))
            }
            Phase::Proving if stream.watch.begun(&stream.shared) => {
                stream.enter(Phase::Open, now);
                stream.watch = Watch::new(now);
                self.pace.begin(now);
                let opened = Input::Opened { rank: stream.started.rank, device: stream.started.name.clone() };
                self.give_feed();
                Some(opened)
            }
            Phase::Proving => {
                if let Some(error) = stream.mute(waited) {
                    stream.enter(Phase::Discarding(error), now);
                    stream.stop = None;
                    self.take_feed_back();
                } else if waited.as_nanos() as u64 > BEHIND {
                    // Time goes on meanwhile.
                    self.take_feed_back();
                }
                None
            }
            Phase::Open if stream.shared.failed() => {
                stream.enter(Phase::Failed(None), now);
                Some(Input::Failed)
            }
            Phase::Open => {
                let text = stream.ails(now)?;
                stream.enter(Phase::Failed(Some(errors::error(errors::RECORDER, text))), now);
                Some(Input::Failed)
            }
            Phase::Closing(_) | Phase::Discarding(_) if waited > CLOSE_LIMIT => self.closed(None),
            Phase::Opening | Phase::Failed(_) | Phase::Closing(_) | Phase::Discarding(_) => None,
        }
    }

    /// The stream is dropped, or left behind.
    fn closed(&mut self, verdict: Option<SourceError>) -> Option<Input> {
        match self.stream.take()?.phase {
            Phase::Discarding(error) => Some(Input::Refused(error)),
            Phase::Closing(why) => Some(Input::Closed(verdict.or(why))),
            _ => None,
        }
    }

    fn hear(&mut self, number: u64, word: Word) -> Option<Input> {
        if let Word::Seen(scene) = word {
            return Some(Input::Seen(scene));
        }
        let now = clock::now();
        let Some(stream) = self.stream.as_mut().filter(|stream| stream.number == number) else {
            // One that was left behind: its thread is free again.
            return Some(Input::Stirred);
        };
        match word {
            Word::Started(started) => {
                stream.started = started;
                stream.enter(Phase::Proving, now);
                self.give_feed();
                None
            }
            Word::Refused(error) => {
                self.stream = None;
                Some(Input::Refused(error))
            }
            Word::Closed(verdict) => self.closed(verdict),
            Word::Seen(_) => None,
        }
    }

    /// Gives the feed to the stream, unless it has it.
    fn give_feed(&mut self) {
        let Some(stream) = &mut self.stream else { return };
        let Some(mut feed) = self.feed.take() else { return };
        let hz = stream.started.hz;
        let made = match self.config.clock {
            Clock::Correct => elastic(hz, feed.rate(), self.pace.stretch.clone()).map(Some),
            Clock::Measure | Clock::Ignore => door(hz, feed.rate()),
        };
        if self.config.clock == Clock::Ignore {
            feed.ignore_clock();
        }
        match made {
            Ok(Some(door)) => feed.set_door(door),
            Ok(None) => {}
            Err(error) => {
                let error = errors::error(errors::CONSTRAINTS, format!("{}: {error}", stream.started.name));
                stream.enter(Phase::Discarding(error), clock::now());
                stream.stop = None;
                self.feed = Some(feed);
                return;
            }
        }
        feed.set_channel(match self.config.channel {
            // Only a device that stands in for another may lack it.
            Channel::Pick(pick) if pick >= stream.started.channels => Channel::Mix,
            channel => channel,
        });
        stream.shared.put_feed(feed);
    }
}

impl Host for System {
    fn now(&self) -> u64 {
        clock::now()
    }

    fn open(&mut self, plain: bool) {
        self.numbers += 1;
        let (number, shared) = (self.numbers, Arc::new(Shared::default()));
        let (stop, stopped) = bounded(0);
        let opening = Opening {
            number,
            config: self.config.clone(),
            plain,
            shared: shared.clone(),
            words: self.words.clone(),
            stopped,
            hanging: self.hanging.clone(),
        };
        let begun = if self.hanging.load(Ordering::Relaxed) >= MOST_HANGING {
            Err(errors::error(errors::RECORDER, "the sound system hangs, in every attempt to use it"))
        } else {
            opening.begin()
        };
        match begun {
            Ok(()) => {
                self.stream = Some(Attempt::new(number, shared, stop, clock::now()));
            }
            Err(error) => self.answer = Some(Input::Refused(error)),
        }
    }

    fn close(&mut self, lost: bool) {
        self.take_feed_back();
        let Some(stream) = &mut self.stream else {
            self.answer = Some(Input::Closed(None));
            return;
        };
        let why = match std::mem::replace(&mut stream.phase, Phase::Opening) {
            Phase::Failed(Some(why)) => Some(why),
            _ if lost => {
                let error = stream.shared.error().unwrap_or_else(|| cpal::ErrorKind::DeviceNotAvailable.into());
                Some(errors::streaming(&stream.started.name, &error, || false))
            }
            _ => None,
        };
        stream.enter(Phase::Closing(why), clock::now());
        stream.stop = None;
    }

    fn next(&mut self, due: Option<u64>, eager: bool) -> Option<Input> {
        self.eager.store(eager, Ordering::Relaxed);
        loop {
            if let Some(answer) = self.answer.take() {
                return Some(answer);
            }
            let now = clock::now();
            if let Some(feed) = &mut self.feed {
                feed.silence(now.saturating_sub(BEHIND));
            }
            if let Some(input) = self.look(now) {
                return Some(input);
            }
            if self.config.clock == Clock::Correct
                && let Some(Attempt { phase: Phase::Open, shared, .. }) = &self.stream
            {
                self.pace.keep(now, &shared.lateness);
            }
            if due.is_some_and(|due| now >= due) {
                return Some(Input::Tick);
            }
            let wait = due.map_or(BEAT, |due| BEAT.min(Duration::from_nanos(due - now)));
            select_biased! {
                recv(self.stopped) -> _ => return None,
                recv(self.inbox) -> word => {
                    if let Ok((number, word)) = word
                        && let Some(input) = self.hear(number, word)
                    {
                        return Some(input);
                    }
                }
                default(wait) => {}
            }
        }
    }
}
