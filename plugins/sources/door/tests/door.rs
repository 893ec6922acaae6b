//! What a door promises: length, place, quality, and no matter how the input is cut up.

use std::f64::consts::TAU;

use glottis_core::Rate;
use glottis_core::feed::{Channel, Door, Taken, capture_ring};
use glottis_core::{Block, clock};
use glottis_source_door::{BadRate, MAX_HZ, door};
use proptest::prelude::*;

/// Rates with and without a common divisor with the rate they go to, slow and fast.
const ODD: [u32; 17] = [
    11_025, 22_050, 12_000, 6_000, 16_007, 8_001, 7_999, 44_056, 37_286, 47_952, 47_953, 64_000, 96_001, 176_400,
    192_000, 250, 384_000,
];

fn open(from: u32) -> (Rate, Box<dyn Door>) {
    let to = Rate::for_source(from);
    let door = door(from, to).expect("a convertible rate").expect("a rate that is not on the list");
    (to, door)
}

/// Everything that comes out for `input`, given in pieces of the lengths in `cuts`, over and over.
fn convert(from: u32, input: &[f32], cuts: &[usize]) -> (Rate, Vec<f32>) {
    let (to, mut door) = open(from);
    let mut out = Vec::new();
    let mut rest = input;
    for &cut in cuts.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (now, later) = rest.split_at(cut.min(rest.len()));
        door.convert(now, &mut |piece| out.extend_from_slice(piece));
        rest = later;
    }
    door.flush(&mut |piece| out.extend_from_slice(piece));
    (to, out)
}

fn sine(hz: f64, rate: u32, frames: usize) -> Vec<f32> {
    (0..frames).map(|k| (0.5 * (TAU * hz * k as f64 / f64::from(rate)).sin()) as f32).collect()
}

fn rounded(frames: usize, from: u32, to: Rate) -> usize {
    ((frames as u64 * u64::from(to.hz()) * 2 + u64::from(from)) / (2 * u64::from(from))) as usize
}

/// Signal over error in decibels, over the middle half.
fn snr(out: &[f32], ideal: &[f32]) -> f64 {
    let middle = out.len() / 4..out.len() * 3 / 4;
    let (mut power, mut error) = (0.0, 0.0);
    for k in middle {
        power += f64::from(ideal[k]).powi(2);
        error += f64::from(out[k] - ideal[k]).powi(2);
    }
    10.0 * (power / error).log10()
}

#[test]
fn a_tone_keeps_its_length_its_place_and_its_shape_at_every_odd_rate() {
    for from in ODD {
        let frames = from.max(4096) as usize + 13;
        let hz = f64::from(from.min(16_000)) * 0.1;
        let (to, out) = convert(from, &sine(hz, from, frames), &[1, 480, 7, 960, 331]);
        assert_eq!(out.len(), rounded(frames, from, to), "{from} Hz");
        let ratio = snr(&out, &sine(hz, to.hz(), out.len()));
        // Some of these have a delay that no silence makes whole: of it a two-hundredth and an eighth of
        // a frame of output remain.
        let least = match from {
            96_001 => 60.0,
            250 => 50.0,
            _ => 90.0,
        };
        assert!(ratio > least, "{from} Hz: {ratio:.1} dB");
    }
}

#[test]
fn what_the_lower_rate_cannot_carry_does_not_fold_back() {
    for from in [192_000, 176_400, 384_000, 700_001] {
        let (_, out) = convert(from, &sine(0.4 * f64::from(from), from, from as usize / 4), &[480]);
        let middle = &out[out.len() / 4..out.len() * 3 / 4];
        let loudest = middle.iter().fold(0.0_f32, |a, x| a.max(x.abs()));
        assert!(loudest < 1e-4, "{from} Hz: {loudest}");
    }
}

#[test]
fn a_click_stays_where_it_was_from_the_first_frame_to_the_last() {
    for from in ODD {
        for at in [0, 300, 699] {
            let mut input = vec![0.0; 700];
            input[at] = 1.0;
            let (to, out) = convert(from, &input, &[64]);
            let loudest = (0..out.len()).max_by(|&a, &b| out[a].abs().total_cmp(&out[b].abs())).expect("output");
            let wanted = at as f64 * f64::from(to.hz()) / f64::from(from);
            assert!((loudest as f64 - wanted).abs() <= 1.0, "{from} Hz: {at} went to {loudest}, not {wanted}");
        }
    }
}

#[test]
fn equal_rates_need_no_door_and_absurd_ones_have_none() {
    for hz in Rate::LIST {
        assert!(door(hz, Rate::for_source(hz)).expect("a listed rate").is_none());
    }
    for hz in [0, MAX_HZ + 1, u32::MAX] {
        let error = door(hz, Rate::for_source(hz)).err();
        assert_eq!(error, Some(BadRate(hz)));
        assert!(error.is_some_and(|e| e.to_string().contains(&hz.to_string())));
    }
    for hz in [1, 2, 99, MAX_HZ] {
        assert!(door(hz, Rate::for_source(hz)).is_ok_and(|d| d.is_some()));
    }
}

#[test]
fn nothing_in_gives_nothing_out_and_flushing_twice_adds_nothing() {
    let (_, mut door) = open(11_025);
    let mut out = 0;
    door.flush(&mut |piece| out += piece.len());
    assert_eq!(out, 0);
    door.convert(&[0.5; 100], &mut |piece| out += piece.len());
    door.flush(&mut |piece| out += piece.len());
    door.flush(&mut |piece| out += piece.len());
    assert_eq!(out, 400);
}

#[test]
fn samples_that_are_no_numbers_do_no_harm_to_what_follows() {
    for from in ODD {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, -f32::MAX] {
            let mut input = vec![0.25; 12_000];
            input[..300].fill(bad);
            input[700] = bad;
            let (_, out) = convert(from, &input, &[480]);
            assert!(out.iter().all(|s| s.is_finite()), "{from} Hz, {bad}");
            let end = &out[out.len() * 3 / 4..out.len() * 4 / 5];
            assert!(end.iter().all(|s| (s - 0.25).abs() < 1e-3), "{from} Hz, {bad}: what follows");
        }
    }
}

#[test]
fn a_feed_with_a_door_says_when_each_block_was_captured() {
    clock::start();
    let (to, door) = open(22_050);
    let (mut feed, mut intake) = capture_ring(to, 64, false);
    feed.set_channel(Channel::Mix);
    feed.set_door(door);
    // A second of sound that begins at one second, in whole blocks of the converter.
    let frames = 22_050 / 256 * 256;
    for end in (256..=frames).step_by(256) {
        feed.push_mono(&[0.25; 256], 1_000_000_000 + end as u64 * 1_000_000_000 / 22_050);
    }
    feed.finish();
    let mut block = Block::new(to);
    // What the flush adds is stamped with the present.
    while matches!(intake.take(&mut block), Taken::Block) && block.at < to.hz() as i64 / 2 {
        let wanted = 1_000_000_000 + to.ns(block.at as u64);
        assert!(block.captured.abs_diff(wanted) < 100_000, "block at {} says {}", block.at, block.captured);
    }
    assert_eq!(intake.total(), frames as u64 * 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn cutting_the_input_up_changes_nothing(
        from in prop::sample::select(&ODD[..]),
        frames in 0_usize..3000,
        cuts in prop::collection::vec(1_usize..=960, 1..8),
    ) {
        let input: Vec<f32> = (0..frames).map(|k| ((k * 7919) % 2001) as f32 / 1000.0 - 1.0).collect();
        let (to, whole) = convert(from, &input, &[960]);
        let (_, cut) = convert(from, &input, &cuts);
        prop_assert_eq!(whole.len(), rounded(frames, from, to));
        prop_assert_eq!(whole, cut);
    }

    #[test]
    fn any_rate_keeps_the_length(from in 1_u32..=MAX_HZ, frames in 0_usize..2000) {
        let to = Rate::for_source(from);
        prop_assume!(from != to.hz() && frames as u64 * u64::from(to.hz()) / u64::from(from) < 2_000_000);
        let (to, out) = convert(from, &vec![0.1; frames], &[480]);
        prop_assert_eq!(out.len(), rounded(frames, from, to));
    }
}

#[test]
fn an_elastic_door_stretches_as_it_is_told_and_spoils_nothing() {
    for (hz, ppm) in [(48_000, 200.0), (48_000, -200.0), (44_100, 500.0)] {
        let stretch = std::sync::Arc::new(glottis_source_door::Stretch::default());
        let rate = Rate::new(48_000).expect("on the list");
        let mut door = glottis_source_door::elastic(hz, rate, stretch.clone()).expect("a rate");
        stretch.set(ppm);
        let mut out = Vec::new();
        let seconds = 30;
        let step = std::f64::consts::TAU * 440.0 / f64::from(hz);
        for block in 0..seconds * 100 {
            let n = hz as usize / 100;
            let tone = |i: usize| (f64::from((block * n + i) as u32) * step).sin() as f32;
            door.convert(&(0..n).map(tone).collect::<Vec<_>>(), &mut |piece| out.extend_from_slice(piece));
        }
        door.flush(&mut |piece| out.extend_from_slice(piece));
        let want = seconds as f64 * 48_000.0 * (1.0 + ppm * 1e-6);
        assert!((out.len() as f64 - want).abs() < 70.0, "{hz} Hz, {ppm} ppm: {} for {want:.0}", out.len());
        let middle = &out[2000..out.len() - 2000];
        let peak = middle.iter().fold(0.0_f32, |a, x| a.max(x.abs()));
        let rms = (middle.iter().map(|x| f64::from(x * x)).sum::<f64>() / middle.len() as f64).sqrt();
        assert!((peak - 1.0).abs() < 1e-3 && (rms - 0.5_f64.sqrt()).abs() < 1e-4, "{peak} {rms}");
    }
}
