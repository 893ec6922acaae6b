//! The program one writes in an afternoon: hound, rubato, webrtc-vad, base64 and serde_json, one call
//! after the other. It does the job of `examples/pipelines/messages.toml`, and is what whole runs are
//! compared with: it is not tuned, and not tuned down either.
//!
//! `cargo run --release --example afternoon -- recording.wav messages.ndjson`

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};

use base64::Engine as _;
use rubato::audioadapter_buffers::direct::SequentialSliceOfVecs;
use rubato::{Async, FixedAsync, Resampler, SincInterpolationParameters, SincInterpolationType, WindowFunction};
use webrtc_vad::{SampleRate, Vad, VadMode};

/// A live message, as the service wants it.
#[derive(serde::Serialize)]
struct Message {
    #[serde(rename = "isLive")]
    is_live: bool,
    n: u64,
    audio_base64_pcm: String,
}

const CHUNK: usize = 4096;
const FRAME: usize = 320;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(input), Some(output)) = (args.next(), args.next()) else {
        return Err("usage: afternoon RECORDING.wav MESSAGES.ndjson".into());
    };
    let mut wav = hound::WavReader::open(input)?;
    let spec = wav.spec();
    let channels = usize::from(spec.channels);
    let block = spec.sample_rate as usize / 100;
    let mut resampler = Async::<f32>::new_sinc(
        16_000.0 / f64::from(spec.sample_rate),
        1.0,
        &SincInterpolationParameters {
            sinc_len: 128,
            f_cutoff: Some(0.95),
            interpolation: SincInterpolationType::Linear,
            oversampling_factor: 128,
            window: WindowFunction::BlackmanHarris2,
        },
        block,
        1,
        FixedAsync::Input,
    )?;
    let mut vad = Vad::new_with_rate_and_mode(SampleRate::Rate16kHz, VadMode::Aggressive);
    let mut out = BufWriter::new(File::create(output)?);
    let mut samples = wav.samples::<i16>();
    let mut pending: Vec<i16> = Vec::new();
    let (mut judged, mut voiced, mut n) = (0, 0_u64, 0);
    loop {
        let mut mono = Vec::with_capacity(block);
        for _ in 0..block {
            let mut sum = 0.0;
            for _ in 0..channels {
                sum += f32::from(samples.next().transpose()?.unwrap_or(0)) / 32_768.0;
            }
            mono.push(sum / channels as f32);
        }
        let input = vec![mono];
        let converted = resampler.process(&SequentialSliceOfVecs::new(&input, 1, block)?, None)?.take_data();
        pending.extend(converted.iter().map(|x| (x * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16));
        while pending.len() >= judged + FRAME {
            voiced += u64::from(vad.is_voice_segment(&pending[judged..judged + FRAME]).unwrap_or(false));
            judged += FRAME;
        }
        while pending.len() >= CHUNK && judged >= CHUNK {
            let bytes: Vec<u8> = pending.drain(..CHUNK).flat_map(i16::to_le_bytes).collect();
            judged -= CHUNK;
            n += 1;
            let message =
                Message { is_live: true, n, audio_base64_pcm: base64::engine::general_purpose::STANDARD.encode(bytes) };
            writeln!(out, "{}", serde_json::to_string(&message)?)?;
        }
        if samples.len() == 0 {
            break;
        }
    }
    pending.resize(CHUNK, 0);
    let bytes: Vec<u8> = pending.into_iter().flat_map(i16::to_le_bytes).collect();
    let message =
        Message { is_live: true, n: n + 1, audio_base64_pcm: base64::engine::general_purpose::STANDARD.encode(bytes) };
    writeln!(out, "{}", serde_json::to_string(&message)?)?;
    out.flush()?;
    eprintln!("{} messages, {voiced} frames of speech", n + 1);
    Ok(())
}
