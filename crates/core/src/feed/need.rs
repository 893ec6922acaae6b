//! Which blocks matter, as far as the pipeline thread can tell: while nobody speaks perhaps each second one only.
//! A source that sleeps between two pushes can sleep past the others, which then come with the next that matters.
//! Written by the pipeline thread, read by the source's: real-time safe on both.
//!
//! What was told may be out of date when it is read: a block that matters after all then comes late, by as many
//! blocks as were slept past. The pipeline thread tells of none while a segment is open or may soon begin.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Blocks of which only the last matters, at most: they fit the short ring twice.
const MOST: u64 = 4;

/// One writer. The number of a block that matters, and in the lowest bits how many blocks behind it the next one does.
#[derive(Default)]
pub(super) struct Need(AtomicU64);

const STRIDE_BITS: u32 = 3;

impl Need {
    /// The pipeline thread has seen the blocks before number `seen`, and `idle` more may come before one matters.
    pub fn tell(&self, seen: u64, idle: u32) {
        let (block, stride) = (seen + u64::from(idle), (u64::from(idle) + 1).min(MOST));
        // What is known already is known with its stride.
        if self.0.load(Relaxed) >> STRIDE_BITS != block {
            self.0.store(block << STRIDE_BITS | stride, Relaxed);
        }
    }

    /// The first block that matters, from number `from` on.
    pub fn first(&self, from: u64) -> u64 {
        let told = self.0.load(Relaxed);
        let (block, stride) = (told >> STRIDE_BITS, (told & ((1 << STRIDE_BITS) - 1)).max(1));
        let first = if from <= block { block } else { block + (from - block).div_ceil(stride) * stride };
        first.min(from + MOST - 1)
    }
}
