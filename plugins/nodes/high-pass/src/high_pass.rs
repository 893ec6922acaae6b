//! The `high-pass` node. Built on the control thread, runs on the pipeline thread.

use glottis_core::{Block, Fault, FaultCode, Node, Problem, Rate};

use crate::biquad::{Section, State};
use crate::config::{MAX_HZ, MIN_HZ};

/// A Butterworth high-pass of second order: −3 dB at the cutoff, 12 dB per octave below it.
///
/// A change of the cutoff is spread over one block, so that it makes no click. Samples that are not
/// finite count as silence, so that they cannot stay in the filter. Its delay is that of any such
/// filter, far below a frame for speech, and not declared.
///
/// Real-time safe after [`prepare`](Node::prepare).
pub struct HighPass {
    cutoff: f64,
    rate: Option<Rate>,
    /// What the last frame went through.
    section: Section,
    /// What the last frame of the next block goes through.
    target: Section,
    state: State,
}

impl HighPass {
    /// A high-pass at `cutoff` Hz; values outside 10 to 2000 count as the nearest limit, and one that
    /// is not a number as 80.
    pub fn new(cutoff: f64) -> HighPass {
        let cutoff = if cutoff.is_nan() { 80.0 } else { cutoff.clamp(MIN_HZ, MAX_HZ) };
        // Any rate will do: `prepare` makes the real one.
        let section = Section::butterworth(cutoff, 48_000.0);
        HighPass { cutoff, rate: None, section, target: section, state: State::default() }
    }

    fn retune(&mut self) {
        let rate = self.rate.map_or(48_000, Rate::hz);
        self.target = Section::butterworth(self.cutoff, f64::from(rate));
    }
}

fn clean(sample: f32) -> f32 {
    if sample.is_finite() { sample } else { 0.0 }
}

impl Node for HighPass {
    fn prepare(&mut self, input: Rate) -> Result<Rate, Problem> {
        self.rate = Some(input);
        self.retune();
        self.reset();
        Ok(input)
    }

    fn process(&mut self, input: &Block, output: &mut Block) -> Result<(), Fault> {
        let samples = input.samples();
        let frames = output.samples_mut().iter_mut().zip(samples);
        if self.section == self.target {
            for (out, &sample) in frames {
                *out = self.state.step(&self.section, clean(sample));
            }
        } else {
            let count = samples.len() as f64;
            for (i, (out, &sample)) in frames.enumerate() {
                let section = self.section.toward(self.target, (i + 1) as f64 / count);
                *out = self.state.step(&section, clean(sample));
            }
            self.section = self.target;
        }
        self.state.settle();
        Ok(())
    }

    /// `cutoff`: 10 to 2000 Hz; takes effect over the next block.
    fn set(&mut self, param: &'static str, value: f64) -> Result<(), Fault> {
        if param != "cutoff" || !(MIN_HZ..=MAX_HZ).contains(&value) {
            return Err(Fault::new(FaultCode::BadParameter));
        }
        self.cutoff = value;
        self.retune();
        Ok(())
    }

    fn reset(&mut self) {
        self.section = self.target;
        self.state = State::default();
    }
}
