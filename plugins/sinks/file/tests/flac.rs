//! FLAC: what comes out of two independent decoders is what went in.

mod common;

use std::path::Path;
use std::process::Command;

use common::{Rig, is_open, keys, sound};
use glottis_core::TurnMode;
use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::formats::{FormatOptions, TrackType, probe::Hint};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;

/// The samples of a FLAC file, by an independent decoder.
fn decode(path: &Path) -> Vec<i16> {
    let stream = MediaSourceStream::new(Box::new(std::fs::File::open(path).unwrap()), Default::default());
    let mut reader = symphonia::default::get_probe()
        .probe(Hint::new().with_extension("flac"), stream, FormatOptions::default(), MetadataOptions::default())
        .expect("a FLAC file");
    let track = reader.default_track(TrackType::Audio).expect("a track");
    let params = track.codec_params.as_ref().unwrap().audio().unwrap();
    let options = AudioDecoderOptions::default().verify(true);
    let mut decoder = symphonia::default::get_codecs().make_audio_decoder(params, &options).unwrap();
    let mut samples = Vec::new();
    while let Some(packet) = reader.next_packet().expect("whole frames only") {
        let mut piece: Vec<i16> = Vec::new();
        decoder.decode(&packet).expect("a frame that decodes").copy_to_vec_interleaved(&mut piece);
        samples.extend(piece);
    }
    assert_ne!(decoder.finalize().verify_ok, Some(false), "the checksum is that of the samples");
    samples
}

/// Asks the reference decoder too, where it is installed.
fn reference_accepts(path: &Path) {
    match Command::new("flac").args(["--test", "--totally-silent"]).arg(path).status() {
        Ok(status) => assert!(status.success(), "`flac --test {}`", path.display()),
        Err(_) => eprintln!("the flac command is not installed"),
    }
}

#[test]
fn every_length_and_rate_survives() {
    let dir = tempfile::tempdir().unwrap();
    for rate in [8_000, 16_000, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000] {
        for frames in [1, 15, 31, 33, 100, 4095, 4096, 4097, 8192 + 63] {
            let keys = keys("{rate}.flac").with("format", "flac");
            let mut rig = Rig::at_rate(keys, dir.path(), TurnMode::Always, rate);
            let samples = sound(frames);
            rig.begin(0);
            samples.chunks(1600).for_each(|chunk| rig.s16(chunk));
            rig.end();
            let path = dir.path().join(format!("{rate}.flac"));
            let outcome = rig.finish();
            outcome.is_clean(&[&path]);
            assert_eq!(outcome.ledger.delivered, frames as u64);
            assert_eq!(decode(&path), samples, "{frames} frames at {rate} Hz");
            reference_accepts(&path);
        }
    }
}

#[test]
fn extremes_and_silence_survive() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(keys("a.flac").with("format", "flac"), dir.path(), TurnMode::Always);
    let mut noise = 7_u32;
    let mut samples: Vec<i16> = (0..5000)
        .map(|_| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (noise >> 16) as i16
        })
        .collect();
    samples.extend([i16::MIN, i16::MAX].repeat(2500));
    rig.begin(0);
    rig.s16(&samples);
    // Missing frames, several blocks of them.
    rig.skip(30_000);
    rig.end();
    let outcome = rig.finish();
    let path = dir.path().join("a.flac");
    outcome.is_clean(&[&path]);
    assert_eq!((outcome.ledger.delivered, outcome.ledger.padded), (10_000, 30_000));
    samples.resize(40_000, 0);
    assert_eq!(decode(&path), samples);
    reference_accepts(&path);
}

#[test]
fn an_empty_recording_is_a_valid_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.flac");
    Rig::start(keys("a.flac").with("format", "flac"), dir.path(), TurnMode::Always).finish().is_clean(&[&path]);
    reference_accepts(&path);
    assert_eq!(path.metadata().unwrap().len(), 42);
}

#[test]
fn whole_blocks_are_readable_while_the_run_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.flac");
    let mut rig = Rig::start(keys("a.flac").with("format", "flac"), dir.path(), TurnMode::Always);
    rig.event(is_open);
    let samples = sound(10_000);
    rig.begin(0);
    samples.chunks(1000).for_each(|chunk| rig.s16(chunk));
    // The frames of the third block wait for the rest of it: they are on no disk, and not delivered.
    rig.until(|rig| rig.delivered() == 8000);
    assert_eq!(decode(&path), samples[..8192]);
    reference_accepts(&path);
    rig.end();
    rig.finish().is_clean(&[&path]);
    assert_eq!(decode(&path), samples);
}
