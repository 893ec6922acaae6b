//! The `earshot` detector inside the `vad` node, on recorded speech.

use std::path::Path;

use assert_no_alloc::{AllocDisabler, assert_no_alloc, violation_count};
use glottis_core::param::{Table, check};
use glottis_core::registry::{ComponentKind, Context};
use glottis_core::{Block, Detector, FaultCode, Mark, MarkKind, Node, Problem, Rate, Registry};
use glottis_detector_earshot::Earshot;

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

const HZ: usize = 16_000;
const SENTENCES: [&str; 5] = ["0870", "0880", "0890", "0920", "0930"];

fn rate(hz: u32) -> Rate {
    Rate::new(hz).unwrap()
}

fn build(table: Table) -> Result<Box<dyn Node>, Vec<Problem>> {
    let mut registry = Registry::new();
    glottis_node_vad::register(&mut registry);
    glottis_detector_earshot::register(&mut registry);
    let params = registry.get(ComponentKind::Node, "vad").unwrap().params;
    let settings = check(&table.with("detector", "earshot"), params, "node[0]", Path::new(""), &registry)?;
    registry.node("vad", &settings, &Context::default())
}

/// Where speech is, by the marks of a node with this threshold.
fn spans(threshold: f64, samples: &[f32]) -> Vec<(i64, i64)> {
    let mut node = build(Table::default().with("threshold", threshold)).unwrap();
    node.prepare(rate(16_000)).unwrap();
    let (mut input, mut output) = (Block::new(rate(16_000)), Block::new(rate(16_000)));
    let mut marks: Vec<Mark> = Vec::new();
    for block in samples.chunks_exact(160) {
        input.samples_mut().copy_from_slice(block);
        output.follow(&input, rate(16_000), 0);
        node.process(&input, &mut output).unwrap();
        marks.extend(output.marks());
        input.at = input.end();
    }
    let edges: Vec<i64> = marks.iter().map(|mark| mark.at).chain([samples.len() as i64]).collect();
    let is_start = |mark: &Mark| matches!(mark.kind, MarkKind::SpeechStart { .. });
    assert!(marks.iter().enumerate().all(|(i, mark)| is_start(mark) == (i % 2 == 0)), "{marks:?}");
    edges.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
}

/// The share of `samples` inside spans.
fn spoken(threshold: f64, samples: &[f32]) -> f64 {
    let frames: i64 = spans(threshold, samples).iter().map(|(start, end)| end - start).sum();
    frames as f64 / samples.len() as f64
}

fn sentence(number: &str) -> Vec<f32> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/fixtures/speech");
    let file = folder.join(format!("sense_and_sensibility_01_austen_64kb-{number}.wav"));
    let samples = hound::WavReader::open(file).unwrap().into_samples::<i16>();
    samples.map(|s| glottis_core::convert::i16_to_f32(s.unwrap())).collect()
}

fn silence(seconds: usize) -> Vec<f32> {
    vec![0.0; seconds * HZ]
}

/// Noise between plus and minus so many steps of 16-bit audio.
fn noise(seconds: usize, steps: f32) -> Vec<f32> {
    let mut state = 7_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state as i32) as f32 / 2.0_f32.powi(31) * steps).round() / 32_768.0
    };
    (0..seconds * HZ).map(|_| next()).collect()
}

fn tone(hz: f64, amplitude: f64) -> Vec<f32> {
    let turn = hz / HZ as f64 * std::f64::consts::TAU;
    (0..2 * HZ).map(|i| ((i as f64 * turn).sin() * amplitude * 32_768.0).round() as f32 / 32_768.0).collect()
}

fn added(one: &[f32], other: &[f32]) -> Vec<f32> {
    one.iter().zip(other).map(|(a, b)| a + b).collect()
}

/// Fails unless the spans begin and end with the sentence, which is `len` frames long and begins after one second.
#[track_caller]
fn on_the_sentence(spans: &[(i64, i64)], len: usize, number: &str) {
    let (first, last) = (spans[0].0, spans[spans.len() - 1].1);
    let end = (HZ + len) as i64;
    assert!((HZ as i64 - 256..HZ as i64 + 6_400).contains(&first), "{number}: {spans:?}");
    assert!((end - 8_000..end + 1_600).contains(&last), "{number}, to {end}: {spans:?}");
}

#[test]
fn recorded_speech_is_found_between_silences() {
    for number in SENTENCES {
        let speech = sentence(number);
        let spans = spans(0.5, &[silence(1), speech.clone(), silence(1)].concat());
        on_the_sentence(&spans, speech.len(), number);
        let share = spans.iter().map(|(a, b)| b - a).sum::<i64>() as f64 / speech.len() as f64;
        assert!((0.65..1.0).contains(&share), "{number}: {share:.2} is speech");
    }
}

#[test]
fn speech_is_found_in_noise() {
    for number in SENTENCES {
        let speech = sentence(number);
        let said = [silence(1), speech.clone(), silence(1)].concat();
        // About 20 dB below the speech.
        let spans = spans(0.5, &added(&said, &noise(said.len() / HZ + 1, 200.0)));
        on_the_sentence(&spans, speech.len(), number);
    }
}

#[test]
fn silence_and_noise_are_no_speech() {
    assert_eq!(spans(0.5, &silence(3)), []);
    for steps in [1.0, 32.0, 300.0, 1_000.0, 6_000.0] {
        let share = spoken(0.5, &noise(5, steps));
        assert!(share < 0.1, "{share:.2} of noise of {steps} steps is speech");
    }
}

/// Without dither the network takes nearly all of this noise for speech.
#[test]
fn noise_after_exact_silence_is_no_speech() {
    for seconds in [1, 3, 10] {
        let samples = [silence(seconds), noise(3, 1_000.0)].concat();
        let share = spoken(0.5, &samples) * samples.len() as f64 / (3 * HZ) as f64;
        assert!(share < 0.1, "after {seconds} s of zeros {share:.2} of the noise is speech");
    }
}

#[test]
fn pure_tones_are_no_speech() {
    for hz in [50.0, 120.0, 440.0, 1_000.0, 3_000.0, 6_000.0] {
        for amplitude in [0.9, 0.1, 0.01] {
            let spans = spans(0.5, &tone(hz, amplitude));
            assert_eq!(spans, [], "{hz} Hz at {amplitude}");
        }
    }
}

#[test]
fn a_higher_threshold_means_less_speech() {
    let speech: Vec<f32> = SENTENCES.iter().flat_map(|n| sentence(n)).collect();
    let shares = [0.1, 0.5, 0.9].map(|threshold| spoken(threshold, &speech));
    assert!(shares[0] > shares[1] && shares[1] > shares[2] && shares[2] > 0.3, "{shares:?}");
}

/// The probability of each window, by the detector itself.
fn judge(detector: &mut Earshot, samples: &[f32]) -> Vec<f32> {
    samples.chunks_exact(256).map(|window| detector.judge(window).unwrap()).collect()
}

#[test]
fn the_threshold_can_change_while_audio_flows() {
    let speech = sentence("0890");
    let mut detector = Earshot::new(0.5);
    assert_eq!(detector.prepare(rate(16_000)).unwrap(), 256);
    let plain = judge(&mut detector, &speech);
    detector.reset();
    detector.set("threshold", 0.8).unwrap();
    let strict = judge(&mut detector, &speech);
    for (plain, strict) in plain.iter().zip(&strict) {
        assert_eq!(*plain >= 0.8, *strict >= 0.5, "{plain} {strict}");
        assert!((0.0..=1.0).contains(strict));
    }
    for (param, value) in [("threshold", 0.0), ("threshold", 1.0), ("threshold", f64::NAN), ("gain", 0.5)] {
        assert_eq!(detector.set(param, value).unwrap_err().code, FaultCode::BadParameter, "{param} {value}");
    }
    let problem = build(Table::default().with("threshold", 2)).err().unwrap().remove(0);
    assert!(problem.to_string().contains("node[0].threshold: 2 is out of range (from 0.01 to 0.99)"), "{problem}");
}

#[test]
fn after_a_reset_it_is_as_new() {
    let speech = sentence("0920");
    let mut detector = Earshot::new(0.5);
    detector.prepare(rate(16_000)).unwrap();
    let fresh = judge(&mut detector, &speech);
    detector.reset();
    assert_eq!(judge(&mut detector, &speech), fresh);
}

#[test]
fn other_rates_and_windows_are_refused() {
    for hz in Rate::LIST.into_iter().filter(|&hz| hz != 16_000) {
        let problem = build(Table::default()).unwrap().prepare(rate(hz)).unwrap_err();
        assert!(problem.message.contains(&format!("not at {hz} Hz")), "{problem}");
        assert!(problem.help.contains("type = \"resample\"") && problem.help.contains("rate = 16000"), "{problem}");
    }
    let mut detector = Earshot::new(0.5);
    assert!(detector.judge(&[0.0; 256]).is_err(), "before it is prepared");
    detector.prepare(rate(16_000)).unwrap();
    assert!(detector.judge(&[0.0; 255]).is_err());
}

#[test]
fn loud_samples_saturate() {
    let mut detector = Earshot::new(0.5);
    detector.prepare(rate(16_000)).unwrap();
    let loud: Vec<f32> = sentence("0930").iter().map(|s| s * 1_000.0).collect();
    assert!(judge(&mut detector, &loud).iter().all(|p| (0.0..=1.0).contains(p)));
}

#[test]
fn judging_on_another_thread_allocates_nothing() {
    let speech = sentence("0870");
    let mut detector = Earshot::new(0.5);
    detector.prepare(rate(16_000)).unwrap();
    std::thread::spawn(move || {
        assert_no_alloc(|| {
            for window in speech.chunks_exact(256) {
                detector.judge(window).unwrap();
            }
            detector.set("threshold", 0.7).unwrap();
            detector.reset();
        });
        assert_eq!(violation_count(), 0);
    })
    .join()
    .unwrap();
}
