//! What the source makes of bytes, however they come.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Duration;

use glottis_core::convert::i16_to_f32;
use glottis_core::feed::{Taken, capture_ring};
use glottis_core::param::{self, Table};
use glottis_core::registry::ComponentKind;
use glottis_core::source::{Source, SourceError};
use glottis_core::{Block, Context, Problem, Rate, Registry, clock};
use proptest::prelude::*;

fn build(keys: Table, input: impl Read + Send + 'static) -> Result<Box<dyn Source>, Vec<Problem>> {
    clock::start();
    let mut registry = Registry::new();
    let input: Box<dyn Read + Send> = Box::new(input);
    let input = Mutex::new(Some(input));
    glottis_source_stdin::register_reading(&mut registry, "standard input", move || {
        input.lock().expect("no panic").take().expect("one source")
    });
    let params = registry.get(ComponentKind::Source, "stdin").expect("registered").params;
    let settings = param::check(&keys, params, "source", Path::new("."), &registry)?;
    registry.source("stdin", &settings, &Context::default())
}

fn raw(format: &str, rate: u32, channels: u32) -> Table {
    Table::default().with("format", format).with("rate", rate).with("channels", channels)
}

/// Everything a source gives, and the error at its end.
fn play(mut source: Box<dyn Source>) -> Result<(Vec<f32>, Option<SourceError>), SourceError> {
    let format = source.format(true)?.expect("a format when looked at");
    let (feed, mut intake) = capture_ring(format.rate, 16, format.waits);
    let mut capture = source.start(feed)?;
    let mut block = Block::new(format.rate);
    let mut samples = Vec::new();
    loop {
        match intake.take(&mut block) {
            Taken::Block => samples.extend_from_slice(block.samples()),
            Taken::Empty => intake.wait(Duration::from_millis(2)),
            Taken::Ended => break,
        }
    }
    samples.truncate(intake.total() as usize);
    Ok((samples, capture.poll().err()))
}

fn noise(k: usize) -> i16 {
    (k as u32).wrapping_mul(2_654_435_761).rotate_left(9) as i16
}

fn s16(frames: usize) -> Vec<u8> {
    (0..frames).flat_map(|k| noise(k).to_le_bytes()).collect()
}

fn wav(hz: u32, riff: u32, data: u32, samples: &[u8]) -> Vec<u8> {
    let mut bytes = b"RIFF".to_vec();
    bytes.extend(riff.to_le_bytes());
    bytes.extend(b"WAVELIST\x05\0\0\0INFOx\0fmt \x10\0\0\0\x01\0\x01\0");
    bytes.extend(hz.to_le_bytes());
    bytes.extend((hz * 2).to_le_bytes());
    bytes.extend(b"\x02\0\x10\0data");
    bytes.extend(data.to_le_bytes());
    bytes.extend(samples);
    bytes
}

fn is_noise(samples: &[f32], frames: usize) {
    assert!(samples.iter().copied().eq((0..frames).map(|k| i16_to_f32(noise(k)))), "{} frames", samples.len());
}

/// Gives its bytes in pieces of these lengths, over and over.
struct Chopped {
    bytes: VecDeque<u8>,
    cuts: Vec<usize>,
    next: usize,
}

impl Read for Chopped {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let cut = self.cuts[self.next % self.cuts.len()];
        self.next += 1;
        if cut == 0 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let n = bytes.len().min(cut);
        self.bytes.read(&mut bytes[..n])
    }
}

/// Gives what is sent; blocks while nothing is.
struct Live(mpsc::Receiver<Vec<u8>>);

impl Read for Live {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let Ok(sent) = self.0.recv() else { return Ok(0) };
        bytes[..sent.len()].copy_from_slice(&sent);
        Ok(sent.len())
    }
}

#[test]
fn raw_samples_of_every_coding_arrive() {
    let bytes = |format: &str| -> Vec<u8> {
        match format {
            "u8" => vec![0, 128, 192],
            "s8" => vec![0x80, 0, 0x40],
            "s16le" => [i16::MIN, 0, 0x4000].iter().flat_map(|s| s.to_le_bytes()).collect(),
            "s24le" => vec![0, 0, 0x80, 0, 0, 0, 0, 0, 0x40],
            "s32le" => [i32::MIN, 0, 1 << 30].iter().flat_map(|s| s.to_le_bytes()).collect(),
            "f32le" => [-1.0_f32, 0.0, 0.5].iter().flat_map(|s| s.to_le_bytes()).collect(),
            _ => [-1.0_f64, 0.0, 0.5].iter().flat_map(|s| s.to_le_bytes()).collect(),
        }
    };
    for format in ["u8", "s8", "s16le", "s24le", "s32le", "f32le", "f64le"] {
        let source = build(raw(format, 16_000, 1), io::Cursor::new(bytes(format))).expect("valid keys");
        assert_eq!(play(source), Ok((vec![-1.0, 0.0, 0.5], None)), "{format}");
    }
    for (format, silence) in [("alaw", 0xD5), ("mulaw", 0xFF)] {
        let source = build(raw(format, 8000, 2), io::Cursor::new(vec![silence; 400])).expect("valid keys");
        let (samples, error) = play(source).expect("it plays");
        assert!(error.is_none() && samples.len() == 200 && samples.iter().all(|s| s.abs() < 0.001), "{format}");
    }
}

#[test]
fn raw_samples_must_say_what_they_are() {
    let problems = build(Table::default().with("format", "s16le"), io::empty()).err().expect("two keys are missing");
    let paths: Vec<&str> = problems.iter().map(|p| p.path.as_str()).collect();
    assert_eq!(paths, ["source.rate", "source.channels"]);
    assert!(problems.iter().all(|p| !p.help.is_empty()));
    assert!(build(Table::default().with("format", "s16"), io::empty()).is_err());
}

#[test]
fn only_raw_samples_have_a_format_before_anything_is_read() {
    let mut source = build(raw("f32le", 22_050, 2), io::empty()).expect("valid keys");
    let format = source.format(false).expect("no error").expect("the keys say it");
    assert_eq!((format.native_hz, format.rate, format.channels), (22_050, Rate::for_source(22_050), 2));
    assert!(format.waits && !source.live());
    let (_writer, input) = mpsc::channel();
    let mut source = build(Table::default(), Live(input)).expect("valid keys");
    assert_eq!(source.format(false), Ok(None));
}

#[test]
fn a_wav_stream_is_read_whatever_sizes_it_claims() {
    for (riff, data) in [(0, 0), (0xFFFF_FFFF, 0xFFFF_FFFF), (0x7FFF_F024, 0x7FFF_F000), (2050, 2000)] {
        let source = build(Table::default(), io::Cursor::new(wav(16_000, riff, data, &s16(1000)))).expect("valid keys");
        let (samples, error) = play(source).expect("it plays");
        assert!(error.is_none(), "{error:?}");
        is_noise(&samples, 1000);
    }
}

#[test]
fn a_wav_stream_that_ends_early_is_played_and_then_says_so() {
    let source = build(Table::default(), io::Cursor::new(wav(16_000, 2050, 2000, &s16(700)))).expect("valid keys");
    let (samples, error) = play(source).expect("it plays");
    is_noise(&samples, 700);
    let error = error.expect("frames are missing");
    assert!(error.code == "Format" && error.message.contains("300 frames"), "{error}");
}

#[test]
fn keys_that_contradict_the_header_are_an_error() {
    for (key, value) in [("rate", 8000), ("channels", 2)] {
        let keys = Table::default().with(key, value);
        let source = build(keys, io::Cursor::new(wav(16_000, 0, 0, &s16(10)))).expect("valid keys");
        let error = play(source).expect_err("a contradiction");
        assert!(error.code == "Format" && error.message.contains(key), "{error}");
    }
    let keys = Table::default().with("rate", 16_000).with("channels", 1);
    assert!(play(build(keys, io::Cursor::new(wav(16_000, 0, 0, &s16(10)))).expect("valid keys")).is_ok());
}

#[test]
fn what_is_no_wav_is_an_error_with_a_remedy() {
    for bytes in [&b""[..], b"RIFF", b"hello, this is no sound at all, only words", &wav(0, 0, 0, &[])] {
        let error =
            play(build(Table::default(), io::Cursor::new(bytes.to_vec())).expect("valid keys")).expect_err("no WAV");
        assert!(error.code == "Format" && error.message.contains("standard input") && error.advice.contains("s16le"));
    }
}

#[test]
fn a_read_that_fails_ends_the_stream_with_what_came_before() {
    struct Fails(bool);
    impl Read for Fails {
        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            if std::mem::replace(&mut self.0, true) {
                return Err(io::Error::other("the cable broke"));
            }
            bytes[..801].copy_from_slice(&s16(500)[..801]);
            Ok(801)
        }
    }
    let (samples, error) = play(build(raw("s16le", 16_000, 1), Fails(false)).expect("valid keys")).expect("it plays");
    is_noise(&samples, 400);
    let error = error.expect("reading failed");
    assert!(error.code == "Input" && error.message.contains("the cable broke"), "{error}");
}

#[test]
fn what_has_come_is_passed_on_at_once() {
    let (writer, input) = mpsc::channel();
    let mut source = build(raw("s16le", 16_000, 1), Live(input)).expect("valid keys");
    let format = source.format(true).expect("no error").expect("the keys say it");
    let (feed, mut intake) = capture_ring(format.rate, 16, true);
    let _capture = source.start(feed).expect("it starts");
    let mut block = Block::new(format.rate);
    for _ in 0..20 {
        // One block; the next is sent only when it has come through.
        writer.send(s16(160)).expect("it reads");
        while !matches!(intake.take(&mut block), Taken::Block) {
            intake.wait(Duration::from_millis(100));
        }
        is_noise(block.samples(), 160);
    }
}

#[test]
fn it_stops_while_the_writer_is_silent() {
    for pace in ["fast", "realtime"] {
        let (writer, input) = mpsc::channel();
        let mut source = build(raw("s16le", 16_000, 1).with("pace", pace), Live(input)).expect("valid keys");
        let format = source.format(true).expect("no error").expect("the keys say it");
        let (feed, mut intake) = capture_ring(format.rate, 16, format.waits);
        let capture = source.start(feed).expect("it starts");
        writer.send(s16(40)).expect("it reads");
        drop(capture);
        let mut block = Block::new(format.rate);
        while !matches!(intake.take(&mut block), Taken::Ended) {
            intake.wait(Duration::from_millis(100));
        }
        // The writer was there all the time.
        drop(writer);
    }
}

#[test]
fn in_real_time_stamps_follow_the_clock() {
    let source_keys = raw("s16le", 16_000, 1).with("pace", "realtime");
    let mut source = build(source_keys, io::Cursor::new(s16(3200))).expect("valid keys");
    let format = source.format(true).expect("no error").expect("the keys say it");
    assert!(!format.waits);
    let (feed, mut intake) = capture_ring(format.rate, 64, false);
    let _capture = source.start(feed).expect("it starts");
    let mut block = Block::new(format.rate);
    let mut stamps = Vec::new();
    loop {
        match intake.take(&mut block) {
            Taken::Block => {
                assert!(clock::now() >= block.captured + 10_000_000);
                stamps.push(block.captured);
            }
            Taken::Empty => intake.wait(Duration::from_millis(2)),
            Taken::Ended => break,
        }
    }
    assert_eq!(stamps.len(), 20);
    assert!(stamps.windows(2).all(|w| w[1] - w[0] == 10_000_000));
}

#[test]
fn it_can_be_played_once() {
    let mut source = build(raw("s16le", 16_000, 1), io::empty()).expect("valid keys");
    let rate = Rate::for_source(16_000);
    let first = source.start(capture_ring(rate, 4, true).0);
    assert!(first.is_ok());
    assert_eq!(source.start(capture_ring(rate, 4, true).0).err().map(|e| e.code), Some("Input"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn chopping_the_bytes_up_changes_nothing(
        cuts in prop::collection::vec(0_usize..200, 1..10),
        frames in 0_usize..2000,
        in_wav in any::<bool>(),
        odd in any::<bool>(),
    ) {
        prop_assume!(cuts.iter().any(|&c| c > 0));
        let mut samples = s16(frames);
        let (keys, bytes) = if in_wav {
            (Table::default(), wav(16_000, 0, 0, &samples))
        } else {
            if odd {
                samples.push(77);
            }
            (raw("s16le", 16_000, 1), samples)
        };
        let input = Chopped { bytes: bytes.into(), cuts, next: 0 };
        let (samples, error) = play(build(keys, input).expect("valid keys")).expect("it plays");
        prop_assert!(error.is_none());
        is_noise(&samples, frames);
    }
}
