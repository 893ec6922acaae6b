//! Bad input gets an error that names the file and a remedy, and what came before it is played.

mod common;

use std::path::{Path, PathBuf};

use common::{build, fixture, keys, noise, play_file};
use glottis_core::SourceError;
use glottis_core::convert::i16_to_f32;
use proptest::prelude::*;

/// A 16 kHz mono 16-bit WAV file of `frames` frames whose header says what it is told to.
struct Wav {
    riff: u32,
    tag: u16,
    channels: u16,
    hz: u32,
    align: u16,
    bits: u16,
    data: u32,
    frames: usize,
}

impl Wav {
    fn new(frames: usize) -> Wav {
        let data = 2 * frames as u32;
        Wav { riff: 36 + data, tag: 1, channels: 1, hz: 16_000, align: 2, bits: 16, data, frames }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"RIFF".to_vec();
        bytes.extend(self.riff.to_le_bytes());
        bytes.extend(b"WAVEfmt \x10\0\0\0");
        bytes.extend(self.tag.to_le_bytes());
        bytes.extend(self.channels.to_le_bytes());
        bytes.extend(self.hz.to_le_bytes());
        bytes.extend(self.hz.wrapping_mul(self.align.into()).to_le_bytes());
        bytes.extend(self.align.to_le_bytes());
        bytes.extend(self.bits.to_le_bytes());
        bytes.extend(b"data");
        bytes.extend(self.data.to_le_bytes());
        bytes.extend((0..self.frames).flat_map(|k| noise(k).to_le_bytes()));
        bytes
    }
}

fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join(name);
    std::fs::write(&path, bytes).expect("written");
    (dir, path)
}

fn refused(path: &Path) -> SourceError {
    let error = build(keys(path)).format(true).expect_err("nothing to play");
    let name = path.file_name().expect("a name").to_string_lossy().into_owned();
    assert!(error.message.contains(&name), "{error} names the file");
    assert!(!error.advice.is_empty(), "{error} has a remedy");
    error
}

fn is_noise(samples: &[f32], frames: usize) {
    assert_eq!(samples.len(), frames);
    assert!(samples.iter().copied().eq((0..frames).map(|k| i16_to_f32(noise(k)))));
}

#[test]
fn what_is_no_file_is_a_file_error() {
    let dir = tempfile::tempdir().expect("a directory");
    assert_eq!(refused(&dir.path().join("missing.wav")).code, "File");
    assert_eq!(refused(dir.path()).code, "File");
    #[cfg(unix)]
    assert!(refused(Path::new("/dev/zero")).advice.contains("stdin"));
}

#[test]
fn what_is_no_sound_is_a_format_error() {
    let text = "Sound is a vibration that travels through air. ".repeat(4000);
    for (name, bytes) in [
        ("empty.wav", &b""[..]),
        ("text.wav", text.as_bytes()),
        ("text.mp3", text.as_bytes()),
        ("short.wav", b"RIFF\x04\0\0\0WAVE"),
        ("half.wav", &Wav::new(10).bytes()[..30]),
        ("zeros.flac", &[0; 9000]),
        ("ones.aac", &[255; 9000]),
    ] {
        let (_dir, path) = file(name, bytes);
        assert_eq!(refused(&path).code, "Format", "{name}");
    }
    let error = refused(&fixture("tone.opus"));
    assert!(error.code == "Format" && error.advice.contains("convert"), "{error}");
}

#[test]
fn a_header_that_makes_no_sense_is_refused() {
    let good = || Wav::new(100);
    for (what, wav) in [
        ("no channels", Wav { channels: 0, ..good() }),
        ("rate 0", Wav { hz: 0, ..good() }),
        ("an absurd rate", Wav { hz: 4_000_000_000, ..good() }),
        ("bits", Wav { bits: 48, align: 6, ..good() }),
        ("codec", Wav { tag: 0x1234, ..good() }),
    ] {
        let (_dir, path) = file("lying.wav", &wav.bytes());
        assert_eq!(refused(&path).code, "Format", "{what}");
    }
}

#[test]
fn sizes_of_writers_that_stream_are_no_fault() {
    for data in [0, 0x7FFF_F000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF] {
        for riff in [0, 36, 0xFFFF_FFFF] {
            let (_dir, path) = file("stream.wav", &Wav { data, riff, ..Wav::new(1000) }.bytes());
            let played = play_file(&path).expect("a playable file");
            assert!(played.error.is_none(), "{data:x}: {:?}", played.error);
            is_noise(&played.samples, 1000);
        }
    }
}

#[test]
fn a_file_cut_short_is_played_as_far_as_it_goes_and_then_says_so() {
    let whole = Wav::new(4000).bytes();
    for missing in [1, 2, 801, 6000] {
        let (_dir, path) = file("cut.wav", &whole[..whole.len() - missing]);
        let played = play_file(&path).expect("a playable file");
        is_noise(&played.samples, 4000 - missing.div_ceil(2));
        let error = played.error.expect("frames are missing");
        assert_eq!(error.code, "Format");
        assert!(error.message.contains("cut.wav") && error.message.contains("missing"), "{error}");
    }
}

#[test]
fn what_follows_the_samples_is_not_played() {
    let mut bytes = Wav::new(500).bytes();
    bytes.extend(b"LIST\x0c\0\0\0INFOabcdefgh");
    let (_dir, path) = file("tagged.wav", &bytes);
    let played = play_file(&path).expect("a playable file");
    assert!(played.error.is_none());
    is_noise(&played.samples, 500);
}

#[test]
fn a_file_without_frames_ends_at_once_even_when_it_is_repeated() {
    let mut bytes = Wav { riff: 36 + 20, ..Wav::new(0) }.bytes();
    bytes.extend(b"LIST\x0c\0\0\0INFOabcdefgh");
    let (_dir, path) = file("silent.wav", &bytes);
    let played = common::play(&mut *build(keys(&path).with("loop", true)), usize::MAX).expect("a file");
    assert!(played.samples.is_empty() && played.error.is_none());
}

#[test]
fn the_extensible_and_the_64_bit_headers_are_read() {
    let plain = Wav::new(300).bytes();
    let mut extensible = plain[..16].to_vec();
    extensible.extend(40_u32.to_le_bytes());
    extensible.extend(0xFFFE_u16.to_le_bytes());
    extensible.extend(&plain[22..36]);
    extensible.extend([22, 0, 16, 0, 4, 0, 0, 0, 1, 0]);
    extensible.extend([0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71]);
    extensible.extend(&plain[36..]);
    let mut long = b"RF64\xFF\xFF\xFF\xFFWAVEds64\x1c\0\0\0".to_vec();
    long.extend(2000_u64.to_le_bytes());
    long.extend(600_u64.to_le_bytes());
    long.extend([0; 12]);
    long.extend(&plain[12..40]);
    long.extend([0xFF; 4]);
    long.extend(&plain[44..]);
    for bytes in [extensible, long] {
        let (_dir, path) = file("a.wav", &bytes);
        let played = play_file(&path).expect("a playable file");
        assert!(played.error.is_none(), "{:?}", played.error);
        is_noise(&played.samples, 300);
    }
}

#[test]
fn a_compressed_file_cut_short_is_played_as_far_as_it_goes() {
    for name in ["tone.flac", "tone.mp3", "tone.ogg", "tone.m4a", "tone.aac"] {
        let whole = std::fs::read(fixture(name)).expect("a fixture");
        let frames = play_file(&fixture(name)).expect("a playable file").samples.len();
        // The headers alone are most of the small Ogg file. An MP4 file of ffmpeg has its table of contents at the end.
        let (_dir, path) = file(name, &whole[..whole.len() * 5 / 6]);
        match play_file(&path) {
            Ok(played) => {
                let got = played.samples.len();
                assert!(got > frames / 10 && got < frames, "{name}: {got} of {frames}");
                if name == "tone.flac" {
                    assert!(played.error.is_some_and(|e| e.message.contains("cut short")), "{name}");
                }
            }
            Err(error) => assert!(name == "tone.m4a" && error.code == "Format", "{name}: {error}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Whatever is broken in a file: it plays, or there is an error. Never a panic, never a hang.
    #[test]
    fn damage_never_does_worse_than_an_error(
        name in prop::sample::select(&["tone.flac", "tone.mp3", "tone.ogg", "tone.m4a", "tone.aac", "tone-adpcm.wav"][..]),
        damage in prop::collection::vec((0.0_f64..1.0, any::<u8>()), 1..20),
        length in 0.1_f64..1.0,
    ) {
        let mut bytes = std::fs::read(fixture(name)).expect("a fixture");
        bytes.truncate((bytes.len() as f64 * length) as usize);
        for (at, value) in damage {
            let at = (bytes.len() as f64 * at * at) as usize;
            bytes[at] = value;
        }
        let (_dir, path) = file(name, &bytes);
        match play_file(&path) {
            Ok(played) => prop_assert!(played.samples.len() < 10_000_000),
            Err(error) => prop_assert!(error.code == "Format" || error.code == "File"),
        }
    }

    /// Any header before any samples; read as floats they are of any size, or no numbers at all.
    #[test]
    fn no_wav_header_does_worse_than_an_error(
        fields in (any::<u32>(), 0_u16..9, 0_u16..20, 1_u32..400_000, 0_u16..40, 0_u16..70, any::<u32>()),
        frames in 0_usize..500,
    ) {
        let (riff, tag, channels, hz, align, bits, data) = fields;
        let (_dir, path) = file("any.wav", &Wav { riff, tag, channels, hz: hz.max(1000), align, bits, data, frames }.bytes());
        match play_file(&path) {
            Ok(_) => {}
            Err(error) => prop_assert_eq!(error.code, "Format"),
        }
    }
}
