//! What a second of speech costs to encode: PCM beside Opus, and Opus by rate, effort and container. One
//! thread.
//!
//! `cargo bench --bench opus`

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use glottis_core::convert::i16_to_f32_slice;
use glottis_core::{Body, Encoder, Rate};
use glottis_encoder_opus::{Application, MAX_PACKET, OggOpus, OpusEncoder, OpusSettings, WebmOpus};
use glottis_encoder_pcm::Pcm16;

/// A second of something like a voice: a buzz that comes and goes, and a little noise.
fn second(rate: u32) -> Vec<i16> {
    let mut noise = 1_u32;
    (0..rate)
        .map(|i| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let t = i as f32 / rate as f32;
            let buzz = (t * 120.0).fract() - 0.5;
            let loud = (t * std::f32::consts::TAU * 2.0).sin().max(0.0);
            (buzz * loud * 10_000.0) as i16 + (noise >> 26) as i16
        })
        .collect()
}

fn floats(sound: &[i16]) -> Vec<f32> {
    let mut floats = vec![0.0; sound.len()];
    i16_to_f32_slice(sound, &mut floats);
    floats
}

/// What a sink pays for a second, block by block of 10 ms, in each of its formats.
fn formats(c: &mut Criterion) {
    let mut group = c.benchmark_group("a second");
    group.throughput(Throughput::Elements(1));
    for hz in [16_000, 24_000, 48_000] {
        let sound = floats(&second(hz));
        let block = hz as usize / 100;
        group.bench_function(BenchmarkId::new("pcm16", hz), |b| {
            let mut encoder = Pcm16::new(false);
            let room = encoder.prepare(Rate::new(hz).expect("a listed rate"), sound.len()).expect("any rate");
            let mut body = Body::with_capacity(room);
            b.iter(|| {
                body.clear();
                for block in black_box(&sound).chunks(block) {
                    encoder.encode(block, &mut body).expect("room");
                }
                black_box(&body);
            });
        });
        group.bench_function(BenchmarkId::new("ogg-opus", hz), |b| {
            let mut stream = OggOpus::new(hz, &OpusSettings::default(), 1).expect("a rate of Opus");
            let mut pages = Vec::with_capacity(64 * 1024);
            b.iter(|| {
                pages.clear();
                for block in black_box(&sound).chunks(block) {
                    stream.push(block, &mut pages).expect("sound");
                }
                black_box(&pages);
            });
        });
        // A turn of its own, so the making and the end of a file are in it.
        group.bench_function(BenchmarkId::new("webm-opus, a turn", hz), |b| {
            b.iter(|| {
                let mut file = WebmOpus::new(hz, &OpusSettings::default()).expect("a rate of Opus");
                for block in black_box(&sound).chunks(block) {
                    file.push(block).expect("sound");
                }
                black_box(file.finish().expect("sound"))
            });
        });
    }
}

/// What effort costs, and what the longest frame costs in one go.
fn efforts(c: &mut Criterion) {
    let mut frame = |name: &str, hz: u32, settings: OpusSettings| {
        let sound = second(hz);
        let mut encoder = OpusEncoder::new(hz, &settings).expect("good settings");
        let mut packet = [0; MAX_PACKET];
        let mut frames = sound.chunks_exact(encoder.frame_len()).cycle();
        c.benchmark_group("a frame").bench_function(BenchmarkId::new(name, hz), |b| {
            b.iter(|| encoder.encode(black_box(frames.next().expect("a cycle")), &mut packet));
        });
    };
    for complexity in [0, 3, 5, 8, 10] {
        let settings = OpusSettings { complexity, ..OpusSettings::default() };
        frame(&format!("voip 20 ms, complexity {complexity}"), 16_000, settings);
    }
    for complexity in [0, 5, 10] {
        let settings = OpusSettings { complexity, application: Application::Audio, ..OpusSettings::default() };
        frame(&format!("audio 20 ms, complexity {complexity}"), 48_000, settings);
    }
    for application in [Application::Voip, Application::LowDelay] {
        let settings = OpusSettings { frame: Duration::from_millis(60), application, ..OpusSettings::default() };
        frame(&format!("{} 60 ms", application.name()), 16_000, settings);
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = formats, efforts
}
criterion_main!(benches);
