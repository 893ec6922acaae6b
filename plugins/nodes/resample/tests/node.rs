//! The `resample` node as a configuration and a pipeline see it.

mod common;

use assert_no_alloc::{AllocDisabler, assert_no_alloc, violation_count};
use common::{Bench, QUALITIES, build, rate, sine};
use glottis_core::Rate;
use glottis_core::param::Table;

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

#[test]
fn every_pair_of_rates_converts_block_for_block() {
    for quality in QUALITIES {
        for from in Rate::LIST {
            for to in Rate::LIST {
                let (_, samples) = Bench::new(quality, from, to).run(30, |_| 0.25);
                assert_eq!(samples.len(), 30 * rate(to).block());
                let settled = &samples[samples.len() / 2..];
                assert!(settled.iter().all(|s| (s - 0.25).abs() < 1e-4), "{quality}, {from} to {to}");
            }
        }
    }
}

#[test]
fn the_same_rate_passes_bit_for_bit_without_delay() {
    for hz in Rate::LIST {
        let mut bench = Bench::new("high", hz, hz);
        assert_eq!(bench.node.latency(), 0);
        let wave = sine(997, hz);
        let (first, samples) = bench.run(3, &wave);
        assert_eq!(first, 0);
        assert!(samples.iter().enumerate().all(|(i, s)| s.to_bits() == wave(i as i64).to_bits()));
    }
}

#[test]
fn bad_samples_leave_no_trace() {
    for quality in QUALITIES {
        let wave = sine(500, 48_000);
        let broken = |at: i64| match at {
            5_000 => f32::NAN,
            5_001 => f32::INFINITY,
            5_002 => f32::NEG_INFINITY,
            _ => wave(at),
        };
        let (_, samples) = Bench::new(quality, 48_000, 16_000).run(30, broken);
        assert!(samples.iter().all(|s| s.is_finite() && s.abs() < 1.0));
        let (_, clean) = Bench::new(quality, 48_000, 16_000).run(30, &wave);
        let settled = 20 * 160;
        assert!(
            samples[settled..].iter().zip(&clean[settled..]).all(|(a, b)| (a - b).abs() < 1e-6),
            "{quality}: the bad samples are still heard"
        );
    }
}

#[test]
fn huge_samples_are_gone_a_few_blocks_later() {
    for quality in QUALITIES {
        let mut bench = Bench::new(quality, 44_100, 16_000);
        bench.run(2, |at| if at % 3 == 0 { f32::MAX } else { 9e8 });
        bench.run(4, |_| 0.0);
        let (_, samples) = bench.run(2, |_| 0.0);
        assert!(samples.iter().all(|&s| s == 0.0), "{quality}");
    }
}

#[test]
fn processing_allocates_nothing() {
    for quality in QUALITIES {
        for (from, to) in [(48_000, 16_000), (44_100, 16_000), (16_000, 48_000), (44_100, 96_000), (16_000, 16_000)] {
            let mut bench = Bench::new(quality, from, to);
            let wave = sine(1_000, from);
            assert_no_alloc(|| {
                for _ in 0..20 {
                    bench.step(&wave);
                }
                bench.node.reset();
                bench.step(&wave);
            });
            assert_eq!(violation_count(), 0, "{quality}, {from} to {to}");
        }
    }
}

#[test]
fn keys_are_checked() {
    let words = |table: Table| build(&table).err().unwrap()[0].to_string();
    let missing = words(Table::default());
    assert!(missing.contains("missing key \"rate\""), "{missing}");
    let unlisted = words(Table::default().with("rate", 22_050));
    assert!(unlisted.contains("node[0].rate") && unlisted.contains("22050 Hz"), "{unlisted}");
    assert!(unlisted.contains("16000, 24000"), "{unlisted}");
    let quality = words(Table::default().with("rate", 16_000).with("quality", "best"));
    assert!(quality.contains("node[0].quality") && quality.contains("\"best\""), "{quality}");
}
