//! Runs the `vad` node as a pipeline would: built from its keys, one block after the other.
#![allow(dead_code)] // every test file uses a part

use std::path::Path;

use glottis_core::param::{Table, check};
use glottis_core::registry::{ComponentKind, Context};
use glottis_core::{Block, Mark, MarkKind, Node, Problem, Rate, Registry};

pub fn rate(hz: u32) -> Rate {
    Rate::new(hz).unwrap()
}

pub fn registry() -> Registry {
    let mut registry = Registry::new();
    glottis_node_vad::register(&mut registry);
    registry
}

pub fn build_with(registry: &Registry, table: &Table) -> Result<Box<dyn Node>, Vec<Problem>> {
    let params = registry.get(ComponentKind::Node, "vad").unwrap().params;
    let settings = check(table, params, "node[0]", Path::new(""), registry)?;
    registry.node("vad", &settings, &Context::default())
}

pub fn build(table: &Table) -> Result<Box<dyn Node>, Vec<Problem>> {
    build_with(&registry(), table)
}

pub fn detector(name: &str) -> Table {
    Table::default().with("detector", name)
}

/// The marks of `samples`, the first of them at position `at`; a last incomplete block is left out.
/// Checks on the way that the samples pass unchanged.
pub fn marks_from(node: &mut dyn Node, hz: u32, at: i64, samples: &[f32]) -> Vec<Mark> {
    let (mut input, mut output) = (Block::new(rate(hz)), Block::new(rate(hz)));
    input.at = at;
    let mut marks = Vec::new();
    for block in samples.chunks_exact(rate(hz).block()) {
        input.samples_mut().copy_from_slice(block);
        output.follow(&input, rate(hz), node.latency());
        node.process(&input, &mut output).unwrap();
        assert!(
            output.samples().iter().zip(block).all(|(a, b)| a.to_bits() == b.to_bits()),
            "the node changed a sample"
        );
        marks.extend_from_slice(output.marks());
        input.at = input.end();
    }
    marks
}

/// The marks a node of these keys puts on `samples`.
pub fn marks(table: &Table, hz: u32, samples: &[f32]) -> Vec<Mark> {
    let mut node = build(table).unwrap();
    assert_eq!(node.prepare(rate(hz)), Ok(rate(hz)));
    marks_from(node.as_mut(), hz, 0, samples)
}

/// Where speech is, from marks that must alternate; speech that has not ended runs to `end`.
pub fn spans(marks: &[Mark], end: i64) -> Vec<(i64, i64)> {
    let mut spans: Vec<(i64, i64)> = Vec::new();
    let mut open = None;
    for mark in marks {
        match (mark.kind, open.take()) {
            (MarkKind::SpeechStart { probability }, None) => {
                assert!(probability >= 0.5, "{mark:?}");
                open = Some(mark.at);
            }
            (MarkKind::SpeechEnd { probability }, Some(start)) => {
                assert!(probability < 0.5, "{mark:?}");
                spans.push((start, mark.at));
            }
            other => panic!("marks do not alternate: {other:?} in {marks:?}"),
        }
    }
    spans.extend(open.map(|start| (start, end)));
    spans
}

/// A tone of `seconds` with this RMS.
pub fn tone(hz: u32, seconds: f64, rms: f64) -> Vec<f32> {
    let turn = 440.0 / f64::from(hz) * std::f64::consts::TAU;
    (0..(f64::from(hz) * seconds) as usize).map(|i| ((i as f64 * turn).sin() * rms * 2_f64.sqrt()) as f32).collect()
}

pub fn silence(hz: u32, seconds: f64) -> Vec<f32> {
    vec![0.0; (f64::from(hz) * seconds) as usize]
}

/// One of the recorded sentences: 16 kHz.
pub fn sentence(number: &str) -> Vec<f32> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/fixtures/speech");
    let file = folder.join(format!("sense_and_sensibility_01_austen_64kb-{number}.wav"));
    let mut wav = hound::WavReader::open(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    assert_eq!((wav.spec().sample_rate, wav.spec().channels), (16_000, 1));
    wav.samples::<i16>().map(|s| glottis_core::convert::i16_to_f32(s.unwrap())).collect()
}

/// Three frames for one, on straight lines between them: 16 kHz to 48 kHz.
pub fn tripled(samples: &[f32]) -> Vec<f32> {
    let next = samples[1..].iter().chain(samples.last());
    samples.iter().zip(next).flat_map(|(&a, &b)| [a, a + (b - a) / 3.0, a + (b - a) * 2.0 / 3.0]).collect()
}
