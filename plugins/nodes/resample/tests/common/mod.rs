//! Runs the `resample` node as a pipeline would: built from its keys, one block after the other,
//! positions derived from its latency.
#![allow(dead_code)] // every test file uses a part

use std::path::Path;

use glottis_core::param::{Table, check};
use glottis_core::registry::{ComponentKind, Context};
use glottis_core::{Block, Node, Problem, Rate, Registry};

pub const QUALITIES: [&str; 3] = ["high", "low-delay", "fast"];

pub fn rate(hz: u32) -> Rate {
    Rate::new(hz).unwrap()
}

pub fn build(table: &Table) -> Result<Box<dyn Node>, Vec<Problem>> {
    let mut registry = Registry::new();
    glottis_node_resample::register(&mut registry);
    let params = registry.get(ComponentKind::Node, "resample").unwrap().params;
    let settings = check(table, params, "node[0]", Path::new(""), &registry)?;
    registry.node("resample", &settings, &Context::default())
}

/// The node and the two edges beside it.
pub struct Bench {
    pub node: Box<dyn Node>,
    pub input: Block,
    pub output: Block,
    to: Rate,
}

impl Bench {
    pub fn new(quality: &str, from: u32, to: u32) -> Bench {
        let mut node = build(&Table::default().with("rate", to).with("quality", quality)).unwrap();
        assert_eq!(node.prepare(rate(from)), Ok(rate(to)));
        Bench { node, input: Block::new(rate(from)), output: Block::new(rate(to)), to: rate(to) }
    }

    /// Feeds the next block of `signal` (a function of the frame's index) and runs the node.
    pub fn step(&mut self, signal: &impl Fn(i64) -> f32) {
        let at = self.input.at;
        for (i, sample) in self.input.samples_mut().iter_mut().enumerate() {
            *sample = signal(at + i as i64);
        }
        self.output.follow(&self.input, self.to, self.node.latency());
        self.node.process(&self.input, &mut self.output).unwrap();
        self.input.at = self.input.end();
    }

    /// The output of `blocks` blocks: position of the first frame, and the frames.
    pub fn run(&mut self, blocks: usize, signal: impl Fn(i64) -> f32) -> (i64, Vec<f32>) {
        let mut samples = Vec::new();
        let mut first = None;
        for _ in 0..blocks {
            self.step(&signal);
            first.get_or_insert(self.output.at);
            samples.extend_from_slice(self.output.samples());
        }
        (first.unwrap(), samples)
    }
}

/// A sine of amplitude 0.5 at `hz`, sampled at `rate`. Computed from the fraction of its period, so
/// that it stays exact however long it runs. `hz` is whole.
pub fn sine(hz: u32, rate: u32) -> impl Fn(i64) -> f32 {
    move |at| {
        let phase = (at * i64::from(hz)).rem_euclid(i64::from(rate)) as f64 / f64::from(rate);
        (0.5 * (phase * std::f64::consts::TAU).sin()) as f32
    }
}

/// Level of `samples` against a sine of amplitude 0.5, in dB.
pub fn level(samples: &[f32]) -> f64 {
    let power = samples.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / samples.len() as f64;
    10.0 * (power / 0.125).max(1e-30).log10()
}

/// Level in dB of what comes out for a sine of `hz`, over one second after it has settled.
pub fn response(quality: &str, from: u32, to: u32, hz: u32) -> f64 {
    let mut bench = Bench::new(quality, from, to);
    let (_, samples) = bench.run(110, sine(hz, from));
    level(&samples[10 * rate(to).block()..])
}
