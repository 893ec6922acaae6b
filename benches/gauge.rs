//! What the signal watch costs: ten milliseconds of sound through the gauge, against a copy of the same
//! block, and what the control thread does with a second of it.
//!
//! `cargo bench --bench gauge`

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use glottis::{Block, Rate};
use glottis_core::feed::capture_ring;
use glottis_engine::watch::Watch;
use glottis_graph::Gauge;

/// A block that sounds like something: a gauge has no way around the work.
fn block(rate: Rate) -> Block {
    let mut block = Block::new(rate);
    for (i, sample) in block.samples_mut().iter_mut().enumerate() {
        *sample = (i as f32 * 0.05).sin() * 0.3 + (i as f32 * 1.7).sin() * 0.02;
    }
    block
}

fn per_block(c: &mut Criterion) {
    let mut group = c.benchmark_group("gauge");
    group.throughput(Throughput::Elements(1));
    for hz in [16_000, 48_000] {
        let rate = Rate::new(hz).expect("a listed rate");
        let (mut heard, mut copy, mut gauge) = (block(rate), Block::new(rate), Gauge::new(rate));
        group.bench_function(BenchmarkId::new("block", hz), |b| {
            b.iter(|| {
                black_box(gauge.take(black_box(&heard)));
                heard.at = heard.end();
            });
        });
        group.bench_function(BenchmarkId::new("copy of the block", hz), |b| {
            b.iter(|| black_box(&mut copy).copy_from(black_box(&heard)));
        });
    }
    group.finish();
}

fn per_second(c: &mut Criterion) {
    let rate = Rate::new(48_000).expect("a listed rate");
    let (mut gauge, mut heard) = (Gauge::new(rate), block(rate));
    let second = std::iter::repeat_with(|| {
        heard.at = heard.end();
        gauge.take(&heard)
    });
    let second = second.flatten().next().expect("a hundred blocks are a second");
    let (feed, _intake) = capture_ring(rate, 4, false);
    let (stats, mut watch, mut now) = (feed.stats(), Watch::new(rate), 0);
    let mut group = c.benchmark_group("gauge");
    group.bench_function("judgement of ten seconds, once a second", |b| {
        b.iter(|| {
            now += 1_000_000_000;
            black_box(watch.take(now, second, &stats))
        });
    });
    group.finish();
}

criterion_group!(benches, per_block, per_second);
criterion_main!(benches);
