//! Ten milliseconds of sound, and what is known about it. Plain values: any thread may own one.

/// Frames in the longest block: 10 ms at 96 kHz.
pub const MAX_BLOCK: usize = 960;

/// Marks a block can carry.
pub const MAX_MARKS: usize = 8;

/// The sample rate of an edge of the graph.
///
/// Only rates at which 10 ms is a whole number of frames exist here, so that one block in is always
/// one block out. A source of another rate converts at its own door.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Rate(u32);

impl Rate {
    /// Every rate an edge can have, in Hz.
    pub const LIST: [u32; 8] = [8_000, 16_000, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000];

    /// The rate of `hz`, if it is one of [`Rate::LIST`].
    pub const fn new(hz: u32) -> Option<Rate> {
        let mut i = 0;
        while i < Rate::LIST.len() {
            if Rate::LIST[i] == hz {
                return Some(Rate(hz));
            }
            i += 1;
        }
        None
    }

    /// The rate a source of `hz` converts to at its door: itself if it is on the list, else the
    /// lowest rate of the list that is a whole multiple, else the lowest above it, else 96 kHz.
    pub fn for_source(hz: u32) -> Rate {
        let listed = |test: &dyn Fn(u32) -> bool| Rate::LIST.into_iter().find(|&r| test(r));
        Rate(
            listed(&|r| r == hz)
                .or_else(|| listed(&|r| hz > 0 && r > hz && r % hz == 0))
                .or_else(|| listed(&|r| r > hz))
                .unwrap_or(96_000),
        )
    }

    /// Frames per second.
    pub const fn hz(self) -> u32 {
        self.0
    }

    /// Frames in a block: 10 ms.
    pub const fn block(self) -> usize {
        (self.0 / 100) as usize
    }

    /// Whole frames in `ms` milliseconds, rounded down.
    pub const fn frames_in_ms(self, ms: u64) -> u64 {
        ms * self.0 as u64 / 1000
    }

    /// Nanoseconds that `frames` frames last, rounded down.
    pub const fn ns(self, frames: u64) -> u64 {
        (frames as u128 * 1_000_000_000 / self.0 as u128) as u64
    }

    /// A position or length of this rate as one of `other`, rounded to the nearest frame.
    pub const fn convert(self, frames: i64, other: Rate) -> i64 {
        let (n, d) = (frames as i128 * other.0 as i128 * 2, self.0 as i128);
        ((n + d).div_euclid(2 * d)) as i64
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} Hz", self.0)
    }
}

/// Something known about one instant of the stream.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Mark {
    /// Frame index, at the rate of the edge the block is on. It may lie before the block that
    /// carries the mark: a detector needs time to be sure.
    pub at: i64,
    /// What is known.
    pub kind: MarkKind,
}

/// What a [`Mark`] says of its instant.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum MarkKind {
    /// The first frame of speech. `probability` is the detector's, 0 to 1.
    SpeechStart {
        /// The detector's confidence, 0 to 1.
        probability: f32,
    },
    /// One past the last frame of speech.
    SpeechEnd {
        /// The detector's confidence that this is speech, 0 to 1.
        probability: f32,
    },
    /// Frames are missing from here on and silence stands in for them.
    Gap {
        /// Missing frames, at the rate of the edge.
        frames: u32,
    },
}

/// Frames of a stream, from one position up to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Span {
    /// The first frame.
    pub from: i64,
    /// One past the last; not before `from`.
    pub to: i64,
}

impl Span {
    /// How many frames.
    pub const fn frames(self) -> u64 {
        self.to.saturating_sub(self.from) as u64
    }

    /// Whether it holds none.
    pub const fn is_empty(self) -> bool {
        self.to <= self.from
    }

    /// The same time at another rate. Spans that touch still do, so that sums stay exact.
    pub const fn convert(self, rate: Rate, other: Rate) -> Span {
        Span { from: rate.convert(self.from, other), to: rate.convert(self.to, other) }
    }
}

/// Exactly 10 ms of mono samples.
///
/// A block is about 4 KB of inline storage: copying one never allocates. Nominal sample range is
/// −1 to 1; larger values are legal between nodes and saturate in the encoder.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    /// Index of the first frame, at this edge's rate. Negative while the filters upstream warm up:
    /// such frames come before the stream and no outlet takes them.
    pub at: i64,
    /// When the first frame was captured, in [`crate::clock`] nanoseconds.
    pub captured: u64,
    /// When the source's push that completed it began, in [`crate::clock`] nanoseconds: from then on it is
    /// ours. Of silence that stands in for what never came, when that was noticed.
    pub pushed: u64,
    /// Frames that the source lost, and silence stands in for; at this edge's rate. Of a block behind a
    /// node with delay they lie ahead: the sound comes later than what is known of it.
    pub lost: Span,
    /// Frames that belong to the stream: all of them, but for the last block of a stream, which is
    /// padded with silence.
    pub valid: u16,
    rate: Rate,
    marks: [Mark; MAX_MARKS],
    marked: u8,
    samples: [f32; MAX_BLOCK],
}

impl Block {
    /// Silence at `rate`, at position 0, captured and pushed at 0.
    pub const fn new(rate: Rate) -> Block {
        Block {
            at: 0,
            captured: 0,
            pushed: 0,
            lost: Span { from: 0, to: 0 },
            valid: rate.block() as u16,
            rate,
            marks: [Mark { at: 0, kind: MarkKind::Gap { frames: 0 } }; MAX_MARKS],
            marked: 0,
            samples: [0.0; MAX_BLOCK],
        }
    }

    /// The rate of the edge this block is on.
    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// The block's frames: always [`Rate::block`] of them.
    pub fn samples(&self) -> &[f32] {
        &self.samples[..self.rate.block()]
    }

    /// The block's frames, to be written.
    pub fn samples_mut(&mut self) -> &mut [f32] {
        &mut self.samples[..self.rate.block()]
    }

    /// Whether the block is nothing but silence that stands in for lost frames.
    pub const fn filled(&self) -> bool {
        self.lost.frames() >= self.valid as u64 && self.valid > 0
    }

    /// The marks the block carries, in the order they were put.
    pub fn marks(&self) -> &[Mark] {
        &self.marks[..usize::from(self.marked)]
    }

    /// Puts a mark. Returns false when the block carries [`MAX_MARKS`] already.
    #[must_use = "a mark that did not fit is lost: report Fault::too_many_marks"]
    pub fn mark(&mut self, mark: Mark) -> bool {
        let Some(slot) = self.marks.get_mut(usize::from(self.marked)) else { return false };
        *slot = mark;
        self.marked += 1;
        true
    }

    /// Makes this block the successor of `input` on an edge of `rate` behind a node that delays by
    /// `latency` frames of `rate`: position, times, marks and what was lost carry over, the samples are
    /// left as they are.
    ///
    /// Positions are re-derived from the input's block index, never accumulated, so rounding cannot
    /// build up.
    pub fn follow(&mut self, input: &Block, rate: Rate, latency: u32) {
        self.rate = rate;
        self.at = input.rate.convert(input.at, rate) - i64::from(latency);
        self.captured = input.captured.saturating_sub(rate.ns(u64::from(latency)));
        self.pushed = input.pushed;
        self.lost = input.lost.convert(input.rate, rate);
        self.valid = rate.block() as u16;
        self.marked = input.marked;
        for (mine, theirs) in self.marks.iter_mut().zip(input.marks()) {
            *mine = Mark {
                at: input.rate.convert(theirs.at, rate),
                kind: match theirs.kind {
                    MarkKind::Gap { frames } => {
                        MarkKind::Gap { frames: input.rate.convert(i64::from(frames), rate) as u32 }
                    }
                    other => other,
                },
            };
        }
    }

    /// Makes this block equal to `other`, copying no more than a block of its rate holds: `*self =
    /// *other` copies the storage of the longest.
    pub fn copy_from(&mut self, other: &Block) {
        let Block { at, captured, pushed, lost, valid, rate, marks: _, marked, samples: _ } = *other;
        (self.at, self.captured, self.pushed, self.lost, self.valid) = (at, captured, pushed, lost, valid);
        (self.rate, self.marked) = (rate, marked);
        self.marks[..usize::from(marked)].copy_from_slice(other.marks());
        self.samples_mut().copy_from_slice(other.samples());
    }

    /// One past the last frame.
    pub fn end(&self) -> i64 {
        self.at + self.rate.block() as i64
    }

    /// Takes the marks away.
    pub fn clear_marks(&mut self) {
        self.marked = 0;
    }
}
