//! What our resampler and rubato cost: seconds of CPU for blocks of 10 ms of noise, one after the
//! other. The counterpart of `resamplers.c`; `benches/resamplers.sh` builds and runs both.
//!
//! `resamplers high|low-delay|fast|rubato FROM TO BLOCKS`

use std::error::Error;
use std::hint::black_box;
use std::time::Duration;

use glottis_core::{Block, Node, Rate};
use glottis_node_resample::{Quality, Resample};
use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Async, FixedAsync, Resampler, SincInterpolationParameters, SincInterpolationType, WindowFunction};
use rustix::time::{ClockId, clock_gettime};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [name, from, to, blocks] = words.as_slice() else {
        return Err("resamplers high|low-delay|fast|rubato FROM TO BLOCKS".into());
    };
    let (from, to, blocks) = (listed(from)?, listed(to)?, blocks.parse()?);
    let took = match name.as_str() {
        "high" => ours(Quality::High, from, to, blocks)?,
        "low-delay" => ours(Quality::LowDelay, from, to, blocks)?,
        "fast" => ours(Quality::Fast, from, to, blocks)?,
        _ => sinc(from, to, blocks)?,
    };
    println!("{:.9}", took.as_secs_f64());
    Ok(())
}

fn listed(hz: &str) -> Result<Rate, Box<dyn Error>> {
    Rate::new(hz.parse()?).ok_or_else(|| format!("no edge has {hz} Hz").into())
}

fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// The same noise as the counterpart's.
fn noise(frames: &mut [f32]) {
    let mut state = 1_u32;
    for frame in frames {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *frame = state as i32 as f32 / 2_147_483_648.0;
    }
}

fn ours(quality: Quality, from: Rate, to: Rate, blocks: usize) -> Result<Duration, Box<dyn Error>> {
    let mut node: Box<dyn Node> = Box::new(Resample::new(to, quality));
    node.prepare(from).map_err(|problem| problem.to_string())?;
    let (mut input, mut output) = (Block::new(from), Block::new(to));
    noise(input.samples_mut());
    let start = cpu();
    for _ in 0..blocks {
        node.process(black_box(&input), black_box(&mut output)).map_err(|fault| format!("{fault:?}"))?;
    }
    Ok(cpu() - start)
}

/// rubato's windowed sinc with the parameters of its examples. Its other resampler is `fast`.
fn sinc(from: Rate, to: Rate, blocks: usize) -> Result<Duration, Box<dyn Error>> {
    let filter = SincInterpolationParameters::new(256, WindowFunction::BlackmanHarris2)
        .oversampling_factor(128)
        .interpolation(SincInterpolationType::Cubic);
    let ratio = f64::from(to.hz()) / f64::from(from.hz());
    let mut inner = Async::<f32>::new_sinc(ratio, 1.0, &filter, from.block(), 1, FixedAsync::Input)?;
    let mut frames = vec![0.0; from.block()];
    noise(&mut frames);
    let mut made = vec![0.0; inner.output_frames_max()];
    let start = cpu();
    for _ in 0..blocks {
        let room = made.len();
        let input = InterleavedSlice::new(black_box(&frames), 1, frames.len())?;
        let mut output = InterleavedSlice::new_mut(black_box(&mut made), 1, room)?;
        inner.process_into_buffer(&input, &mut output, None)?;
    }
    Ok(cpu() - start)
}
