//! The `webrtc` detector decides as the C code does, window by window, whatever it hears.

use std::path::Path;

use glottis_core::convert::i16_to_f32;
use glottis_core::{Detector, Rate};
use glottis_node_vad::{Frame, Webrtc};
use webrtc_vad::{SampleRate, Vad, VadMode};

/// Speech, noise of every loudness, tones, silence, and sound that is cut off at both ends.
fn sounds() -> Vec<i16> {
    let speech = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../tests/fixtures/speech/sense_and_sensibility_01_austen_64kb-0880.wav");
    let speech: Vec<i16> =
        hound::WavReader::open(speech).expect("a recording").into_samples().map(|s| s.expect("a sample")).collect();
    let mut state = 1_u32;
    let mut noise = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as i16
    };
    let mut all = speech.clone();
    for shift in (0..16).rev() {
        all.extend(std::iter::repeat_with(|| noise() >> shift).take(8_000));
        all.extend(speech.iter().skip(shift * 4_000).take(12_000));
    }
    all.extend([0; 9_000]);
    for period in [3, 16, 40, 101] {
        all.extend((0..8_000).map(|n| if n / period % 2 == 0 { i16::MAX } else { i16::MIN }));
        all.extend((0..8_000).map(|n| if n % (2 * period) < period { 300 } else { -300 }));
    }
    all.extend([i16::MIN; 2_000]);
    all.extend(speech.iter().map(|s| s.saturating_mul(8)));
    all.extend(std::iter::repeat_with(noise).take(40_000));
    all.extend(speech.iter().map(|s| s / 16));
    all
}

fn rate(hz: u32) -> SampleRate {
    match hz {
        8_000 => SampleRate::Rate8kHz,
        16_000 => SampleRate::Rate16kHz,
        _ => SampleRate::Rate32kHz,
    }
}

fn level(mode: u8) -> VadMode {
    match mode {
        0 => VadMode::Quality,
        1 => VadMode::LowBitrate,
        2 => VadMode::Aggressive,
        _ => VadMode::VeryAggressive,
    }
}

#[test]
fn every_window_is_judged_as_by_the_c_code() {
    let sounds = sounds();
    for hz in [8_000, 16_000, 32_000] {
        for (frame, ms) in [(Frame::Ms10, 10), (Frame::Ms20, 20), (Frame::Ms30, 30)] {
            for mode in 0..4 {
                compare(&sounds, hz, (frame, ms), mode);
            }
        }
    }
}

fn compare(sounds: &[i16], hz: u32, (frame, ms): (Frame, usize), mode: u8) {
    let mut c = Vad::new_with_rate_and_mode(rate(hz), level(mode));
    let mut ours = Webrtc::new(mode, frame);
    let length = ours.prepare(Rate::new(hz).expect("on the list")).expect("a rate it takes");
    assert_eq!(length, hz as usize / 1000 * ms);
    let mut count = [0, 0];
    for (number, window) in sounds.chunks_exact(length).enumerate() {
        let want = c.is_voice_segment(window).expect("a length it takes");
        let floats: Vec<f32> = window.iter().map(|&s| i16_to_f32(s)).collect();
        let got = ours.judge(&floats).expect("a window of that length");
        assert_eq!(got, f32::from(u8::from(want)), "{hz} Hz, {ms} ms, mode {mode}: window {number}");
        count[usize::from(want)] += 1;
        if number == 400 {
            ours.reset();
            // The C code forgets its settings, too.
            c.reset();
            c.set_sample_rate(rate(hz));
            c.set_mode(level(mode));
        }
    }
    assert!(count.iter().all(|n| *n > 20), "both happen: {count:?}");
}
