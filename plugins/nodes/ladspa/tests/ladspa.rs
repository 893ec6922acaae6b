//! The `ladspa` node as a pipeline sees it, with effects in C compiled here, and with those installed.
#![allow(unsafe_code)] // reads the counters of the effects in C

use std::path::{Path, PathBuf};
use std::process::Command;

use assert_no_alloc::{AllocDisabler, assert_no_alloc, violation_count};
use glottis_core::param::{Table, check};
use glottis_core::registry::{ComponentKind, Context};
use glottis_core::{Block, FaultCode, Node, Problem, Rate, Registry};

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

/// `effects.c` as a library of this name in `folder`, compiled with these macros.
fn compile(folder: &Path, name: &str, macros: &[&str]) -> PathBuf {
    let library = folder.join(format!("{name}{}", std::env::consts::DLL_SUFFIX));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/effects.c");
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(&library).args(macros).arg(source);
    assert!(cc.status().expect("a C compiler").success());
    library
}

fn effects() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let library = compile(folder.path(), "effects", &[]);
    (folder, library)
}

fn rate(hz: u32) -> Rate {
    Rate::new(hz).unwrap()
}

fn keys(plugin: &Path, label: &str, controls: Table) -> Table {
    Table::default().with("plugin", plugin.to_str().unwrap()).with("label", label).with("controls", controls)
}

fn build(table: &Table) -> Result<Box<dyn Node>, Vec<Problem>> {
    let mut registry = Registry::new();
    glottis_node_ladspa::register(&mut registry);
    let params = registry.get(ComponentKind::Node, "ladspa").unwrap().params;
    let settings = check(table, params, "node[0]", Path::new("/nowhere"), &registry)?;
    registry.node("ladspa", &settings, &Context::default())
}

fn node(table: &Table, hz: u32) -> Box<dyn Node> {
    let mut node = build(table).unwrap_or_else(|problems| panic!("{problems:?}"));
    assert_eq!(node.prepare(rate(hz)), Ok(rate(hz)));
    node
}

fn run(node: &mut dyn Node, hz: u32, samples: &[f32]) -> Vec<f32> {
    let (mut input, mut output) = (Block::new(rate(hz)), Block::new(rate(hz)));
    let mut heard = Vec::new();
    for block in samples.chunks_exact(rate(hz).block()) {
        input.samples_mut().copy_from_slice(block);
        node.process(&input, &mut output).unwrap();
        heard.extend_from_slice(output.samples());
    }
    heard
}

fn noise(frames: usize) -> Vec<f32> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state as i32) as f32 / 2.0_f32.powi(32)
    };
    (0..frames).map(|_| next()).collect()
}

/// What is wrong, in words; there must be one problem.
fn refused(table: &Table) -> String {
    let problems = build(table).err().expect("a problem");
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems[0].to_string()
}

#[track_caller]
fn says(words: &str, parts: &[&str]) {
    for part in parts {
        assert!(words.contains(part), "no {part:?} in: {words}");
    }
}

#[test]
fn an_effect_runs_with_its_controls() {
    let (_folder, library) = effects();
    let samples = noise(4_800);
    for hz in Rate::LIST {
        let tripled = run(node(&keys(&library, "louder", Table::default().with("Gain", 3)), hz).as_mut(), hz, &samples);
        assert!(tripled.iter().zip(&samples).all(|(h, s)| *h == s * 3.0), "at {hz} Hz");
        assert_eq!(tripled.len(), 4_800 / rate(hz).block() * rate(hz).block());
    }
    let plain = run(node(&keys(&library, "louder", Table::default()), 16_000).as_mut(), 16_000, &samples);
    assert!(plain.iter().zip(&samples).all(|(h, s)| h == s), "the default of the effect is 1");
}

#[test]
fn the_delay_an_effect_tells_is_declared() {
    let (_folder, library) = effects();
    let samples = noise(4_800);
    let mut node = node(&keys(&library, "late", Table::default()), 48_000);
    assert_eq!(node.latency(), 64);
    let heard = run(node.as_mut(), 48_000, &samples);
    // A block is no multiple of 64: the effect in C is right for the first only.
    assert_eq!(heard[64..480], samples[..416]);
}

#[test]
fn the_only_effect_needs_no_label() {
    let folder = tempfile::tempdir().unwrap();
    let one = compile(folder.path(), "one", &["-DONLY=0"]);
    let table = Table::default().with("plugin", one.to_str().unwrap());
    run(node(&table, 16_000).as_mut(), 16_000, &noise(160));
    let pair = compile(folder.path(), "pair", &["-DONLY=4"]);
    says(&refused(&Table::default().with("plugin", pair.to_str().unwrap())), &["has no effect with one input"]);
    let (_folder, several) = effects();
    let words = refused(&Table::default().with("plugin", several.to_str().unwrap()));
    says(&words, &["node[0].plugin", "which effect is not said", "add `label`", "louder, late, broken, refuses"]);
}

#[test]
fn what_does_not_exist_is_named_with_what_does() {
    let (_folder, library) = effects();
    let with =
        |label: &str, control: &str, value: f64| refused(&keys(&library, label, Table::default().with(control, value)));
    let words = with("lowder", "Gain", 1.0);
    says(
        &words,
        &["node[0].label", "no effect \"lowder\"", "did you mean \"louder\"?", "louder, late, broken, refuses"],
    );
    let words = with("louder", "gain", 1.0);
    says(
        &words,
        &[
            "node[0].controls.gain",
            "no control \"gain\"",
            "did you mean \"Gain\"?",
            "\"Gain\" -10..10; \"Poles\" 2..8, whole",
        ],
    );
    says(&with("louder", "Gain", 10.5), &["node[0].controls.Gain", "10.5 is out of range (-10..10)"]);
    says(&with("louder", "Poles", 2.5), &["2.5 is no whole number"]);
    let words = refused(&keys(&library, "pair", Table::default()));
    says(&words, &["\"pair\" has 2 audio inputs and 2 audio outputs; a stream has one channel", "louder, late"]);
    let words = refused(&keys(&library, "louder", Table::default().with("Gain", "3")));
    says(&words, &["node[0].controls.Gain: expected a number, found a text"]);
}

#[test]
fn limits_that_depend_on_the_rate_are_checked_when_it_is_known() {
    let (_folder, library) = effects();
    let table = keys(&library, "late", Table::default().with("Cutoff", 10_000));
    node(&table, 48_000);
    let problem = build(&table).unwrap().prepare(rate(16_000)).unwrap_err();
    says(&problem.to_string(), &["late: \"Cutoff\": 10000 is out of range (16..6400)"]);
}

#[test]
fn files_that_hold_no_effects_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let bad = |name: &str, content: &[u8]| {
        let file = folder.path().join(name);
        std::fs::write(&file, content).unwrap();
        refused(&keys(&file, "x", Table::default()))
    };
    says(&bad("a.so", b""), &["a.so", "empty"]);
    says(&bad("b.so", b"#!/bin/sh\nexit 1\n"), &["no library at all"]);
    let whole = std::fs::read(compile(folder.path(), "whole", &[])).unwrap();
    says(&bad("c.so", &whole[..whole.len() / 2]), &["cut short"]);
    let words = refused(&keys(Path::new("surely_not_there"), "x", Table::default()));
    says(&words, &["node[0].plugin", "there is no surely_not_there in ", "glottis components ladspa"]);
    says(&refused(&keys(Path::new("./not_there.so"), "x", Table::default())), &["./not_there.so", "No such file"]);
    let source = folder.path().join("empty.c");
    std::fs::write(&source, "int x;").unwrap();
    let other = folder.path().join("other.so");
    assert!(Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&other, &source]).status().unwrap().success());
    says(&refused(&keys(&other, "x", Table::default())), &["exports no `ladspa_descriptor`"]);
}

#[test]
fn an_effect_that_refuses_or_gives_no_numbers_is_told() {
    let (_folder, library) = effects();
    let problem = build(&keys(&library, "refuses", Table::default())).unwrap().prepare(rate(44_100)).unwrap_err();
    says(&problem.to_string(), &["refuses to work at 44100 Hz"]);
    let mut node = node(&keys(&library, "broken", Table::default().with("Not a number", 1)), 16_000);
    let (input, mut output) = (Block::new(rate(16_000)), Block::new(rate(16_000)));
    assert_eq!(node.process(&input, &mut output).unwrap_err().code, FaultCode::Failed);
}

#[test]
fn bad_samples_reach_an_effect_as_silence() {
    let (_folder, library) = effects();
    let heard = run(node(&keys(&library, "louder", Table::default()), 16_000).as_mut(), 16_000, &[f32::NAN; 320]);
    assert!(heard.iter().all(|s| s.abs() < 1e-17));
}

/// Every instance is activated once, deactivated once, and cleaned up; also the one that tells the delay.
#[test]
fn the_calls_of_an_instance_come_in_order() {
    let (_folder, library) = effects();
    // SAFETY: the library is ours, and its constants are whole numbers that only grow.
    let counts = || unsafe {
        let counters = libloading::Library::new(&library).unwrap();
        ["made", "activated", "deactivated", "cleaned"].map(|name| **counters.get::<*const i32>(name).unwrap())
    };
    let mut node = node(&keys(&library, "louder", Table::default()), 16_000);
    assert_eq!(counts(), [2, 2, 1, 1]);
    run(node.as_mut(), 16_000, &noise(1_600));
    node.reset();
    assert_eq!(node.prepare(rate(48_000)), Ok(rate(48_000)));
    assert_eq!(counts(), [4, 4, 3, 3]);
    std::thread::spawn(move || drop(node)).join().unwrap();
    assert_eq!(counts(), [4, 4, 4, 4]);
}

#[test]
fn processing_on_another_thread_allocates_nothing() {
    let (_folder, library) = effects();
    let mut node = node(&keys(&library, "late", Table::default()), 48_000);
    std::thread::spawn(move || {
        let (input, mut output) = (Block::new(rate(48_000)), Block::new(rate(48_000)));
        assert_no_alloc(|| (0..100).for_each(|_| node.process(&input, &mut output).unwrap()));
        assert_eq!(violation_count(), 0);
    })
    .join()
    .unwrap();
}

/// Steve Harris's effects, the package `swh-plugins` of Debian.
fn installed(name: &str) -> Option<PathBuf> {
    let file = Path::new("/usr/lib/ladspa").join(name);
    if !file.is_file() {
        eprintln!("skipped: there is no {}; install swh-plugins", file.display());
        return None;
    }
    Some(file)
}

#[test]
fn an_amplifier_of_swh_amplifies() {
    let Some(library) = installed("amp_1181.so") else { return };
    let table = keys(&library, "amp", Table::default().with("Amps gain (dB)", 6.0));
    let samples = noise(4_800);
    let heard = run(node(&table, 48_000).as_mut(), 48_000, &samples);
    let factor = 10_f32.powf(0.3);
    assert!(heard.iter().zip(&samples).all(|(h, s)| (h - s * factor).abs() < 1e-5));
}

#[test]
fn a_pitch_shifter_of_swh_declares_its_delay() {
    let Some(library) = installed("pitch_scale_1194.so") else { return };
    let node = node(&keys(&library, "pitchScaleHQ", Table::default()), 48_000);
    assert!((1_000..20_000).contains(&node.latency()), "{} frames", node.latency());
}
