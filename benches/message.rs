//! What a message costs: sound to base64 to JSON, in place and the usual way, beside a bare copy of
//! the same bytes. One thread.
//!
//! `cargo bench --bench message`; with `--features glottis-sink-file/turbo` the rows named "ours" use
//! the other base64 kernel.

use std::hint::black_box;

use base64::Engine as _;
use base64::engine::general_purpose::{PAD, STANDARD};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use glottis_sink_file::{Base64, Line, Message};

/// Chunks of 16-bit samples: 20 ms and 100 ms at 16 kHz, 4,096 frames, and a long blob.
const BYTES: [usize; 4] = [640, 3200, 8192, 65_536];

const TEXT: &str = r#"{"isLive":true,"n":{seq},"audio_base64_pcm":"{audio}"}"#;

/// The same message for a JSON library.
#[derive(serde::Serialize)]
struct Usual {
    #[serde(rename = "isLive")]
    is_live: bool,
    n: u64,
    audio_base64_pcm: String,
}

fn sound(bytes: usize) -> Vec<u8> {
    let mut noise = 1_u32;
    std::iter::repeat_with(|| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (noise >> 24) as u8
    })
    .take(bytes)
    .collect()
}

fn messages(c: &mut Criterion) {
    let mut group = c.benchmark_group("message");
    let message = Message::parse(TEXT).expect("a good message");
    for bytes in BYTES {
        let audio = sound(bytes);
        let mut out = vec![0; message.max_len(bytes)];
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(BenchmarkId::new("copy of the sound", bytes), |b| {
            b.iter(|| black_box(&mut out)[..bytes].copy_from_slice(black_box(&audio)));
        });
        group.bench_function(BenchmarkId::new("in place", bytes), |b| {
            let mut seq = 0;
            b.iter(|| {
                seq += 1;
                let line = Line { audio: black_box(&audio), seq, segment: 0, at: 0, rate: 16_000, frames: 4096 };
                message.write(&line, black_box(&mut out))
            });
        });
        group.bench_function(BenchmarkId::new("STANDARD.encode and serde_json", bytes), |b| {
            let mut n = 0;
            b.iter(|| {
                n += 1;
                let audio_base64_pcm = STANDARD.encode(black_box(&audio));
                serde_json::to_string(&Usual { is_live: true, n, audio_base64_pcm })
            });
        });
    }
    group.finish();
}

fn encoders(c: &mut Criterion) {
    let mut group = c.benchmark_group("base64");
    let ours = Base64::new();
    for bytes in BYTES {
        let audio = sound(bytes);
        let mut out = vec![0; Base64::len(bytes)];
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(BenchmarkId::new("ours", bytes), |b| {
            b.iter(|| ours.encode(black_box(&audio), black_box(&mut out)));
        });
        #[cfg(target_arch = "x86_64")]
        {
            let simd = base64::engine::Simd::standard(PAD);
            group.bench_function(BenchmarkId::new("base64 Simd", bytes), |b| {
                b.iter(|| simd.encode_slice(black_box(&audio), black_box(&mut out)));
            });
        }
        let plain = base64::engine::GeneralPurpose::new(&base64::alphabet::STANDARD, PAD);
        group.bench_function(BenchmarkId::new("base64 GeneralPurpose", bytes), |b| {
            b.iter(|| plain.encode_slice(black_box(&audio), black_box(&mut out)));
        });
    }
    group.finish();
}

criterion_group!(benches, messages, encoders);
criterion_main!(benches);
