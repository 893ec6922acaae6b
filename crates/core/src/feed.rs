//! The ring of blocks between a source and the pipeline thread.
//!
//! # What may be called from a capture callback
//!
//! Only [`Feed`]. It converts samples, picks or mixes channels, cuts blocks, stamps them and pushes
//! them. With a live source it never allocates, locks, blocks, logs or makes a system call, and it
//! wakes nobody: the pipeline thread knows when the next block is due. What does not fit the ring is
//! dropped and counted, and the next block shows the hole by its position. The one exception is asked
//! for: [`Feed::wake_at_once`].
//!
//! A source that can wait (a file) has a feed that waits for room instead.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

mod hole;
mod intake;
mod need;
mod spill;
mod stats;

use hole::Hole;
use need::Need;

pub use intake::{Intake, Taken};
pub use stats::{FeedStats, Lateness, MAX_CHANNELS, energy_since};

use crate::audio::{Block, MAX_BLOCK, Rate, Span};
use crate::clock;
pub use crate::convert::Channel;
use crate::convert::to_mono;
use crate::sync::{AtomicBool, Sleeper, park_timeout};

#[derive(Default)]
struct Shared {
    stats: Arc<FeedStats>,
    /// The source will push nothing more.
    ended: AtomicBool,
    /// The pipeline will take nothing more.
    gone: AtomicBool,
    need: Need,
    /// Set on both sides of a ring that may be waited on.
    source_thread: Sleeper,
    pipeline_thread: Sleeper,
}

/// Makes both ends of the capture ring, with room for `blocks` blocks or a few more. With `waits` the source
/// waits for room instead of dropping.
pub fn capture_ring(rate: Rate, blocks: usize, waits: bool) -> (Feed, Intake) {
    // Who waits for room uses all of it.
    let (input, output) = spill::ring(blocks.max(2), !waits);
    let shared = Arc::new(Shared::default());
    let feed = Feed {
        ring: input,
        block: Block::new(rate),
        filled: 0,
        at: 0,
        pushed: 0,
        channel: Channel::Mix,
        door: None,
        heard: None,
        hole: None,
        timed: true,
        compares: !waits,
        waits,
        wakes: false,
        settle: None,
        shared: shared.clone(),
    };
    (feed, Intake::new(output, rate, waits, shared))
}

/// A rate converter at a source's door, for a rate no edge of the graph can have.
///
/// Same rules as a capture callback: no allocation, no lock, no I/O.
pub trait Door: Send {
    /// Converts `input` and hands each piece of output to `take`.
    fn convert(&mut self, input: &[f32], take: &mut dyn FnMut(&[f32]));
    /// Hands out what is still inside after the last input.
    fn flush(&mut self, take: &mut dyn FnMut(&[f32]));
    /// Frames of output by which the sound is late.
    fn latency(&self) -> u32;
    /// The rate of its input, in Hz.
    fn input_hz(&self) -> u32;
}

/// Puts the thread that calls it where the engine wants it.
type Settle = Box<dyn FnOnce() + Send>;

/// The source's end. Owned by the capture callback or the reading thread.
pub struct Feed {
    ring: spill::Front,
    block: Block,
    /// Frames of the block in progress.
    filled: usize,
    at: u64,
    /// When the call began in which blocks are cut now.
    pushed: u64,
    channel: Channel,
    door: Option<Box<dyn Door>>,
    waits: bool,
    /// Whether the pipeline thread is woken for every block.
    wakes: bool,
    settle: Option<Settle>,
    /// When the newest frame was captured.
    heard: Option<u64>,
    hole: Option<Hole>,
    /// Whether the device's clock is measured, and its channels compared.
    timed: bool,
    compares: bool,
    shared: Arc<Shared>,
}

impl Feed {
    /// The rate of the blocks.
    pub fn rate(&self) -> Rate {
        self.block.rate()
    }

    /// Sets which channels make up the stream. Before the first push.
    pub fn set_channel(&mut self, channel: Channel) {
        self.channel = channel;
    }

    /// Puts a rate converter between the samples pushed and the blocks. Before the first push, and
    /// after an [interruption](Feed::interrupt).
    pub fn set_door(&mut self, door: Box<dyn Door>) {
        self.door = Some(door);
    }

    /// Counts frames from `at` on instead of 0, for a stream that continues another. Before the first
    /// push; the schedule must begin at the same
    /// place. Rounded down to a whole block.
    pub fn begin_at(&mut self, at: u64) {
        self.at = at - at % self.rate().block() as u64;
        self.shared.stats.begin.store(self.at, Ordering::Relaxed);
    }

    /// Compares the channels also of a source that can wait, where it costs more than it is worth in a
    /// run.
    pub fn compare_channels(&mut self) {
        self.compares = true;
    }

    /// Does not measure the device's clock.
    pub fn ignore_clock(&mut self) {
        self.timed = false;
    }

    /// From now on every block wakes the pipeline thread, instead of leaving it to look when a block is due:
    /// half a millisecond less of latency for one wake-up, a system call of some microseconds that does not
    /// block. Before the first push.
    pub fn wake_at_once(&mut self) {
        self.wakes = true;
    }

    /// What [`Feed::settle`] does. Before the source is started.
    pub fn settle_by(&mut self, settle: impl FnOnce() + Send + 'static) {
        self.settle = Some(Box::new(settle));
    }

    /// For a source with a thread that does nothing but read and push: puts the calling thread where what it
    /// pushes is taken soonest. Before the first push, since it makes system calls; never on the thread of a
    /// device's callback, which belongs to the sound system.
    pub fn settle(&mut self) {
        if let Some(settle) = self.settle.take() {
            settle();
        }
    }

    /// Whether pushing waits for room.
    pub fn waits(&self) -> bool {
        self.waits
    }

    /// Pushes interleaved samples of `channels` channels; the last of them was captured at `now`
    /// (nanoseconds of [`clock`]). An incomplete last frame is ignored.
    ///
    /// Real-time safe, unless the feed [waits](Feed::waits): then it blocks while the ring is full.
    /// Returns false once the pipeline has gone: the source may stop.
    pub fn push<S: Copy>(&mut self, samples: &[S], channels: usize, now: u64, to_f32: impl Fn(S) -> f32) -> bool {
        let started = clock::now();
        // Before the block: who takes that has its time.
        self.shared.stats.pushed.store(started, Ordering::Relaxed);
        self.pushed = started;
        let mut mono = [0.0_f32; MAX_BLOCK];
        let channels = channels.max(1);
        let frames = samples.len() / channels;
        if self.hole.is_some() && frames > 0 {
            self.silence(now.saturating_sub(self.native_ns(frames as u64)));
            self.hole = None;
        }
        self.heard = Some(now);
        self.take_note(samples, channels, now, &to_f32);
        let before = self.shared.stats.captured.load(Ordering::Relaxed);
        let mut done = 0;
        while done < frames {
            let n = (frames - done).min(MAX_BLOCK);
            let piece = &samples[done * channels..(done + n) * channels];
            to_mono(piece, channels, self.channel, &mut mono[..n], &to_f32);
            done += n;
            let behind = frames - done;
            self.push_converted(&mono[..n], now, behind as u64);
        }
        if !self.waits {
            self.take_note_of_door(now, before);
            let took = clock::now().saturating_sub(started);
            self.shared.stats.callback_max_ns.fetch_max(took, Ordering::Relaxed);
        }
        !self.shared.gone.load(Ordering::Relaxed)
    }

    /// Pushes mono samples of nominal range −1 to 1. Otherwise as [`Feed::push`].
    pub fn push_mono(&mut self, samples: &[f32], now: u64) -> bool {
        self.push(samples, 1, now, |s| s)
    }

    /// Counts an overrun of the device's own buffer.
    pub fn xrun(&self) {
        self.shared.stats.xruns.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether the pipeline has taken every whole block pushed so far: a command given now takes effect
    /// behind them. For a program that ends a segment where its speech ends. Real-time safe.
    pub fn is_taken(&self) -> bool {
        self.ring.is_empty()
    }

    /// Blocks from here on up to the next that matters, itself included: 1 unless the pipeline thread has told that
    /// it rests. Who sleeps until a block is due may sleep until that one is, and push them all. Real-time safe.
    ///
    /// A device is not asked: it hands out what it has when it has it.
    pub fn needed_in(&self) -> u32 {
        let block = self.rate().block() as u64;
        let end = (self.shared.need.first(self.at / block) + 1) * block;
        (end - self.at).div_ceil(block) as u32
    }

    /// What the feed counts.
    pub fn stats(&self) -> Arc<FeedStats> {
        self.shared.stats.clone()
    }

    /// What the device gives, before anything is made of it: how late it is, and which of its channels
    /// carry sound.
    fn take_note<S: Copy>(&mut self, samples: &[S], channels: usize, now: u64, to_f32: impl Fn(S) -> f32) {
        if self.timed && !self.waits {
            self.shared.stats.lateness.note(now, (samples.len() / channels) as u64, self.native_hz());
        }
        if self.compares {
            self.shared.stats.note_channels(samples, channels, to_f32);
        }
    }

    /// How late what leaves the rate converter is, if there is one.
    fn take_note_of_door(&mut self, now: u64, before: u64) {
        if self.timed && self.door.is_some() {
            let stats = &self.shared.stats;
            let given = stats.captured.load(Ordering::Relaxed) - before;
            stats.converted.note(now, given, self.block.rate().hz());
        }
    }

    /// How long `frames` frames of the device last.
    fn native_ns(&self, frames: u64) -> u64 {
        (u128::from(frames) * 1_000_000_000 / u128::from(self.native_hz())) as u64
    }

    fn native_hz(&self) -> u32 {
        self.door.as_ref().map_or(self.rate().hz(), |door| door.input_hz()).max(1)
    }

    fn push_converted(&mut self, mono: &[f32], now: u64, behind: u64) {
        let now = now.saturating_sub(self.native_ns(behind));
        match self.door.take() {
            None => self.collect(mono, now),
            Some(mut door) => {
                let late = self.rate().ns(u64::from(door.latency()));
                door.convert(mono, &mut |piece| self.collect(piece, now.saturating_sub(late)));
                self.door = Some(door);
            }
        }
    }

    /// Collects blocks from samples of the feed's rate, the last of which was captured at `now`.
    fn collect(&mut self, mut samples: &[f32], now: u64) {
        self.shared.stats.captured.fetch_add(samples.len() as u64, Ordering::Relaxed);
        while !samples.is_empty() {
            let first = now.saturating_sub(self.rate().ns(samples.len() as u64));
            let (taken, rest) = samples.split_at(samples.len().min(self.rate().block() - self.filled));
            self.put(taken.len(), first, false, |out| out.copy_from_slice(taken));
            samples = rest;
        }
    }

    /// Puts `n` frames, which fit the block in progress and the first of which is from `first`.
    ///
    /// A block tells of one loss. Where two fall into the same 10 ms the second counts as if it followed
    /// the first at once: how much was lost stays exact.
    fn put(&mut self, n: usize, first: u64, lost: bool, write: impl FnOnce(&mut [f32])) {
        if self.filled == 0 {
            self.block.at = self.at as i64;
            self.block.captured = first;
            self.block.lost = Span::default();
        }
        if lost {
            let span = &mut self.block.lost;
            if span.is_empty() {
                (span.from, span.to) = (self.at as i64, self.at as i64);
            }
            span.to += n as i64;
        }
        let filled = self.filled;
        write(&mut self.block.samples_mut()[filled..filled + n]);
        self.filled += n;
        self.at += n as u64;
        if self.filled == self.rate().block() {
            self.send();
        }
    }

    fn send(&mut self) {
        let real = std::mem::take(&mut self.filled) as u64 - self.block.lost.frames();
        if self.waits {
            self.wait_for_room();
        }
        self.block.pushed = self.pushed;
        if !self.ring.push(&self.block) {
            // Silence that stands in for lost frames is counted as lost already.
            self.shared.stats.overrun.fetch_add(real, Ordering::Relaxed);
        } else if self.wakes || (self.waits && self.ring.is_half_full()) {
            // Once for half a ring where nobody is late: waking costs more than a block does.
            self.shared.pipeline_thread.wake();
        }
    }

    fn wait_for_room(&mut self) {
        if !self.ring.is_full() {
            return;
        }
        self.shared.source_thread.here();
        self.shared.pipeline_thread.wake();
        while self.ring.is_full() && !self.shared.gone.load(Ordering::Acquire) {
            park_timeout(Duration::from_millis(5));
        }
    }

    /// Ends the stream: the last partial block is padded with silence and says so. Also done by dropping the feed.
    pub fn finish(&mut self) {
        if self.shared.ended.load(Ordering::Acquire) {
            return;
        }
        // Says so even if the door panics: nobody may wait for ever for what never comes.
        let _end = End { shared: self.shared.clone(), wake: self.waits || self.wakes };
        let now = clock::now();
        self.pushed = now;
        if let Some(mut door) = self.door.take() {
            door.flush(&mut |piece| self.collect(piece, now));
        }
        if self.filled > 0 {
            let filled = self.filled;
            self.block.samples_mut()[filled..].fill(0.0);
            self.block.valid = filled as u16;
            self.send();
        }
    }
}

/// Ends the stream when it is dropped.
struct End {
    shared: Arc<Shared>,
    wake: bool,
}

impl Drop for End {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        if self.wake {
            self.shared.pipeline_thread.wake();
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.finish();
    }
}
