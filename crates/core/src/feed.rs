//! The ring of blocks between a source and the pipeline thread.
//!
//! # What may be called from a capture callback
//!
//! Only [`Feed`]. It converts samples, picks or mixes channels, cuts blocks, stamps them and pushes
//! them. With a live source it never allocates, locks, blocks, logs or makes a system call, and it
//! wakes nobody: the pipeline thread knows when the next block is due. What does not fit the ring is
//! dropped and counted, and the next block shows the hole by its position.
//!
//! A source that can wait (a file) has a feed that waits for room instead.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::Duration;

use ringbuf::traits::{Consumer, Observer, Producer, Split};
use ringbuf::{HeapCons, HeapProd, HeapRb};

use crate::audio::{Block, MAX_BLOCK, Rate};
use crate::clock;
pub use crate::convert::Channel;
use crate::convert::to_mono;

/// What a feed counts. Written by the source's thread, read by anyone.
#[derive(Default)]
pub struct FeedStats {
    /// Frames the source delivered, at the feed's rate, lost ones included.
    pub captured: AtomicU64,
    /// Frames that found the ring full.
    pub overrun: AtomicU64,
    /// Frames the device itself lost, as far as the source could tell.
    pub lost: AtomicU64,
    /// Times the device reported an overrun of its own buffer.
    pub xruns: AtomicU64,
    /// The longest call of a push, in nanoseconds.
    pub callback_max_ns: AtomicU64,
}

#[derive(Default)]
struct Shared {
    stats: Arc<FeedStats>,
    /// The source will push nothing more.
    ended: AtomicBool,
    /// The pipeline will take nothing more.
    gone: AtomicBool,
    /// Set on both sides of a ring that may be waited on.
    source_thread: OnceLock<Thread>,
    pipeline_thread: OnceLock<Thread>,
}

/// Makes both ends of the capture ring, with room for `blocks` blocks. With `waits` the source waits
/// for room instead of dropping.
pub fn capture_ring(rate: Rate, blocks: usize, waits: bool) -> (Feed, Intake) {
    let (input, output) = HeapRb::new(blocks.max(2)).split();
    let shared = Arc::new(Shared::default());
    let feed = Feed {
        ring: input,
        block: Block::new(rate),
        filled: 0,
        at: 0,
        channel: Channel::Mix,
        door: None,
        waits,
        shared: shared.clone(),
    };
    (feed, Intake { ring: output, rate, waits, shared })
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

/// The source's end. Owned by the capture callback or the reading thread.
pub struct Feed {
    ring: HeapProd<Block>,
    block: Block,
    filled: usize,
    at: u64,
    channel: Channel,
    door: Option<Box<dyn Door>>,
    waits: bool,
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

    /// Puts a rate converter between the samples pushed and the blocks. Before the first push.
    pub fn set_door(&mut self, door: Box<dyn Door>) {
        self.door = Some(door);
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
        let mut mono = [0.0_f32; MAX_BLOCK];
        let channels = channels.max(1);
        let frames = samples.len() / channels;
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
            let took = clock::now().saturating_sub(started);
            self.shared.stats.callback_max_ns.fetch_max(took, Ordering::Relaxed);
        }
        !self.shared.gone.load(Ordering::Relaxed)
    }

    /// Pushes mono samples of nominal range −1 to 1. Otherwise as [`Feed::push`].
    pub fn push_mono(&mut self, samples: &[f32], now: u64) -> bool {
        self.push(samples, 1, now, |s| s)
    }

    /// The source lost `frames` frames: the next block says so by its position.
    pub fn gap(&mut self, frames: u64) {
        self.shared.stats.lost.fetch_add(frames, Ordering::Relaxed);
        let now = clock::now();
        let size = self.rate().block() as u64;
        // Whole blocks are skipped, and the pipeline fills them; the ragged ends are silence here.
        let head = frames.min((size - self.at % size) % size);
        let whole = (frames - head) / size * size;
        self.collect(&[0.0; MAX_BLOCK][..head as usize], now);
        self.shared.stats.captured.fetch_add(whole, Ordering::Relaxed);
        self.at += whole;
        self.collect(&[0.0; MAX_BLOCK][..(frames - head - whole) as usize], now);
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

    /// What the feed counts.
    pub fn stats(&self) -> Arc<FeedStats> {
        self.shared.stats.clone()
    }

    fn push_converted(&mut self, mono: &[f32], now: u64, behind: u64) {
        let input_hz = self.door.as_ref().map_or(self.rate().hz(), |door| door.input_hz()).max(1);
        let late = behind.saturating_mul(1_000_000_000) / u64::from(input_hz);
        let now = now.saturating_sub(late);
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
            if self.filled == 0 {
                self.block.at = self.at as i64;
                self.block.captured = now.saturating_sub(self.rate().ns(samples.len() as u64));
            }
            let n = samples.len().min(self.rate().block() - self.filled);
            let (taken, rest) = samples.split_at(n);
            let filled = self.filled;
            self.block.samples_mut()[filled..filled + n].copy_from_slice(taken);
            self.filled += n;
            self.at += n as u64;
            samples = rest;
            if self.filled == self.rate().block() {
                self.filled = 0;
                self.send();
            }
        }
    }

    fn send(&mut self) {
        if self.waits {
            self.wait_for_room();
        }
        if self.ring.try_push(self.block).is_err() {
            let frames = self.rate().block() as u64;
            self.shared.stats.overrun.fetch_add(frames, Ordering::Relaxed);
        } else if self.waits && self.ring.occupied_len() * 2 >= self.ring.capacity().get() {
            // Once for half a ring, not once for each block: waking costs more than a block does.
            wake(&self.shared.pipeline_thread);
        }
    }

    fn wait_for_room(&mut self) {
        if !self.ring.is_full() {
            return;
        }
        self.shared.source_thread.get_or_init(std::thread::current);
        wake(&self.shared.pipeline_thread);
        while self.ring.is_full() && !self.shared.gone.load(Ordering::Acquire) {
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    /// Ends the stream: the last partial block is padded with silence and says so. Also done by dropping the feed.
    pub fn finish(&mut self) {
        if self.shared.ended.load(Ordering::Acquire) {
            return;
        }
        // Says so even if the door panics: nobody may wait for ever for what never comes.
        let _end = End { shared: self.shared.clone(), wake: self.waits };
        if let Some(mut door) = self.door.take() {
            let now = clock::now();
            door.flush(&mut |piece| self.collect(piece, now));
        }
        if self.filled > 0 {
            let filled = self.filled;
            self.block.samples_mut()[filled..].fill(0.0);
            self.block.valid = filled as u16;
            self.filled = 0;
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
            wake(&self.shared.pipeline_thread);
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.finish();
    }
}

/// The pipeline thread's end of the capture ring.
pub struct Intake {
    ring: HeapCons<Block>,
    rate: Rate,
    waits: bool,
    shared: Arc<Shared>,
}

/// What an [`Intake`] finds.
pub enum Taken {
    /// A block, copied out of the ring.
    Block,
    /// Nothing yet.
    Empty,
    /// The source has ended and the ring is empty.
    Ended,
}

impl Intake {
    /// Takes the next block into `block`. Real-time safe.
    pub fn take(&mut self, block: &mut Block) -> Taken {
        // Read before the ring: a block pushed before the end must not be missed.
        let ended = self.shared.ended.load(Ordering::Acquire);
        if let Some(next) = self.ring.try_pop() {
            *block = next;
            if self.waits && self.ring.occupied_len() * 2 <= self.ring.capacity().get() {
                wake(&self.shared.source_thread);
            }
            return Taken::Block;
        }
        if ended { Taken::Ended } else { Taken::Empty }
    }

    /// The rate of the blocks.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Blocks queued now.
    pub fn queued(&self) -> usize {
        self.ring.occupied_len()
    }

    /// Frames the source delivered so far, lost ones included: once it has ended, the length of the
    /// stream.
    pub fn total(&self) -> u64 {
        self.shared.stats.captured.load(Ordering::Acquire)
    }

    /// What the feed counts.
    pub fn stats(&self) -> Arc<FeedStats> {
        self.shared.stats.clone()
    }

    /// Waits until the ring is half full or the source has ended, for `at_most`: a source that can
    /// wait wakes this thread for half a ring at a time. Blocks: only between cycles.
    pub fn wait(&self, at_most: Duration) {
        self.shared.pipeline_thread.get_or_init(std::thread::current);
        if self.ring.is_empty() && !self.shared.ended.load(Ordering::Acquire) {
            std::thread::park_timeout(at_most);
        }
    }

    /// Whether the source waits for room rather than drop.
    pub fn waits(&self) -> bool {
        self.waits
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        self.shared.gone.store(true, Ordering::Release);
        wake(&self.shared.source_thread);
    }
}

/// Wakes a thread that may be waiting: only on the way of a source that can wait, and at the end.
fn wake(thread: &OnceLock<Thread>) {
    if let Some(thread) = thread.get() {
        thread.unpark();
    }
}
