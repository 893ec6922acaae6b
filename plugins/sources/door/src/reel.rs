//! A thread that reads samples from a [`Reel`] and feeds them to the pipeline: paced by the monotonic
//! clock, or as fast as the pipeline takes them. The control thread holds a [`Playing`], the reading
//! thread owns the reel and the feed.

use std::convert::Infallible;
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use glottis_core::source::{Capture, SourceError};
use glottis_core::sync::Bell;
use glottis_core::{Feed, clock};

use crate::pcm::{self, Coding};
use crate::wav::Header;

/// How fast a reel is played.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pace {
    /// Pieces of 10 ms, each when it would have been captured; where the pipeline has no need of some
    /// ([`Feed::needed_in`]), they come with the next one it needs. Due times count from the start, so they do not
    /// drift, and stand in the blocks as their capture times.
    Realtime,
    /// As fast as the pipeline takes them.
    Fast,
}

/// Samples in the order they are heard, interleaved.
pub trait Reel: Send {
    /// Frames per second and channels. Constant.
    fn format(&self) -> (u32, u16);

    /// Reads the next frames, at most `frames` of them, and says how many; 0 at the end. On the
    /// reading thread, and may block; a reel that waits for anything but a disk also watches the
    /// [`Stop`] it was given.
    ///
    /// # Errors
    /// What went before was good, and nothing more can be read.
    fn read(&mut self, frames: usize) -> Result<usize, SourceError>;

    /// The frames of the last [`read`](Reel::read).
    fn piece(&self) -> Piece<'_>;
}

/// Some whole frames of a reel.
#[derive(Clone, Copy, Debug)]
pub enum Piece<'a> {
    /// As they stand in the file.
    Bytes(Coding, &'a [u8]),
    /// Decoded.
    Floats(&'a [f32]),
}

impl Piece<'_> {
    fn push(&self, feed: &mut Feed, channels: usize, now: u64) -> bool {
        match self {
            Piece::Bytes(coding, bytes) => pcm::push(feed, *coding, bytes, channels, now),
            Piece::Floats(samples) => feed.push(samples, channels, now, |s| s),
        }
    }
}

/// Becomes ready, by being disconnected, when the reel is to stop.
pub type Stop = Receiver<Infallible>;

/// Starts a thread that plays the reel `make` gives into `feed`. Messages call the reel `name`.
///
/// # Errors
/// The error of `make`, or the system gives no thread.
pub fn play(
    name: &str,
    mut feed: Feed,
    pace: Pace,
    make: impl FnOnce(Stop) -> Result<Box<dyn Reel>, SourceError>,
) -> Result<Playing, SourceError> {
    let (stop_sender, stop) = bounded(0);
    let keys = Arc::new(Keys::default());
    let (outcome, result) = bounded(1);
    let mut reel = make(stop)?;
    let control = Control(keys.clone());
    let broke = SourceError::new(
        "Input",
        format!("reading {name} failed in a way that it should not"),
        "report this as a bug, with the input if you can",
    );
    std::thread::Builder::new()
        .name("glottis source".into())
        .spawn(move || {
            feed.settle();
            let run = catch_unwind(AssertUnwindSafe(|| run(&mut *reel, &mut feed, pace, &control)));
            if let Err(error) = run.unwrap_or(Err(broke)) {
                // Before the feed ends: who sees the end must find the error.
                let _ = outcome.send(error);
            }
            // Ending flushes the door. Should that panic, dropping the feed ends it without one.
            let _ = catch_unwind(AssertUnwindSafe(|| feed.finish()));
            drop(feed);
        })
        .map_err(|error| {
            SourceError::new("Input", format!("no thread to read {name}: {error}"), "close other programs")
        })?;
    Ok(Playing { keys, stop: Some(stop_sender), result })
}

/// A reel that is being played.
pub struct Playing {
    keys: Arc<Keys>,
    stop: Option<Sender<Infallible>>,
    /// Carries the error, if there is one; disconnected when the thread is done.
    result: Receiver<SourceError>,
}

impl Capture for Playing {
    fn poll(&mut self) -> Result<(), SourceError> {
        self.result.try_recv().map_or(Ok(()), Err)
    }

    fn pause(&mut self, on: bool) -> bool {
        self.keys.paused.store(on, Ordering::Release);
        self.keys.bell.ring();
        !self.keys.unattended.load(Ordering::Acquire)
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        self.stop = None;
        self.keys.stopped.store(true, Ordering::Release);
        self.keys.bell.ring();
        // A thread that hangs in a read (or at a full ring that nobody empties) is left behind.
        while self.result.recv_timeout(Duration::from_millis(800)).is_ok() {}
    }
}

/// What the control thread sets, and rings for. A channel would look for a while before it lets the thread
/// sleep, which costs as much again as the waking does.
#[derive(Default)]
struct Keys {
    paused: AtomicBool,
    stopped: AtomicBool,
    /// Nobody looks at them any more.
    unattended: AtomicBool,
    bell: Bell,
}

/// The reading thread's end of them.
struct Control(Arc<Keys>);

/// The reel was stopped.
struct Stopped;

impl Control {
    /// Waits until `due`, longer by what it was paused, and returns that. `None` only looks whether
    /// to stop or pause.
    fn wait(&self, due: Option<u64>) -> Result<u64, Stopped> {
        let mut paused = 0;
        loop {
            paused += self.sit_out_pause();
            if self.0.stopped.load(Ordering::Acquire) {
                return Err(Stopped);
            }
            let left = due.map_or(0, |due| due.saturating_add(paused).saturating_sub(clock::now()));
            if left == 0 {
                return Ok(paused);
            }
            self.0.bell.wait(Duration::from_nanos(left));
        }
    }

    /// Nanoseconds for which it was paused.
    fn sit_out_pause(&self) -> u64 {
        let Keys { paused, stopped, bell, .. } = &*self.0;
        if !paused.load(Ordering::Acquire) {
            return 0;
        }
        let since = clock::now();
        while paused.load(Ordering::Acquire) && !stopped.load(Ordering::Acquire) {
            bell.wait(Duration::MAX);
        }
        clock::now().saturating_sub(since)
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.0.unattended.store(true, Ordering::Release);
    }
}

/// A read that takes longer than this waited for somebody: the time it took does not count.
const STARVED_NS: u64 = 100_000_000;

fn run(reel: &mut dyn Reel, feed: &mut Feed, pace: Pace, control: &Control) -> Result<(), SourceError> {
    let (hz, channels) = reel.format();
    let (hz, channels) = (u64::from(hz), usize::from(channels));
    let mut done = 0_u64;
    let mut origin = None;
    loop {
        let wanted = match pace {
            Pace::Fast => usize::MAX,
            Pace::Realtime => (tick(done, hz, feed.needed_in()) - done) as usize,
        };
        let asked = clock::now();
        let frames = reel.read(wanted)? as u64;
        if frames == 0 {
            return Ok(());
        }
        let Ok(now) = (match pace {
            Pace::Fast => control.wait(None).map(|_| clock::now()),
            Pace::Realtime => {
                let now = clock::now();
                let origin = origin.get_or_insert(now);
                if now.saturating_sub(asked) > STARVED_NS {
                    *origin += now.saturating_sub(*origin + ns(done, hz));
                }
                done += frames;
                control.wait(Some(*origin + ns(done, hz))).map(|paused| {
                    *origin += paused;
                    *origin + ns(done, hz)
                })
            }
        }) else {
            return Ok(());
        };
        if !reel.piece().push(feed, channels, now) {
            return Ok(());
        }
    }
}

/// The first frame past `done` with which so many more times 10 ms are full.
fn tick(done: u64, hz: u64, more: u32) -> u64 {
    ((done * 100 / hz + u64::from(more)) * hz).div_ceil(100)
}

fn ns(frames: u64, hz: u64) -> u64 {
    (u128::from(frames) * 1_000_000_000 / u128::from(hz)) as u64
}

/// Bytes read at a time at most.
const READ: usize = 64 * 1024;

/// PCM bytes from anything that can be read, played as they are.
pub struct Bytes<R> {
    input: R,
    name: String,
    code: &'static str,
    header: Header,
    /// Bytes of samples not yet read.
    left: u64,
    buffer: Vec<u8>,
    filled: usize,
    /// Bytes of whole frames in the buffer; behind them the beginning of the next, perhaps.
    whole: usize,
    failed: Option<SourceError>,
}

impl<R: Read + Send> Bytes<R> {
    /// A reel of the samples that `header` announces and `input` is about to give. Messages call it
    /// `name`; an error of `input` has `code`.
    pub fn new(input: R, name: impl Into<String>, code: &'static str, header: Header) -> Bytes<R> {
        let buffer = vec![0; READ.max(header.frame())];
        let left = header.data;
        Bytes { input, name: name.into(), code, header, left, buffer, filled: 0, whole: 0, failed: None }
    }

    /// What is read from.
    pub fn input_mut(&mut self) -> &mut R {
        &mut self.input
    }

    /// Starts again, `input` having been set back to the first sample.
    pub fn rewound(&mut self) {
        (self.left, self.filled, self.whole) = (self.header.data, 0, 0);
    }

    /// Reads until there is a frame: a pipe that gives little at a time must not be waited for.
    fn fill(&mut self, wanted: usize) {
        while self.filled < self.header.frame().min(wanted) {
            let why = match self.input.read(&mut self.buffer[self.filled..wanted]) {
                Ok(0) if self.header.open_ended => None,
                Ok(0) => Some(self.cut_short()),
                Ok(n) => {
                    self.filled += n;
                    self.left -= n as u64;
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Some(self.broken(&error)),
            };
            (self.failed, self.left, self.filled) = (why, 0, 0);
            break;
        }
    }

    fn cut_short(&self) -> SourceError {
        let lost = (self.left + self.filled as u64) / self.header.frame() as u64;
        SourceError::new(
            "Format",
            format!("{} is cut short: {lost} frames that its header promises are missing", self.name),
            "what was there has been played; copy or record it again",
        )
    }

    fn broken(&self, error: &io::Error) -> SourceError {
        let message = format!("reading {} failed: {error}", self.name);
        SourceError::new(self.code, message, "what came before has been played")
    }
}

impl<R: Read + Send> Reel for Bytes<R> {
    fn format(&self) -> (u32, u16) {
        (self.header.hz, self.header.channels)
    }

    fn read(&mut self, frames: usize) -> Result<usize, SourceError> {
        self.buffer.copy_within(self.whole..self.filled, 0);
        self.filled -= self.whole;
        let frame = self.header.frame();
        let most = frames.min(self.buffer.len() / frame).saturating_mul(frame);
        // The last frame may be incomplete; then it is as if it were not there.
        let there = self.left.saturating_add(self.filled as u64);
        let wanted = (there - there % frame as u64).min(most as u64) as usize;
        self.fill(wanted);
        self.whole = self.filled - self.filled % frame;
        self.failed.take().map_or(Ok(self.whole / frame), Err)
    }

    fn piece(&self) -> Piece<'_> {
        Piece::Bytes(self.header.coding, &self.buffer[..self.whole])
    }
}
