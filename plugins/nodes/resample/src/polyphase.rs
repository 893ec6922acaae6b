//! The `high` and `low-delay` converters: polyphase filters (Crochiere and Rabiner 1983). Built on the
//! control thread, run on the pipeline thread.
//!
//! Many outputs are summed at once, one to a lane. Nothing is summed across lanes, every lane adds its
//! frames in an order that hangs on the pair of rates alone, and each product is added with one rounding,
//! so the result is the same bit for bit on every processor.

use glottis_core::{Fault, Rate};

use crate::bank::Bank;
use crate::converter::Converter;
use crate::filter::Prototype;
use crate::rows::Rows;
use crate::streams::Streams;

/// Outputs that are summed at once, at least.
pub(crate) const LANES: usize = 16;

/// Late by the reach of its prototype.
pub(crate) struct Polyphase {
    sums: Sums,
    /// Input and output frames in a block.
    blocks: (usize, usize),
    latency: u32,
}

/// Which outputs are summed at once.
enum Sums {
    /// Neighbours.
    Rows(Rows),
    /// Those of one phase.
    Streams(Streams),
}

impl Polyphase {
    /// Between two different rates.
    pub(crate) fn new(prototype: &Prototype, from: Rate, to: Rate) -> Polyphase {
        let bank = Bank::new(prototype, from, to);
        let sums = if bank.turns < LANES { Sums::Rows(Rows::new(&bank)) } else { Sums::Streams(Streams::new(&bank)) };
        Polyphase { sums, blocks: (from.block(), to.block()), latency: bank.latency }
    }
}

impl Converter for Polyphase {
    fn convert(&mut self, input: &[f32], output: &mut [f32]) -> Result<(), Fault> {
        if (input.len(), output.len()) != self.blocks {
            return Err(Fault::failed());
        }
        match &mut self.sums {
            Sums::Rows(rows) => rows.convert(input, output),
            Sums::Streams(streams) => streams.convert(input, output),
        }
        Ok(())
    }

    fn reset(&mut self) {
        match &mut self.sums {
            Sums::Rows(rows) => rows.reset(),
            Sums::Streams(streams) => streams.reset(),
        }
    }

    fn latency(&self) -> u32 {
        self.latency
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::filter::{HIGH, LOW_DELAY};

    pub(crate) fn pairs() -> impl Iterator<Item = (Rate, Rate)> {
        let rates = || Rate::LIST.into_iter().filter_map(Rate::new);
        rates().flat_map(move |from| rates().map(move |to| (from, to))).filter(|(from, to)| from != to)
    }

    /// White, full scale, the same every time.
    pub(crate) fn noise(count: usize) -> Vec<f32> {
        let mut state = 1_u32;
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state as i32 as f32 / 2_147_483_648.0
        };
        std::iter::repeat_with(next).take(count).collect()
    }

    /// What `sum` makes of a block of so many outputs, to the bit.
    pub(crate) fn bits(block: usize, sum: impl Fn(&mut [f32])) -> Vec<u32> {
        let mut output = vec![0.0; block];
        sum(&mut output);
        output.into_iter().map(f32::to_bits).collect()
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

    #[test]
    fn blocks_of_other_rates_are_refused() {
        let mut converter = Polyphase::new(&HIGH, Rate::new(48_000).unwrap(), Rate::new(16_000).unwrap());
        assert!(converter.convert(&[0.0; 441], &mut [0.0; 160]).is_err());
        assert!(converter.convert(&[0.0; 480], &mut [0.0; 80]).is_err());
    }
}
