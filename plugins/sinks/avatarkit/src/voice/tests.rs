//! Length, place and sound of what goes over the wire.

use std::time::Duration;

use glottis_encoder_opus::Application;

use super::*;

fn voice(format: Format, rate: u32, edge: u32) -> Voice {
    Voice::new(&Audio { format, sample_rate: rate, bitrate: 0 }, Rate::new(edge).unwrap()).unwrap()
}

fn opus(frame_ms: u64) -> Format {
    Format::OggOpus { frame: Duration::from_millis(frame_ms), application: Application::Voip }
}

fn tone(hz: f32, rate: u32, frames: usize) -> Vec<u8> {
    let sample = |n: usize| (n as f32 * hz / rate as f32 * std::f32::consts::TAU).sin() * 0.5;
    (0..frames).flat_map(|n| f32_to_i16(sample(n)).to_le_bytes()).collect()
}

/// Flag and position of every page.
fn pages(stream: &[u8]) -> Vec<(u8, u64)> {
    let starts = (0..stream.len()).filter(|&at| stream[at..].starts_with(b"OggS"));
    let position = |at: usize| u64::from_le_bytes(stream[at + 6..at + 14].try_into().unwrap());
    starts.map(|at| (stream[at + 5], position(at))).collect()
}

#[test]
fn at_the_edges_own_rate_every_byte_goes_through() {
    let mut voice = voice(Format::Pcm, 16_000, 16_000);
    let (sound, mut out) = (tone(440.0, 16_000, 1600), Vec::new());
    for piece in sound.chunks(322) {
        voice.take(piece, &mut out).unwrap();
        assert_eq!(voice.covered() as usize, out.len() / 2);
    }
    voice.finish(&mut out).unwrap();
    assert!(out == sound && voice.covered() == 1600);
}

/// Length and sound survive the conversion, in whatever pieces it is made.
#[test]
fn a_rate_no_edge_can_have_is_made_at_the_door() {
    for edge in [16_000, 44_100, 48_000] {
        let mut voice = voice(Format::Pcm, 22_050, edge);
        let (sound, mut out) = (tone(1000.0, edge, edge as usize), Vec::new());
        for piece in sound.chunks(edge as usize / 5) {
            voice.take(piece, &mut out).unwrap();
            assert!(voice.covered() <= u64::from(edge));
        }
        voice.finish(&mut out).unwrap();
        assert_eq!((out.len() / 2, voice.covered()), (22_050, u64::from(edge)), "{edge}");
        let wanted = tone(1000.0, 22_050, 22_050);
        let samples = |bytes: &[u8]| -> Vec<f32> {
            bytes.as_chunks::<2>().0.iter().map(|pair| f32::from(i16::from_le_bytes(*pair))).collect()
        };
        let (got, wanted) = (samples(&out), samples(&wanted));
        let (mut error, mut power) = (0.0, 0.0);
        // The ends hear the filter begin and end.
        for (got, wanted) in got.iter().zip(&wanted).skip(1000).take(20_000) {
            error += (got - wanted).powi(2);
            power += wanted.powi(2);
        }
        assert!(10.0 * f32::log10(power / error) > 60.0, "{edge}: {}", 10.0 * f32::log10(power / error));
    }
}

/// Sound counts as gone only when a page carries it.
#[test]
fn opus_covers_what_its_pages_carry_and_at_the_end_all() {
    let mut voice = voice(opus(20), 16_000, 16_000);
    let sound = tone(440.0, 16_000, 960);
    let mut sizes = Vec::new();
    let mut stream = Vec::new();
    for piece in sound.chunks(2 * 160) {
        let before = stream.len();
        voice.take(piece, &mut stream).unwrap();
        sizes.push(pages(&stream[before..]).len());
        assert!(voice.covered() <= 960);
    }
    assert_eq!(sizes, [0, 2, 0, 1, 0, 1]);
    assert!(voice.covered() < 960);
    let before = stream.len();
    voice.finish(&mut stream).unwrap();
    assert_eq!((pages(&stream[before..]).len(), voice.covered()), (2, 960));
    assert_eq!(pages(&stream).last(), Some(&(4, 312 + 960 * 3)));
}

#[test]
fn opus_at_a_rate_no_edge_can_have_keeps_the_length() {
    let mut voice = voice(opus(60), 12_000, 48_000);
    let mut stream = Vec::new();
    for piece in tone(300.0, 48_000, 48_000).chunks(9600) {
        voice.take(piece, &mut stream).unwrap();
    }
    voice.finish(&mut stream).unwrap();
    assert_eq!((pages(&stream).last(), voice.covered()), (Some(&(4, 312 + 48_000)), 48_000));
}

#[test]
fn a_request_without_sound_has_no_bytes() {
    for format in [Format::Pcm, opus(20)] {
        let (mut voice, mut out) = (voice(format, 16_000, 16_000), Vec::new());
        voice.finish(&mut out).unwrap();
        assert!(out.is_empty() && voice.covered() == 0);
    }
}
