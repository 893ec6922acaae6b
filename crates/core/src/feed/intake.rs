//! The other end of the ring: what the pipeline thread takes blocks from.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::spill::Back;
use super::{FeedStats, Shared};
use crate::audio::{Block, Rate};
use crate::sync::park_timeout;

/// The pipeline thread's end of the capture ring.
pub struct Intake {
    ring: Back,
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
    pub(super) fn new(ring: Back, rate: Rate, waits: bool, shared: Arc<Shared>) -> Intake {
        Intake { ring, rate, waits, shared }
    }

    /// Takes the next block into `block`. Real-time safe.
    pub fn take(&mut self, block: &mut Block) -> Taken {
        // Read before the ring: a block pushed before the end must not be missed.
        let ended = self.shared.ended.load(Ordering::Acquire);
        if self.ring.pop(|next| block.copy_from(next)) {
            if self.waits && self.ring.is_half_empty() {
                self.shared.source_thread.wake();
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
        self.ring.len()
    }

    /// One past the last frame so far, lost ones included: once the source has ended, the end of the
    /// stream.
    pub fn total(&self) -> u64 {
        let stats = &self.shared.stats;
        stats.begin.load(Ordering::Relaxed) + stats.captured.load(Ordering::Acquire)
    }

    /// When the source last pushed, in nanoseconds of the [clock](crate::clock); 0 before that.
    pub fn pushed(&self) -> u64 {
        self.shared.stats.pushed.load(Ordering::Relaxed)
    }

    /// Behind position `end` nobody needs to look before `idle` more blocks have come and one more: for a source that
    /// [asks](super::Feed::needed_in). Real-time safe.
    pub fn rest(&self, end: i64, idle: u32) {
        self.shared.need.tell(end.max(0) as u64 / self.rate.block() as u64, idle);
    }

    /// What the feed counts.
    pub fn stats(&self) -> Arc<FeedStats> {
        self.shared.stats.clone()
    }

    /// This thread is the one that takes the blocks: the one to be woken by a feed that
    /// [wakes at once](super::Feed::wake_at_once). Before the first look.
    pub fn attach(&self) {
        self.shared.pipeline_thread.here();
    }

    /// Takes nothing more: a source that waits for room need not wait. Also done by dropping the intake.
    pub fn leave(&self) {
        self.shared.gone.store(true, Ordering::Release);
        self.shared.source_thread.wake();
    }

    /// Waits until the ring is half full or the source has ended, for `at_most`: a source that can
    /// wait wakes this thread for half a ring at a time. Blocks: only between cycles.
    pub fn wait(&self, at_most: Duration) {
        self.attach();
        if self.ring.is_empty() && !self.shared.ended.load(Ordering::Acquire) {
            park_timeout(at_most);
        }
    }

    /// Whether the source waits for room rather than drop.
    pub fn waits(&self) -> bool {
        self.waits
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        self.leave();
    }
}
