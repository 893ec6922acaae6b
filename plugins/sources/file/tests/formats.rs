//! Every format is played with the right samples, in the right place, of the right number.

mod common;

use std::path::PathBuf;

use common::{TONE_FRAMES, build, fixture, keys, noise, play, play_file, tone};
use glottis_core::convert::i16_to_f32;
use hound::{SampleFormat, WavSpec, WavWriter};

fn write<S: hound::Sample>(
    name: &str,
    spec: WavSpec,
    samples: impl IntoIterator<Item = S>,
) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join(name);
    let mut writer = WavWriter::create(&path, spec).expect("a file");
    samples.into_iter().for_each(|s| writer.write_sample(s).expect("written"));
    writer.finalize().expect("written");
    (dir, path)
}

fn spec(channels: u16, sample_rate: u32, bits_per_sample: u16) -> WavSpec {
    let sample_format = if bits_per_sample == 64 { SampleFormat::Float } else { SampleFormat::Int };
    WavSpec { channels, sample_rate, bits_per_sample, sample_format }
}

#[test]
fn sixteen_bits_of_any_listed_rate_arrive_bit_for_bit() {
    for hz in [8_000, 16_000, 44_100, 48_000, 96_000] {
        let (_dir, path) = write("a.wav", spec(1, hz, 16), (0..10_001).map(noise));
        let played = play_file(&path).expect("a playable file");
        assert!(played.error.is_none());
        assert_eq!((played.format.native_hz, played.format.rate.hz(), played.format.channels), (hz, hz, 1));
        assert!(played.samples.iter().copied().eq((0..10_001).map(|k| i16_to_f32(noise(k)))), "{hz} Hz");
    }
}

#[test]
fn every_width_of_integer_is_scaled_by_its_full_range() {
    let wide = |k: usize| i32::from(noise(k)) << 16 | i32::from(noise(k + 9)) & 0xFFFF;
    for bits in [8_u16, 16, 24, 32] {
        let scaled = |k: usize| wide(k) >> (32 - bits);
        let (_dir, path) = write("a.wav", spec(1, 16_000, bits), (0..5000).map(scaled));
        let played = play_file(&path).expect("a playable file");
        let full = 2_f64.powi(i32::from(bits) - 1);
        assert!(
            played.samples.iter().copied().eq((0..5000).map(|k| (f64::from(scaled(k)) / full) as f32)),
            "{bits} bits"
        );
    }
}

#[test]
fn floats_arrive_as_they_are_even_when_they_are_no_numbers() {
    let values = [0.0, -1.0, 1.5, f32::MIN_POSITIVE, f32::NAN, f32::INFINITY];
    let spec = WavSpec { sample_format: SampleFormat::Float, ..spec(1, 16_000, 32) };
    let (_dir, path) = write("a.wav", spec, values);
    let played = play_file(&path).expect("a playable file");
    let bits = |samples: &[f32]| samples.iter().map(|s| s.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&played.samples), bits(&values));
}

#[test]
fn channels_are_mixed_or_picked() {
    for channels in [2_usize, 3, 6] {
        let sample = |k: usize| noise(k) / 8;
        let (_dir, path) = write("a.wav", spec(channels as u16, 48_000, 16), (0..960 * channels).map(sample));
        let at = |frame: usize, channel: usize| i16_to_f32(sample(frame * channels + channel));
        let mixed = play_file(&path).expect("a playable file").samples;
        for (frame, got) in mixed.iter().enumerate() {
            let mean = (0..channels).map(|c| at(frame, c)).sum::<f32>() / channels as f32;
            assert!((got - mean).abs() < 1e-6);
        }
        for pick in 0..channels {
            let keys = keys(&path).with("channel", pick as u32);
            let picked = play(&mut *build(keys), usize::MAX).expect("a playable file").samples;
            assert!(picked.iter().enumerate().all(|(frame, got)| *got == at(frame, pick)));
        }
    }
}

#[test]
fn a_channel_the_file_does_not_have_is_named() {
    let keys = keys(&fixture("tone.flac")).with("channel", 2);
    let error = build(keys).format(true).expect_err("there are two channels");
    assert_eq!(error.code, "Format");
    assert!(error.message.contains("tone.flac") && error.message.contains("no channel 2"), "{error}");
}

#[test]
fn an_odd_rate_is_converted_and_keeps_its_length() {
    for (hz, to) in [(11_025, 44_100_u64), (12_000, 24_000), (37_286, 44_100), (192_000, 96_000)] {
        let (_dir, path) = write("a.wav", spec(1, hz, 16), (0..hz as usize / 2).map(|_| 8192_i16));
        let played = play_file(&path).expect("a playable file");
        assert_eq!(u64::from(played.format.rate.hz()), to);
        let wanted = (u64::from(hz / 2) * to + u64::from(hz) / 2) / u64::from(hz);
        assert_eq!(played.samples.len() as u64, wanted);
        let middle = &played.samples[wanted as usize / 4..wanted as usize / 2];
        assert!(middle.iter().all(|s| (s - 0.25).abs() < 1e-3));
    }
}

#[test]
fn flac_is_exact() {
    // Through the door of 22,050 Hz, as a WAV file of the same samples goes.
    let (_dir, wav) = write("a.wav", spec(2, 22_050, 16), (0..TONE_FRAMES).flat_map(tone));
    let wanted = play_file(&wav).expect("a playable file").samples;
    assert_eq!(wanted.len(), 2 * TONE_FRAMES);
    for name in ["tone.flac", "tone-24.flac"] {
        let played = play_file(&fixture(name)).expect("a playable file");
        assert!(played.error.is_none());
        assert_eq!((played.format.native_hz, played.format.channels), (22_050, 2));
        assert!(played.samples == wanted, "{name}");
    }
}

#[test]
fn lossy_formats_sound_like_the_original() {
    for (name, least) in
        [("tone.ogg", 25.0), ("tone.mp3", 25.0), ("tone.aac", 25.0), ("tone.m4a", 25.0), ("tone-adpcm.wav", 25.0)]
    {
        for channel in [0, 1] {
            let keys = keys(&fixture(name)).with("channel", channel as u32);
            let played = play(&mut *build(keys), usize::MAX).expect("a playable file");
            assert!(played.error.is_none(), "{name}: {:?}", played.error);
            assert_eq!((played.format.native_hz, played.format.channels), (22_050, 2), "{name}");
            // An encoder may put up to three of its frames around the sound.
            assert!(played.samples.len().abs_diff(2 * TONE_FRAMES) <= 2 * 3 * 1152, "{name}: {}", played.samples.len());
            let hz = [500.0, 1100.0][channel];
            let ratio = tone_to_rest(&played.samples[8820..17_640], hz, 44_100.0);
            assert!(ratio > least, "{name}, channel {channel}: {ratio:.1} dB");
        }
    }
}

/// Power at `hz` over the power of everything else, in decibels, over a whole number of periods.
fn tone_to_rest(samples: &[f32], hz: f64, rate: f64) -> f64 {
    let (mut re, mut im, mut all) = (0.0, 0.0, 0.0);
    for (k, &s) in samples.iter().enumerate() {
        let phase = std::f64::consts::TAU * hz * k as f64 / rate;
        re += f64::from(s) * phase.cos();
        im += f64::from(s) * phase.sin();
        all += f64::from(s).powi(2);
    }
    let tone = 2.0 * (re * re + im * im) / samples.len() as f64;
    10.0 * (tone / (all - tone).max(1e-12)).log10()
}
