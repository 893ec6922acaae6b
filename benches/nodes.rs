//! What each node costs per block of 10 ms, beside a bare copy of the block that goes in. One thread.
//!
//! `cargo bench --bench nodes`

mod yardstick;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use glottis_core::{Block, Detector, Node, Rate};
use glottis_node_gain::Gain;
use glottis_node_high_pass::HighPass;
use glottis_node_resample::{Quality, Resample};
use glottis_node_vad::{Energy, Frame, Vad, Webrtc};

fn rate(hz: u32) -> Rate {
    Rate::new(hz).expect("a listed rate")
}

/// Two seconds of something like a voice: a buzz that comes and goes, and a little noise.
fn voice(rate: Rate) -> Vec<Block> {
    let mut noise = 1_u32;
    let mut block = Block::new(rate);
    (0..200)
        .map(|_| {
            let at = block.at;
            for (i, sample) in block.samples_mut().iter_mut().enumerate() {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let t = (at + i as i64) as f32 / rate.hz() as f32;
                let buzz = (t * 120.0).fract() - 0.5;
                let loud = (t * std::f32::consts::TAU * 2.0).sin().max(0.0);
                *sample = buzz * loud * 0.3 + (noise >> 8) as f32 / 1.7e10;
            }
            let made = block;
            block.at = block.end();
            made
        })
        .collect()
}

/// Runs `node` over the voice, one block per iteration.
fn cost(c: &mut Criterion, group: &str, name: &str, from: u32, mut node: impl Node) {
    let to = node.prepare(rate(from)).expect("a rate the node takes");
    let blocks = voice(rate(from));
    let mut output = Block::new(to);
    let mut next = 0;
    c.benchmark_group(group).bench_function(BenchmarkId::new(name, pair(from, to.hz())), |b| {
        b.iter(|| {
            let input = &blocks[next % blocks.len()];
            next += 1;
            output.follow(input, to, node.latency());
            node.process(black_box(input), black_box(&mut output)).expect("a sound block");
        });
    });
}

/// The yardstick of the nodes that `cost` runs from `from` Hz on.
fn copy(c: &mut Criterion, group: &str, from: u32, to: u32) {
    let blocks = voice(rate(from));
    yardstick::copy(&mut c.benchmark_group(group), pair(from, to), blocks[100].samples());
}

fn pair(from: u32, to: u32) -> String {
    format!("{from} to {to}")
}

fn resample(c: &mut Criterion) {
    for (from, to) in [(48_000, 16_000), (44_100, 16_000), (16_000, 48_000), (16_000, 16_000)] {
        copy(c, "resample", from, to);
        for (name, quality) in [("high", Quality::High), ("low-delay", Quality::LowDelay), ("fast", Quality::Fast)] {
            cost(c, "resample", name, from, Resample::new(rate(to), quality));
        }
    }
}

fn simple(c: &mut Criterion) {
    for hz in [16_000, 48_000] {
        copy(c, "nodes", hz, hz);
        cost(c, "nodes", "gain", hz, Gain::new(6.0));
        cost(c, "nodes", "high-pass", hz, HighPass::new(80.0));
    }
}

fn vad(c: &mut Criterion) {
    for hz in [16_000, 48_000] {
        copy(c, "vad", hz, hz);
        let detectors: [(&str, Box<dyn Detector>); 2] =
            [("webrtc", Box::new(Webrtc::new(2, Frame::Ms20))), ("energy", Box::new(Energy::new(-34.0, 6.0)))];
        for (name, detector) in detectors {
            cost(c, "vad", name, hz, Vad::new(detector));
        }
    }
}

criterion_group!(benches, resample, simple, vad);
criterion_main!(benches);
