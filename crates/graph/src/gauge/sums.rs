//! The sums over one block, in lanes. Any thread; no allocation.
//!
//! Frame i is summed up in lane i modulo the number of lanes, in the order of time, and the lanes are
//! added in a fixed order at the end; no multiplication is fused with an addition. So the result is the
//! same bit for bit with any width of vector.

use multiversion::multiversion;

/// Lanes of the plain sums. Even, so that a lane holds frames with an even number, or with an odd one.
const LANES: usize = 16;

/// Where the band begins that a telephone does not carry, in Hz. Speech has its sibilants there.
const HIGH_HZ: f64 = 5250.0;

/// Runs of neighbouring frames in a block that the power of that band is estimated from, and the frames
/// in each.
const RUNS: usize = 4;
const RUN: usize = 16;

/// A sample this near to full scale may be one that was cut off.
pub(super) const FULL: f32 = 0.985;

/// One that is less loud was not.
pub(super) const LOUD: f32 = 0.25;

/// What a block comes to. Where there are two, the first is of frames with an even index in the block,
/// the second of those with an odd one.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Sums {
    pub total: f64,
    pub squares: [f64; 2],
    pub zeros: u32,
    /// Squared differences to the frame before.
    pub steps: [f64; 2],
    /// Squared differences to the frame before that.
    pub leaps: f64,
    /// Whether a frame may have been cut off.
    pub suspect: bool,
    /// An estimate of the sum of squares above [`HIGH_HZ`].
    pub high: f64,
}

/// Sums up `samples`. They are copied to `frames`, behind the two frames before them, which are NaN if
/// there are none; a sample that is no number is silence. `taps` are those of [`high_pass`].
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2+fma", "x86_64+sse4.1"))]
pub(super) fn sums(samples: &[f32], frames: &mut [f32], taps: &[f32]) -> Sums {
    sums_portable(samples, frames, taps)
}

#[inline(always)]
fn sums_portable(samples: &[f32], frames: &mut [f32], taps: &[f32]) -> Sums {
    for (frame, &x) in frames[2..].iter_mut().zip(samples) {
        *frame = if x.is_finite() { x } else { 0.0 };
    }
    let levels = levels(&frames[2..]);
    // Without neighbours the first two frames are compared with nothing.
    let differences = differences(&frames[if frames[0].is_nan() { 2 } else { 0 }..]);
    Sums {
        total: levels.total.iter().sum(),
        squares: by_parity(levels.squares),
        zeros: levels.zeros.iter().sum(),
        steps: by_parity(differences.steps.map(f64::from)),
        leaps: differences.leaps.into_iter().map(f64::from).sum(),
        suspect: differences.suspect.contains(&1),
        high: high(&frames[2..], taps),
    }
}

/// What the frames of each lane come to. In f64: what is left of the squares without the mean is next to
/// nothing for a steady value.
#[derive(Default)]
struct Levels {
    total: [f64; LANES],
    squares: [f64; LANES],
    zeros: [u32; LANES],
}

impl Levels {
    #[inline(always)]
    fn add(&mut self, frames: &[f32]) {
        for (lane, &x) in frames.iter().enumerate() {
            let wide = f64::from(x);
            self.total[lane] += wide;
            self.squares[lane] += wide * wide;
            self.zeros[lane] += u32::from(x == 0.0);
        }
    }
}

#[inline(always)]
fn levels(frames: &[f32]) -> Levels {
    let mut levels = Levels::default();
    let (groups, rest) = frames.as_chunks::<LANES>();
    for group in groups {
        levels.add(group);
    }
    levels.add(rest);
    levels
}

#[derive(Default)]
struct Differences {
    steps: [f32; LANES],
    leaps: [f32; LANES],
    /// Not 0 if one of the frames may have been cut off.
    suspect: [u32; LANES],
}

impl Differences {
    #[inline(always)]
    fn add(&mut self, now: &[f32], before: &[f32], before2: &[f32]) {
        for (lane, ((&x, &before), &before2)) in now.iter().zip(before).zip(before2).enumerate() {
            self.steps[lane] += (x - before) * (x - before);
            self.leaps[lane] += (x - before2) * (x - before2);
            let flat = (x.abs() > LOUD) & (x == before) & (x == before2);
            self.suspect[lane] |= u32::from(flat | (x.abs() >= FULL));
        }
    }
}

/// Of `frames` from the third on.
#[inline(always)]
fn differences(frames: &[f32]) -> Differences {
    let mut differences = Differences::default();
    let count = frames.len() - 2;
    let (now, now_rest) = frames[2..].as_chunks::<LANES>();
    let (before, before_rest) = frames[1..=count].as_chunks::<LANES>();
    let (before2, before2_rest) = frames[..count].as_chunks::<LANES>();
    for ((now, before), before2) in now.iter().zip(before).zip(before2) {
        differences.add(now, before, before2);
    }
    differences.add(now_rest, before_rest, before2_rest);
    differences
}

fn by_parity(lanes: [f64; LANES]) -> [f64; 2] {
    [0, 1].map(|parity| lanes.iter().skip(parity).step_by(2).sum())
}

/// A high-pass at [`HIGH_HZ`] for blocks of so many frames, 2 ms long: a windowed sinc (Blackman), −75 dB
/// below 3.8 kHz and −0.1 dB from 6.3 kHz on. Empty if there is nothing that high at this rate.
pub(super) fn high_pass(block: usize) -> Vec<f32> {
    use std::f64::consts::PI;
    let cut = 2.0 * HIGH_HZ / (100 * block) as f64;
    if cut >= 1.0 {
        return Vec::new();
    }
    // An odd number of taps: with an even one nothing would pass at half the rate.
    let half = (block / 5 - 1) as i32 / 2;
    let below = |k: i32| {
        let (x, turn) = (PI * cut * f64::from(k), PI * f64::from(k) / f64::from(half + 1));
        let sinc = if k == 0 { 1.0 } else { x.sin() / x };
        sinc * (0.42 + 0.5 * turn.cos() + 0.08 * (2.0 * turn).cos())
    };
    let gain: f64 = (-half..=half).map(below).sum();
    (-half..=half).map(|k| (f64::from(u8::from(k == 0)) - below(k) / gain) as f32).collect()
}

/// The power above [`HIGH_HZ`], from a few runs of frames spread over the block. Each block is by itself,
/// so that a click where the stream begins or goes on is in one block at most.
#[inline(always)]
fn high(frames: &[f32], taps: &[f32]) -> f64 {
    if taps.is_empty() {
        return 0.0;
    }
    let reach = taps.len() - 1 + RUN;
    let spare = frames.len() - reach;
    let runs: [&[f32]; RUNS] = std::array::from_fn(|i| &frames[i * spare / (RUNS - 1)..][..reach]);
    let filtered = filtered(taps, runs);
    let sum: f64 = filtered.as_flattened().iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    sum * frames.len() as f64 / (RUNS * RUN) as f64
}

#[inline(always)]
fn filtered(taps: &[f32], runs: [&[f32]; RUNS]) -> [[f32; RUN]; RUNS] {
    let mut sums = [[0.0; RUN]; RUNS];
    for (i, tap) in taps.iter().enumerate() {
        for (sums, run) in sums.iter_mut().zip(runs) {
            let Some(frames) = run[i..].first_chunk::<RUN>() else { continue };
            for (sum, frame) in sums.iter_mut().zip(frames) {
                *sum += tap * frame;
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use glottis_core::Rate;

    use super::*;

    type Kernel = fn(&[f32], &mut [f32], &[f32]) -> Sums;

    /// As on a processor that has no more than this.
    #[multiversion(targets("x86_64+avx2+fma"))]
    fn sums_avx2(samples: &[f32], frames: &mut [f32], taps: &[f32]) -> Sums {
        sums_portable(samples, frames, taps)
    }

    #[multiversion(targets("x86_64+sse4.1"))]
    fn sums_sse(samples: &[f32], frames: &mut [f32], taps: &[f32]) -> Sums {
        sums_portable(samples, frames, taps)
    }

    #[test]
    fn every_processor_computes_the_same_bits() {
        let mut state = 1_u32;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state as i32 as f32 / 2_147_483_648.0
        });
        let noise: Vec<f32> = noise.take(2_000).collect();
        for rate in Rate::LIST.into_iter().filter_map(Rate::new) {
            let (taps, block) = (high_pass(rate.block()), rate.block());
            let of = |kernel: Kernel, before: f32| {
                let mut frames = vec![before; 2 + block];
                let sums = kernel(&noise[..block], &mut frames, &taps);
                (sums, [sums.total, sums.leaps, sums.high, sums.steps[0], sums.squares[1]].map(f64::to_bits))
            };
            for before in [0.25, f32::NAN] {
                let portable = of(sums_portable, before);
                for (name, kernel) in [("the best", sums as Kernel), ("AVX2", sums_avx2), ("SSE 4.1", sums_sse)] {
                    assert_eq!(of(kernel, before), portable, "{rate}, {name}");
                }
            }
        }
    }
}
