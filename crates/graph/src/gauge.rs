//! What the sound is like, measured as it passes: sums and counts over a second, nothing judged.
//! Pipeline thread, or any that listens; no allocation.

use glottis_core::audio::MAX_BLOCK;
use glottis_core::{Block, Rate};

use self::sums::{FULL, LOUD, high_pass, sums};

mod sums;

/// Blocks in a second.
const BLOCKS: usize = 100;

/// The loudest one of so many blocks says nothing of the sound above 5.25 kHz: a click, as there is one
/// where a stream begins in the middle of a word, is as wide as any band.
const CLICKS: usize = 20;

/// So many of the same value next to each other, and loud, were cut off.
const FLAT: u32 = 8;

/// As many of those at full scale.
const FLAT_AT_FULL: u32 = 3;

/// A second of sound, as sums. Full scale is 1.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Second {
    /// Its first frame.
    pub at: i64,
    /// Frames measured: lost ones are none.
    pub frames: u32,
    /// Frames that are exactly 0.
    pub zeros: u32,
    /// Frames that were cut off.
    pub clipped: u32,
    /// Sum of the samples.
    pub sum: f64,
    /// Sum of their squares.
    pub squares: f64,
    /// Sum of the squares of the frames with an odd number.
    pub odd: f64,
    /// Sum of squared differences between neighbours, the first of which has an even number; and an odd
    /// one.
    pub steps: [f64; 2],
    /// Sum of squared differences between frames two apart.
    pub leaps: f64,
    /// Sum of squares of what lies above 5.25 kHz, without the twentieth of the blocks with the most of it;
    /// estimated from 64 frames of each block. 0 at a rate of 8 kHz.
    pub high: f64,
    /// The lowest and the highest mean square of 10 ms.
    pub quietest: f64,
    /// See `quietest`.
    pub loudest: f64,
}

/// Measures. See the module.
pub struct Gauge {
    second: Second,
    blocks: usize,
    /// Of each block of this second that was measured, what is above 5.25 kHz.
    highs: [f64; BLOCKS],
    measured: usize,
    high_pass: Vec<f32>,
    /// The last two frames, NaN after none or after lost ones; then room for a block.
    frames: [f32; 2 + MAX_BLOCK],
    /// Where the block is expected to begin that follows them.
    next: i64,
    /// How many of the last frames look cut off at the same level.
    flat: u32,
}

impl Gauge {
    /// A gauge for an edge of `rate`. Allocates, unlike everything after.
    pub fn new(rate: Rate) -> Gauge {
        Gauge {
            second: Second::default(),
            blocks: 0,
            highs: [0.0; BLOCKS],
            measured: 0,
            high_pass: high_pass(rate.block()),
            frames: [f32::NAN; 2 + MAX_BLOCK],
            next: 0,
            flat: 1,
        }
    }

    /// Takes a block; with every hundredth it has a second to tell of.
    pub fn take(&mut self, block: &Block) -> Option<Second> {
        if block.filled() || block.at != self.next {
            self.frames[..2].fill(f32::NAN);
        }
        self.next = block.end();
        if self.blocks == 0 {
            self.second = Second { at: block.at, quietest: f64::MAX, ..Second::default() };
            self.measured = 0;
        }
        if !block.filled() {
            self.measure(block.at, block.samples());
        }
        self.blocks += 1;
        if self.blocks < BLOCKS { None } else { self.rest() }
    }

    /// What was measured since the last whole second, at the end of a stream.
    pub fn rest(&mut self) -> Option<Second> {
        if std::mem::take(&mut self.blocks) == 0 {
            return None;
        }
        let highs = &mut self.highs[..self.measured];
        let kept = highs.len() - highs.len() / CLICKS;
        if kept < highs.len() {
            highs.select_nth_unstable_by(kept, f64::total_cmp);
        }
        self.second.high = highs[..kept].iter().sum();
        Some(self.second)
    }

    fn measure(&mut self, at: i64, samples: &[f32]) {
        let sums = sums(samples, &mut self.frames[..2 + samples.len()], &self.high_pass);
        let second = &mut self.second;
        // Whether the frames with an even number have an odd index in the block.
        let shift = (at & 1) as usize;
        second.frames += samples.len() as u32;
        second.zeros += sums.zeros;
        second.sum += sums.total;
        let squares = sums.squares[0] + sums.squares[1];
        second.squares += squares;
        second.odd += sums.squares[1 ^ shift];
        second.steps[0] += sums.steps[1 ^ shift];
        second.steps[1] += sums.steps[shift];
        second.leaps += sums.leaps;
        let mean = squares / samples.len() as f64;
        second.quietest = second.quietest.min(mean);
        second.loudest = second.loudest.max(mean);
        self.highs[self.measured] = sums.high;
        self.measured += 1;
        let end = samples.len();
        if sums.suspect {
            self.count_clipped(end);
        } else {
            // No run of three that could have been cut off ends here: its beginning at most.
            self.flat = 1 + u32::from(self.frames[end] == self.frames[end + 1]);
        }
        self.frames.copy_within(end..end + 2, 0);
    }

    /// Counts the frames of a block of so many that were cut off.
    fn count_clipped(&mut self, frames: usize) {
        for pair in self.frames[1..2 + frames].windows(2) {
            let (before, x) = (pair[0], pair[1]);
            let full = x.abs() >= FULL;
            let flat = x == before || (full && before.abs() >= FULL && x * before > 0.0);
            self.flat = if flat { self.flat.saturating_add(1) } else { 1 };
            let needed = if full { FLAT_AT_FULL } else { FLAT };
            self.second.clipped += u32::from(x.abs() > LOUD && self.flat >= needed);
        }
    }
}
