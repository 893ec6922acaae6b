//! The `high` and `low-delay` converters: polyphase filters (Crochiere and Rabiner 1983). Built on the
//! control thread, run on the pipeline thread.
//!
//! The ratio of two listed rates is a fraction L/M: output frame j lies j · M/L input frames into the
//! block, whatever the block. So each block is the same fixed set of sums, and there is no position to
//! carry from one to the next. Positions are counted in L-ths of an input frame and stay whole numbers.
//!
//! Sixteen neighbouring outputs are summed at once, one to a lane. What each input frame adds to them
//! is one row of coefficients, zero where a lane's filter has not begun or has ended. Nothing is summed
//! across lanes and every lane adds in the order of time, without fused multiply-adds (they gain
//! nothing here), so the result is the same bit for bit with any width of vector.

use glottis_core::{Fault, Rate};
use multiversion::multiversion;

use crate::converter::{Converter, copy_clean};
use crate::filter::Prototype;

/// Outputs that are summed at once.
const LANES: usize = 16;

/// Outputs side by side, and the input frames they are made of.
struct Group {
    /// The first of the input frames, as an index into the history, in the first span of a block.
    start: usize,
    /// The first output, within its span.
    output: usize,
    /// Lanes in use.
    lanes: usize,
    /// For each input frame, what it adds to each output.
    rows: Vec<[f32; LANES]>,
}

/// What is summed up for every block. A block is a few spans, alike but for where they begin.
struct Plan {
    groups: Vec<Group>,
    /// Output and input frames in a span.
    span: (usize, usize),
    /// Spans in a block; the last may reach beyond it.
    spans: usize,
    /// Input frames that are kept from earlier blocks.
    kept: usize,
    /// Output frames by which the sound leaves late, exactly.
    latency: u32,
}

impl Plan {
    fn new(prototype: &Prototype, from: Rate, to: Rate) -> Plan {
        let common = gcd(from.block(), to.block());
        let (l, m) = (to.block() / common, from.block() / common);
        let span = span(l, to.block());
        let (l, m) = (l as i64, m as i64);
        // Both in L-ths of an input frame.
        let period = l.max(m);
        let reach = prototype.reach * period;
        // The last sum may not look beyond the block, and a whole number of output frames is exact.
        let latency = (reach as u64).div_ceil(m as u64) as i64;
        let middle = |output: usize| (output as i64 - latency) * m;
        let first = |output| (middle(output) - reach).div_euclid(l) + i64::from((middle(output) - reach) % l != 0);
        let last = |output| (middle(output) + reach).div_euclid(l);

        let tap = |output, frame: i64| match frame * l - middle(output) {
            away if away.abs() <= reach => prototype.tap(away as f64 / period as f64),
            _ => 0.0,
        };
        let group = |output: usize| {
            let lanes = LANES.min(span - output);
            let frames = first(output)..=last(output + lanes - 1);
            let mut rows = vec![[0.0; LANES]; frames.clone().count()];
            for lane in 0..lanes {
                let taps: Vec<f64> = frames.clone().map(|frame| tap(output + lane, frame)).collect();
                // In f64 and for every phase by itself: a steady input must not turn into a tone.
                let gain: f64 = taps.iter().sum();
                for (row, tap) in rows.iter_mut().zip(taps) {
                    row[lane] = (tap / gain) as f32;
                }
            }
            Group { start: (first(output) - first(0)) as usize, output, lanes, rows }
        };
        Plan {
            groups: (0..span).step_by(LANES).map(group).collect(),
            span: (span, span * m as usize / l as usize),
            spans: to.block().div_ceil(span),
            kept: -first(0) as usize,
            latency: latency as u32,
        }
    }

    /// Input frames that the sums of a block look at.
    fn frames(&self) -> usize {
        let end = self.groups.iter().map(|group| group.start + group.rows.len()).max().unwrap_or(0);
        (self.spans - 1) * self.span.1 + end
    }
}

/// Output frames after which the filters repeat, for `l` different ones: no lane is idle if the block
/// allows it.
fn span(l: usize, block: usize) -> usize {
    let full = l * LANES / gcd(l, LANES);
    if full <= block && block.is_multiple_of(full) { full } else { l * LANES.div_ceil(l) }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Sums up a block, each row of coefficients for several spans at once.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2+fma", "x86_64+sse4.1"))]
fn sum(plan: &Plan, history: &[f32], output: &mut [f32]) {
    sum_portable(plan, history, output);
}

#[inline(always)]
fn sum_portable(plan: &Plan, history: &[f32], output: &mut [f32]) {
    match plan.spans {
        n if n % 5 == 0 => sum_by::<5>(plan, history, output),
        n if n % 4 == 0 => sum_by::<4>(plan, history, output),
        n if n % 3 == 0 => sum_by::<3>(plan, history, output),
        n if n % 2 == 0 => sum_by::<2>(plan, history, output),
        _ => sum_by::<1>(plan, history, output),
    }
}

#[inline(always)]
fn sum_by<const SPANS: usize>(plan: &Plan, history: &[f32], output: &mut [f32]) {
    for group in &plan.groups {
        for first in (0..plan.spans).step_by(SPANS) {
            let sums = sums::<SPANS>(
                &group.rows,
                std::array::from_fn(|i| &history[group.start + (first + i) * plan.span.1..]),
            );
            for (i, sums) in sums.iter().enumerate() {
                let output = &mut output[group.output + (first + i) * plan.span.0..];
                match output.first_chunk_mut::<LANES>() {
                    Some(output) if group.lanes == LANES => *output = *sums,
                    _ => output.iter_mut().zip(&sums[..group.lanes]).for_each(|(output, &sum)| *output = sum),
                }
            }
        }
    }
}

#[inline(always)]
fn sums<const SPANS: usize>(rows: &[[f32; LANES]], inputs: [&[f32]; SPANS]) -> [[f32; LANES]; SPANS] {
    // Of one length, so that the loop below checks none.
    let inputs = inputs.map(|input| &input[..rows.len()]);
    let mut sums = [[0.0; LANES]; SPANS];
    for (frame, row) in rows.iter().enumerate() {
        for (sums, input) in sums.iter_mut().zip(inputs) {
            let sample = input[frame];
            for (sum, coefficient) in sums.iter_mut().zip(row) {
                *sum += coefficient * sample;
            }
        }
    }
    sums
}

/// Late by the reach of its prototype.
pub(crate) struct Polyphase {
    plan: Plan,
    /// Frames kept from earlier blocks, then the block, then silence for lanes beyond its end.
    history: Vec<f32>,
    /// Input and output frames in a block.
    blocks: (usize, usize),
}

impl Polyphase {
    /// Between two different rates.
    pub(crate) fn new(prototype: &Prototype, from: Rate, to: Rate) -> Polyphase {
        let plan = Plan::new(prototype, from, to);
        let history = vec![0.0; plan.frames().max(plan.kept + from.block())];
        Polyphase { plan, history, blocks: (from.block(), to.block()) }
    }
}

impl Converter for Polyphase {
    fn convert(&mut self, input: &[f32], output: &mut [f32]) -> Result<(), Fault> {
        if (input.len(), output.len()) != self.blocks {
            return Err(Fault::failed());
        }
        let (kept, block) = (self.plan.kept, input.len());
        copy_clean(input, &mut self.history[kept..kept + block]);
        sum(&self.plan, &self.history, output);
        self.history.copy_within(block..block + kept, 0);
        Ok(())
    }

    fn reset(&mut self) {
        self.history.fill(0.0);
    }

    fn latency(&self) -> u32 {
        self.plan.latency
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::{HIGH, LOW_DELAY};

    fn pairs() -> impl Iterator<Item = (Rate, Rate)> {
        let rates = || Rate::LIST.into_iter().filter_map(Rate::new);
        rates().flat_map(move |from| rates().map(move |to| (from, to))).filter(|(from, to)| from != to)
    }

    /// White, full scale, the same every time.
    fn noise(count: usize) -> Vec<f32> {
        let mut state = 1_u32;
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state as i32 as f32 / 2_147_483_648.0
        };
        std::iter::repeat_with(next).take(count).collect()
    }

    /// Output frame `at` as the definition has it: every tap times its sample, in f64.
    fn directly(prototype: &Prototype, input: &[f32], at: i64, (from, to): (Rate, Rate)) -> f64 {
        let (from, to) = (i64::from(from.hz()), i64::from(to.hz()));
        // In `to`-ths of an input frame.
        let (middle, reach) = (at * from, prototype.reach * from.max(to));
        let frames = (middle - reach) / to - 1..=(middle + reach) / to + 1;
        let (mut sum, mut gain) = (0.0, 0.0);
        for frame in frames.filter(|frame| (frame * to - middle).abs() <= reach) {
            let tap = prototype.tap((frame * to - middle) as f64 / from.max(to) as f64);
            let sample = usize::try_from(frame).ok().and_then(|frame| input.get(frame)).unwrap_or(&0.0);
            sum += tap * f64::from(*sample);
            gain += tap;
        }
        sum / gain
    }

    #[test]
    fn every_pair_agrees_with_a_direct_convolution() {
        for (prototype, (from, to)) in [&HIGH, &LOW_DELAY].into_iter().flat_map(|p| pairs().map(move |pair| (p, pair)))
        {
            let mut converter = Polyphase::new(prototype, from, to);
            let input = noise(4 * from.block());
            let mut output = vec![0.0; to.block()];
            for (i, block) in input.chunks(from.block()).enumerate() {
                converter.convert(block, &mut output).unwrap();
                for (j, &got) in output.iter().enumerate() {
                    let at = (i * to.block() + j) as i64 - i64::from(converter.latency());
                    let want = directly(prototype, &input, at, (from, to));
                    assert!((f64::from(got) - want).abs() <= 1e-6, "{from} to {to}, frame {at}: {got}, not {want}");
                }
            }
        }
    }

    type Sum = fn(&Plan, &[f32], &mut [f32]);

    /// As on a processor that has no more than this.
    #[multiversion(targets("x86_64+avx2+fma"))]
    fn sum_avx2(plan: &Plan, history: &[f32], output: &mut [f32]) {
        sum_portable(plan, history, output);
    }

    #[multiversion(targets("x86_64+sse4.1"))]
    fn sum_sse(plan: &Plan, history: &[f32], output: &mut [f32]) {
        sum_portable(plan, history, output);
    }

    #[test]
    fn every_processor_computes_the_same_bits() {
        for (from, to) in pairs() {
            let plan = Plan::new(&HIGH, from, to);
            let history = noise(plan.frames());
            let bits = |sum: Sum| {
                let mut output = vec![0.0; to.block()];
                sum(&plan, &history, &mut output);
                output.into_iter().map(f32::to_bits).collect::<Vec<_>>()
            };
            let portable = bits(sum_portable);
            for (name, sum) in [("the best", sum as Sum), ("AVX2", sum_avx2), ("SSE 4.1", sum_sse)] {
                assert!(bits(sum) == portable, "{from} to {to}, {name}");
            }
        }
    }

    #[test]
    fn blocks_of_other_rates_are_refused() {
        let mut converter = Polyphase::new(&HIGH, Rate::new(48_000).unwrap(), Rate::new(16_000).unwrap());
        assert!(converter.convert(&[0.0; 441], &mut [0.0; 160]).is_err());
        assert!(converter.convert(&[0.0; 480], &mut [0.0; 80]).is_err());
    }
}
