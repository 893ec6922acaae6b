//! What a message costs: samples to 16 bits to base64 to JSON, in place and the usual way, beside a bare
//! copy of the samples; and base64 alone, by all crates at hand. One thread.
//!
//! `cargo bench --bench message`. "ndjson" and "ravatar" are what the sinks of these names do; the rows
//! with an instruction set are what they would do on a processor that has no more.

#[path = "../crates/core/tests/kernels/mod.rs"]
mod kernels;
mod yardstick;

use std::hint::black_box;

use base64::Engine as _;
use base64::engine::general_purpose::{PAD, STANDARD};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use glottis_core::{base64 as ours, convert};
use glottis_sink_file::{Line, Message};
use glottis_sink_ravatar::envelope::{Envelope, Identity};
use kernels::Level;

/// Frames of a chunk: 20 ms and 100 ms at 16 kHz, RAVATAR's, and two seconds.
const FRAMES: [usize; 4] = [320, 1_600, 4_096, 32_768];

const TEXT: &str = r#"{"isLive":true,"n":{seq},"audio_base64_pcm":"{audio}"}"#;

/// The same message for a JSON library.
#[derive(serde::Serialize)]
struct Usual {
    #[serde(rename = "isLive")]
    is_live: bool,
    n: u64,
    audio_base64_pcm: String,
}

fn sound(frames: usize) -> Vec<f32> {
    let mut noise = 1_u32;
    std::iter::repeat_with(|| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (noise >> 8) as f32 / 8_388_608.0 - 1.0
    })
    .take(frames)
    .collect()
}

fn messages(c: &mut Criterion) {
    let mut group = c.benchmark_group("message");
    for frames in FRAMES {
        let samples = sound(frames);
        let mut pcm = vec![0; frames * 2];
        group.throughput(Throughput::Bytes(4 * frames as u64));
        yardstick::copy(&mut group, frames, &samples);

        let message = Message::parse(TEXT).expect("a good message");
        let mut out = vec![0; message.max_len(pcm.len())];
        group.bench_function(BenchmarkId::new("ndjson", frames), |b| {
            let mut seq = 0;
            b.iter(|| {
                seq += 1;
                convert::f32_to_s16le(black_box(&samples), &mut pcm);
                let line = Line { audio: &pcm, seq, segment: 0, at: 0, rate: 16_000, frames: frames as u32 };
                message.write(&line, black_box(&mut out))
            });
        });
        let mut envelope = Envelope::new(&Identity {
            avatar: "av-1",
            user: "u-1",
            language: "en",
            source: "glottis",
            license: Some("lic-1"),
            session: None,
        });
        group.bench_function(BenchmarkId::new("ravatar", frames), |b| {
            b.iter(|| {
                convert::f32_to_s16le(black_box(&samples), &mut pcm);
                black_box(envelope.pcm(&pcm)).len()
            });
        });
        for level in Level::all() {
            group.bench_function(BenchmarkId::new(level.name(), frames), |b| {
                let mut seq = 0;
                b.iter(|| {
                    seq += 1;
                    level.f32_to_s16le(black_box(&samples), &mut pcm);
                    enclose(level, &pcm, seq, black_box(&mut out))
                });
            });
        }
        group.bench_function(BenchmarkId::new("usual way", frames), |b| {
            let mut n = 0;
            b.iter(|| {
                n += 1;
                let bytes: Vec<u8> = black_box(&samples)
                    .iter()
                    // The cast saturates and turns NaN into 0.
                    .flat_map(|&s| ((s * 32_768.0).round_ties_even() as i16).to_le_bytes())
                    .collect();
                serde_json::to_string(&Usual { is_live: true, n, audio_base64_pcm: STANDARD.encode(bytes) })
            });
        });
    }
    group.finish();
}

/// A message as the sinks make it, with the base64 of `level`.
fn enclose(level: Level, pcm: &[u8], seq: u64, out: &mut [u8]) -> usize {
    use std::io::Write as _;

    let whole = out.len();
    let mut rest = &mut *out;
    write!(rest, r#"{{"isLive":true,"n":{seq},"audio_base64_pcm":""#).expect("room");
    let (audio, mut rest) = rest.split_at_mut(ours::len(pcm.len()));
    level.base64(pcm, audio);
    rest.write_all(b"\"}").expect("room");
    whole - rest.len()
}

fn encoders(c: &mut Criterion) {
    let mut group = c.benchmark_group("base64");
    for frames in FRAMES {
        let pcm: Vec<u8> = sound(frames * 2).into_iter().map(|s| (s * 127.0) as i8 as u8).collect();
        let mut out = vec![0; ours::len(pcm.len())];
        group.throughput(Throughput::Bytes(pcm.len() as u64));
        yardstick::copy(&mut group, pcm.len(), &pcm);
        for level in Level::all() {
            group.bench_function(BenchmarkId::new(format!("ours, {}", level.name()), pcm.len()), |b| {
                b.iter(|| level.base64(black_box(&pcm), black_box(&mut out)));
            });
        }
        #[cfg(target_arch = "x86_64")]
        {
            let simd = base64::engine::Simd::standard(PAD);
            group.bench_function(BenchmarkId::new("base64 Simd", pcm.len()), |b| {
                b.iter(|| simd.encode_slice(black_box(&pcm), black_box(&mut out)));
            });
        }
        let plain = base64::engine::GeneralPurpose::new(&base64::alphabet::STANDARD, PAD);
        group.bench_function(BenchmarkId::new("base64 GeneralPurpose", pcm.len()), |b| {
            b.iter(|| plain.encode_slice(black_box(&pcm), black_box(&mut out)));
        });
    }
    group.finish();
}

criterion_group!(benches, messages, encoders);
criterion_main!(benches);
