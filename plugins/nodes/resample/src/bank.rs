//! The filters of a pair of rates (Crochiere and Rabiner 1983). Control thread only.
//!
//! The ratio of two listed rates is a fraction L/M: output frame j lies j · M/L input frames into the
//! block, whatever the block. So L filters, the phases, serve in turn, and a block is a whole number of
//! turns: there is no position to carry from one block to the next. Positions are counted in L-ths of an
//! input frame and stay whole numbers.

use glottis_core::Rate;

use crate::filter::Prototype;

/// Which input frames add up to an output, and by how much.
pub(crate) struct Phase {
    /// The first of them, counted from the oldest that a block looks at, in the first turn.
    pub(crate) start: usize,
    pub(crate) taps: Vec<f32>,
}

/// One filter for each of the outputs of a turn.
pub(crate) struct Bank {
    pub(crate) phases: Vec<Phase>,
    /// Input frames in a turn.
    pub(crate) step: usize,
    /// Turns in a block.
    pub(crate) turns: usize,
    /// Input frames of earlier blocks that a block looks at.
    pub(crate) kept: usize,
    /// Output frames by which the sound leaves late, exactly.
    pub(crate) latency: u32,
}

impl Bank {
    pub(crate) fn new(prototype: &Prototype, from: Rate, to: Rate) -> Bank {
        let turns = gcd(from.block(), to.block());
        let (l, m) = ((to.block() / turns) as i64, (from.block() / turns) as i64);
        // Both in L-ths of an input frame.
        let period = l.max(m);
        let reach = prototype.reach * period;
        // The last sum may not look beyond the block, and a whole number of output frames is exact.
        let latency = (reach as u64).div_ceil(m as u64) as i64;
        let middle = |output: i64| (output - latency) * m;
        let first = |output| (middle(output) - reach).div_euclid(l) + i64::from((middle(output) - reach) % l != 0);
        let last = |output| (middle(output) + reach).div_euclid(l);

        let phase = |output| {
            let tap = |frame| prototype.tap((frame * l - middle(output)) as f64 / period as f64);
            let taps: Vec<f64> = (first(output)..=last(output)).map(tap).collect();
            // In f64 and for every phase by itself: a steady input must not turn into a tone.
            let gain: f64 = taps.iter().sum();
            let taps = taps.iter().map(|tap| (tap / gain) as f32).collect();
            Phase { start: (first(output) - first(0)) as usize, taps }
        };
        Bank {
            phases: (0..l).map(phase).collect(),
            step: m as usize,
            turns,
            kept: -first(0) as usize,
            latency: latency as u32,
        }
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
