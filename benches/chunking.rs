//! What a segment costs on its way into packets: segmenter, chunker and encoder, per second of
//! sound, beside a copy of the same samples and beside the loop one would write first. One thread.
//!
//! `cargo bench --bench chunking`

mod yardstick;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use glottis_core::inlet::queue;
use glottis_core::param::{Settings, check};
use glottis_core::registry::{ComponentKind, Context};
use glottis_core::sink::Overflow;
use glottis_core::{Block, Inlet, Mark, MarkKind, Rate, Registry, TurnMode};
use glottis_graph::{Outlet, OutletParts, Pieces, Signals, Turn, signals};

const HZ: u32 = 16_000;

struct Leaf {
    outlet: Outlet,
    inlet: Inlet,
    signals: Signals,
    blocks: Vec<Block>,
    at: i64,
}

impl Leaf {
    fn new(mode: TurnMode, chunk: u32) -> Leaf {
        let rate = Rate::new(HZ).expect("a listed rate");
        let mut registry = Registry::new();
        glottis_encoder_pcm::register(&mut registry);
        let params = registry.get(ComponentKind::Encoder, "pcm16").expect("the encoder").params;
        let settings: Settings =
            check(&Default::default(), params, "encoder", "".as_ref(), &registry).expect("the defaults");
        let mut encoder = registry.encoder("pcm16", &settings, &Context::default()).expect("the encoder");
        let bytes = encoder.prepare(rate, chunk as usize).expect("16 kHz");
        let (outfeed, mut inlet, _) = queue(20_000 / chunk as usize + 64, bytes, Arc::new(|_| ()));
        inlet.open();
        let outlet = Outlet::new(OutletParts {
            sink: 0,
            rate,
            source_rate: rate,
            turn: Turn::with_mode(mode),
            pieces: Pieces { chunk, pad: true, overflow: Overflow::Shed },
            encoder,
            outfeed,
            waits: false,
            cut_on_interrupt: false,
        });
        let mut blocks = vec![Block::new(rate); 100];
        for (i, sample) in blocks.iter_mut().flat_map(|b| b.samples_mut()).enumerate() {
            *sample = (i as f32 * 0.05).sin() * 0.3;
        }
        Leaf { outlet, inlet, signals: signals(1024, None).0, blocks, at: 0 }
    }

    /// A second of sound goes in, and its packets come out. In `speech` mode there is voice in 0.6 s of it.
    fn second(&mut self) {
        for (i, block) in self.blocks.iter_mut().enumerate() {
            block.at = self.at;
            self.at = block.end();
            block.clear_marks();
            let kind = match i {
                20 => Some(MarkKind::SpeechStart { probability: 1.0 }),
                80 => Some(MarkKind::SpeechEnd { probability: 0.0 }),
                _ => None,
            };
            if let Some(kind) = kind {
                assert!(block.mark(Mark { at: block.at, kind }));
            }
            self.outlet.take(block, i64::MAX, 0, &mut self.signals);
            while let Some(packet) = self.inlet.try_packet() {
                black_box(&*packet.body);
                self.inlet.delivered(packet);
            }
        }
    }
}

/// The loop one would write first: blocks are collected, whole chunks taken off the front, at the end
/// what is left, converted and sent through a channel.
fn obvious(blocks: &[Block], chunk: usize) {
    let (sender, receiver) = std::sync::mpsc::channel::<Vec<u8>>();
    let mut waiting: Vec<f32> = Vec::new();
    let send = |waiting: &mut Vec<f32>, frames: usize| {
        // The cast saturates and turns NaN into 0.
        let sample = |s: f32| ((s * 32_768.0).round_ties_even() as i16).to_le_bytes();
        sender.send(waiting.drain(..frames).flat_map(sample).collect()).expect("the other end is here");
        while let Ok(bytes) = receiver.try_recv() {
            black_box(bytes);
        }
    };
    for block in blocks {
        waiting.extend_from_slice(block.samples());
        while waiting.len() >= chunk {
            send(&mut waiting, chunk);
        }
    }
    let rest = waiting.len();
    send(&mut waiting, rest);
}

fn chunking(c: &mut Criterion) {
    let mut group = c.benchmark_group("chunking");
    group.throughput(Throughput::Elements(u64::from(HZ)));
    for chunk in [160, 320, 1024, 4096, 16_384] {
        let mut leaf = Leaf::new(TurnMode::Always, chunk);
        let second: Vec<f32> = leaf.blocks.iter().flat_map(|block| block.samples()).copied().collect();
        yardstick::copy(&mut group, chunk, &second);
        group.bench_function(BenchmarkId::new("obvious loop", chunk), |b| {
            b.iter(|| obvious(black_box(&leaf.blocks), chunk as usize));
        });
        group.bench_function(BenchmarkId::new("always", chunk), |b| b.iter(|| leaf.second()));
    }
    let mut leaf = Leaf::new(TurnMode::Speech, 4096);
    group.bench_function(BenchmarkId::new("speech", 4096), |b| b.iter(|| leaf.second()));
    group.finish();
}

criterion_group!(benches, chunking);
criterion_main!(benches);
