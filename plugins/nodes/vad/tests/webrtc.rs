//! The `webrtc` detector inside the `vad` node, on recorded speech.

mod common;

use common::{build, detector, marks, marks_from, rate, sentence, silence, spans, tripled};
use glottis_core::{Detector, FaultCode, Mark};
use glottis_node_vad::{Frame, Webrtc};

const SENTENCES: [&str; 5] = ["0870", "0880", "0890", "0920", "0930"];

/// Frames inside spans.
fn voiced(marks: &[Mark], end: usize) -> i64 {
    spans(marks, end as i64).iter().map(|(start, end)| end - start).sum()
}

/// The decision on every window, by the detector itself.
fn judge(detector: &mut Webrtc, hz: u32, samples: &[f32]) -> Vec<bool> {
    let window = detector.prepare(rate(hz)).unwrap();
    samples.chunks_exact(window).map(|w| detector.judge(w).unwrap() >= 0.5).collect()
}

#[test]
fn recorded_speech_is_found_between_silences() {
    for number in SENTENCES {
        let speech = sentence(number);
        let samples = [silence(16_000, 1.0), speech.clone(), silence(16_000, 1.0)].concat();
        let marks = marks(&detector("webrtc"), 16_000, &samples);
        let spans = spans(&marks, samples.len() as i64);
        let (first, last) = (spans[0].0, spans.last().unwrap().1);
        let end = 16_000 + speech.len() as i64;
        assert!((16_000..16_000 + 8_000).contains(&first), "{number}: {spans:?}");
        // WebRTC's own hold is part of its judgement.
        assert!((end - 8_000..end + 4_000).contains(&last), "{number}: {spans:?}");
        let share = voiced(&marks, samples.len()) as f64 / speech.len() as f64;
        assert!((0.6..1.05).contains(&share), "{number}: {share:.2} is speech");
    }
}

#[test]
fn silence_and_soft_noise_are_no_speech() {
    let mut seed = 1_u32;
    let noise: Vec<f32> = (0..48_000)
        .map(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) as f32 / (1 << 24) as f32 * 0.002 - 0.001
        })
        .collect();
    assert!(marks(&detector("webrtc"), 16_000, &silence(16_000, 3.0)).is_empty());
    let spoken = voiced(&marks(&detector("webrtc"), 16_000, &noise), noise.len());
    assert!(spoken < 4_800, "{spoken} frames of noise are speech");
}

#[test]
fn without_keys_it_is_webrtc_with_aggressiveness_two_and_twenty_milliseconds() {
    let speech = sentence("0890");
    let default = marks(&Default::default(), 16_000, &speech);
    let told = detector("webrtc").with("aggressiveness", 2).with("frame", "20ms");
    assert_eq!(default, marks(&told, 16_000, &speech));
    assert!(default.iter().all(|mark| mark.at % 320 == 0));
}

#[test]
fn more_aggressive_means_less_speech_and_windows_can_have_three_lengths() {
    let speech: Vec<f32> = SENTENCES.iter().flat_map(|n| sentence(n)).collect();
    let at = |level: i32, frame: &str| {
        let table = detector("webrtc").with("aggressiveness", level).with("frame", frame);
        let marks = marks(&table, 16_000, &speech);
        let window = frame.trim_end_matches("ms").parse::<i64>().unwrap() * 16;
        assert!(marks.iter().all(|mark| mark.at % window == 0), "{frame}");
        voiced(&marks, speech.len())
    };
    for frame in ["10ms", "20ms", "30ms"] {
        assert!(at(0, frame) > at(3, frame), "{frame}");
    }
}

/// WebRTC's C code hears only the first 10 ms of a window at 48 kHz.
#[test]
fn at_48_kilohertz_the_whole_window_is_heard() {
    let speech = sentence("0870");
    let wide = tripled(&speech);
    let mut late = wide.clone();
    for window in late.chunks_mut(960) {
        let half = window.len().min(480);
        window[..half].fill(0.0);
    }
    let share = |samples: &[f32]| {
        let heard = judge(&mut Webrtc::new(2, Frame::Ms20), 48_000, samples);
        heard.iter().filter(|&&s| s).count() as f64 / heard.len() as f64
    };
    assert!(share(&late) > 0.5, "speech in the second halves is {:.2} heard", share(&late));

    let narrow = judge(&mut Webrtc::new(2, Frame::Ms20), 16_000, &speech);
    let wide = judge(&mut Webrtc::new(2, Frame::Ms20), 48_000, &wide);
    let same = narrow.iter().zip(&wide).filter(|(a, b)| a == b).count() as f64 / narrow.len() as f64;
    assert!(same > 0.9, "{same:.2} of the windows are judged as at 16 kHz");
}

#[test]
fn other_rates_are_refused_with_the_node_to_insert() {
    for hz in [24_000, 44_100, 88_200, 96_000] {
        let mut node = build(&detector("webrtc")).unwrap();
        let problem = node.prepare(rate(hz)).unwrap_err();
        assert!(problem.message.contains(&format!("not at {hz} Hz")), "{problem}");
        assert!(problem.help.contains("type = \"resample\"") && problem.help.contains("rate = 16000"), "{problem}");
    }
    for hz in [8_000, 16_000, 32_000, 48_000] {
        assert_eq!(build(&detector("webrtc")).unwrap().prepare(rate(hz)), Ok(rate(hz)));
    }
}

#[test]
fn it_may_be_built_used_and_dropped_on_three_threads() {
    let speech = sentence("0930");
    let here = judge(&mut Webrtc::new(2, Frame::Ms20), 16_000, &speech);
    // Many at once: they share nothing.
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let mut detector = Webrtc::new(2, Frame::Ms20);
            detector.prepare(rate(16_000)).unwrap();
            let speech = speech.clone();
            std::thread::spawn(move || {
                let heard: Vec<bool> = speech.chunks_exact(320).map(|w| detector.judge(w).unwrap() >= 0.5).collect();
                (heard, detector)
            })
        })
        .collect();
    for thread in threads {
        let (heard, detector) = thread.join().unwrap();
        assert_eq!(heard, here);
        std::thread::spawn(move || drop(detector)).join().unwrap();
    }
}

#[test]
fn after_a_reset_it_is_as_new() {
    let speech = sentence("0920");
    for hz in [16_000, 32_000, 48_000] {
        let mut used = Webrtc::new(3, Frame::Ms30);
        let fresh = judge(&mut used, hz, &speech);
        used.reset();
        let window = rate(hz).frames_in_ms(30) as usize;
        let again: Vec<bool> = speech.chunks_exact(window).map(|w| used.judge(w).unwrap() >= 0.5).collect();
        assert_eq!(again, fresh, "at {hz} Hz");
    }
}

#[test]
fn aggressiveness_can_change_while_audio_flows() {
    let mut node = build(&detector("webrtc")).unwrap();
    node.prepare(rate(16_000)).unwrap();
    for (param, value) in
        [("aggressiveness", 4.0), ("aggressiveness", 1.5), ("aggressiveness", f64::NAN), ("frame", 10.0)]
    {
        assert_eq!(node.set(param, value).unwrap_err().code, FaultCode::BadParameter, "{param} {value}");
    }
    node.set("aggressiveness", 0.0).unwrap();
    let speech = sentence("0920");
    let marked = marks_from(node.as_mut(), 16_000, 0, &speech);
    assert_eq!(marked, marks(&detector("webrtc").with("aggressiveness", 0), 16_000, &speech));
    assert_ne!(marked, marks(&detector("webrtc").with("aggressiveness", 2), 16_000, &speech));
}

#[test]
fn windows_of_another_length_are_a_fault() {
    let mut detector = Webrtc::new(2, Frame::Ms20);
    assert!(detector.judge(&[0.0; 320]).is_err(), "not prepared");
    for hz in [16_000, 48_000] {
        detector.prepare(rate(hz)).unwrap();
        for wrong in [0, 1, 319, 480] {
            assert!(detector.judge(&vec![0.0; wrong]).is_err(), "{wrong} frames at {hz} Hz");
        }
    }
}

#[test]
fn keys_out_of_range_are_named() {
    let words = |table| build(&table).err().unwrap()[0].to_string();
    let text = words(detector("webrtc").with("aggressiveness", 4));
    assert!(text.contains("node[0].aggressiveness: 4 is out of range (from 0 to 3)"), "{text}");
    let text = words(detector("webrtc").with("frame", "15ms"));
    assert!(text.contains("node[0].frame"), "{text}");
}
