//! The encoders as an outlet uses them, and the WAV header against a reader of another make.

use std::path::Path;

use assert_no_alloc::{AllocDisabler, assert_no_alloc, violation_count};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use glottis_core::convert::i16_to_f32;
use glottis_core::param::{Table, check};
use glottis_core::registry::{ComponentKind, Context};
use glottis_core::{Body, Encoder, FaultCode, Rate, Registry};
use glottis_encoder_pcm::{patch_sizes, wav_header};

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

fn encoder(name: &str, table: &Table) -> Box<dyn Encoder> {
    let mut registry = Registry::new();
    glottis_encoder_pcm::register(&mut registry);
    let params = registry.get(ComponentKind::Encoder, name).unwrap().params;
    let settings = check(table, params, "sink[0]", Path::new(""), &registry).unwrap();
    registry.encoder(name, &settings, &Context::default()).unwrap()
}

fn plain(name: &str) -> Box<dyn Encoder> {
    encoder(name, &Table::default())
}

/// The bytes of a segment that is handed over in pieces of `piece` frames, one packet each.
fn segment(encoder: &mut dyn Encoder, hz: u32, frames: &[f32], piece: usize) -> Vec<u8> {
    let room = encoder.prepare(Rate::new(hz).unwrap(), piece).unwrap();
    let mut bytes = Vec::new();
    let mut packet = |fill: &mut dyn FnMut(&mut Body)| {
        let mut body = Body::with_capacity(room);
        fill(&mut body);
        bytes.extend_from_slice(&body);
    };
    packet(&mut |body| encoder.begin(body).unwrap());
    for piece in frames.chunks(piece) {
        packet(&mut |body| encoder.encode(piece, body).unwrap());
    }
    packet(&mut |body| encoder.finish(body).unwrap());
    bytes
}

fn pcm16(frames: &[f32]) -> Vec<u8> {
    segment(plain("pcm16").as_mut(), 16_000, frames, 4_096)
}

#[test]
fn the_vectors_of_the_protocol_hold() {
    let ints = [0_i16, 1, -1, 32_767, -32_768];
    let bytes = pcm16(&ints.map(i16_to_f32));
    assert_eq!(bytes, [0x00, 0x00, 0x01, 0x00, 0xFF, 0xFF, 0xFF, 0x7F, 0x00, 0x80]);
    assert_eq!(BASE64_STANDARD.encode(&bytes), "AAABAP///38AgA==");

    let chunk = BASE64_STANDARD.encode(pcm16(&[0.0; 4_096]));
    assert_eq!(chunk.len(), 10_924);
    assert!(chunk.starts_with("AAAAAAAAAAAA") && chunk.ends_with("AAA="));

    assert_eq!(
        BASE64_STANDARD.encode(&wav_header(16_000, 1, 16, false, Some(0))[..]),
        "UklGRiQAAABXQVZFZm10IBAAAAABAAEAgD4AAAB9AAACABAAZGF0YQAAAAA="
    );

    let floats = pcm16(&[0.5, -0.5, 1.0, -1.0]);
    assert_eq!(floats, [16_384_i16, -16_384, 32_767, -32_768].map(i16::to_le_bytes).concat());
    assert_eq!(BASE64_STANDARD.encode(&floats), "AEAAwP9/AIA=");
    assert_eq!(pcm16(&[1.7, f32::NAN]), [0xFF, 0x7F, 0x00, 0x00]);
}

#[test]
fn every_16_bit_value_survives_the_round_trip() {
    let ints: Vec<i16> = (i16::MIN..=i16::MAX).collect();
    let frames: Vec<f32> = ints.iter().map(|&i| i16_to_f32(i)).collect();
    let want: Vec<u8> = ints.iter().flat_map(|i| i.to_le_bytes()).collect();
    for piece in [1, 160, 4_096, 65_536] {
        assert!(segment(plain("pcm16").as_mut(), 48_000, &frames, piece) == want, "in pieces of {piece}");
    }
}

#[test]
fn floats_pass_as_they_are_but_not_a_number_is_silence() {
    let frames = [0.1, -1.5, f32::MIN_POSITIVE, f32::NAN, f32::INFINITY];
    let bytes = segment(plain("f32").as_mut(), 16_000, &frames, 2);
    let back: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b)).collect();
    assert_eq!(back, [0.1, -1.5, f32::MIN_POSITIVE, 0.0, f32::INFINITY]);
}

#[test]
fn dither_is_off_unless_told_and_repeats_with_every_segment() {
    let frames = vec![0.3 / 32_768.0; 16_000];
    assert!(pcm16(&frames).iter().all(|&b| b == 0), "without dither a third of a step is nothing");

    let mut dithered = encoder("pcm16", &Table::default().with("dither", true));
    let first = segment(dithered.as_mut(), 16_000, &frames, 160);
    let steps: Vec<f64> = first.as_chunks::<2>().0.iter().map(|&b| f64::from(i16::from_le_bytes(b))).collect();
    let mean = steps.iter().sum::<f64>() / steps.len() as f64;
    assert!((mean - 0.3).abs() < 0.02, "with dither it is there on average: {mean}");
    assert!(steps.iter().all(|s| s.abs() <= 1.0), "the noise is one step at most");
    // The power of the error does not depend on the sound: a quarter of a step squared.
    let error = steps.iter().map(|s| (s - 0.3).powi(2)).sum::<f64>() / steps.len() as f64;
    assert!((error - 0.25).abs() < 0.02, "{error}");

    assert_eq!(segment(dithered.as_mut(), 16_000, &frames, 4_096), first);
    assert_eq!(segment(dithered.as_mut(), 16_000, &[2.0, -2.0, f32::NAN], 3)[..4], [0xFF, 0x7F, 0x00, 0x80]);
}

#[test]
fn a_wav_segment_can_be_played_before_and_after_its_sizes_are_mended() {
    let ints: Vec<i16> = (0..4_000).map(|i| (i * 7 % 3_000) as i16 - 1_500).collect();
    let frames: Vec<f32> = ints.iter().map(|&i| i16_to_f32(i)).collect();
    for hz in Rate::LIST {
        let mut file = segment(plain("wav").as_mut(), hz, &frames, 160);
        assert_eq!(file.len(), 44 + 8_000);
        assert_eq!((&file[4..8], &file[40..44]), (&[0xFF; 4][..], &[0xFF; 4][..]));
        assert_eq!(file[..44], wav_header(hz, 1, 16, false, None)[..]);

        assert!(patch_sizes(&mut file));
        assert_eq!(file[..44], wav_header(hz, 1, 16, false, Some(8_000))[..]);
        let mut wav = hound::WavReader::new(&file[..]).unwrap();
        let spec = wav.spec();
        assert_eq!((spec.sample_rate, spec.channels, spec.bits_per_sample), (hz, 1, 16));
        assert_eq!(wav.duration(), 4_000);
        assert!(wav.samples::<i16>().map(Result::unwrap).eq(ints.iter().copied()));
    }
}

#[test]
fn a_float_header_has_its_extension_and_its_fact() {
    let frames = [0.25_f32, -1.5, 3.0];
    let mut file = wav_header(48_000, 1, 32, true, None).to_vec();
    assert_eq!(file.len(), 58);
    frames.iter().for_each(|f| file.extend_from_slice(&f.to_le_bytes()));
    assert!(patch_sizes(&mut file));
    assert_eq!(file[..58], wav_header(48_000, 1, 32, true, Some(12))[..]);
    assert_eq!(file[46..50], 3_u32.to_le_bytes(), "three frames");
    let mut wav = hound::WavReader::new(&file[..]).unwrap();
    assert_eq!((wav.spec().sample_format, wav.duration()), (hound::SampleFormat::Float, 3));
    assert!(wav.samples::<f32>().map(Result::unwrap).eq(frames));
}

#[test]
fn headers_hold_for_other_layouts_and_for_sizes_beyond_the_format() {
    let stereo = wav_header(44_100, 2, 24, false, Some(6_000));
    let spec = hound::WavReader::new(&[&stereo[..], &[0; 6_000]].concat()[..]).unwrap().spec();
    assert_eq!((spec.channels, spec.bits_per_sample, spec.sample_rate), (2, 24, 44_100));

    let size = |header: &[u8], at: usize| u32::from_le_bytes(header[at..at + 4].try_into().unwrap());
    let huge = wav_header(96_000, 1, 16, false, Some(u32::MAX - 1));
    assert_eq!((size(&huge, 4), size(&huge, 40)), (u32::MAX, u32::MAX - 1));
    // An odd number of bytes is followed by one that only the file counts.
    let odd = wav_header(8_000, 1, 8, false, Some(5));
    assert_eq!((size(&odd, 4), size(&odd, 40)), (36 + 6, 5));
    // Nonsense makes a header too, and no overflow.
    assert_eq!(wav_header(u32::MAX, u16::MAX, u16::MAX, true, Some(7)).len(), 58);
}

#[test]
fn what_is_no_header_of_ours_is_left_alone() {
    let whole = wav_header(16_000, 1, 16, false, None).to_vec();
    let mut other = whole.clone();
    other[36] = b'L';
    for mut bytes in [Vec::new(), vec![0; 100], whole[..43].to_vec(), other, b"RIFF".to_vec()] {
        let before = bytes.clone();
        assert!(!patch_sizes(&mut bytes));
        assert_eq!(bytes, before);
    }
}

#[test]
fn what_does_not_fit_the_body_is_a_fault() {
    let mut body = Body::with_capacity(43);
    for name in ["pcm16", "f32"] {
        assert_eq!(plain(name).encode(&[0.0; 22], &mut body).unwrap_err().code, FaultCode::BodyFull);
    }
    assert_eq!(plain("wav").begin(&mut body).unwrap_err().code, FaultCode::BodyFull);
    assert!(body.is_empty());
}

#[test]
fn encoding_allocates_nothing() {
    for (name, dither) in [("pcm16", false), ("pcm16", true), ("wav", false), ("f32", false)] {
        let table = if dither { Table::default().with("dither", true) } else { Table::default() };
        let mut encoder = encoder(name, &table);
        let room = encoder.prepare(Rate::new(16_000).unwrap(), 4_096).unwrap();
        let mut body = Body::with_capacity(room);
        assert_no_alloc(|| {
            for _ in 0..3 {
                encoder.begin(&mut body).unwrap();
                body.clear();
                encoder.encode(&[0.5; 4_096], &mut body).unwrap();
                body.clear();
                encoder.finish(&mut body).unwrap();
            }
        });
        assert_eq!(violation_count(), 0, "{name}");
    }
}
