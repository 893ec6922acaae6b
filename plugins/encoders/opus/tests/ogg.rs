//! Ogg Opus: the stream contract page by page, and the sound that comes out of other decoders.

mod common;

use common::{Stream, combinations, ffmpeg, floats, pages, purity, run, settings, snr, tone, voice};
use glottis_encoder_opus::{Application, OggOpus, OpusSettings, ogg_opus};
use proptest::prelude::*;

/// Lengths at the borders of frames and of the encoder's look-ahead.
const LENGTHS: [usize; 6] = [1, 159, 320, 321, 16_000, 48_007];

#[test]
fn pages_are_those_of_the_official_encoder() {
    /// Rate, frame in microseconds, samples, pages as (flag, granule, sequence).
    type Worked = (u32, u64, usize, &'static [(u8, u64, u32)]);
    let worked: [Worked; 10] = [
        (16_000, 20_000, 0, &[]),
        (16_000, 20_000, 1, &[(2, 0, 0), (0, 0, 1), (4, 315, 2)]),
        (16_000, 20_000, 216, &[(2, 0, 0), (0, 0, 1), (4, 960, 2)]),
        (16_000, 20_000, 217, &[(2, 0, 0), (0, 0, 1), (0, 960, 2), (4, 963, 3)]),
        (16_000, 20_000, 320, &[(2, 0, 0), (0, 0, 1), (0, 960, 2), (4, 1272, 3)]),
        (16_000, 20_000, 640, &[(2, 0, 0), (0, 0, 1), (0, 960, 2), (0, 1920, 3), (4, 2232, 4)]),
        (24_000, 20_000, 480, &[(2, 0, 0), (0, 0, 1), (0, 960, 2), (4, 1272, 3)]),
        (24_000, 20_000, 500, &[(2, 0, 0), (0, 0, 1), (0, 960, 2), (4, 1312, 3)]),
        (8_000, 10_000, 80, &[(2, 0, 0), (0, 0, 1), (0, 480, 2), (4, 792, 3)]),
        (48_000, 60_000, 2_880, &[(2, 0, 0), (0, 0, 1), (0, 2880, 2), (4, 3192, 3)]),
    ];
    for (rate, frame, samples, expected) in worked {
        let bytes = ogg_opus(&voice(rate, samples), rate, &settings(frame, Application::Voip)).unwrap();
        assert_eq!(pages(&bytes), expected, "{samples} samples at {rate} Hz");
    }
}

#[test]
fn pages_come_one_packet_late() {
    let mut stream = OggOpus::new(16_000, &OpusSettings::default(), 7).unwrap();
    let mut counts = Vec::new();
    for send in voice(16_000, 960).chunks(160) {
        let mut bytes = Vec::new();
        stream.push(send, &mut bytes).unwrap();
        counts.push(pages(&bytes).len());
    }
    let mut bytes = Vec::new();
    stream.finish(&mut bytes).unwrap();
    counts.push(pages(&bytes).len());
    assert_eq!(counts, [0, 2, 0, 1, 0, 1, 2]);
}

#[test]
fn the_first_page_is_the_official_one() {
    let mut stream = OggOpus::new(24_000, &OpusSettings::default(), 0x0102_0304).unwrap();
    let mut bytes = Vec::new();
    stream.headers(&mut bytes);
    let golden = [
        0x4f, 0x67, 0x67, 0x53, 0x00, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0x04, 0x03, 0x02, 0x01, 0, 0, 0, 0, 0xd0, 0x15,
        0x59, 0x38, 0x01, 0x13, 0x4f, 0x70, 0x75, 0x73, 0x48, 0x65, 0x61, 0x64, 0x01, 0x01, 0x38, 0x01, 0xc0, 0x5d, 0,
        0, 0, 0, 0,
    ];
    assert_eq!(bytes[..golden.len()], golden);
    // Asked for twice, written once.
    let written = bytes.len();
    stream.headers(&mut bytes);
    assert_eq!(bytes.len(), written);
}

#[test]
fn every_combination_plays_exactly_as_long_as_what_went_in() {
    for (rate, frame, application) in combinations() {
        for length in LENGTHS {
            let settings = settings(frame, application);
            let bytes = ogg_opus(&voice(rate, length), rate, &settings).unwrap();
            let stream = Stream::ogg(&bytes, None);
            assert_eq!(stream.rate, rate);
            assert_eq!(stream.pre_skip, if application == Application::LowDelay { 120 } else { 312 });
            let expected = length * (48_000 / rate) as usize;
            assert_eq!(stream.play().len(), expected, "{length} at {rate} Hz, {settings:?}");
        }
    }
}

#[test]
fn the_reference_decoder_plays_as_long_and_the_same() {
    for (rate, frame, application) in combinations() {
        let length = rate as usize / 2 + 7;
        let settings = settings(frame, application);
        let bytes = ogg_opus(&voice(rate, length), rate, &settings).unwrap();
        let Some(heard) = ffmpeg(&bytes, "opus", "libopus") else { return };
        assert_eq!(heard.len(), length * (48_000 / rate) as usize, "{settings:?} at {rate} Hz");
        let agreement = snr(&floats(&heard), &Stream::ogg(&bytes, None).play());
        assert!(agreement > 40.0, "{agreement} dB between two decoders, {settings:?} at {rate} Hz");
    }
}

#[test]
fn short_streams_play_as_long_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    for length in LENGTHS {
        let bytes = ogg_opus(&voice(16_000, length), 16_000, &OpusSettings::default()).unwrap();
        for codec in ["opus", "libopus"] {
            if let Some(heard) = ffmpeg(&bytes, "opus", codec) {
                assert_eq!(heard.len(), length * 3, "{codec}, {length} samples");
            }
        }
        let file = dir.path().join("sound.opus");
        std::fs::write(&file, &bytes).unwrap();
        if let Some(raw) = run("opusdec", &["--quiet", "--rate", "48000", "--no-dither", "FILE", "-"], &file) {
            assert_eq!(raw.len() / 2, length * 3, "opusdec, {length} samples");
        }
        if let Some(report) = run("opusinfo", &["FILE"], &file) {
            let report = String::from_utf8_lossy(&report).to_lowercase();
            assert!(!report.contains("warning") && !report.contains("error"), "{report}");
        }
    }
}

#[test]
fn a_stream_without_sound_has_bytes_only_where_its_headers_were_asked_for() {
    let mut bytes = Vec::new();
    let stream = OggOpus::new(16_000, &OpusSettings::default(), 7).unwrap();
    stream.finish(&mut bytes).unwrap();
    assert!(bytes.is_empty());

    let mut stream = OggOpus::new(16_000, &OpusSettings::default(), 7).unwrap();
    stream.headers(&mut bytes);
    stream.finish(&mut bytes).unwrap();
    assert_eq!(pages(&bytes), [(2, 0, 0), (0, 0, 1), (4, 312, 2)]);
    assert!(Stream::ogg(&bytes, Some(7)).play().is_empty());
    if let Some(heard) = ffmpeg(&bytes, "opus", "libopus") {
        assert!(heard.is_empty());
    }
}

#[test]
fn a_tone_survives() {
    for (rate, frame, application) in combinations() {
        for (bitrate, least) in [(0, 14.0), (64_000, 20.0)] {
            let settings = OpusSettings { bitrate, ..settings(frame, application) };
            let bytes = ogg_opus(&tone(440.0, rate, rate as usize), rate, &settings).unwrap();
            // Past the onset, where nothing was there to predict from.
            let ratio = purity(440.0, 48_000, &Stream::ogg(&bytes, None).play()[9_600..]);
            assert!(ratio > least, "{ratio} dB, {settings:?} at {rate} Hz");
        }
    }
}

#[test]
fn a_voice_survives() {
    // The measure the services' own tests apply: cosine of the angle between in and out ≥ 0.99.
    let settings = OpusSettings { bitrate: 64_000, ..settings(20_000, Application::Audio) };
    let sound = voice(24_000, 48_000);
    let bytes = ogg_opus(&sound, 24_000, &settings).unwrap();
    let heard: Vec<f32> = Stream::ogg(&bytes, None).play().into_iter().step_by(2).collect();
    let wanted = floats(&sound);
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let cosine = dot(&wanted, &heard) / (dot(&wanted, &wanted) * dot(&heard, &heard)).sqrt();
    assert!(cosine >= 0.99, "{cosine}");
}

#[test]
fn written_says_what_a_player_has() {
    let mut stream = OggOpus::new(16_000, &OpusSettings::default(), 7).unwrap();
    let mut bytes = Vec::new();
    stream.push(&voice(16_000, 320), &mut bytes).unwrap();
    assert_eq!((stream.taken(), stream.written()), (320, 0), "no page of sound yet");
    stream.push(&voice(16_000, 320), &mut bytes).unwrap();
    assert_eq!((stream.taken(), stream.written()), (640, 320 - 104));
    if let Some(heard) = ffmpeg(&bytes, "opus", "libopus") {
        assert_eq!(heard.len() as u64, stream.written() * 3, "a stream that was cut off");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pieces_make_no_difference(
        combination in proptest::sample::select(combinations().collect::<Vec<_>>()),
        pieces in proptest::collection::vec(0_usize..4_000, 0..6),
        serial: u32,
    ) {
        let (rate, frame, application) = combination;
        let sound = voice(rate, pieces.iter().sum());
        let mut stream = OggOpus::new(rate, &settings(frame, application), serial).unwrap();
        let mut bytes = Vec::new();
        let mut rest = &sound[..];
        for piece in pieces {
            let (now, later) = rest.split_at(piece);
            stream.push(now, &mut bytes).unwrap();
            rest = later;
        }
        stream.finish(&mut bytes).unwrap();
        prop_assert_eq!(bytes.is_empty(), sound.is_empty());
        if !sound.is_empty() {
            let stream = Stream::ogg(&bytes, Some(serial));
            prop_assert_eq!(stream.play().len(), sound.len() * (48_000 / rate) as usize);
            let rising = stream.granules.is_sorted_by(|a, b| a < b);
            prop_assert!(rising, "{:?}", stream.granules);
            let whole = ogg_opus(&sound, rate, &settings(frame, application)).unwrap();
            prop_assert_eq!(Stream::ogg(&whole, None).packets, stream.packets);
        }
    }
}
