//! Opus: what comes out of a decoder is as long as what went in, and sounds like it.

mod common;

use std::io::Cursor;
use std::path::Path;
use std::process::Command;

use common::{Rig, build, is_open, keys};
use glottis_core::sink::Edge;
use glottis_core::{Rate, TurnMode};

/// Samples at 48 kHz for one at `rate`.
fn scale(rate: u32) -> usize {
    48_000 / rate as usize
}

/// What an Ogg Opus file plays, at 48 kHz, and whether its end is marked.
fn play(path: &Path) -> (Vec<f32>, bool) {
    let bytes = std::fs::read(path).unwrap();
    let mut reader = ogg::PacketReader::new(Cursor::new(bytes));
    let head = reader.read_packet_expected().expect("a header").data;
    assert!(reader.read_packet_expected().expect("comments").data.starts_with(b"OpusTags"));
    let pre_skip = usize::from(u16::from_le_bytes([head[10], head[11]]));
    let mut decoder = opus_rs::OpusDecoder::new(48_000, 1).unwrap();
    let (mut sound, mut end, mut marked) = (Vec::new(), 0, false);
    while let Some(packet) = reader.read_packet().expect("whole pages only") {
        let mut piece = vec![0.0; 960];
        assert_eq!(decoder.decode(&packet.data, 960, &mut piece), Ok(960));
        sound.extend(piece);
        (end, marked) = (packet.absgp_page() as usize, packet.last_in_stream());
    }
    sound.truncate(end);
    (sound.split_off(pre_skip.min(end)), marked)
}

/// What the reference decoder plays, where it is installed.
fn reference(path: &Path) -> Option<usize> {
    let args = ["-v", "error", "-xerror", "-c:a", "libopus", "-i"];
    let output = Command::new("ffmpeg").args(args).arg(path).args(["-f", "s16le", "-"]).output();
    let Ok(output) = output else {
        eprintln!("skipped: the ffmpeg command is not installed");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout.len() / 2)
}

/// A tone at half of full scale, where it sounds.
fn tone(rate: u32, frames: usize) -> Vec<i16> {
    let step = std::f32::consts::TAU * 440.0 / rate as f32;
    (0..frames).map(|i| ((i as f32 * step).sin() * 16_384.0) as i16).collect()
}

fn loudness(sound: &[f32]) -> f32 {
    (sound.iter().map(|s| s * s).sum::<f32>() / sound.len() as f32).sqrt()
}

#[test]
fn every_length_and_rate_survives() {
    let dir = tempfile::tempdir().unwrap();
    for rate in [8_000, 16_000, 24_000, 48_000] {
        for frames in [1, 159, 320, 321, 16_000, 48_007] {
            let mut rig = Rig::at_rate(keys("{rate}.opus").with("format", "opus"), dir.path(), TurnMode::Always, rate);
            rig.begin(0);
            tone(rate, frames).chunks(1_600).for_each(|chunk| rig.s16(chunk));
            rig.end();
            let path = dir.path().join(format!("{rate}.opus"));
            let outcome = rig.finish();
            outcome.is_clean(&[&path]);
            assert_eq!(outcome.ledger.delivered, frames as u64);
            let (sound, marked) = play(&path);
            assert!(marked, "the end is marked");
            assert_eq!(sound.len(), frames * scale(rate), "{frames} frames at {rate} Hz");
            assert!(reference(&path).is_none_or(|heard| heard == sound.len()));
        }
    }
}

#[test]
fn a_hole_becomes_silence() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(keys("a.opus").with("format", "opus"), dir.path(), TurnMode::Always);
    let sound = tone(16_000, 8_000);
    rig.begin(0);
    sound.chunks(1_600).for_each(|chunk| rig.s16(chunk));
    rig.skip(32_123);
    sound.chunks(1_600).for_each(|chunk| rig.s16(chunk));
    rig.end();
    let path = dir.path().join("a.opus");
    let outcome = rig.finish();
    outcome.is_clean(&[&path]);
    assert_eq!((outcome.ledger.delivered, outcome.ledger.padded), (16_000, 32_123));
    let heard = play(&path).0;
    assert_eq!(heard.len(), (16_000 + 32_123) * 3);
    let at = |frame: usize| loudness(&heard[frame * 3..][..4_800]);
    assert!(at(4_000) > 0.3 && at(20_000) < 0.001 && at(42_000) > 0.3);
}

#[test]
fn an_empty_recording_is_a_valid_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.opus");
    Rig::start(keys("a.opus").with("format", "opus"), dir.path(), TurnMode::Always).finish().is_clean(&[&path]);
    assert_eq!(play(&path), (Vec::new(), true));
    assert!(reference(&path).is_none_or(|heard| heard == 0));
}

#[test]
fn whole_pages_are_readable_while_the_run_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.opus");
    let mut rig = Rig::start(keys("a.opus").with("format", "opus"), dir.path(), TurnMode::Always);
    rig.event(is_open);
    rig.begin(0);
    tone(16_000, 10_000).chunks(1_000).for_each(|chunk| rig.s16(chunk));
    // 31 frames of 320 are encoded; the last waits for the next, and the codec is 104 late: 9,496 of the
    // sound are on disk, nine chunks whole.
    rig.until(|rig| rig.delivered() == 9_000);
    let (sound, marked) = play(&path);
    assert_eq!((sound.len(), marked), (9_496 * 3, false));
    assert!(reference(&path).is_none_or(|heard| heard == sound.len()));
    rig.end();
    rig.finish().is_clean(&[&path]);
    assert_eq!(play(&path).0.len(), 10_000 * 3);
}

#[test]
fn each_segment_has_a_stream_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(keys("{segment}.opus").with("format", "opus"), dir.path(), TurnMode::Speech);
    let paths = [0, 1].map(|n| dir.path().join(format!("{n}.opus")));
    for frames in [4_000, 5_000] {
        rig.begin(100);
        tone(16_000, frames).chunks(1_600).for_each(|chunk| rig.s16(chunk));
        rig.end();
    }
    rig.finish().is_clean(&[&paths[0], &paths[1]]);
    assert_eq!(paths.map(|path| play(&path).0.len()), [12_000, 15_000]);
}

#[test]
fn a_rate_without_opus_is_refused() {
    let mut sink = build(keys("a.opus").with("format", "opus"), Path::new("")).unwrap();
    for rate in [32_000, 44_100, 96_000] {
        let rate = Rate::new(rate).unwrap();
        let edge = Edge { rate, chunk_frames: 1600, pad: false, turn: TurnMode::Always, voice: false, waits: true };
        let problem = sink.prepare(&edge).expect_err("no such rate").to_string();
        assert!(problem.contains(&rate.to_string()) && problem.contains("resample"), "{problem}");
    }
}
