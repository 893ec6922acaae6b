//! WAV and raw: what goes in is what the file holds, at every moment.

mod common;

use common::{Rig, is_open, keys, read_wav, s16le, sound};
use glottis_core::packet::Reason;
use glottis_core::sink::Overflow;
use glottis_core::{Cause, TurnMode};

#[test]
fn a_continuous_wav_holds_every_frame() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new/folders/{sink}.wav");
    let mut rig = Rig::start(keys(path.to_str().unwrap()), dir.path(), TurnMode::Always);
    assert_eq!((rig.wants.encoder, rig.wants.overflow, rig.wants.pad), ("pcm16", Overflow::Gap, false));
    let samples = sound(50_000);
    rig.begin(0);
    samples.chunks(1600).for_each(|chunk| rig.s16(chunk));
    rig.end();
    let outcome = rig.finish();
    let path = dir.path().join("new/folders/take.wav");
    outcome.is_clean(&[&path]);
    assert_eq!((outcome.ledger.delivered, outcome.ledger.padded, outcome.messages), (50_000, 0, 32));
    assert_eq!(read_wav(&path), samples);
}

#[test]
fn float_wav_and_raw_are_bit_exact() {
    let dir = tempfile::tempdir().unwrap();
    let samples: Vec<f32> = sound(5000).iter().map(|&s| f32::from(s) * 1.3e-4).chain([1.5, -7.0, 1e-30]).collect();
    for format in ["wav", "raw"] {
        let keys = keys(&format!("a.{format}")).with("format", format).with("sample", "f32");
        let mut rig = Rig::at_rate(keys, dir.path(), TurnMode::Always, 44_100);
        assert_eq!(rig.wants.encoder, "f32");
        rig.begin(0);
        samples.chunks(441).for_each(|chunk| rig.f32(chunk));
        rig.end();
        rig.finish().is_clean(&[&dir.path().join(format!("a.{format}"))]);
    }
    let raw = std::fs::read(dir.path().join("a.raw")).unwrap();
    assert_eq!(raw, samples.iter().flat_map(|s| s.to_le_bytes()).collect::<Vec<u8>>());
    let reader = hound::WavReader::open(dir.path().join("a.wav")).unwrap();
    assert_eq!(reader.spec().sample_rate, 44_100);
    assert_eq!(reader.spec().sample_format, hound::SampleFormat::Float);
    assert_eq!(reader.into_samples::<f32>().map(Result::unwrap).collect::<Vec<_>>(), samples);
}

#[test]
fn raw_s16_is_the_bytes_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(keys("{date}-{time}-{rate}.pcm").with("format", "raw"), dir.path(), TurnMode::Always);
    let samples = sound(3210);
    rig.begin(0);
    samples.chunks(160).for_each(|chunk| rig.s16(chunk));
    rig.end();
    let path = dir.path().join("2026-11-22-153705-16000.pcm");
    rig.finish().is_clean(&[&path]);
    assert_eq!(std::fs::read(path).unwrap(), s16le(&samples));
}

#[test]
fn what_is_delivered_is_readable_while_the_run_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("live.wav");
    let mut rig = Rig::start(keys("live.wav"), dir.path(), TurnMode::Always);
    rig.event(is_open);
    assert_eq!(read_wav(&path), [0_i16; 0], "an open recording is a valid file from the first moment");
    let samples = sound(16_000);
    rig.begin(0);
    for (i, chunk) in samples.chunks(1600).enumerate() {
        rig.s16(chunk);
        // Nothing else comes: the sink writes what it has by itself.
        rig.until(|rig| rig.delivered() == 1600 * (i as u64 + 1));
        assert_eq!(read_wav(&path), samples[..1600 * (i + 1)]);
    }
    rig.end();
    rig.finish().is_clean(&[&path]);
}

#[test]
fn missing_frames_become_silence_and_are_counted_as_padding() {
    let dir = tempfile::tempdir().unwrap();
    for (format, header) in [("wav", 44), ("raw", 0)] {
        let name = format!("gaps.{format}");
        let mut rig = Rig::start(keys(&name).with("format", format), dir.path(), TurnMode::Always);
        let samples = sound(3200);
        rig.begin(100);
        rig.skip(50);
        rig.s16(&samples[..1600]);
        // A hole worth a hole in the file, and one that is written.
        rig.skip(1_000_000);
        rig.s16(&samples[1600..]);
        rig.skip(40_000);
        rig.end();
        let outcome = rig.finish();
        let path = dir.path().join(&name);
        outcome.is_clean(&[&path]);
        assert_eq!((outcome.ledger.delivered, outcome.ledger.padded), (3200, 1_040_050));
        let mut want = vec![0; 50];
        want.extend(&samples[..1600]);
        want.resize(want.len() + 1_000_000, 0);
        want.extend(&samples[1600..]);
        want.resize(want.len() + 40_000, 0);
        assert_eq!(std::fs::read(&path).unwrap()[header..], s16le(&want));
        if format == "wav" {
            assert_eq!(read_wav(&path), want);
        }
    }
}

#[test]
fn a_continuous_recording_keeps_the_clock_between_segments_and_joined_turns_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let samples = sound(200);
    for (turn, pause) in [(TurnMode::Always, 300), (TurnMode::Speech, 0), (TurnMode::PushToTalk, 0)] {
        let mut rig = Rig::start(keys("clock.wav"), dir.path(), turn);
        rig.begin(1000);
        rig.s16(&samples[..100]);
        rig.end();
        rig.begin(1400);
        rig.s16(&samples[100..]);
        rig.end();
        let outcome = rig.finish();
        let path = dir.path().join("clock.wav");
        outcome.is_clean(&[&path]);
        let want = [&samples[..100], &vec![0; pause], &samples[100..]].concat();
        assert_eq!(read_wav(&path), want, "{turn:?}");
        assert_eq!(outcome.ledger.padded, pause as u64);
    }
}

#[test]
fn a_muted_recording_goes_on_without_a_word_and_a_shed_one_says_so() {
    let dir = tempfile::tempdir().unwrap();
    for (reason, notices) in [(Reason::Cancel, 0), (Reason::Stop, 0), (Reason::Overflow, 1)] {
        let mut rig = Rig::start(keys("muted.wav"), dir.path(), TurnMode::Always);
        rig.begin(0);
        rig.s16(&[1, 2]);
        rig.abort(reason);
        rig.begin(5);
        rig.s16(&[3]);
        rig.end();
        let outcome = rig.finish();
        let path = dir.path().join("muted.wav");
        outcome.is_clean(&[&path]);
        assert_eq!(read_wav(&path), [1, 2, 0, 0, 0, 3]);
        std::fs::remove_file(path).unwrap();
        assert_eq!(outcome.notices().len(), notices, "{:?}", outcome.notices());
    }
}

#[test]
fn a_hole_of_more_than_a_day_is_told_and_not_filled() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(keys("day.wav"), dir.path(), TurnMode::Always);
    rig.begin(0);
    rig.s16(&[1, 2]);
    rig.skip(i64::MAX as u64 / 2);
    rig.s16(&[3]);
    rig.end();
    let outcome = rig.finish();
    outcome.is_clean(&[&dir.path().join("day.wav")]);
    assert_eq!(read_wav(&dir.path().join("day.wav")), [1, 2, 3]);
    assert!(outcome.notices()[0].contains("more than a day"), "{:?}", outcome.notices());
}

#[test]
fn a_recording_beyond_four_gigabytes_says_that_its_size_is_unknown_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("long.wav");
    let mut rig = Rig::at_rate(keys("long.wav").with("sample", "f32"), dir.path(), TurnMode::Always, 96_000);
    rig.begin(0);
    rig.f32(&[0.25; 960]);
    // Four hours at 96 kHz: a hole in the file that takes no disk.
    let hole = 4 * 3600 * 96_000;
    rig.skip(hole);
    rig.f32(&[0.5; 960]);
    rig.end();
    let outcome = rig.finish();
    outcome.is_clean(&[&path]);
    let frames = hole + 1920;
    let size = path.metadata().unwrap().len();
    assert_eq!(size, 58 + 4 * frames);
    let head = head_of(&path, 58);
    assert_eq!((&head[..8], &head[8..16]), (&b"RIFF\xFF\xFF\xFF\xFF"[..], &b"WAVEfmt "[..]));
    assert_eq!(&head[50..58], &b"data\xFF\xFF\xFF\xFF"[..]);
}

fn head_of(path: &std::path::Path, bytes: usize) -> Vec<u8> {
    use std::io::Read;
    let mut head = vec![0; bytes];
    std::fs::File::open(path).unwrap().read_exact(&mut head).unwrap();
    head
}

#[test]
fn each_segment_has_its_file_and_an_aborted_one_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(keys("takes/{sink}-{segment:04}.wav"), dir.path(), TurnMode::Speech);
    let samples = sound(4000);
    rig.begin(160);
    rig.s16(&samples[..1000]);
    rig.end();
    rig.begin(5000);
    rig.s16(&samples[1000..2500]);
    rig.abort(Reason::Overflow);
    rig.begin(9000);
    rig.s16(&samples[2500..]);
    rig.end();
    let outcome = rig.finish();
    let path = |n: u64| dir.path().join(format!("takes/take-{n:04}.wav"));
    outcome.is_clean(&[&path(0), &path(1), &path(2)]);
    assert_eq!(read_wav(&path(0)), samples[..1000]);
    assert_eq!(read_wav(&path(1)), samples[1000..2500]);
    assert_eq!(read_wav(&path(2)), samples[2500..]);
    let [notice] = outcome.notices()[..] else { panic!("{:?}", outcome.notices()) };
    assert!(
        notice.contains("take-0001.wav") && notice.contains("overflow") && notice.contains("1500 frames"),
        "{notice}"
    );
    assert_eq!(std::fs::read_dir(dir.path().join("takes")).unwrap().count(), 3, "nothing else is left there");
}

#[test]
fn a_halt_leaves_a_valid_file_and_settles_everything() {
    let dir = tempfile::tempdir().unwrap();
    for (name, turn) in [("a.wav", TurnMode::Always), ("b-{segment}.wav", TurnMode::Speech)] {
        let mut rig = Rig::start(keys(name), dir.path(), turn);
        let samples = sound(2000);
        rig.begin(0);
        rig.s16(&samples);
        rig.until(|rig| rig.delivered() == 2000);
        rig.control.halt();
        let outcome = rig.finish();
        let path = dir.path().join(name.replace("{segment}", "0"));
        outcome.is_clean(&[&path]);
        assert_eq!(read_wav(&path), samples);
        assert_eq!(outcome.notices().len(), usize::from(turn == TurnMode::Speech), "{:?}", outcome.notices());
    }
}

#[test]
fn what_a_halt_cuts_off_is_dropped_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(keys("a.wav"), dir.path(), TurnMode::Always);
    rig.event(is_open);
    rig.begin(0);
    (0..8).for_each(|_| rig.s16(&[7; 100]));
    rig.control.halt();
    (0..8).for_each(|_| rig.s16(&[7; 100]));
    let outcome = rig.finish();
    outcome.result.as_ref().unwrap();
    assert!(outcome.ledger.balanced(), "{:?}", outcome.ledger);
    assert_eq!(outcome.ledger.delivered + outcome.ledger.dropped_by(Cause::Stopped), 1600);
    assert_eq!(read_wav(&dir.path().join("a.wav")), vec![7; outcome.ledger.delivered as usize]);
}

#[test]
fn a_short_body_is_kept_as_far_as_it_goes() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(keys("a.wav"), dir.path(), TurnMode::Always);
    rig.begin(0);
    rig.bytes(&[1, 0, 2, 0, 3], 4);
    rig.s16(&[9]);
    rig.end();
    let outcome = rig.finish();
    outcome.is_clean(&[&dir.path().join("a.wav")]);
    assert_eq!(read_wav(&dir.path().join("a.wav")), [1, 2, 0, 0, 9]);
}
