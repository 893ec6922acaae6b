//! The bare encoder: what it takes, what it refuses, and that it never allocates.

mod common;

use std::time::Duration;

use assert_no_alloc::{AllocDisabler, assert_no_alloc, reset_violation_count, violation_count};
use bytes::BytesMut;
use common::{Stream, combinations, floats, noise, settings, tone, voice};
use glottis_encoder_opus::{Application, MAX_PACKET, OggOpus, OpusEncoder, OpusError, OpusSettings, RATES, ogg_opus};
use proptest::prelude::*;

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

/// Runs `work` and fails if it allocated.
#[track_caller]
fn without_allocation<T>(work: impl FnOnce() -> T) -> T {
    reset_violation_count();
    let result = assert_no_alloc(work);
    assert_eq!(violation_count(), 0, "allocations");
    result
}

#[test]
fn the_watch_sees_an_allocation() {
    reset_violation_count();
    assert_no_alloc(|| drop(std::hint::black_box(vec![1, 2, 3])));
    assert!(violation_count() > 0);
}

#[test]
fn encoding_never_allocates() {
    for (rate, frame, application) in combinations() {
        for (bitrate, complexity) in [(0, 10), (510_000, 0), (6_000, 5)] {
            let settings = OpusSettings { bitrate, complexity, ..settings(frame, application) };
            let mut encoder = OpusEncoder::new(rate, &settings).unwrap();
            let mut sound = voice(rate, rate as usize / 4);
            sound.resize(rate as usize / 2, 0);
            sound.extend(tone(1_000.0, rate, rate as usize / 4));
            let mut packet = [0; MAX_PACKET];
            for frame in sound.chunks_exact(encoder.frame_len()) {
                let length = without_allocation(|| encoder.encode(frame, &mut packet)).unwrap();
                assert!((1..=MAX_PACKET).contains(&length));
            }
        }
    }
}

#[test]
fn a_stream_allocates_only_for_the_caller() {
    for (rate, frame, application) in combinations() {
        let mut stream = OggOpus::new(rate, &settings(frame, application), 1).unwrap();
        let sound = floats(&voice(rate, rate as usize));
        let mut bytes = BytesMut::with_capacity(128 * 1024);
        without_allocation(|| {
            for chunk in sound.chunks(rate as usize / 100) {
                stream.push(chunk, &mut bytes)?;
            }
            Ok::<(), OpusError>(())
        })
        .unwrap();
        assert!(bytes.len() > 1_000);
    }
}

#[test]
fn the_lookahead_is_what_the_sound_is_late_by() {
    let mut wrong = Vec::new();
    for (rate, frame, application) in combinations() {
        let settings = OpusSettings { bitrate: 128_000, ..settings(frame, application) };
        let mut encoder = OpusEncoder::new(rate, &settings).unwrap();
        let length = rate as usize / 2 / encoder.frame_len() * encoder.frame_len();
        let sound = noise(length);
        let mut stream = Stream { pre_skip: 0, rate, packets: Vec::new(), granules: Vec::new() };
        let mut packet = [0; MAX_PACKET];
        for frame in sound.chunks(encoder.frame_len()) {
            let length = encoder.encode(frame, &mut packet).unwrap();
            stream.packets.push(packet[..length].to_vec());
        }
        let heard = stream.decode_all(rate);
        let wanted = floats(&sound);
        let likeness = |lag: usize| wanted.iter().zip(&heard[lag..]).map(|(a, b)| a * b).sum::<f32>();
        let late = (0..rate as usize / 50).max_by(|&a, &b| likeness(a).total_cmp(&likeness(b))).unwrap();
        if late != encoder.lookahead() {
            wrong.push((rate, frame, application, late, encoder.lookahead()));
        }
        let told = if application == Application::LowDelay { 120 } else { 312 };
        assert_eq!(encoder.pre_skip(), told);
    }
    assert!(wrong.is_empty(), "(rate, frame, application, late, told): {wrong:?}");
}

#[test]
fn every_type_of_sample_gives_the_same_packets() {
    let sound = voice(16_000, 5_000);
    let bytes: Vec<[u8; 2]> = sound.iter().map(|sample| sample.to_le_bytes()).collect();
    let settings = OpusSettings::default();
    let wanted = ogg_opus(&sound, 16_000, &settings).unwrap();
    assert_eq!(ogg_opus(&floats(&sound), 16_000, &settings).unwrap(), wanted);
    assert_eq!(ogg_opus(&bytes, 16_000, &settings).unwrap(), wanted);
}

#[test]
fn what_is_no_sound_does_no_harm() {
    let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, -1e30, f32::MIN_POSITIVE, 2.0, -2.0];
    for (rate, frame, application) in combinations() {
        let sound: Vec<f32> = odd.iter().copied().cycle().take(rate as usize / 4).collect();
        let bytes = ogg_opus(&sound, rate, &settings(frame, application)).unwrap();
        assert!(Stream::ogg(&bytes, None).play().iter().all(|sample| sample.is_finite()));
    }
}

#[test]
fn more_bits_are_spent_where_more_are_allowed() {
    let spent = |bitrate| {
        let settings = OpusSettings { bitrate, ..settings(20_000, Application::Audio) };
        let bytes = ogg_opus(&voice(24_000, 240_000), 24_000, &settings).unwrap();
        let packets = Stream::ogg(&bytes, None).packets;
        packets.iter().map(|packet| packet.len() * 8).sum::<usize>() as f64 / 10.0
    };
    // The rate is variable: it is near what was asked for, not equal to it.
    for bitrate in [0, 16_000, 32_000, 64_000] {
        let asked = if bitrate == 0 { 27_000.0 } else { f64::from(bitrate) };
        let ratio = spent(bitrate) / asked;
        assert!((0.6..1.5).contains(&ratio), "{ratio} times {asked} bit/s");
    }
}

#[test]
fn settings_out_of_range_are_named() {
    let with = |frame_us, application, bitrate, complexity| OpusSettings {
        frame: Duration::from_micros(frame_us),
        application,
        bitrate,
        complexity,
    };
    let voip = Application::Voip;
    for (rate, settings, word) in [
        (44_100, with(20_000, voip, 0, 10), "44100 Hz"),
        (0, with(20_000, voip, 0, 10), "0 Hz"),
        (16_000, with(15_000, voip, 0, 10), "15ms"),
        (16_000, with(0, voip, 0, 10), "0ns"),
        (16_000, with(120_000, voip, 0, 10), "120ms"),
        (16_000, with(2_500, voip, 0, 10), "2.5ms needs"),
        (16_000, with(5_000, Application::Audio, 0, 10), "\"audio\""),
        (16_000, with(20_000, voip, 499, 10), "499 bit/s"),
        (16_000, with(20_000, voip, 512_001, 10), "512001 bit/s"),
        (16_000, with(20_000, voip, 0, 11), "complexity of 11"),
    ] {
        let error = OpusEncoder::new(rate, &settings).expect_err("out of range").to_string();
        assert!(error.contains(word), "{error}");
        assert!(OggOpus::new(rate, &settings, 0).is_err());
        assert!(glottis_encoder_opus::WebmOpus::new(rate, &settings).is_err());
    }
    let odd = OpusSettings { frame: Duration::from_nanos(20_000_001), ..OpusSettings::default() };
    assert!(OpusEncoder::new(16_000, &odd).is_err());
}

#[test]
fn a_frame_of_another_length_is_refused() {
    let mut encoder = OpusEncoder::new(16_000, &OpusSettings::default()).unwrap();
    let mut packet = [0; MAX_PACKET];
    for got in [0, 319, 321, 640] {
        let refused = encoder.encode(&vec![0; got], &mut packet);
        assert_eq!(refused, Err(OpusError::FrameLength { got, wanted: 320 }));
    }
    assert_eq!(encoder.encode(&[0; 320], &mut packet[1..]), Err(OpusError::Room(MAX_PACKET - 1)));
    assert!(encoder.encode(&[0; 320], &mut packet).is_ok());
}

#[test]
fn applications_have_names() {
    for name in Application::NAMES {
        assert_eq!(Application::named(name).map(Application::name), Some(name));
    }
    assert_eq!(Application::named("music"), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is asked for, there is an answer: an encoder that works, or an error in words.
    #[test]
    fn any_settings_work_or_are_refused(
        rate in prop_oneof![proptest::sample::select(RATES.to_vec()), any::<u32>()],
        frame in prop_oneof![(0_u64..25).prop_map(|n| n * 2_500), any::<u64>()],
        application in proptest::sample::select(common::APPLICATIONS.to_vec()),
        bitrate in prop_oneof![Just(0), 0_u32..1_000, 500_u32..=512_000, any::<u32>()],
        complexity in prop_oneof![0_u8..=10, any::<u8>()],
        loud: i16,
    ) {
        let settings = OpusSettings { frame: Duration::from_micros(frame), application, bitrate, complexity };
        match OpusEncoder::new(rate, &settings) {
            Err(error) => prop_assert!(!error.to_string().is_empty()),
            Ok(mut encoder) => {
                let mut packet = [0; MAX_PACKET];
                let frame: Vec<i16> = (0..encoder.frame_len()).map(|i| loud.wrapping_mul(i as i16)).collect();
                for _ in 0..3 {
                    prop_assert!(encoder.encode(&frame, &mut packet).is_ok());
                }
            }
        }
    }
}
