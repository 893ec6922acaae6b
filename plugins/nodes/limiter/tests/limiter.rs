//! The `limiter` node as a pipeline sees it: built from its keys, run block by block.

use std::path::Path;

use assert_no_alloc::{AllocDisabler, assert_no_alloc, violation_count};
use glottis_core::param::{Table, check};
use glottis_core::registry::{ComponentKind, Context};
use glottis_core::{Block, FaultCode, Node, Problem, Rate, Registry};
use proptest::prelude::*;

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

fn build(table: &Table) -> Result<Box<dyn Node>, Vec<Problem>> {
    let mut registry = Registry::new();
    glottis_node_limiter::register(&mut registry);
    let params = registry.get(ComponentKind::Node, "limiter").unwrap().params;
    let settings = check(table, params, "node[0]", Path::new(""), &registry)?;
    registry.node("limiter", &settings, &Context::default())
}

fn limiter(hz: u32, table: Table) -> Box<dyn Node> {
    let rate = Rate::new(hz).unwrap();
    let mut node = build(&table).unwrap();
    assert_eq!(node.prepare(rate), Ok(rate));
    node
}

/// What leaves for whole blocks of `samples`.
fn run(node: &mut dyn Node, hz: u32, samples: &[f32]) -> Vec<f32> {
    let rate = Rate::new(hz).unwrap();
    let (mut input, mut output) = (Block::new(rate), Block::new(rate));
    let mut heard = Vec::new();
    for block in samples.chunks_exact(rate.block()) {
        input.samples_mut().copy_from_slice(block);
        node.process(&input, &mut output).unwrap();
        heard.extend_from_slice(output.samples());
    }
    heard
}

fn peak(samples: &[f32]) -> f32 {
    samples.iter().map(|s| s.abs()).fold(0.0, f32::max)
}

fn level(samples: &[f32]) -> f64 {
    10.0 * (samples.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / samples.len() as f64).log10()
}

fn amplitude(db: f64) -> f32 {
    10_f64.powf(db / 20.0) as f32
}

fn sine(hz: u32, tone: f64, amplitude: f32, frames: usize) -> Vec<f32> {
    let turn = tone / f64::from(hz) * std::f64::consts::TAU;
    (0..frames).map(|i| (i as f64 * turn).sin() as f32 * amplitude).collect()
}

/// Anything a node may be given: soft and very loud, bursts, and samples that are no numbers.
fn sound() -> impl Strategy<Value = Vec<f32>> {
    let sample = prop_oneof![
        20 => -1.0_f32..1.0,
        4 => -50.0_f32..50.0,
        1 => prop::sample::select(vec![f32::NAN, f32::INFINITY, f32::MAX, f32::MIN, 0.0, f32::MIN_POSITIVE]),
    ];
    prop::collection::vec((sample, 1_usize..200), 1..40)
        .prop_map(|runs| runs.into_iter().flat_map(|(sample, frames)| vec![sample; frames]).collect())
}

proptest! {
    #[test]
    fn nothing_is_ever_above_the_ceiling(
        hz in prop::sample::select(Rate::LIST.to_vec()),
        ceiling in -40.0..=0.0_f64,
        gain in -40.0..=40.0_f64,
        later in -40.0..=40.0_f64,
        attack in 1..=20_u32,
        release in 5..=300_u32,
        target in prop::option::of(-60.0..=-6.0_f64),
        samples in sound(),
    ) {
        let mut table = Table::default()
            .with("ceiling_dbfs", ceiling)
            .with("gain_db", gain)
            .with("attack", format!("{attack}ms"))
            .with("release", format!("{release}ms"));
        if let Some(target) = target {
            table = table.with("target_dbfs", target);
        }
        let mut node = limiter(hz, table);
        let mut heard = run(node.as_mut(), hz, &samples);
        node.set("gain_db", later).unwrap();
        heard.extend(run(node.as_mut(), hz, &samples));
        prop_assert!(heard.iter().all(|s| s.is_finite()));
        prop_assert!(peak(&heard) <= amplitude(ceiling), "{} above {}", peak(&heard), amplitude(ceiling));
    }

    #[test]
    fn what_stays_below_the_ceiling_passes_bit_for_bit(
        hz in prop::sample::select(Rate::LIST.to_vec()),
        samples in prop::collection::vec(-0.89_f32..0.89, 2_000),
    ) {
        let mut node = limiter(hz, Table::default());
        let heard = run(node.as_mut(), hz, &samples);
        let late = node.latency() as usize;
        prop_assert_eq!(late, (f64::from(hz) * 0.002).round() as usize);
        prop_assert!(heard[late..].iter().zip(&samples).all(|(h, s)| h.to_bits() == s.to_bits()));
    }
}

#[test]
fn after_a_peak_samples_pass_bit_for_bit_again() {
    let hz = 16_000;
    let mut samples = sine(hz, 300.0, 0.5, 48_000);
    samples[100] = 8.0;
    let mut node = limiter(hz, Table::default());
    let heard = run(node.as_mut(), hz, &samples);
    let late = node.latency() as usize;
    let at = |i: usize| heard[i + late] / samples[i];
    assert!(at(60) == 1.0 && at(110) < 0.15, "before the peak, and at it");
    // 100 ms later 63 % of the way is back: from 0.11 to 1.
    assert!((0.6..0.75).contains(&at(1_710)), "{}", at(1_710));
    assert!(heard[late + 40_000..] == samples[40_000..48_000 - late], "all of it is back");
}

#[test]
fn a_loud_sound_leaves_at_the_ceiling_without_being_cut_off() {
    let hz = 48_000;
    let mut node = limiter(hz, Table::default().with("ceiling_dbfs", -6).with("gain_db", 20));
    let tone = sine(hz, 1_000.0, 0.5, 48_000);
    let heard = run(node.as_mut(), hz, &tone);
    let settled = &heard[24_000..];
    assert!((peak(settled) - amplitude(-6.0)).abs() < 1e-3, "{}", peak(settled));
    // A sine that is cut off is louder than half of its peak's power.
    assert!((level(settled) - (-6.0 - 3.01)).abs() < 0.1, "{:.2} dB", level(settled));
}

#[test]
fn a_peak_makes_no_step() {
    let hz = 48_000;
    // A slow wave with a loud part from one frame to the next.
    let mut samples = sine(hz, 100.0, 0.5, 48_000);
    samples[20_000..30_000].iter_mut().for_each(|s| *s *= 6.0);
    let mut node = limiter(hz, Table::default().with("attack", "5ms"));
    let heard = run(node.as_mut(), hz, &samples);
    let late = node.latency() as usize;
    let gains: Vec<f32> =
        heard[late..].iter().zip(&samples).filter(|(_, s)| s.abs() > 0.1).map(|(h, s)| h / s).collect();
    let steepest = gains.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
    // The whole way, from 1 to 0.3, takes 240 frames; around a zero crossing some are not looked at.
    assert!(steepest < 0.12, "{steepest}");
}

/// The level of a tone of `dbfs` after ten seconds.
fn brought_to(dbfs: f64, table: Table) -> f64 {
    let hz = 16_000;
    let tone = sine(hz, 300.0, amplitude(dbfs + 3.01), 16_000 * 12);
    level(&run(limiter(hz, table).as_mut(), hz, &tone)[16_000 * 11..])
}

#[test]
fn the_automatic_gain_brings_speech_to_its_target() {
    let table = || Table::default().with("target_dbfs", -20);
    for dbfs in [-45.0, -30.0, -20.0, -6.0] {
        let reached = brought_to(dbfs, table());
        assert!((reached + 20.0).abs() < 0.2, "{dbfs} dBFS become {reached:.2}");
    }
    let reached = brought_to(-45.0, table().with("max_gain_db", 10));
    assert!((reached + 35.0).abs() < 0.2, "no more than 10 dB: {reached:.2}");
    let reached = brought_to(-55.0, table());
    assert!((reached + 55.0).abs() < 0.01, "a pause stays as it is: {reached:.2}");
    let reached = brought_to(-55.0, table().with("gate_dbfs", -60).with("gain_db", 3));
    assert!((reached + 22.0).abs() < 0.2, "30 dB and 3: {reached:.2}");
}

#[test]
fn in_a_pause_the_automatic_gain_stays() {
    let hz = 16_000;
    let mut node = limiter(hz, Table::default().with("target_dbfs", -20));
    run(node.as_mut(), hz, &sine(hz, 300.0, amplitude(-37.0), 16_000 * 8));
    let room = sine(hz, 300.0, amplitude(-67.0), 16_000 * 5);
    let heard = run(node.as_mut(), hz, &room);
    let (early, late) = (level(&heard[1_600..3_200]), level(&heard[16_000 * 4..]));
    assert!((early - late).abs() < 0.01 && late > -55.0, "{early:.2} dB, then {late:.2}");
}

#[test]
fn keys_are_checked_and_only_the_gain_is_live() {
    let mut node = limiter(16_000, Table::default());
    for (param, value) in [("gain_db", 41.0), ("gain_db", f64::NAN), ("ceiling_dbfs", -3.0), ("target_dbfs", -20.0)] {
        assert_eq!(node.set(param, value).unwrap_err().code, FaultCode::BadParameter, "{param} {value}");
    }
    let words = |table: Table| build(&table).err().unwrap().remove(0).to_string();
    assert!(words(Table::default().with("ceiling_dbfs", 1)).contains("node[0].ceiling_dbfs: 1 dBFS is out of range"));
    assert!(words(Table::default().with("attack", "0ms")).contains("from 1ms to 20ms"));
}

#[test]
fn after_a_reset_the_node_is_as_new() {
    let hz = 44_100;
    let table = || Table::default().with("gain_db", 30).with("target_dbfs", -30);
    let mut node = limiter(hz, table());
    let tone = sine(hz, 440.0, 0.3, 44_100);
    let fresh = run(node.as_mut(), hz, &tone);
    node.reset();
    assert_eq!(run(node.as_mut(), hz, &tone), fresh);
}

#[test]
fn processing_and_setting_allocate_nothing() {
    let rate = Rate::new(96_000).unwrap();
    let mut node =
        limiter(96_000, Table::default().with("target_dbfs", -20).with("attack", "20ms").with("gain_db", 40));
    let (mut input, mut output) = (Block::new(rate), Block::new(rate));
    input.samples_mut().copy_from_slice(&sine(96_000, 440.0, 0.5, 960));
    assert_no_alloc(|| {
        for _ in 0..100 {
            node.process(&input, &mut output).unwrap();
        }
        node.set("gain_db", -3.0).unwrap();
        node.process(&input, &mut output).unwrap();
        node.reset();
    });
    assert_eq!(violation_count(), 0);
}
