//! Sound leaves the node where its latency says, block after block, and stays there.

mod common;

use common::{Bench, QUALITIES, rate, sine};
use glottis_core::Rate;

fn pairs() -> impl Iterator<Item = (u32, u32)> {
    Rate::LIST.into_iter().flat_map(|from| Rate::LIST.into_iter().map(move |to| (from, to)))
}

#[test]
fn an_impulse_comes_out_at_its_own_position() {
    for quality in QUALITIES {
        for (from, to) in pairs() {
            let struck = i64::from(from) / 10 + 123;
            let (first, samples) = Bench::new(quality, from, to).run(20, |at| if at == struck { 1.0 } else { 0.0 });
            let peak = (0..samples.len()).max_by(|&a, &b| samples[a].abs().total_cmp(&samples[b].abs())).unwrap();
            let off = (first + peak as i64) as f64 - struck as f64 * f64::from(to) / f64::from(from);
            assert!(off.abs() <= 1.0, "{quality}, {from} to {to}: {off:.2} frames off");
        }
    }
}

#[test]
fn a_sine_keeps_its_phase() {
    // The delays of `high` and `low-delay` are whole numbers of frames, that of `fast` is rounded to one.
    for (quality, most) in [("high", 0.001), ("low-delay", 0.001), ("fast", 0.51)] {
        for (from, to) in pairs() {
            let hz = 400;
            let (first, samples) = Bench::new(quality, from, to).run(60, sine(hz, from));
            let skip = 10 * rate(to).block();
            let off = delay(&samples[skip..], first + skip as i64, hz, to);
            assert!(off.abs() <= most, "{quality}, {from} to {to}: {off:.3} frames late");
        }
    }
}

#[test]
fn nothing_drifts_over_minutes() {
    for (from, to) in [(44_100, 16_000), (48_000, 16_000), (88_200, 96_000), (44_100, 48_000)] {
        let mut bench = Bench::new("high", from, to);
        let hz = 400;
        let wave = sine(hz, from);
        let mut early = None;
        for minute in 0..3 {
            let (first, samples) = bench.run(50, &wave);
            if minute > 0 {
                let off = delay(&samples, first, hz, to);
                let early = *early.get_or_insert(off);
                assert!((off - early).abs() < 1e-3, "{from} to {to}: moved by {} frames", off - early);
            }
            bench.run(5_950, |_| 0.0);
        }
    }
}

#[test]
fn after_a_reset_the_node_is_as_new() {
    for quality in QUALITIES {
        for (from, to) in [(48_000, 16_000), (44_100, 16_000), (16_000, 48_000)] {
            let mut used = Bench::new(quality, from, to);
            used.run(37, sine(1_000, from));
            used.node.reset();
            used.input.at = 0;
            let want = Bench::new(quality, from, to).run(5, sine(700, from));
            assert_eq!(used.run(5, sine(700, from)), want, "{quality}, {from} to {to}");
        }
    }
}

/// Frames by which `samples`, the first at position `at`, lag behind a sine of `hz`.
fn delay(samples: &[f32], at: i64, hz: u32, rate: u32) -> f64 {
    let turn = f64::from(hz) / f64::from(rate) * std::f64::consts::TAU;
    // Whole periods only, or the ends bend the fit.
    let period = f64::from(rate) / f64::from(hz);
    let count = ((samples.len() as f64 / period).floor() * period).round() as usize;
    let (mut sin, mut cos) = (0.0, 0.0);
    for (i, &sample) in samples[..count].iter().enumerate() {
        let angle = (at + i as i64) as f64 * turn;
        sin += f64::from(sample) * angle.sin();
        cos += f64::from(sample) * angle.cos();
    }
    -cos.atan2(sin) / turn
}
