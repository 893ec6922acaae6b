//! What the sound is like, measured as it passes: sums and counts over a second, nothing judged.
//! Pipeline thread, or any that listens; no allocation.

use glottis_core::{Block, Rate};

/// Where the band begins that a telephone does not carry, in Hz. Speech has its sibilants there.
const HIGH_HZ: f64 = 5500.0;

/// A sample this near to full scale may be one that was cut off.
const FULL: f32 = 0.985;

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
    /// Sum of squares of what lies above 5.5 kHz.
    pub high: f64,
    /// The lowest and the highest mean square of 10 ms.
    pub quietest: f64,
    /// See `quietest`.
    pub loudest: f64,
}

/// Measures. See the module.
pub struct Gauge {
    second: Second,
    blocks: u32,
    high: [Biquad; 4],
    /// The two frames before the block, if it follows one.
    before: Option<[f32; 2]>,
    next: i64,
    flat: u32,
}

impl Gauge {
    /// A gauge for an edge of `rate`.
    pub fn new(rate: Rate) -> Gauge {
        Gauge {
            second: Second::default(),
            blocks: 0,
            high: Biquad::steep(HIGH_HZ / f64::from(rate.hz())),
            before: None,
            next: 0,
            flat: 1,
        }
    }

    /// Takes a block; with every hundredth it has a second to tell of.
    pub fn take(&mut self, block: &Block) -> Option<Second> {
        if block.filled() || block.at != self.next {
            self.before = None;
        }
        self.next = block.end();
        if self.blocks == 0 {
            self.second = Second { at: block.at, quietest: f64::MAX, ..Second::default() };
        }
        if !block.filled() {
            self.measure(block.at, block.samples());
        }
        self.blocks += 1;
        if self.blocks < 100 {
            return None;
        }
        self.blocks = 0;
        Some(self.second)
    }

    /// What was measured since the last whole second, at the end of a stream.
    pub fn rest(&mut self) -> Option<Second> {
        (std::mem::take(&mut self.blocks) > 0).then_some(self.second)
    }

    fn measure(&mut self, at: i64, samples: &[f32]) {
        let second = &mut self.second;
        let mut squares = 0.0;
        // Without neighbours the first two frames are compared with nothing.
        let skip = if self.before.is_some() { 0 } else { 2 };
        let [mut before2, mut before] = self.before.unwrap_or_default();
        for (i, &x) in samples.iter().enumerate() {
            let x = if x.is_finite() { x } else { 0.0 };
            let square = f64::from(x * x);
            squares += square;
            second.sum += f64::from(x);
            let odd = (at & 1) as usize ^ (i & 1);
            second.odd += if odd == 1 { square } else { 0.0 };
            second.zeros += u32::from(x == 0.0);
            if i >= skip {
                second.steps[odd ^ 1] += f64::from((x - before) * (x - before));
                second.leaps += f64::from((x - before2) * (x - before2));
            }
            self.flat = if x == before || (x.abs() >= FULL && before.abs() >= FULL && x * before > 0.0) {
                self.flat + 1
            } else {
                1
            };
            let needed = if x.abs() >= FULL { FLAT_AT_FULL } else { FLAT };
            second.clipped += u32::from(x.abs() > 0.25 && self.flat >= needed);
            let high = self.high.iter_mut().fold(f64::from(x), |x, stage| stage.run(x));
            second.high += high * high;
            (before2, before) = (before, x);
        }
        second.squares += squares;
        second.frames += samples.len() as u32;
        let mean = squares / samples.len() as f64;
        second.quietest = second.quietest.min(mean);
        second.loudest = second.loudest.max(mean);
        self.before = Some([before2, before]);
    }
}

/// A stage of a filter, transposed direct form II.
#[derive(Clone, Copy)]
struct Biquad {
    b: [f64; 3],
    a: [f64; 2],
    z: [f64; 2],
}

impl Biquad {
    /// A Butterworth high-pass of the eighth order at `f` (1 is the sample rate), as four stages; by the
    /// formulas of R. Bristow-Johnson's cookbook.
    fn steep(f: f64) -> [Biquad; 4] {
        let w = std::f64::consts::TAU * f.min(0.49);
        std::array::from_fn(|k| {
            let angle = std::f64::consts::PI * (2 * k + 1) as f64 / 16.0;
            let alpha = w.sin() * angle.cos();
            let (c, a0) = (w.cos(), 1.0 + alpha);
            let b = (1.0 + c) / 2.0 / a0;
            Biquad { b: [b, -2.0 * b, b], a: [-2.0 * c / a0, (1.0 - alpha) / a0], z: [0.0; 2] }
        })
    }

    fn run(&mut self, x: f64) -> f64 {
        let y = self.b[0] * x + self.z[0];
        self.z[0] = self.b[1] * x - self.a[0] * y + self.z[1];
        self.z[1] = self.b[2] * x - self.a[1] * y;
        y
    }
}
