//! What it costs to convert samples and to mix channels, each beside a bare copy of the same bytes and
//! beside the loop one would write first. One thread. The rows with an instruction set are what a processor
//! would take that has no more.
//!
//! `cargo bench --bench convert`

#[path = "../crates/core/tests/kernels/mod.rs"]
mod kernels;
mod yardstick;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use glottis_core::feed::{Taken, capture_ring};
use glottis_core::{Block, Rate, convert};
use kernels::Level;

/// Frames at once: a block at 16 kHz, one at 48 kHz, and RAVATAR's chunk.
const FRAMES: [usize; 3] = [160, 480, 4_096];

fn floats(frames: usize) -> Vec<f32> {
    (0..frames).map(|i| (i as f32 * 0.37).sin() * 1.1).collect()
}

fn ints(samples: usize) -> Vec<i16> {
    (0..samples).map(|i| (i as i16).wrapping_mul(7_919)).collect()
}

fn to_s16(c: &mut Criterion) {
    let mut group = c.benchmark_group("f32 to s16le");
    for frames in FRAMES {
        let (input, mut out) = (floats(frames), vec![0_u8; frames * 2]);
        group.throughput(Throughput::Elements(frames as u64));
        yardstick::copy(&mut group, frames, &input);
        for level in Level::all() {
            group.bench_function(BenchmarkId::new(format!("ours, {}", level.name()), frames), |b| {
                b.iter(|| level.f32_to_s16le(black_box(&input), black_box(&mut out)));
            });
        }
        group.bench_function(BenchmarkId::new("obvious loop", frames), |b| {
            b.iter(|| {
                for (out, &s) in black_box(&mut out).chunks_exact_mut(2).zip(black_box(&input)) {
                    // The cast saturates and turns NaN into 0.
                    let sample = (s * 32_768.0).round_ties_even() as i16;
                    out.copy_from_slice(&sample.to_le_bytes());
                }
            });
        });
    }
    group.finish();
}

fn from_s16(c: &mut Criterion) {
    let mut group = c.benchmark_group("s16 to f32");
    for frames in FRAMES {
        let (input, mut out) = (ints(frames), vec![0.0_f32; frames]);
        group.throughput(Throughput::Elements(frames as u64));
        yardstick::copy(&mut group, frames, &input);
        group.bench_function(BenchmarkId::new("ours", frames), |b| {
            b.iter(|| convert::i16_to_f32_slice(black_box(&input), black_box(&mut out)));
        });
        group.bench_function(BenchmarkId::new("obvious loop", frames), |b| {
            b.iter(|| {
                for (out, &s) in black_box(&mut out).iter_mut().zip(black_box(&input)) {
                    *out = f32::from(s) / 32_768.0;
                }
            });
        });
    }
    group.finish();
}

/// Through the feed, as a capture callback does it: "ours" also cuts the block, stamps it and passes it
/// through the ring, and the other end takes it out.
fn downmix(c: &mut Criterion) {
    let mut group = c.benchmark_group("stereo s16 to a mono block");
    for hz in [16_000, 48_000] {
        let rate = Rate::new(hz).expect("a listed rate");
        let frames = rate.block();
        let input = ints(frames * 2);
        let (mut block, mut taken) = (Block::new(rate), Block::new(rate));
        let (mut feed, mut intake) = capture_ring(rate, 4, false);
        group.throughput(Throughput::Elements(frames as u64));
        yardstick::copy(&mut group, frames, &input);
        group.bench_function(BenchmarkId::new("ours, with feed and ring", frames), |b| {
            b.iter(|| {
                feed.push(black_box(&input), 2, 0, convert::i16_to_f32);
                assert!(matches!(intake.take(black_box(&mut taken)), Taken::Block));
            });
        });
        group.bench_function(BenchmarkId::new("obvious loop, without", frames), |b| {
            b.iter(|| {
                for (out, frame) in black_box(&mut block).samples_mut().iter_mut().zip(black_box(&input).chunks(2)) {
                    *out = frame.iter().map(|&s| f32::from(s) / 32_768.0).sum::<f32>() / frame.len() as f32;
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, to_s16, from_s16, downmix);
criterion_main!(benches);
