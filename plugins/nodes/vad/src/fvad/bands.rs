//! A tree of filters that halve the band, and how loud its leaves are. Pipeline thread.
//!
//! Each split is a pair of all-pass filters for the even and the odd frames, whose sum is the lower half
//! of the band and whose difference is the upper. A filter waits for its own last result, so one alone
//! leaves the processor idle: here all ten of them and the halving before them go forward together.

use super::{BANDS, LONGEST, STEP, low};

/// What a split's filters multiply by, in 1/32768.
const UPPER: i32 = 20_972;
const LOWER: i32 = 5_571;

/// The same of the halving, in 1/8192.
const HALF_UPPER: i32 = 5_243;
const HALF_LOWER: i32 = 1_392;

/// The high-pass at 80 Hz for frames at 500 Hz, in 1/16384.
const ZEROS: [i32; 3] = [6_631, -13_262, 6_631];
const POLES: [i32; 2] = [-7_756, 5_620];

/// What the halvings on the way to a band took from its loudness, in dB/16.
const TAKEN: [i16; BANDS] = [368, 368, 272, 176, 176, 176];

/// Power up to which a window counts as silence.
pub(super) const SILENCE: i16 = 10;

/// Halves the rate.
#[derive(Default)]
pub(super) struct Halver {
    upper: i32,
    lower: i32,
}

impl Halver {
    pub(super) fn halve<const IN: usize, const OUT: usize>(&mut self, frames: &[i16; IN]) -> [i16; OUT] {
        let mut out = [0; OUT];
        for (out, [even, odd]) in out.iter_mut().zip(frames.as_chunks::<2>().0) {
            *out = half(&mut self.upper, HALF_UPPER, *even).wrapping_add(half(&mut self.lower, HALF_LOWER, *odd));
        }
        out
    }
}

#[inline(always)]
fn half(state: &mut i32, factor: i32, frame: i16) -> i16 {
    let frame = i32::from(frame);
    let out = low((*state >> 1) + ((factor * frame) >> 14));
    *state = frame - ((factor * i32::from(out)) >> 12);
    out
}

/// A split's memory. Between windows only the upper 16 bits are kept.
#[derive(Clone, Copy, Default)]
struct Split {
    upper: i32,
    lower: i32,
}

impl Split {
    /// The upper and the lower half of the band.
    #[inline(always)]
    fn split<const IN: usize, const OUT: usize>(&mut self, frames: &[i16; IN]) -> ([i16; OUT], [i16; OUT]) {
        let (mut high, mut deep) = ([0; OUT], [0; OUT]);
        let pairs = frames.as_chunks::<2>().0;
        for ((high, deep), [even, odd]) in high.iter_mut().zip(&mut deep).zip(pairs) {
            let (a, b) = (all_pass(&mut self.upper, UPPER, *even), all_pass(&mut self.lower, LOWER, *odd));
            (*high, *deep) = (a.wrapping_sub(b), b.wrapping_add(a));
        }
        (high, deep)
    }

    fn round(&mut self) {
        self.upper &= !0xFFFF;
        self.lower &= !0xFFFF;
    }
}

#[inline(always)]
fn all_pass(state: &mut i32, factor: i32, frame: i16) -> i16 {
    let frame = i32::from(frame);
    let out = low(state.wrapping_add(factor * frame) >> 16);
    *state = (frame << 14).wrapping_sub(factor * i32::from(out)).wrapping_mul(2);
    out
}

/// The filters' memory.
#[derive(Default)]
pub(super) struct Bands {
    splits: [Split; 5],
    /// The high-pass: the last two frames in, and out.
    before: [i16; 4],
}

impl Bands {
    /// Begins a window.
    pub(super) fn pass(&mut self) -> Pass<'_> {
        Pass {
            splits: self.splits,
            bands: self,
            steps: 0,
            from_3000: [0; LONGEST / 4],
            from_2000: [0; LONGEST / 4],
            from_1000: [0; LONGEST / 4],
            from_500: [0; LONGEST / 8],
            from_250: [0; LONGEST / 16],
            from_80: [0; LONGEST / 16],
        }
    }

    #[inline(always)]
    fn high_pass(&mut self, frame: i16) -> i16 {
        let [in1, in2, out1, out2] = self.before.map(i32::from);
        let sum = ZEROS[0] * i32::from(frame) + ZEROS[1] * in1 + ZEROS[2] * in2;
        let out = low(sum.wrapping_sub(POLES[0] * out1).wrapping_sub(POLES[1] * out2) >> 14);
        self.before = [frame, self.before[0], out, self.before[2]];
        out
    }
}

/// A window on its way through the filters.
pub(super) struct Pass<'a> {
    bands: &'a mut Bands,
    splits: [Split; 5],
    steps: usize,
    from_3000: [i16; LONGEST / 4],
    from_2000: [i16; LONGEST / 4],
    from_1000: [i16; LONGEST / 4],
    from_500: [i16; LONGEST / 8],
    from_250: [i16; LONGEST / 16],
    from_80: [i16; LONGEST / 16],
}

impl Pass<'_> {
    /// Takes the next frames. At most [`LONGEST`] in all.
    #[inline(always)]
    pub(super) fn take(&mut self, frames: &[i16; STEP]) {
        let [at_2000, at_3000, at_1000, at_500, at_250] = &mut self.splits;
        let (above, below): ([i16; 8], [i16; 8]) = at_2000.split(frames);
        let (from_3000, from_2000): ([i16; 4], [i16; 4]) = at_3000.split(&above);
        let (from_1000, below): ([i16; 4], [i16; 4]) = at_1000.split(&below);
        let (from_500, below): ([i16; 2], [i16; 2]) = at_500.split(&below);
        let ([from_250], [below]): ([i16; 1], [i16; 1]) = at_250.split(&below);
        let step = self.steps;
        self.from_3000[4 * step..4 * step + 4].copy_from_slice(&from_3000);
        self.from_2000[4 * step..4 * step + 4].copy_from_slice(&from_2000);
        self.from_1000[4 * step..4 * step + 4].copy_from_slice(&from_1000);
        self.from_500[2 * step..2 * step + 2].copy_from_slice(&from_500);
        self.from_250[step] = from_250;
        self.from_80[step] = self.bands.high_pass(below);
        self.steps += 1;
    }

    /// How loud each band was, in dB/16, and something that exceeds [`SILENCE`] if any was loud at all.
    pub(super) fn finish(mut self) -> ([i16; BANDS], i16) {
        self.splits.iter_mut().for_each(Split::round);
        self.bands.splits = self.splits;
        let n = self.steps;
        // From the top, since only the first loud ones go into the total.
        let bands = [
            &self.from_3000[..4 * n],
            &self.from_2000[..4 * n],
            &self.from_1000[..4 * n],
            &self.from_500[..2 * n],
            &self.from_250[..n],
            &self.from_80[..n],
        ];
        let (mut loudness, mut total) = ([0; BANDS], 0);
        for (band, frames) in (0..BANDS).rev().zip(bands) {
            loudness[band] = decibels(frames, TAKEN[band], &mut total);
        }
        (loudness, total)
    }
}

/// The energy of `frames` and by how many bits it was shifted to fit.
fn energy(frames: &[i16]) -> (u32, i32) {
    // The most negative number has no magnitude in 16 bits, and counts for nothing here.
    let peak = i32::from(frames.iter().fold(-1, |peak: i16, frame| peak.max(frame.wrapping_abs())));
    let bits = 32 - (frames.len() as u32).leading_zeros() as i32;
    let room = (peak * peak).leading_zeros() as i32 - 1;
    let shift = if peak == 0 { 0 } else { (bits - room).max(0) };
    let sum = frames.iter().fold(0_i32, |sum, &x| sum.wrapping_add((i32::from(x) * i32::from(x)) >> shift));
    (sum as u32, shift)
}

/// `10 · log10` of the energy in units of 1/16, by a logarithm to the base of two that is straight between
/// its powers; and `taken` added.
fn decibels(frames: &[i16], taken: i16, total: &mut i16) -> i16 {
    /// 160 · log10(2), in 1/512.
    const TO_DB: i32 = 24_660;
    let (energy, shift) = energy(frames);
    if energy == 0 {
        return taken;
    }
    // To 15 bits.
    let more = 17 - energy.leading_zeros() as i32;
    let mantissa = if more < 0 { energy << -more } else { energy >> more };
    let shift = shift + more;
    let log2 = (14 << 10) + ((mantissa & 0x3FFF) >> 4) as i32;
    let db = low(((TO_DB * log2) >> 19) + ((shift * TO_DB) >> 9)).max(0);
    if *total <= SILENCE {
        *total += if shift >= 0 { SILENCE + 1 } else { low((mantissa >> -shift) as i32) };
    }
    db.wrapping_add(taken)
}
