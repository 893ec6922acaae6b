//! A bank summed up for many outputs of one phase at once: for ratios with few phases, such as from 48 to
//! 16 kHz. Built on the control thread, runs on the pipeline thread.
//!
//! From one output of a phase to the next the filter moves on by M input frames. So the input is kept as
//! M streams, of which the nth takes every Mth frame from the nth on: then what a tap is multiplied with
//! lies side by side for any number of outputs, and a tap is loaded once for all of them.
//!
//! Two taps that are `LANES` apart in a stream go together, since the frames of one are those of the
//! other, a vector further on: where the registers suffice, each is loaded once for both.

use multiversion::multiversion;
use multiversion::target::target_cfg_f;

use crate::bank::{Bank, Phase};
use crate::converter::clean;
use crate::fused::{self, mul_add};
use crate::polyphase::LANES;

/// Successive taps of a phase in one stream, or pairs of them, `LANES` apart.
struct Part<const TAPS: usize> {
    /// The frame that the first tap meets in the first turn, as an index into all streams.
    start: usize,
    taps: Vec<[f32; TAPS]>,
}

/// What one phase is made of. Pairs and single taps are summed up each for themselves.
#[derive(Default)]
struct Parts {
    pairs: Vec<Part<2>>,
    single: Vec<Part<1>>,
}

impl Parts {
    /// The first of `taps` meets frame `start`.
    fn add(&mut self, start: usize, taps: &[f32]) {
        let (blocks, rest) = taps.as_chunks::<{ 2 * LANES }>();
        for (i, block) in blocks.iter().enumerate() {
            let taps = (0..LANES).map(|i| [block[i], block[i + LANES]]).collect();
            self.pairs.push(Part { start: start + i * block.len(), taps });
        }
        let start = start + taps.len() - rest.len();
        self.single.push(Part { start, taps: rest.iter().map(|&tap| [tap]).collect() });
    }
}

struct Plan {
    phases: Vec<Parts>,
    turns: usize,
    /// Frames from one tap of a pair to the other: `LANES`, which a compiler must not know where there
    /// are few registers. It would keep frames in them, and the sums in memory.
    apart: usize,
}

/// What is summed up for every block, and what it is made of.
pub(crate) struct Streams {
    plan: Plan,
    /// One stream after the other: frames kept from earlier blocks, those of the block, and silence for
    /// sums beyond its end.
    frames: Vec<f32>,
    count: usize,
    /// Frames of each.
    length: usize,
    kept: usize,
    /// Outputs of a block, one phase after the other.
    sums: Vec<f32>,
}

impl Streams {
    pub(crate) fn new(bank: &Bank) -> Streams {
        let count = bank.step;
        let kept = bank.kept.div_ceil(count);
        // The streams begin with the same turn, which may be before the first frame of any filter.
        let late = kept * count - bank.kept;
        let last = |phase: &Phase| (phase.start + late + phase.taps.len()).div_ceil(count);
        let reach = bank.phases.iter().map(last).max().unwrap_or(0).max(kept);
        let length = reach + bank.turns.next_multiple_of(LANES);

        let parts = |phase: &Phase| {
            let mut parts = Parts::default();
            for stream in 0..count {
                // The first tap that meets a frame of this stream.
                let first = (stream + count - (phase.start + late) % count) % count;
                let taps: Vec<f32> = phase.taps.iter().skip(first).step_by(count).copied().collect();
                parts.add(stream * length + (phase.start + late + first) / count, &taps);
            }
            parts
        };
        let plan = Plan { phases: bank.phases.iter().map(parts).collect(), turns: bank.turns, apart: LANES };
        let sums = vec![0.0; bank.phases.len() * bank.turns];
        Streams { plan, frames: vec![0.0; count * length], count, length, kept, sums }
    }

    /// Real-time safe.
    pub(crate) fn convert(&mut self, input: &[f32], output: &mut [f32]) {
        let (kept, turns) = (self.kept, self.plan.turns);
        deal(input, self.count, &mut self.frames[kept..], self.length);
        match self.plan.phases.len() {
            1 => sum(&self.plan, &self.frames, output),
            phases => {
                sum(&self.plan, &self.frames, &mut self.sums);
                collect(&self.sums, phases, output);
            }
        }
        for stream in self.frames.chunks_exact_mut(self.length) {
            stream.copy_within(turns..turns + kept, 0);
        }
    }

    pub(crate) fn reset(&mut self) {
        self.frames.fill(0.0);
    }
}

/// Deals `count` streams their frames in turn, clean. The streams begin `length` frames apart.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2+fma", "x86_64+sse4.1"))]
fn deal(input: &[f32], count: usize, streams: &mut [f32], length: usize) {
    match count {
        1 => deal_to::<1>(input, streams, length),
        2 => deal_to::<2>(input, streams, length),
        3 => deal_to::<3>(input, streams, length),
        4 => deal_to::<4>(input, streams, length),
        6 => deal_to::<6>(input, streams, length),
        _ => {
            for (stream, first) in streams.chunks_mut(length).zip(0..count) {
                stream.iter_mut().zip(input[first..].iter().step_by(count)).for_each(|(to, &from)| *to = clean(from));
            }
        }
    }
}

#[inline(always)]
fn deal_to<const COUNT: usize>(input: &[f32], streams: &mut [f32], length: usize) {
    let (turns, _) = input.as_chunks::<COUNT>();
    let mut rest = streams.chunks_mut(length);
    // Of one length, so that the loop below checks none.
    let mut streams: [_; COUNT] = std::array::from_fn(|_| &mut rest.next().unwrap_or_default()[..turns.len()]);
    for (at, frames) in turns.iter().enumerate() {
        for (stream, &frame) in streams.iter_mut().zip(frames) {
            stream[at] = clean(frame);
        }
    }
}

/// Collects the frames of phases, one phase after the other, in turn: the counterpart of [`deal`].
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2+fma", "x86_64+sse4.1"))]
fn collect(phases: &[f32], count: usize, output: &mut [f32]) {
    match count {
        2 => collect_from::<2>(phases, output),
        3 => collect_from::<3>(phases, output),
        4 => collect_from::<4>(phases, output),
        6 => collect_from::<6>(phases, output),
        _ => {
            for (phase, first) in phases.chunks(output.len() / count).zip(0..count) {
                output[first..].iter_mut().step_by(count).zip(phase).for_each(|(to, &from)| *to = from);
            }
        }
    }
}

#[inline(always)]
fn collect_from<const COUNT: usize>(phases: &[f32], output: &mut [f32]) {
    let (turns, _) = output.as_chunks_mut::<COUNT>();
    let phases: [_; COUNT] = std::array::from_fn(|i| &phases[i * turns.len()..][..turns.len()]);
    for (at, frames) in turns.iter_mut().enumerate() {
        for (frame, phase) in frames.iter_mut().zip(&phases) {
            *frame = phase[at];
        }
    }
}

/// The sums of each phase, one phase after the other.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+fma", "x86_64+avx2+fma"))]
fn sum(plan: &Plan, streams: &[f32], output: &mut [f32]) {
    match (target_cfg_f!(target_feature = "avx512f"), target_cfg_f!(target_feature = "fma")) {
        (true, _) => sum_wide(plan, streams, output),
        (_, true) => sum_narrow::<true>(plan, streams, output),
        _ => sum_narrow::<{ fused::ALWAYS }>(plan, streams, output),
    }
}

/// Where 32 registers hold `LANES` sums each.
#[inline(always)]
fn sum_wide(plan: &Plan, streams: &[f32], output: &mut [f32]) {
    for phase in 0..plan.phases.len() {
        let turn = sum_phase::<true, 10>(plan, streams, output, (phase, 0), LANES);
        let turn = sum_phase::<true, 5>(plan, streams, output, (phase, turn), LANES);
        sum_phase::<true, 1>(plan, streams, output, (phase, turn), LANES);
    }
}

/// Where 16 registers hold half of `LANES` sums each.
#[inline(always)]
fn sum_narrow<const FUSED: bool>(plan: &Plan, streams: &[f32], output: &mut [f32]) {
    let apart = plan.apart.min(LANES);
    for phase in 0..plan.phases.len() {
        let turn = sum_phase::<FUSED, 5>(plan, streams, output, (phase, 0), apart);
        sum_phase::<FUSED, 1>(plan, streams, output, (phase, turn), apart);
    }
}

/// The outputs of a phase from a turn on, `N` times `LANES` together; with `N` of 1 all of them, else
/// while there are so many. The turn of the first that is left.
#[inline(always)]
fn sum_phase<const FUSED: bool, const N: usize>(
    plan: &Plan,
    streams: &[f32],
    output: &mut [f32],
    (phase, mut turn): (usize, usize),
    apart: usize,
) -> usize {
    let parts = &plan.phases[phase];
    let output = &mut output[phase * plan.turns..][..plan.turns];
    while turn + N * LANES <= plan.turns || N == 1 && turn < plan.turns {
        let frames = &streams[turn..];
        let pairs = sums::<FUSED, N, 2>(&parts.pairs, frames, apart);
        let single = sums::<FUSED, N, 1>(&parts.single, frames, apart);
        let sums = pairs.as_flattened().iter().zip(single.as_flattened());
        output[turn..].iter_mut().zip(sums).for_each(|(output, (a, b))| *output = a + b);
        turn += N * LANES;
    }
    turn
}

#[inline(always)]
fn sums<const FUSED: bool, const N: usize, const TAPS: usize>(
    parts: &[Part<TAPS>],
    streams: &[f32],
    apart: usize,
) -> [[f32; LANES]; N] {
    let mut sums = [[0.0; LANES]; N];
    for part in parts {
        let frames = streams[part.start..].windows((N + TAPS - 1) * LANES);
        for (frames, taps) in frames.zip(&part.taps) {
            for (i, &tap) in taps.iter().enumerate() {
                let (frames, _) = frames[i * apart..][..N * LANES].as_chunks::<LANES>();
                for (sums, frames) in sums.iter_mut().zip(frames) {
                    for (sum, &frame) in sums.iter_mut().zip(frames) {
                        *sum = mul_add::<FUSED>(tap, frame, *sum);
                    }
                }
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::HIGH;
    use crate::polyphase::tests::{bits, noise, pairs};

    /// As on a processor that has no more than this.
    #[multiversion(targets("x86_64+avx2+fma"))]
    fn sum_avx2(plan: &Plan, streams: &[f32], output: &mut [f32]) {
        if target_cfg_f!(target_feature = "fma") {
            sum_narrow::<true>(plan, streams, output);
        } else {
            sum_narrow::<false>(plan, streams, output);
        }
    }

    #[test]
    fn every_processor_computes_the_same_bits() {
        for (from, to) in pairs() {
            let sums = Streams::new(&Bank::new(&HIGH, from, to));
            let streams = noise(sums.frames.len());
            let of = |sum: fn(&Plan, &[f32], &mut [f32])| bits(to.block(), |output| sum(&sums.plan, &streams, output));
            let portable = of(sum_narrow::<false>);
            assert!(of(sum) == portable, "{from} to {to}, the best");
            assert!(of(sum_avx2) == portable, "{from} to {to}, AVX2");
        }
    }
}
