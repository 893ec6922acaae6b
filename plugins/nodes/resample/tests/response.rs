//! What the filters let pass and what they stop, measured with sines through the node. The figures
//! in the README come from
//! `cargo test -p glottis-node-resample --test response -- --nocapture`.

mod common;

use common::{Bench, QUALITIES, response};

/// Tones the tables show.
const TONES: [u32; 11] = [1_000, 4_000, 6_400, 7_000, 7_200, 7_500, 8_000, 8_300, 9_000, 12_000, 20_000];

#[test]
fn high_is_flat_to_seven_kilohertz_and_stops_what_would_alias() {
    for from in [48_000, 44_100, 32_000, 24_000, 96_000, 88_200] {
        for hz in (500..=7_000).step_by(250) {
            let level = response("high", from, 16_000, hz);
            assert!(level.abs() <= 0.02, "{from} to 16000: {hz} Hz passes at {level:.4} dB");
        }
        for hz in (8_000..9_000).step_by(125) {
            let level = response("high", from, 16_000, hz);
            assert!(level <= -60.0, "{from} to 16000: {hz} Hz leaks at {level:.1} dB");
        }
        for hz in (9_000..from / 2).step_by(470) {
            let level = response("high", from, 16_000, hz);
            assert!(level <= -100.0, "{from} to 16000: {hz} Hz leaks at {level:.1} dB");
        }
    }
}

#[test]
fn low_delay_is_flat_to_six_kilohertz_and_stops_what_would_alias() {
    for from in [48_000, 44_100, 32_000, 24_000, 96_000, 88_200] {
        for hz in (400..=6_400).step_by(250) {
            let level = response("low-delay", from, 16_000, hz);
            assert!(level.abs() <= 0.06, "{from} to 16000: {hz} Hz passes at {level:.4} dB");
        }
        assert!(response("low-delay", from, 16_000, 7_000) >= -3.0);
        for hz in (9_000..from / 2).step_by(235) {
            let level = response("low-delay", from, 16_000, hz);
            assert!(level <= -85.0, "{from} to 16000: {hz} Hz leaks at {level:.1} dB");
        }
    }
}

#[test]
fn high_is_flat_to_seven_eighths_of_the_band_at_every_pair_of_rates() {
    for from in glottis_core::Rate::LIST {
        for to in glottis_core::Rate::LIST {
            let low = from.min(to);
            for hz in [low / 20, low / 4, low * 7 / 16] {
                let level = response("high", from, to, hz);
                assert!(level.abs() <= 0.02, "{from} to {to}: {hz} Hz passes at {level:.4} dB");
            }
        }
    }
}

#[test]
fn high_and_low_delay_add_neither_noise_nor_distortion() {
    // From 44.1 kHz `low-delay` lets images through that `high` does not.
    for (quality, from, most) in [
        ("high", 48_000, -120.0),
        ("high", 44_100, -120.0),
        ("low-delay", 48_000, -120.0),
        ("low-delay", 44_100, -100.0),
    ] {
        for hz in [997, 3_001, 6_300] {
            let (_, samples) = Bench::new(quality, from, 16_000).run(110, common::sine(hz, from));
            let rest = common::level(&without_tone(&samples[10 * 160..], hz, 16_000));
            let measured = format!("{quality}, {from} to 16000, {hz} Hz: {rest:.1} dB of noise and distortion");
            println!("{measured}");
            assert!(rest <= most, "{measured}");
        }
    }
}

#[test]
fn high_and_low_delay_add_no_image_above_the_old_band() {
    // Whatever is not the tone itself: subtract the best fitting tone from what came out.
    for (quality, most) in [("high", -100.0), ("low-delay", -90.0)] {
        for (from, to) in [(16_000, 48_000), (8_000, 44_100), (44_100, 48_000), (16_000, 24_000)] {
            let hz = 3_000;
            let (_, samples) = Bench::new(quality, from, to).run(110, common::sine(hz, from));
            let rest = common::level(&without_tone(&samples[10 * to as usize / 100..], hz, to));
            assert!(rest <= most, "{quality}, {from} to {to}: {rest:.1} dB of images");
        }
    }
}

#[test]
fn fast_stops_what_would_alias_too() {
    for from in [48_000, 44_100] {
        for hz in [1_000, 4_000, 6_000] {
            let level = response("fast", from, 16_000, hz);
            assert!(level.abs() <= 0.02, "{from} to 16000: {hz} Hz passes at {level:.4} dB");
        }
        assert!(response("fast", from, 16_000, 7_000).abs() <= 0.2);
        for hz in [8_300, 9_000, 12_000, 20_000] {
            let level = response("fast", from, 16_000, hz);
            assert!(level <= -100.0, "{from} to 16000: {hz} Hz leaks at {level:.1} dB");
        }
    }
}

#[test]
fn delays_are_a_few_milliseconds() {
    let ms = |quality, from, to| f64::from(Bench::new(quality, from, to).node.latency()) / f64::from(to) * 1000.0;
    for (from, to) in [(48_000, 16_000), (44_100, 16_000), (16_000, 48_000), (48_000, 44_100), (96_000, 48_000)] {
        assert!(ms("high", from, to) <= 2.2, "high, {from} to {to}: {} ms", ms("high", from, to));
    }
    for from in glottis_core::Rate::LIST {
        for to in glottis_core::Rate::LIST {
            assert!(ms("fast", from, to) <= 5.1, "fast, {from} to {to}: {} ms", ms("fast", from, to));
            assert!(ms("high", from, to) <= 4.3, "high, {from} to {to}: {} ms", ms("high", from, to));
            // 12 frames of the lower rate, rounded up to one of the output.
            let (late, low) = (ms("low-delay", from, to), f64::from(from.min(to)));
            assert!(late <= 12_000.0 / low + 1_000.0 / f64::from(to), "low-delay, {from} to {to}: {late} ms");
            assert!(late <= 0.8 || low < 16_000.0, "low-delay, {from} to {to}: {late} ms");
            assert_eq!(ms("high", from, from), 0.0);
        }
    }
}

#[test]
fn print_the_table() {
    for from in [48_000, 44_100] {
        for quality in QUALITIES {
            let latency = Bench::new(quality, from, 16_000).node.latency();
            print!("{from} to 16000, {quality}, {latency} frames late:");
            for hz in TONES {
                print!("  {hz} Hz {:.3} dB", response(quality, from, 16_000, hz));
            }
            println!();
        }
    }
}

fn without_tone(samples: &[f32], hz: u32, rate: u32) -> Vec<f32> {
    let angle =
        |i: usize| (i as u64 * u64::from(hz) % u64::from(rate)) as f64 / f64::from(rate) * std::f64::consts::TAU;
    let fit = |f: &dyn Fn(f64) -> f64| {
        samples.iter().enumerate().map(|(i, &s)| f64::from(s) * f(angle(i))).sum::<f64>() * 2.0 / samples.len() as f64
    };
    let (sin, cos) = (fit(&f64::sin), fit(&f64::cos));
    let tone = |i: usize| sin * angle(i).sin() + cos * angle(i).cos();
    samples.iter().enumerate().map(|(i, &s)| (f64::from(s) - tone(i)) as f32).collect()
}
