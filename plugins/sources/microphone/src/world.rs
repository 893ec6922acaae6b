//! A world of devices that come, fail, go and come back, in time of its own: what no rig can do, each
//! system's way of losing a device included. Random worlds, and laws that hold in all of them.
//!
//! The devices are made up; the machine that decides, what the callbacks do, the watch over them and the
//! feed are the real ones.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use cpal::ErrorKind;
use glottis_core::feed::{Taken, capture_ring};
use glottis_core::source::SourceError;
use glottis_core::{Block, Feed, Intake, Rate};

use crate::capture::Host;
use crate::errors;
use crate::machine::{Input, Scene};
use crate::stream::{Shared, Watch};
use crate::system::BEHIND;

mod laws;

const MS: u64 = 1_000_000;

/// How a device is.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Shape {
    Fine,
    /// Not there; and how an open stream learns of it.
    Gone(Loss),
    Busy,
    Denied,
    Broken,
    /// Opening it takes for ever.
    Hangs,
    /// It opens only as it is itself.
    Odd,
}

/// How a stream is told that its device is lost.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Loss {
    /// The host says so: ALSA on a card (ENODEV), PulseAudio, WASAPI (the device is invalidated), JACK and
    /// PipeWire (the server has gone).
    Told,
    /// An error that says nothing, thousands of times: ALSA on a sound server.
    Muttered,
    /// Nothing at all, and no more callbacks: CoreAudio, a server killed with shared memory, a hung daemon.
    Silent,
    /// The sound server goes on with another device, without a word.
    Replaced,
    /// Overruns without an end: EPIPE again and again from a bus that has had enough.
    Storm,
}

/// What the list of devices says.
#[derive(Clone, Copy, PartialEq, Debug)]
enum List {
    True,
    /// There is such a device, whether there is or not.
    There,
    /// There is none, whether there is or not.
    Missing,
}

#[derive(Clone, Copy, Debug)]
struct Change {
    after_ms: u64,
    device: usize,
    shape: Shape,
    /// The device is another one by the same name, or has another rate.
    other: bool,
    list: List,
}

/// Between two callbacks, and two looks at them.
const BEAT: u64 = 50 * MS;

/// The frames of a callback, at 8 kHz.
const FRAMES: usize = 400;

/// A stream, and how it ends.
struct Stream {
    shared: Arc<Shared>,
    watch: Watch,
    /// It is being dropped; some hosts call back until it is.
    loss: Option<Loss>,
}

/// What comes out, and what there was to hear.
struct Sound {
    /// Here while no stream has it.
    feed: Option<Feed>,
    intake: Intake,
    /// When the first callback came, and until when there is sound or silence.
    began: Option<u64>,
    heard: u64,
    given: u64,
    taken: i64,
    lost: u64,
}

impl Sound {
    fn new() -> Sound {
        let (feed, intake) = capture_ring(Rate::for_source(8000), 500, false);
        Sound { feed: Some(feed), intake, began: None, heard: 0, given: 0, taken: 0, lost: 0 }
    }

    fn take(&mut self) {
        let mut block = Block::new(self.intake.rate());
        while let Taken::Block = self.intake.take(&mut block) {
            assert_eq!(block.at, self.taken, "one timeline");
            self.taken += i64::from(block.valid);
            self.lost += block.lost.frames();
        }
    }

    /// All is over: every frame is there once, and the stream is as long as it lasted.
    fn close(&mut self) {
        if let Some(mut feed) = self.feed.take() {
            feed.finish();
        }
        self.take();
        let stats = self.intake.stats();
        let (captured, lost) = (stats.captured.load(Relaxed), stats.lost.load(Relaxed));
        assert_eq!((self.taken as u64, self.lost), (captured, lost), "the books");
        assert_eq!(captured, self.given + lost, "what was heard, and what was not");
        let lasted = self.began.map_or(0, |began| (self.heard - began + BEAT) / MS * 8);
        assert!(captured.abs_diff(lasted) < 8 * 10, "{captured} frames in the time of {lasted}");
    }
}

struct World {
    now: u64,
    lists: Vec<List>,
    beat_at: u64,
    stream: Option<Stream>,
    /// Streams that were dropped, and until when they call back all the same.
    ghosts: Vec<(Arc<Shared>, u64)>,
    sound: Sound,
    shapes: Vec<Shape>,
    meanings: Vec<u64>,
    print: u64,
    changes: Vec<(u64, Change)>,
    latency: u64,
    end: u64,
    /// What is due, and when.
    due: Vec<(u64, Due)>,
    look_at: u64,
    open: Option<usize>,
    opening: bool,
    closing: bool,
    calls: u32,
}

#[derive(Debug)]
enum Due {
    Answer { plain: bool, hung: bool },
    Closed { lost: bool },
}

impl World {
    fn new(shapes: Vec<Shape>, script: &[Change], latency_ms: u64, rest_ms: u64) -> World {
        let mut at = 0;
        let changes: Vec<(u64, Change)> = script
            .iter()
            .map(|change| {
                at += change.after_ms * MS;
                (at, *change)
            })
            .collect();
        World {
            now: 0,
            lists: vec![List::True; shapes.len()],
            beat_at: 0,
            stream: None,
            ghosts: Vec::new(),
            sound: Sound::new(),
            meanings: (0..shapes.len() as u64).map(|i| 100 * i).collect(),
            shapes,
            print: 0,
            changes,
            latency: latency_ms * MS,
            end: at + rest_ms * MS,
            due: Vec::new(),
            look_at: 0,
            open: None,
            opening: false,
            closing: false,
            calls: 0,
        }
    }

    fn apply(&mut self, change: Change) {
        let before = std::mem::replace(&mut self.shapes[change.device], change.shape);
        let there = |shape| !matches!(shape, Shape::Gone(_));
        if there(before) != there(change.shape) {
            self.print += 1;
        }
        if change.other {
            self.meanings[change.device] += 1;
            self.print += 1;
        }
        self.lists[change.device] = change.list;
        if self.open == Some(change.device)
            && !matches!(change.shape, Shape::Fine | Shape::Odd)
            && let Some(stream) = self.stream.as_mut().filter(|s| matches!(s.loss, None | Some(Loss::Replaced)))
        {
            let loss = if let Shape::Gone(loss) = change.shape { loss } else { Loss::Silent };
            stream.loss = Some(loss);
            match loss {
                Loss::Told => stream.shared.report(ErrorKind::DeviceNotAvailable.into()),
                Loss::Muttered => (0..1000).for_each(|_| stream.shared.report(ErrorKind::BackendError.into())),
                Loss::Silent | Loss::Replaced | Loss::Storm => {}
            }
        }
    }

    fn scene(&self) -> Scene {
        let listed = |i: usize| match self.lists[i] {
            List::True => !matches!(self.shapes[i], Shape::Gone(_)),
            List::There => true,
            List::Missing => false,
        };
        let meaning = |i: usize| listed(i).then_some(self.meanings[i]);
        Scene { meaning: (0..self.shapes.len()).map(meaning).collect(), print: self.print }
    }

    /// A callback of each stream that calls, and a look at the one that should.
    fn beat(&mut self) -> Option<Input> {
        let now = self.now;
        let Sound { feed, began, heard, given, .. } = &mut self.sound;
        let mut call = |shared: &Shared| {
            shared.sound(now, BEAT, |feed| {
                feed.push_mono(&[0.5; FRAMES], now);
                began.get_or_insert(now);
                (*heard, *given) = (now, *given + FRAMES as u64);
            });
        };
        self.ghosts.retain(|(_, until)| *until > now);
        self.ghosts.iter().for_each(|(shared, _)| call(shared));
        let mut failed = false;
        if let Some(stream) = &mut self.stream {
            match stream.loss {
                None | Some(Loss::Replaced) => call(&stream.shared),
                Some(Loss::Storm) => (0..200).for_each(|_| stream.shared.report(ErrorKind::Xrun.into())),
                Some(Loss::Told | Loss::Muttered | Loss::Silent) => {}
            }
            let ails =
                stream.watch.silent(now, &stream.shared).is_some() || stream.watch.storm(now, &stream.shared).is_some();
            failed = !self.closing && (ails || stream.shared.failed());
        }
        if let Some(feed) = feed {
            let until = now.saturating_sub(BEHIND);
            feed.silence(until);
            *heard = until.max(*heard);
        }
        self.sound.take();
        failed.then_some(Input::Failed)
    }

    /// The first that opens, or the error that tells most.
    fn try_all(&self, plain: bool) -> Result<usize, SourceError> {
        let mut worst = errors::NOT_FOUND;
        for (i, shape) in self.shapes.iter().enumerate() {
            let code = match shape {
                Shape::Fine => return Ok(i),
                Shape::Odd if plain => return Ok(i),
                Shape::Odd => errors::CONSTRAINTS,
                Shape::Gone(_) => errors::NOT_FOUND,
                Shape::Busy => errors::IN_USE,
                Shape::Denied => errors::PERMISSION_DENIED,
                Shape::Broken | Shape::Hangs => errors::RECORDER,
            };
            if worst == errors::NOT_FOUND {
                worst = code;
            }
        }
        Err(errors::error(worst, "none opens"))
    }

    fn answer(&mut self, due: Due) -> Option<Input> {
        match due {
            Due::Answer { hung: true, .. } => {
                self.opening = false;
                Some(Input::Refused(errors::error(errors::RECORDER, "nothing happens")))
            }
            Due::Answer { plain, .. } => {
                self.opening = false;
                Some(match self.try_all(plain) {
                    Ok(rank) => {
                        self.open = Some(rank);
                        let (shared, watch) = (Arc::new(Shared::default()), Watch::new(self.now));
                        shared.put_feed(self.sound.feed.take().expect("opened twice: a stream has the feed"));
                        self.stream = Some(Stream { shared, watch, loss: None });
                        Input::Opened { rank, device: format!("device {rank}") }
                    }
                    Err(error) => Input::Refused(error),
                })
            }
            Due::Closed { lost } => {
                (self.open, self.closing) = (None, false);
                let stream = self.stream.take().expect("a stream");
                let code = match stream.loss {
                    Some(Loss::Silent | Loss::Storm) => errors::RECORDER,
                    _ => errors::ABORTED,
                };
                self.ghosts.push((stream.shared, self.now + 300 * MS));
                Some(Input::Closed(lost.then(|| errors::error(code, "lost"))))
            }
        }
    }
}

impl Host for World {
    fn now(&self) -> u64 {
        self.now
    }

    fn open(&mut self, plain: bool) {
        assert!(!self.opening && self.open.is_none(), "opened twice");
        self.opening = true;
        let first = self.shapes.iter().find(|shape| matches!(shape, Shape::Fine | Shape::Hangs));
        let hung = first == Some(&Shape::Hangs);
        let wait = if hung { 5000 * MS } else { self.latency };
        self.due.push((self.now + wait, Due::Answer { plain, hung }));
    }

    fn close(&mut self, lost: bool) {
        assert!(self.open.is_some() && !self.closing, "closed what is not open");
        self.closing = true;
        let mut feed = self.stream.as_ref().and_then(|stream| stream.shared.take_feed()).expect("the stream has it");
        feed.interrupt();
        self.sound.feed = Some(feed);
        self.due.push((self.now + self.latency / 4, Due::Closed { lost }));
    }

    fn next(&mut self, tick: Option<u64>, eager: bool) -> Option<Input> {
        self.calls += 1;
        assert!(self.calls < 100_000, "it never rests");
        loop {
            let look = self.look_at;
            let change = self.changes.first().map_or(u64::MAX, |(at, _)| *at);
            let due = self.due.iter().map(|(at, _)| *at).min().unwrap_or(u64::MAX);
            // Before the first stream there is nothing to hear, and no time to fill.
            let beats = self.stream.is_some() || self.sound.began.is_some();
            let beat = if beats { self.beat_at } else { u64::MAX };
            let first = look.min(beat).min(change).min(due).min(tick.unwrap_or(u64::MAX)).max(self.now);
            // A change to a better device that is under way at the end is seen through.
            if first > self.end && !self.opening && !self.closing {
                self.now = self.now.max(self.end);
                return None;
            }
            self.now = first;
            if change <= first {
                let (_, change) = self.changes.remove(0);
                self.apply(change);
            } else if due <= first {
                let index = self.due.iter().position(|(at, _)| *at == due)?;
                let (_, due) = self.due.remove(index);
                if let Some(input) = self.answer(due) {
                    return Some(input);
                }
            } else if tick.is_some_and(|tick| tick <= first) {
                return Some(Input::Tick);
            } else if beat <= first {
                self.beat_at = first + BEAT;
                if let Some(input) = self.beat() {
                    return Some(input);
                }
            } else {
                self.look_at = first + if eager { 200 * MS } else { 1000 * MS };
                return Some(Input::Seen(self.scene()));
            }
        }
    }
}
