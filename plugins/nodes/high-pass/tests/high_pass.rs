//! The `high-pass` node as a pipeline sees it: built from its keys, run block by block.

use std::path::Path;

use assert_no_alloc::{AllocDisabler, assert_no_alloc, violation_count};
use glottis_core::param::{Table, check};
use glottis_core::registry::{ComponentKind, Context};
use glottis_core::{Block, FaultCode, Node, Problem, Rate, Registry};

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

fn build(table: &Table) -> Result<Box<dyn Node>, Vec<Problem>> {
    let mut registry = Registry::new();
    glottis_node_high_pass::register(&mut registry);
    let params = registry.get(ComponentKind::Node, "high-pass").unwrap().params;
    let settings = check(table, params, "node[0]", Path::new(""), &registry)?;
    registry.node("high-pass", &settings, &Context::default())
}

fn high_pass(cutoff: f64, hz: u32) -> Box<dyn Node> {
    let rate = Rate::new(hz).unwrap();
    let mut node = build(&Table::default().with("cutoff", cutoff)).unwrap();
    assert_eq!(node.prepare(rate), Ok(rate));
    node
}

/// What `blocks` blocks of `signal`, a function of the frame's index, come out as.
fn run(node: &mut dyn Node, hz: u32, blocks: usize, signal: impl Fn(usize) -> f32) -> Vec<f32> {
    let rate = Rate::new(hz).unwrap();
    let (mut input, mut output) = (Block::new(rate), Block::new(rate));
    let mut samples = Vec::new();
    for block in 0..blocks {
        for (i, sample) in input.samples_mut().iter_mut().enumerate() {
            *sample = signal(block * rate.block() + i);
        }
        node.process(&input, &mut output).unwrap();
        samples.extend_from_slice(output.samples());
    }
    samples
}

fn sine(tone: f64, hz: u32) -> impl Fn(usize) -> f32 {
    move |i| (i as f64 * tone / f64::from(hz) * std::f64::consts::TAU).sin() as f32
}

/// Level in dB at which a sine of `tone` Hz leaves, over its second second.
fn level(cutoff: f64, hz: u32, tone: f64) -> f64 {
    let samples = run(high_pass(cutoff, hz).as_mut(), hz, 200, sine(tone, hz));
    let settled = &samples[samples.len() / 2..];
    let power = settled.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / settled.len() as f64;
    10.0 * (power / 0.5).log10()
}

/// Level in dB of a Butterworth high-pass of second order whose frequency axis is bent by the
/// bilinear transform.
fn butterworth(cutoff: f64, hz: u32, tone: f64) -> f64 {
    let bend = |f: f64| (std::f64::consts::PI * f / f64::from(hz)).tan();
    -10.0 * (1.0 + (bend(cutoff) / bend(tone)).powi(4)).log10()
}

#[test]
fn the_response_is_that_of_a_butterworth() {
    for hz in [8_000, 16_000, 44_100, 96_000] {
        for cutoff in [20.0, 80.0, 300.0, 2_000.0] {
            for tone in [10.0, 20.0, 40.0, 80.0, 160.0, 500.0, 3_000.0] {
                let (is, want) = (level(cutoff, hz, tone), butterworth(cutoff, hz, tone));
                assert!((is - want).abs() < 0.02, "{cutoff} Hz at {hz}: {tone} Hz leaves at {is:.3}, not {want:.3} dB");
            }
        }
    }
}

#[test]
fn the_cutoff_is_eighty_hertz_unless_told() {
    let mut node = build(&Table::default()).unwrap();
    node.prepare(Rate::new(16_000).unwrap()).unwrap();
    let same = run(high_pass(80.0, 16_000).as_mut(), 16_000, 3, sine(100.0, 16_000));
    assert_eq!(run(node.as_mut(), 16_000, 3, sine(100.0, 16_000)), same);
    assert!((level(80.0, 16_000, 80.0) + 3.01).abs() < 0.01);
}

#[test]
fn an_offset_disappears() {
    let samples = run(high_pass(80.0, 48_000).as_mut(), 48_000, 20, |i| 0.5 + sine(1_000.0, 48_000)(i) * 0.1);
    let settled = &samples[48_000 / 10..];
    let mean = settled.iter().sum::<f32>() / settled.len() as f32;
    assert!(mean.abs() < 1e-5, "{mean}");
}

#[test]
fn a_new_cutoff_makes_no_click() {
    let hz = 16_000;
    let mut node = high_pass(20.0, hz);
    let tone = |i: usize| sine(500.0, hz)(i) * 0.5 + 0.3;
    run(node.as_mut(), hz, 50, tone);
    node.set("cutoff", 100.0).unwrap();
    let samples = run(node.as_mut(), hz, 50, tone);
    // The tone's own steepest step, and what is left of the offset's sway.
    let steepest = samples.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
    assert!(steepest < 0.5 * 500.0 / 16_000.0 * std::f32::consts::TAU * 1.1, "a step of {steepest}");
    let tail = &samples[samples.len() / 2..];
    let power = tail.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / tail.len() as f64;
    let level = 10.0 * (power / 0.125).log10();
    assert!((level - butterworth(100.0, hz, 500.0)).abs() < 0.02, "{level}");
}

#[test]
fn what_cannot_be_set_is_refused() {
    let mut node = high_pass(80.0, 16_000);
    for (param, value) in [("cutoff", 9.9), ("cutoff", 2_000.1), ("cutoff", f64::NAN), ("db", 100.0)] {
        assert_eq!(node.set(param, value).unwrap_err().code, FaultCode::BadParameter, "{param} {value}");
    }
    let problem = build(&Table::default().with("cutoff", 5)).err().unwrap().remove(0);
    assert!(problem.to_string().contains("node[0].cutoff: 5 Hz is out of range (from 10 to 2000 Hz)"), "{problem}");
}

#[test]
fn bad_samples_leave_no_trace() {
    let hz = 16_000;
    let tone = sine(300.0, hz);
    let mut node = high_pass(80.0, hz);
    run(node.as_mut(), hz, 2, |i| if i % 2 == 0 { f32::NAN } else { f32::INFINITY });
    run(node.as_mut(), hz, 1, |_| f32::MAX);
    run(node.as_mut(), hz, 300, |_| 0.0);
    let after = run(node.as_mut(), hz, 5, &tone);
    let want = run(high_pass(80.0, hz).as_mut(), hz, 5, &tone);
    assert!(after.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-6));
}

#[test]
fn silence_ends_in_zeros_not_in_denormals() {
    let hz = 48_000;
    let mut node = high_pass(20.0, hz);
    run(node.as_mut(), hz, 10, |_| 1.0);
    // 30 s: enough for a 20 Hz filter to decay below the smallest normal number.
    let tail = run(node.as_mut(), hz, 3_000, |_| 0.0);
    assert!(tail.iter().all(|s| !s.is_subnormal()));
    let last = &tail[tail.len() - 480..];
    assert!(last.iter().all(|&s| s == 0.0));
}

#[test]
fn after_a_reset_the_node_is_as_new() {
    let hz = 24_000;
    let mut node = high_pass(80.0, hz);
    run(node.as_mut(), hz, 3, |_| 1.0);
    node.reset();
    let tone = sine(200.0, hz);
    assert_eq!(run(node.as_mut(), hz, 3, &tone), run(high_pass(80.0, hz).as_mut(), hz, 3, &tone));
}

#[test]
fn processing_and_setting_allocate_nothing() {
    let mut node = high_pass(80.0, 48_000);
    let rate = Rate::new(48_000).unwrap();
    let (input, mut output) = (Block::new(rate), Block::new(rate));
    assert_no_alloc(|| {
        node.process(&input, &mut output).unwrap();
        node.set("cutoff", 120.0).unwrap();
        node.process(&input, &mut output).unwrap();
        node.reset();
    });
    assert_eq!(violation_count(), 0);
}
