//! A bank summed up for neighbouring outputs at once, each with a filter of its own: for ratios with many
//! phases, such as from 44.1 to 16 kHz. Built on the control thread, runs on the pipeline thread.
//!
//! What each input frame adds to sixteen neighbours is one row of coefficients, zero where a neighbour's
//! filter has not begun or has ended.

use multiversion::multiversion;
use multiversion::target::target_cfg_f;

use crate::bank::{Bank, Phase};
use crate::converter::copy_clean;
use crate::fused::{self, mul_add};
use crate::polyphase::LANES;

/// What an input frame adds to each of sixteen neighbours. In one line of the cache.
#[derive(Clone)]
#[repr(align(64))]
struct Row([f32; LANES]);

/// Neighbours, and the input frames they are made of.
struct Group {
    /// The first of the input frames in the first turn, as an index into the history.
    start: usize,
    /// For each input frame. All groups have as many.
    rows: Vec<Row>,
}

impl Group {
    fn new(phases: &[Phase], height: usize) -> Group {
        let start = phases[0].start;
        let mut rows = vec![Row([0.0; LANES]); height];
        for (lane, phase) in phases.iter().enumerate() {
            for (row, &tap) in rows[phase.start - start..].iter_mut().zip(&phase.taps) {
                row.0[lane] = tap;
            }
        }
        Group { start, rows }
    }
}

/// What is summed up for every block, and what it is made of.
pub(crate) struct Rows {
    plan: Plan,
    /// Frames kept from earlier blocks, then the block, then silence for rows that are all zero.
    history: Vec<f32>,
    kept: usize,
}

struct Plan {
    groups: Vec<Group>,
    turns: usize,
    /// Output and input frames in a turn.
    turn: (usize, usize),
}

impl Rows {
    pub(crate) fn new(bank: &Bank) -> Rows {
        let phases = || bank.phases.chunks(LANES);
        let height =
            |phases: &[Phase]| phases.iter().map(|p| p.start + p.taps.len()).max().unwrap_or(0) - phases[0].start;
        let height = phases().map(height).max().unwrap_or(0);
        let plan = Plan {
            groups: phases().map(|phases| Group::new(phases, height)).collect(),
            turns: bank.turns,
            turn: (bank.phases.len(), bank.step),
        };
        let last = plan.groups.last().map_or(0, |group| group.start) + (bank.turns - 1) * bank.step;
        let history = vec![0.0; (last + height).max(bank.kept + bank.turns * bank.step)];
        Rows { plan, history, kept: bank.kept }
    }

    /// Real-time safe.
    pub(crate) fn convert(&mut self, input: &[f32], output: &mut [f32]) {
        let (kept, block) = (self.kept, input.len());
        copy_clean(input, &mut self.history[kept..kept + block]);
        sum(&self.plan, &self.history, output);
        self.history.copy_within(block..block + kept, 0);
    }

    pub(crate) fn reset(&mut self) {
        self.history.fill(0.0);
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+fma", "x86_64+avx2+fma"))]
fn sum(plan: &Plan, history: &[f32], output: &mut [f32]) {
    if target_cfg_f!(target_feature = "fma") {
        sum_by::<true>(plan, history, output);
    } else {
        sum_by::<{ fused::ALWAYS }>(plan, history, output);
    }
}

#[inline(always)]
fn sum_by<const FUSED: bool>(plan: &Plan, history: &[f32], output: &mut [f32]) {
    // As many sums side by side as hide the time that one addition takes, and as the registers of AVX2 hold.
    if plan.turns.is_multiple_of(3) {
        sum_turns::<FUSED, 2, 6, 3>(plan, history, output);
    } else {
        sum_turns::<FUSED, 5, 5, 1>(plan, history, output);
    }
}

/// Sums `GROUPS` groups of `TURNS` turns at a time, which are `SUMS` sums: a row is loaded once for all of its turns.
#[inline(always)]
fn sum_turns<const FUSED: bool, const GROUPS: usize, const SUMS: usize, const TURNS: usize>(
    plan: &Plan,
    history: &[f32],
    output: &mut [f32],
) {
    let (outputs, frames) = plan.turn;
    let (many, rest) = plan.groups.as_chunks::<GROUPS>();
    // Each group for all turns, while its rows are in the cache.
    for (i, groups) in many.iter().enumerate() {
        for turn in (0..plan.turns).step_by(TURNS) {
            let (history, output) = (&history[turn * frames..], &mut output[turn * outputs..]);
            sum_groups::<FUSED, GROUPS, SUMS>(groups, plan.turn, history, output, i * GROUPS * LANES);
        }
    }
    for (i, group) in rest.iter().enumerate() {
        for turn in (0..plan.turns).step_by(TURNS) {
            let (history, output) = (&history[turn * frames..], &mut output[turn * outputs..]);
            let at = (many.len() * GROUPS + i) * LANES;
            sum_groups::<FUSED, 1, TURNS>(std::array::from_ref(group), plan.turn, history, output, at);
        }
    }
}

/// Makes `SUMS` sums: those of the groups for a turn that begins with `history` and `output`, for the next turn, and
/// so on. `at` is the groups' place in each turn.
#[inline(always)]
fn sum_groups<const FUSED: bool, const GROUPS: usize, const SUMS: usize>(
    groups: &[Group; GROUPS],
    (outputs, frames): (usize, usize),
    history: &[f32],
    output: &mut [f32],
    at: usize,
) {
    // Of one length, so that the loop below checks none.
    let height = groups[0].rows.len();
    let rows: [&[Row]; GROUPS] = std::array::from_fn(|i| &groups[i].rows[..height]);
    let inputs: [&[f32]; SUMS] =
        std::array::from_fn(|i| &history[i / GROUPS * frames + groups[i % GROUPS].start..][..height]);
    let mut sums = [[0.0; LANES]; SUMS];
    for frame in 0..height {
        for (i, sums) in sums.iter_mut().enumerate() {
            let sample = inputs[i][frame];
            for (sum, &coefficient) in sums.iter_mut().zip(&rows[i % GROUPS][frame].0) {
                *sum = mul_add::<FUSED>(coefficient, sample, *sum);
            }
        }
    }
    // The last group of a turn may have fewer neighbours than lanes.
    let (turns, _) = sums.as_chunks::<GROUPS>();
    for (output, sums) in output.chunks_exact_mut(outputs).zip(turns) {
        output[at..].iter_mut().zip(sums.as_flattened()).for_each(|(output, &sum)| *output = sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::HIGH;
    use crate::polyphase::tests::{bits, noise, pairs};

    /// As on a processor that has no more than this.
    #[multiversion(targets("x86_64+avx2+fma"))]
    fn sum_avx2(plan: &Plan, history: &[f32], output: &mut [f32]) {
        if target_cfg_f!(target_feature = "fma") {
            sum_by::<true>(plan, history, output);
        } else {
            sum_by::<false>(plan, history, output);
        }
    }

    #[test]
    fn every_processor_computes_the_same_bits() {
        for (from, to) in pairs() {
            let sums = Rows::new(&Bank::new(&HIGH, from, to));
            let history = noise(sums.history.len());
            let of = |sum: fn(&Plan, &[f32], &mut [f32])| bits(to.block(), |output| sum(&sums.plan, &history, output));
            let portable = of(sum_by::<false>);
            assert!(of(sum) == portable, "{from} to {to}, the best");
            assert!(of(sum_avx2) == portable, "{from} to {to}, AVX2");
        }
    }
}
