//! `high` and `low-delay` against an independent filter: rubato's windowed sinc, with one stored filter per phase so
//! that it interpolates nothing either.

mod common;

use audioadapter_buffers::direct::InterleavedSlice;
use common::{Bench, sine};
use rubato::{Async, FixedAsync, Resampler, SincInterpolationParameters, SincInterpolationType, WindowFunction};

/// Taps of rubato's filter, and frames that it makes in one go.
const TAPS: usize = 1024;
const FRAMES: usize = 8_000;

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// What rubato makes of `signal`: position of the first frame, and the frames.
fn rubato(from: usize, to: usize, signal: impl Fn(i64) -> f32) -> (i64, Vec<f32>) {
    let phases = to / gcd(from, to);
    let filter = SincInterpolationParameters::new(TAPS, WindowFunction::BlackmanHarris)
        .f_cutoff(0.96)
        .oversampling_factor(phases)
        .interpolation(SincInterpolationType::Nearest);
    let ratio = to as f64 / from as f64;
    let mut inner = Async::<f32>::new_sinc(ratio, 1.0, &filter, FRAMES, 1, FixedAsync::Output).unwrap();
    // It steps once before it computes, and the middle of its filter lies a phase after the half. With
    // the right number of frames ahead of the signal that is a whole number of output frames.
    let (unit_in, unit_out) = (from / gcd(from, to), phases);
    let late = |ahead: usize| (TAPS / 2 + ahead) * unit_out - 1;
    let ahead = (0..unit_in).find(|&ahead| late(ahead) % unit_in == 0).unwrap();
    let first = 1 - (late(ahead) / unit_in) as i64;

    let frames = inner.input_frames_next();
    let input: Vec<f32> =
        (0..frames).map(|i| i as i64 - ahead as i64).map(|at| if at < 0 { 0.0 } else { signal(at) }).collect();
    let mut output = vec![0.0; FRAMES];
    let input = InterleavedSlice::new(&input, 1, frames).unwrap();
    let mut adapter = InterleavedSlice::new_mut(&mut output, 1, FRAMES).unwrap();
    inner.process_into_buffer(&input, &mut adapter, None).unwrap();
    (first, output)
}

#[test]
fn they_agree_with_rubato_within_the_band() {
    // A ripple of 0.011 dB and one of 0.052, on each of five tones of an eighth of full scale.
    for (quality, most, highest) in [("high", 1e-3, 6_500), ("low-delay", 4e-3, 6_000)] {
        agrees(quality, most, highest);
    }
}

fn agrees(quality: &str, most: f32, highest: u32) {
    for (from, to) in [(48_000, 16_000), (44_100, 16_000), (16_000, 48_000), (44_100, 48_000), (24_000, 16_000)] {
        let tones = [200, 1_300, 2_900, 4_700, highest].map(|hz| sine(hz, from));
        let signal = |at: i64| tones.iter().map(|tone| tone(at)).sum::<f32>() / 4.0;
        let (first, ours) = Bench::new(quality, from, to).run(40, signal);
        let (reference, theirs) = rubato(from as usize, to as usize, signal);
        // Once both have settled.
        for at in 2_000..4_000 {
            let (ours, theirs) = (ours[(at - first) as usize], theirs[(at - reference) as usize]);
            assert!((ours - theirs).abs() <= most, "{quality}, {from} to {to}, frame {at}: {ours}, rubato {theirs}");
        }
    }
}
