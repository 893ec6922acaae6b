//! Pace, repetition, pause and stop.

mod common;

use std::path::PathBuf;
use std::time::Duration;

use common::{build, fixture, keys, noise, play, tone};
use glottis_core::convert::i16_to_f32;
use glottis_core::feed::{Taken, capture_ring};
use glottis_core::{Block, Rate};
use hound::{SampleFormat, WavSpec, WavWriter};

fn wav(frames: usize) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("a.wav");
    let spec = WavSpec { channels: 1, sample_rate: 16_000, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let mut writer = WavWriter::create(&path, spec).expect("a file");
    (0..frames).for_each(|k| writer.write_sample(noise(k)).expect("written"));
    writer.finalize().expect("written");
    (dir, path)
}

#[test]
fn nothing_is_opened_unless_it_may_look() {
    let mut source = build(keys(&PathBuf::from("no such file.wav")));
    assert_eq!(source.format(false), Ok(None));
    assert!(source.device().ends_with("no such file.wav"));
    assert!(!source.live());
}

#[test]
fn only_a_fast_file_waits() {
    let fast = build(keys(&fixture("tone.flac"))).format(true).expect("a format").expect("looked");
    let slow =
        build(keys(&fixture("tone.flac")).with("pace", "realtime")).format(true).expect("a format").expect("looked");
    assert!(fast.waits && !slow.waits);
    assert_eq!((fast.rate, fast.native_hz), (Rate::for_source(22_050), 22_050));
}

#[test]
fn in_real_time_every_block_comes_when_it_is_due_and_says_when_that_was() {
    let (_dir, path) = wav(16_000 / 2 + 77);
    let played = play(&mut *build(keys(&path).with("pace", "realtime")), usize::MAX).expect("a playable file");
    assert!(played.error.is_none());
    assert!(played.samples.iter().copied().eq((0..8077).map(|k| i16_to_f32(noise(k)))));
    let start = played.times[0].0;
    for (n, &(captured, taken)) in played.times.iter().enumerate().take(50) {
        assert_eq!(captured - start, n as u64 * 10_000_000, "stamps do not drift");
        assert!(taken >= captured + 10_000_000, "block {n} came before its last frame was due");
    }
}

#[test]
fn an_odd_rate_in_real_time_does_not_drift_either() {
    let played = play(&mut *build(keys(&fixture("tone.mp3")).with("pace", "realtime")), usize::MAX).expect("playable");
    let start = played.times[0].0;
    // The converter takes 11.6 ms at a time, so a stamp may be late by as much; it must not add up.
    for (n, &(captured, _)) in played.times.iter().enumerate().take(45) {
        let ideal = start + n as u64 * 10_000_000;
        assert!(captured.abs_diff(ideal) < 25_000_000, "block {n} is off by {} ns", captured.abs_diff(ideal));
    }
}

#[test]
fn repeated_there_is_no_seam() {
    let (_dir, path) = wav(1237);
    let played = play(&mut *build(keys(&path).with("loop", true)), 100).expect("a playable file");
    assert!(played.samples.iter().copied().eq((0..16_000).map(|k| i16_to_f32(noise(k % 1237)))));
}

#[test]
fn a_compressed_file_is_repeated_whole() {
    let once = play(&mut *build(keys(&fixture("tone.flac"))), usize::MAX).expect("a playable file").samples;
    let twice = play(&mut *build(keys(&fixture("tone.flac")).with("loop", true)), 90).expect("a playable file").samples;
    // The converter at the door sounds out the end of the first lap into the second.
    assert!(twice[..once.len() - 512] == once[..once.len() - 512]);
    let again = &twice[once.len() + 512..];
    assert!(again.iter().zip(&once[512..]).all(|(a, b)| (a - b).abs() < 1e-6));
    assert!(again.len() > 512 && tone(0) == [0, 0]);
}

#[test]
fn a_file_that_is_gone_is_still_repeated() {
    let (dir, path) = wav(1600);
    let mut source = build(keys(&path).with("loop", true));
    source.format(true).expect("a format");
    drop(dir);
    let format = Rate::for_source(16_000);
    let (feed, mut intake) = capture_ring(format, 8, true);
    let _capture = source.start(feed).expect("an open file");
    let mut block = Block::new(format);
    let mut blocks = 0;
    while blocks < 100 {
        match intake.take(&mut block) {
            Taken::Block => blocks += 1,
            Taken::Empty => intake.wait(Duration::from_millis(100)),
            Taken::Ended => panic!("it ended"),
        }
    }
}

#[test]
fn a_pause_shifts_what_follows_and_loses_nothing() {
    let (_dir, path) = wav(3200);
    let mut source = build(keys(&path).with("pace", "realtime"));
    let format = source.format(true).expect("a format").expect("looked");
    let (feed, mut intake) = capture_ring(format.rate, 64, false);
    let mut capture = source.start(feed).expect("an open file");
    let mut block = Block::new(format.rate);
    let (mut samples, mut stamps) = (Vec::new(), Vec::new());
    let mut paused = None;
    loop {
        match intake.take(&mut block) {
            Taken::Block => {
                samples.extend_from_slice(block.samples());
                stamps.push(block.captured);
            }
            // Empty and in its third block: a pause falls between two blocks.
            Taken::Empty if paused.is_none() && stamps.len() >= 3 => {
                assert!(capture.pause(true));
                let meanwhile = play(&mut *build(keys(&path).with("pace", "realtime")), 10).expect("a playable file");
                assert_eq!(meanwhile.times.len(), 10, "100 ms of one that goes on");
                assert!(intake.queued() <= 1, "more comes than what was on its way");
                paused = Some(stamps.len() + intake.queued());
                assert!(capture.pause(false));
            }
            Taken::Empty => intake.wait(Duration::from_millis(1)),
            Taken::Ended => break,
        }
    }
    assert!(samples.iter().copied().eq((0..3200).map(|k| i16_to_f32(noise(k)))));
    let paused = paused.expect("it was paused");
    for n in 1..stamps.len() {
        let step = stamps[n] - stamps[n - 1];
        assert!(
            if n == paused { step > 50_000_000 } else { step == 10_000_000 },
            "block {n}: {step}, paused at {paused}"
        );
    }
}

#[test]
fn dropping_the_capture_ends_the_stream() {
    let (_dir, path) = wav(1600);
    for pace in ["realtime", "fast"] {
        let mut source = build(keys(&path).with("loop", true).with("pace", pace));
        let format = source.format(true).expect("a format").expect("looked");
        let (feed, mut intake) = capture_ring(format.rate, 8, format.waits);
        let capture = source.start(feed).expect("an open file");
        let drain = std::thread::spawn(move || {
            let mut block = Block::new(format.rate);
            loop {
                match intake.take(&mut block) {
                    Taken::Ended => break,
                    Taken::Empty => intake.wait(Duration::from_millis(100)),
                    Taken::Block => {}
                }
            }
        });
        drop(capture);
        drain.join().expect("the stream ends");
    }
}
