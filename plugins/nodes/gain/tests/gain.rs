//! The `gain` node as a pipeline sees it: built from its keys, run block by block.

use std::path::Path;

use assert_no_alloc::{AllocDisabler, assert_no_alloc, violation_count};
use glottis_core::param::{Table, check};
use glottis_core::registry::{ComponentKind, Context};
use glottis_core::{Block, FaultCode, Node, Problem, Rate, Registry};

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

fn rate() -> Rate {
    Rate::new(16_000).unwrap()
}

fn build(table: &Table) -> Result<Box<dyn Node>, Vec<Problem>> {
    let mut registry = Registry::new();
    glottis_node_gain::register(&mut registry);
    let params = registry.get(ComponentKind::Node, "gain").unwrap().params;
    let settings = check(table, params, "node[0]", Path::new(""), &registry)?;
    registry.node("gain", &settings, &Context::default())
}

fn gain(db: f64) -> Box<dyn Node> {
    let mut node = build(&Table::default().with("db", db)).unwrap();
    assert_eq!(node.prepare(rate()), Ok(rate()));
    node
}

fn run(node: &mut dyn Node, samples: impl Fn(usize) -> f32) -> Vec<f32> {
    let (mut input, mut output) = (Block::new(rate()), Block::new(rate()));
    for (i, sample) in input.samples_mut().iter_mut().enumerate() {
        *sample = samples(i);
    }
    node.process(&input, &mut output).unwrap();
    output.samples().to_vec()
}

#[test]
fn without_keys_samples_pass_bit_for_bit() {
    let mut node = build(&Table::default()).unwrap();
    node.prepare(rate()).unwrap();
    let wave = |i: usize| (i as f32 * 0.1).sin() * 1.5;
    for (i, sample) in run(node.as_mut(), wave).into_iter().enumerate() {
        assert_eq!(sample.to_bits(), wave(i).to_bits());
    }
    assert_eq!(node.latency(), 0);
}

#[test]
fn decibels_scale_the_first_block_already() {
    for (db, factor) in [(20.0, 10.0), (-20.0, 0.1), (6.0206, 2.0), (-60.0, 0.001)] {
        let mut node = gain(db);
        for sample in run(node.as_mut(), |_| 0.25) {
            assert!((f64::from(sample) / 0.25 / factor - 1.0).abs() < 1e-5, "{db} dB gave {sample}");
        }
    }
}

#[test]
fn a_change_is_spread_over_one_block() {
    let mut node = gain(0.0);
    run(node.as_mut(), |_| 1.0);
    node.set("db", -40.0).unwrap();
    let ramp = run(node.as_mut(), |_| 1.0);
    let steepest = ramp.windows(2).map(|w| w[0] - w[1]).fold(1.0 - ramp[0], f32::max);
    assert!(steepest < 1.5 / ramp.len() as f32, "a step of {steepest} clicks");
    assert!(ramp.is_sorted_by(|a, b| a > b), "the way down never turns");
    assert!((ramp.last().unwrap() - 0.01).abs() < 1e-6);
    assert!(run(node.as_mut(), |_| 1.0).iter().all(|s| (s - 0.01).abs() < 1e-7));
}

#[test]
fn a_reset_ends_the_ramp() {
    let mut node = gain(0.0);
    node.set("db", -20.0).unwrap();
    node.reset();
    assert!(run(node.as_mut(), |_| 1.0).iter().all(|s| (s - 0.1).abs() < 1e-7));
}

#[test]
fn what_cannot_be_set_is_refused_and_changes_nothing() {
    let mut node = gain(0.0);
    for (param, value) in [("db", 60.1), ("db", -61.0), ("db", f64::NAN), ("db", f64::INFINITY), ("gain", 1.0)] {
        assert_eq!(node.set(param, value).unwrap_err().code, FaultCode::BadParameter, "{param} {value}");
    }
    assert!(run(node.as_mut(), |_| 0.5).iter().all(|&s| s == 0.5));
}

#[test]
fn keys_out_of_range_are_named() {
    let problem = &build(&Table::default().with("db", 61)).err().unwrap()[0];
    assert_eq!(problem.path, "node[0].db");
    assert!(problem.to_string().contains("-60 to 60 dB"), "{problem}");
}

#[test]
fn a_bad_sample_does_not_outlive_its_frame() {
    let mut node = gain(6.0);
    run(node.as_mut(), |_| f32::NAN);
    assert!(run(node.as_mut(), |_| 0.25).iter().all(|s| s.is_finite()));
}

#[test]
fn processing_and_setting_allocate_nothing() {
    let mut node = gain(3.0);
    let (input, mut output) = (Block::new(rate()), Block::new(rate()));
    assert_no_alloc(|| {
        node.process(&input, &mut output).unwrap();
        node.set("db", 6.0).unwrap();
        node.process(&input, &mut output).unwrap();
        node.reset();
    });
    assert_eq!(violation_count(), 0);
}
