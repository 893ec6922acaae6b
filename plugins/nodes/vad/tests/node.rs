//! The `vad` node with a detector of the test's own, registered like any other: framing, positions,
//! and what happens when something is wrong.

mod common;

use assert_no_alloc::{AllocDisabler, assert_no_alloc, violation_count};
use common::{build_with, detector, marks_from, rate, registry, spans};
use glottis_core::param::{Kind, Param, Settings};
use glottis_core::{Block, Detector, Fault, FaultCode, Mark, MarkKind, Node, Problem, Rate, Registry};

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

/// Takes a window for speech whose frames all reach the threshold, and fails on a sample of exactly 9.
struct AllLoud {
    window: usize,
    threshold: f32,
}

const PARAMS: &[Param] = &[
    Param::new("window", Kind::Int(0, 1_000_000), "Frames judged at once.").default("160"),
    Param::new("threshold", Kind::Float(0.0, 1.0), "How loud is loud.").default("0.5").live(),
];

impl AllLoud {
    fn new(settings: &Settings) -> AllLoud {
        AllLoud { window: settings.int("window") as usize, threshold: settings.float("threshold") as f32 }
    }
}

impl Detector for AllLoud {
    fn prepare(&mut self, _: Rate) -> Result<usize, Problem> {
        Ok(self.window)
    }

    fn judge(&mut self, window: &[f32]) -> Result<f32, Fault> {
        assert_eq!(window.len(), self.window);
        assert!(window.iter().all(|s| s.is_finite()), "the detector got a bad sample");
        if window.contains(&9.0) {
            return Err(Fault::failed());
        }
        Ok(if window.iter().all(|&s| s >= self.threshold) { 0.75 } else { 0.25 })
    }

    fn set(&mut self, param: &'static str, value: f64) -> Result<(), Fault> {
        if param != "threshold" {
            return Err(Fault::new(FaultCode::BadParameter));
        }
        self.threshold = value as f32;
        Ok(())
    }
}

fn with_all_loud() -> Registry {
    let mut registry = registry();
    registry.add_detector("all-loud", "A test's own.", PARAMS, |settings, _, _| Ok(AllLoud::new(settings)));
    registry
}

fn node(hz: u32, window: u32) -> Box<dyn Node> {
    let mut node = build_with(&with_all_loud(), &detector("all-loud").with("window", window)).unwrap();
    assert_eq!(node.prepare(rate(hz)), Ok(rate(hz)));
    node
}

/// `loud` frames are 1, the others 0.
fn signal(frames: usize, loud: std::ops::Range<usize>) -> Vec<f32> {
    (0..frames).map(|i| if loud.contains(&i) { 1.0 } else { 0.0 }).collect()
}

#[test]
fn marks_are_exact_for_any_window_and_rate() {
    for hz in Rate::LIST {
        for window in [80, 147, 256, 441, 512, 1_000, 2_048] {
            let (start, end) = (3 * window as usize, 7 * window as usize);
            let samples = signal(20 * window as usize, start..end);
            let marks = marks_from(node(hz, window).as_mut(), hz, 0, &samples);
            assert_eq!(spans(&marks, 0), [(start as i64, end as i64)], "{window} frames at {hz} Hz");
        }
    }
}

#[test]
fn a_window_that_is_speech_only_in_part_shifts_the_mark_to_its_border() {
    // Loud from 500 to 1500; windows of 160 that are loud throughout are 640 to 1440.
    let marks = marks_from(node(16_000, 160).as_mut(), 16_000, 0, &signal(3_200, 500..1_500));
    assert_eq!(spans(&marks, 0), [(640, 1_440)]);
    assert_eq!(marks[0].kind, MarkKind::SpeechStart { probability: 0.75 });
    assert_eq!(marks[1].kind, MarkKind::SpeechEnd { probability: 0.25 });
}

#[test]
fn speech_in_many_windows_gives_one_start_and_one_end() {
    let mut samples = signal(16_000, 1_600..4_800);
    samples[9_600..12_800].fill(1.0);
    let marks = marks_from(node(16_000, 320).as_mut(), 16_000, 0, &samples);
    assert_eq!(spans(&marks, 0), [(1_600, 4_800), (9_600, 12_800)]);
}

#[test]
fn positions_are_those_of_the_edge_even_before_the_stream() {
    // A resampler upstream starts at −62: windows do too.
    let marks = marks_from(node(16_000, 160).as_mut(), 16_000, -62, &signal(3_200, 320..640));
    assert_eq!(spans(&marks, 0), [(320 - 62, 640 - 62)]);
    // Speech from the very beginning starts with the stream.
    let marks = marks_from(node(16_000, 160).as_mut(), 16_000, -62, &signal(3_200, 0..320));
    assert_eq!(spans(&marks, 0), [(0, 320 - 62)]);
}

#[test]
fn after_being_bypassed_the_node_frames_afresh() {
    let mut node = node(16_000, 512);
    // 480 frames wait in the window, then the positions jump.
    marks_from(node.as_mut(), 16_000, 0, &signal(480, 0..480));
    let marks = marks_from(node.as_mut(), 16_000, 16_000, &signal(2_080, 0..512));
    assert_eq!(spans(&marks, 0), [(16_000, 16_512)]);
}

#[test]
fn a_reset_in_speech_still_leads_to_an_end() {
    let mut node = node(16_000, 160);
    let marks = marks_from(node.as_mut(), 16_000, 0, &signal(800, 160..800));
    assert_eq!(marks.len(), 1);
    node.reset();
    let marks = marks_from(node.as_mut(), 16_000, 800, &signal(800, 0..0));
    assert_eq!(marks, [Mark { at: 800, kind: MarkKind::SpeechEnd { probability: 0.25 } }]);
}

#[test]
fn the_node_says_that_it_hears_voice() {
    assert!(node(16_000, 160).hears_voice());
}

#[test]
fn marks_already_there_stay() {
    let mut node = node(16_000, 160);
    let (mut input, mut output) = (Block::new(rate(16_000)), Block::new(rate(16_000)));
    let gap = Mark { at: 0, kind: MarkKind::Gap { frames: 160 } };
    assert!(input.mark(gap));
    input.samples_mut().fill(1.0);
    output.follow(&input, rate(16_000), 0);
    node.process(&input, &mut output).unwrap();
    assert_eq!(output.marks().len(), 2);
    assert_eq!(output.marks()[0], gap);
}

#[test]
fn more_marks_than_a_block_holds_are_a_fault_and_not_lost() {
    let mut node = node(16_000, 1);
    let (mut input, mut output) = (Block::new(rate(16_000)), Block::new(rate(16_000)));
    for (i, sample) in input.samples_mut().iter_mut().enumerate() {
        *sample = (i % 2) as f32;
    }
    output.follow(&input, rate(16_000), 0);
    assert_eq!(node.process(&input, &mut output), Err(Fault::too_many_marks()));
    // Eight marks went out, so speech has ended four times; it goes on from there.
    assert_eq!(spans(output.marks(), 0), [(1, 2), (3, 4), (5, 6), (7, 8)]);
}

#[test]
fn a_detector_that_fails_is_a_fault_and_the_samples_still_pass() {
    let mut node = node(16_000, 160);
    let (mut input, mut output) = (Block::new(rate(16_000)), Block::new(rate(16_000)));
    input.samples_mut().fill(9.0);
    output.follow(&input, rate(16_000), 0);
    assert_eq!(node.process(&input, &mut output), Err(Fault::failed()));
    assert_eq!(output.samples(), input.samples());
}

#[test]
fn bad_samples_reach_no_detector() {
    let mut samples = signal(1_600, 0..1_600);
    samples[400] = f32::NAN;
    samples[401] = f32::INFINITY;
    let marks = marks_from(node(16_000, 160).as_mut(), 16_000, 0, &samples);
    // In the one window that holds them they are silence.
    assert_eq!(spans(&marks, 1_600), [(0, 320), (480, 1_600)]);
}

#[test]
fn live_parameters_reach_the_detector() {
    let mut node = node(16_000, 160);
    assert!(marks_from(node.as_mut(), 16_000, 0, &[0.3; 320]).is_empty());
    node.set("threshold", 0.2).unwrap();
    assert_eq!(marks_from(node.as_mut(), 16_000, 320, &[0.3; 320])[0].at, 320);
    assert_eq!(node.set("window", 80.0).unwrap_err().code, FaultCode::BadParameter);
}

#[test]
fn a_detector_without_a_sensible_window_is_refused() {
    for window in [0, 16_001] {
        let mut node = build_with(&with_all_loud(), &detector("all-loud").with("window", window)).unwrap();
        let problem = node.prepare(rate(16_000)).unwrap_err().to_string();
        assert!(problem.contains(&format!("windows of {window} frames")), "{problem}");
        let (input, mut output) = (Block::new(rate(16_000)), Block::new(rate(16_000)));
        assert_eq!(node.process(&input, &mut output), Err(Fault::failed()));
    }
}

#[test]
fn an_unknown_detector_or_key_is_named_with_what_there_is() {
    let words = |table| build_with(&with_all_loud(), &table).err().unwrap()[0].to_string();
    let typo = words(detector("webrtx"));
    assert!(typo.contains("node[0].detector") && typo.contains("webrtc"), "{typo}");
    let other = words(detector("energy").with("aggressiveness", 2));
    assert!(other.contains("unknown key \"aggressiveness\"") && other.contains("threshold_dbfs"), "{other}");
}

#[test]
fn processing_allocates_nothing() {
    for name in ["webrtc", "energy"] {
        for hz in [8_000, 16_000, 32_000, 48_000] {
            let mut node = build_with(&registry(), &detector(name)).unwrap();
            node.prepare(rate(hz)).unwrap();
            let (mut input, mut output) = (Block::new(rate(hz)), Block::new(rate(hz)));
            assert_no_alloc(|| {
                for block in 0..40 {
                    for (i, sample) in input.samples_mut().iter_mut().enumerate() {
                        *sample = (i as f32 * 0.1).sin() * if block % 10 < 5 { 0.5 } else { 0.0 };
                    }
                    output.follow(&input, rate(hz), 0);
                    node.process(&input, &mut output).unwrap();
                    input.at = input.end();
                }
                node.reset();
                let _ = node.set("aggressiveness", 3.0);
                let _ = node.set("threshold_dbfs", -20.0);
            });
            assert_eq!(violation_count(), 0, "{name} at {hz} Hz");
        }
    }
}
