//! What a whole cycle costs: 10 ms of a device's samples through feed, ring and tree into the
//! queues of 1, 3 and 10 sinks, and out again, beside a copy of the block. One thread, 48 kHz stereo in,
//! 16 kHz out.
//!
//! `cargo bench --bench block_path`

#[path = "../tests/cycle/mod.rs"]
mod cycle;
mod yardstick;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use cycle::{Cycle, HZ, Through};
use glottis::{Block, Inlet, Rate};

/// The nodes of a voice front end, and so many sinks behind them.
fn tree(sinks: usize) -> String {
    let mut text =
        "[source]\ntype = \"device\"\n[[node]]\ntype = \"high-pass\"\n[[node]]\ntype = \"resample\"\nrate = 16000\n\
        [[node]]\ntype = \"vad\"\n"
            .to_owned();
    for i in 0..sinks {
        let mode = if i % 2 == 0 { "speech" } else { "always" };
        text += &format!("[[sink]]\ntype = \"bin\"\nturn = {{ mode = \"{mode}\" }}\nchunk = {{ frames = 4096 }}\n");
    }
    text
}

fn empty(sinks: &mut [Inlet]) {
    for sink in sinks {
        while let Some(packet) = sink.try_packet() {
            black_box(&*packet.body);
            sink.delivered(packet);
        }
    }
}

fn block_path(c: &mut Criterion) {
    let mut group = c.benchmark_group("block_path");
    group.throughput(Throughput::Elements(1));
    let rate = Rate::new(HZ).expect("a listed rate");
    for sinks in [1, 3, 10] {
        let mut all = Cycle::new(&tree(sinks), || Box::new(Through));
        let mut block = Block::new(rate);
        for (i, sample) in block.samples_mut().iter_mut().enumerate() {
            *sample = (i as f32 * 0.05).sin() * 0.3;
        }
        yardstick::copy(&mut group, sinks, block.samples());
        group.bench_function(BenchmarkId::new("run", sinks), |b| {
            b.iter(|| {
                all.pipeline.schedule.run(&block, 0, &mut all.pipeline.signals).expect("no node fails");
                block.at = block.end();
                empty(&mut all.sinks);
                while all.reader.take().is_some() {}
            });
        });
    }
    for sinks in [1, 3, 10] {
        let mut all = Cycle::new(&tree(sinks), || Box::new(Through));
        group.bench_function(BenchmarkId::new("from device to sinks", sinks), |b| {
            b.iter(|| {
                all.device.callback(|s| f32::from(s) / 32_768.0);
                // Cycle 1 to 99 of a thousand: no commands.
                while all.pipeline.cycle(1) {}
                empty(&mut all.sinks);
                while all.reader.take().is_some() {}
            });
        });
    }
    group.finish();
}

criterion_group!(benches, block_path);
criterion_main!(benches);
