//! The hot path as one thread that does a fixed amount of work, so that its instructions can be
//! counted: counts repeat on a noisy machine where times do not. `.ci/instructions` runs each case under
//! valgrind and compares.
//!
//! `cargo run --release --example instructions` lists the cases; with the name of one it runs it. Each
//! case is run with two amounts of work, so that what starting costs falls out of the difference.
//!
//! `--recording FILE.wav` writes what whole programs are counted with: half a minute of speech in 48 kHz
//! stereo. `--machine` says what the code that is chosen at run time is chosen by.

#[path = "../../tests/cycle/mod.rs"]
mod cycle;

use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;

use cycle::{Cycle, Through};
use glottis_core::{Block, Detector, Node, Rate, convert};
use glottis_node_high_pass::HighPass;
use glottis_node_resample::{Quality, Resample};
use glottis_node_vad::{Energy, Frame, Vad, Webrtc};
use glottis_sink_file::{Line, Message};

/// A name, and the work that is done so many times.
type Case = (&'static str, fn(usize));

const CASES: [Case; 10] = [
    ("convert f32 to s16, 4096 frames", |n| convert(n)),
    ("stereo to mono, 480 frames", |n| downmix(n)),
    ("message of 4096 frames", |n| message(n)),
    ("resample 48000 to 16000, block", |n| node(n, 48_000, Resample::new(rate(16_000), Quality::High))),
    ("resample 44100 to 16000, block", |n| node(n, 44_100, Resample::new(rate(16_000), Quality::High))),
    ("high-pass, block of 16000", |n| node(n, 16_000, HighPass::new(80.0))),
    ("vad webrtc, block of 16000", |n| node(n, 16_000, vad(Webrtc::new(2, Frame::Ms20)))),
    ("vad energy, block of 16000", |n| node(n, 16_000, vad(Energy::new(-34.0, 6.0)))),
    ("cycle with 1 sink", |n| cycles(n, 1)),
    ("cycle with 3 sinks", |n| cycles(n, 3)),
];

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let Some(name) = args.next() else {
        for (name, _) in CASES {
            println!("{name}");
        }
        return ExitCode::SUCCESS;
    };
    match (name.as_str(), args.next()) {
        ("--recording", Some(path)) => {
            recording(Path::new(&path));
            ExitCode::SUCCESS
        }
        ("--machine", _) => {
            println!("{}", machine());
            ExitCode::SUCCESS
        }
        (name, times) => case(name, times.and_then(|n| n.parse().ok()).unwrap_or(1000)),
    }
}

fn case(name: &str, times: usize) -> ExitCode {
    match CASES.iter().find(|(case, _)| *case == name) {
        Some((_, work)) => {
            work(times);
            ExitCode::SUCCESS
        }
        None => {
            eprintln!("there is no case \"{name}\"; without a name the cases are listed");
            ExitCode::from(2)
        }
    }
}

/// The vector extensions that our code and the C library look for.
fn machine() -> String {
    #[cfg(target_arch = "x86_64")]
    let found: &[(&str, bool)] = &[
        ("sse4.1", is_x86_feature_detected!("sse4.1")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("avx512bw", is_x86_feature_detected!("avx512bw")),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    let found: &[(&str, bool)] = &[];
    let names: Vec<&str> = found.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect();
    format!("{} {}", std::env::consts::ARCH, names.join(" "))
}

/// Half a minute of the speech of the tests. Repeating frames is no good resampling, but it is speech.
fn recording(path: &Path) {
    let speech = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/speech/sense_and_sensibility_01_austen_64kb-0880.wav");
    let read = hound::WavReader::open(speech).expect("a recording of the tests");
    let samples: Vec<i16> = read.into_samples().map(|s| s.expect("a sample")).collect();
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(path, spec).expect("a file that can be written");
    for sample in samples.iter().cycle().take(30 * 16_000).flat_map(|s| [s; 2 * 3]) {
        wav.write_sample(*sample).expect("room on the disk");
    }
    wav.finalize().expect("room on the disk");
}

fn rate(hz: u32) -> Rate {
    Rate::new(hz).expect("a listed rate")
}

fn noise(frames: usize) -> Vec<f32> {
    let mut noise = 1_u32;
    std::iter::repeat_with(|| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (noise >> 8) as f32 / 16_777_216.0 - 0.5
    })
    .take(frames)
    .collect()
}

fn convert(times: usize) {
    let samples = noise(4096);
    let mut out = vec![0_u8; 8192];
    for _ in 0..times {
        convert::f32_to_s16le(black_box(&samples), black_box(&mut out));
    }
}

fn downmix(times: usize) {
    let samples: Vec<i16> = noise(960).into_iter().map(convert::f32_to_i16).collect();
    let mut out = [0.0; 480];
    for _ in 0..times {
        convert::to_mono(black_box(&samples), 2, convert::Channel::Mix, black_box(&mut out), convert::i16_to_f32);
    }
}

fn message(times: usize) {
    let message = Message::parse(r#"{"isLive":true,"n":{seq},"audio_base64_pcm":"{audio}"}"#).expect("a good message");
    let audio: Vec<u8> = noise(8192).into_iter().map(|x| (x * 255.0) as i8 as u8).collect();
    let mut out = vec![0; message.max_len(audio.len())];
    for seq in 0..times as u64 {
        let line = Line { audio: black_box(&audio), seq, segment: 0, at: 0, rate: 16_000, frames: 4096 };
        black_box(message.write(&line, black_box(&mut out)));
    }
}

fn vad(detector: impl Detector + 'static) -> Vad {
    Vad::new(Box::new(detector))
}

fn node(times: usize, from: u32, mut node: impl Node) {
    let to = node.prepare(rate(from)).expect("a rate the node takes");
    let mut input = Block::new(rate(from));
    input.samples_mut().copy_from_slice(&noise(rate(from).block()));
    let mut output = Block::new(to);
    for _ in 0..times {
        output.follow(&input, to, node.latency());
        node.process(black_box(&input), black_box(&mut output)).expect("a sound block");
        input.at = input.end();
    }
}

/// A device's callback, and as many cycles of the tree as it fills blocks.
fn cycles(times: usize, sinks: usize) {
    let mut text =
        "[source]\ntype = \"device\"\n[[node]]\ntype = \"high-pass\"\n[[node]]\ntype = \"resample\"\nrate = \
                    16000\n[[node]]\ntype = \"vad\"\n"
            .to_owned();
    for _ in 0..sinks {
        text += "[[sink]]\ntype = \"bin\"\nchunk = { frames = 4096 }\n";
    }
    let mut all = Cycle::new(&text, || Box::new(Through));
    for _ in 0..times {
        all.device.callback(|s| f32::from(s) / 32_768.0);
        while all.pipeline.cycle(1) {}
        for sink in &mut all.sinks {
            while let Some(packet) = sink.try_packet() {
                sink.delivered(packet);
            }
        }
        while all.reader.take().is_some() {}
    }
}
