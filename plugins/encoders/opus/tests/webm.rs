//! WebM: what two independent demultiplexers and three decoders make of a file.

mod common;

use std::io::Cursor;

use common::{Stream, combinations, ffmpeg, floats, run, settings, snr, voice};
use glottis_encoder_opus::{OpusSettings, WebmOpus, ogg_opus, webm_opus};
use proptest::prelude::*;
use symphonia::core::formats::{FormatOptions, FormatReader, SeekMode, SeekTo, TrackType, probe::Hint};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;
use symphonia::core::units::Time;

const LENGTHS: [usize; 6] = [1, 159, 320, 321, 16_000, 48_007];

fn open(bytes: &[u8]) -> Box<dyn FormatReader> {
    let stream = MediaSourceStream::new(Box::new(Cursor::new(bytes.to_vec())), Default::default());
    let hint = &mut Hint::new();
    symphonia::default::get_probe()
        .probe(hint.with_extension("webm"), stream, FormatOptions::default(), MetadataOptions::default())
        .expect("a WebM file")
}

/// The stream in a WebM file, read with symphonia, and the time stamp of each packet in milliseconds.
fn demux(bytes: &[u8]) -> (Stream, Vec<i64>) {
    let mut reader = open(bytes);
    let track = reader.default_track(TrackType::Audio).expect("an audio track");
    let params = track.codec_params.as_ref().unwrap().audio().unwrap();
    assert_eq!(params.sample_rate, Some(48_000));
    let mut stream = Stream::head(params.extra_data.as_deref().expect("an OpusHead"));
    let mut times = Vec::new();
    while let Some(packet) = reader.next_packet().expect("whole blocks only") {
        times.push(packet.pts.get());
        stream.packets.push(packet.data.to_vec());
    }
    (stream, times)
}

#[test]
fn the_packets_are_those_of_the_ogg_stream() {
    for (rate, frame, application) in combinations() {
        let settings = settings(frame, application);
        let sound = voice(rate, rate as usize / 2 + 11);
        let (webm, times) = demux(&webm_opus(&sound, rate, &settings).unwrap());
        let ogg = Stream::ogg(&ogg_opus(&sound, rate, &settings).unwrap(), None);
        assert_eq!((webm.rate, webm.pre_skip), (ogg.rate, ogg.pre_skip));
        assert_eq!(webm.packets, ogg.packets);
        // The reader takes the codec's delay off, and rounds to milliseconds.
        for (n, time) in times.into_iter().enumerate() {
            let expected = n as f64 * frame as f64 / 1e3 - webm.pre_skip as f64 / 48.0;
            assert!((time as f64 - expected).abs() <= 1.0, "{time} ms for {expected} ms, {settings:?}");
        }
    }
}

#[test]
fn every_combination_plays_exactly_as_long_as_what_went_in() {
    for (rate, frame, application) in combinations() {
        let settings = settings(frame, application);
        let sound = voice(rate, rate as usize / 2 + 7);
        let bytes = webm_opus(&sound, rate, &settings).unwrap();
        let Some(heard) = ffmpeg(&bytes, "webm", "libopus") else { return };
        assert_eq!(heard.len(), sound.len() * (48_000 / rate) as usize, "{settings:?} at {rate} Hz");
        let ogg = Stream::ogg(&ogg_opus(&sound, rate, &settings).unwrap(), None);
        let agreement = snr(&floats(&heard), &ogg.play());
        assert!(agreement > 40.0, "{agreement} dB beside Ogg, {settings:?} at {rate} Hz");
    }
}

#[test]
fn ffprobe_tells_the_length() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("turn.webm");
    for length in LENGTHS {
        let bytes = webm_opus(&voice(16_000, length), 16_000, &OpusSettings::default()).unwrap();
        std::fs::write(&file, &bytes).unwrap();
        let entries = "format=format_name,duration:stream=codec_name,sample_rate,channels";
        let args = ["-v", "warning", "-show_entries", entries, "-of", "flat", "FILE"];
        let Some(report) = run("ffprobe", &args, &file) else { return };
        let report = String::from_utf8(report).unwrap();
        let value = |key: &str| {
            let line = report.lines().find_map(|line| line.split_once('=').filter(|(name, _)| name.ends_with(key)));
            line.unwrap_or_else(|| panic!("no {key} in {report}")).1.trim_matches('"').to_owned()
        };
        assert_eq!(value(".format_name"), "matroska,webm");
        assert_eq!([".codec_name", ".sample_rate", ".channels"].map(value), ["opus", "48000", "1"]);
        let duration: f64 = value(".duration").parse().unwrap();
        assert!((duration - length as f64 / 16_000.0).abs() < 0.001, "{duration} s for {length} samples");
        // Where padding is cut off the first packet, ffmpeg forgets to leave out the pre-skip: a turn of
        // one packet, which is at most 13.5 ms long, plays 6.5 ms longer there.
        let one_packet = if length <= 216 { 312 } else { 0 };
        for codec in ["opus", "libopus"] {
            let heard = ffmpeg(&bytes, "webm", codec).map(|heard| heard.len());
            assert_eq!(heard, Some(length * 3 + one_packet), "{codec}");
        }
    }
}

#[test]
fn a_turn_without_sound_is_a_file_of_no_length() {
    let bytes = webm_opus::<i16>(&[], 16_000, &OpusSettings::default()).unwrap();
    assert_eq!(demux(&bytes).0.packets.len(), 1);
}

#[test]
fn a_long_turn_can_be_sought_in() {
    let sound = voice(16_000, 16_000 * 33);
    let bytes = webm_opus(&sound, 16_000, &OpusSettings::default()).unwrap();
    let mut reader = open(&bytes);
    for seconds in [31_u32, 2, 17] {
        let to = SeekTo::Time { time: Time::from_millis(i64::from(seconds) * 1_000), track_id: None };
        reader.seek(SeekMode::Accurate, to).expect("an index");
        let packet = reader.next_packet().unwrap().expect("a packet there");
        let off = i64::from(seconds) * 1_000 - packet.pts.get();
        assert!(off.abs() <= 20, "{} ms for {seconds} s", packet.pts.get());
    }
    if let Some(heard) = ffmpeg(&bytes, "webm", "libopus") {
        assert_eq!(heard.len(), sound.len() * 3);
    }
}

/// The value of an EBML variable-length integer, with or without its length marker, and its bytes.
fn vint(bytes: &[u8], marker: bool) -> (u64, usize) {
    let length = bytes[0].leading_zeros() as usize + 1;
    let value = number(&bytes[..length]);
    (if marker { value } else { value & !(1 << (7 * length)) }, length)
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |value, &byte| value << 8 | u64::from(byte))
}

/// The children of an element: ID, place in it, content. Fails where the sizes do not add up.
fn children(mut bytes: &[u8]) -> Vec<(u64, usize, &[u8])> {
    let (whole, mut found) = (bytes.len(), Vec::new());
    while !bytes.is_empty() {
        let place = whole - bytes.len();
        let (id, a) = vint(bytes, true);
        let (size, b) = vint(&bytes[a..], false);
        let (content, rest) = bytes[a + b..].split_at(size as usize);
        found.push((id, place, content));
        bytes = rest;
    }
    found
}

/// The child of this ID.
fn child(bytes: &[u8], id: u64) -> Option<&[u8]> {
    children(bytes).into_iter().find(|child| child.0 == id).map(|child| child.2)
}

#[test]
fn delay_and_padding_tell_the_exact_length() {
    for (rate, frame, application) in combinations() {
        for length in [0].into_iter().chain(LENGTHS) {
            let bytes = webm_opus(&voice(rate, length), rate, &settings(frame, application)).unwrap();
            let top = children(&bytes);
            assert_eq!(top.iter().map(|child| child.0).collect::<Vec<_>>(), [0x1A45_DFA3, 0x1853_8067]);
            let track = child(child(top[1].2, 0x1654_AE6B).unwrap(), 0xAE).unwrap();
            let delay = number(child(track, 0x56AA).unwrap());
            let blocks: Vec<_> = children(top[1].2)
                .into_iter()
                .filter(|child| child.0 == 0x1F43_B675)
                .flat_map(|cluster| children(cluster.2))
                .filter(|child| [0xA0, 0xA3].contains(&child.0))
                .collect();
            let group = blocks.last().filter(|block| block.0 == 0xA0);
            let padding = group.map_or(0, |group| number(child(group.2, 0x75A2).unwrap()));
            assert!(blocks.iter().rev().skip(1).all(|block| block.0 == 0xA3), "padding within the turn");
            assert!(padding < frame * 1_000, "more padding than the last block is long");
            let told = blocks.len() as u64 * frame * 1_000 - delay - padding;
            let samples = told as f64 * f64::from(rate) / 1e9;
            assert!((samples - length as f64).abs() < 1e-3, "{samples} for {length} at {rate} Hz");
        }
    }
}

#[test]
fn the_index_points_at_clusters() {
    let bytes = webm_opus(&voice(16_000, 16_000 * 13), 16_000, &OpusSettings::default()).unwrap();
    let segment = children(&bytes)[1].2;
    let clusters: Vec<_> = children(segment).into_iter().filter(|child| child.0 == 0x1F43_B675).collect();
    let cues = children(child(segment, 0x1C53_BB6B).expect("an index"));
    assert_eq!((clusters.len(), cues.len()), (3, 3));
    for (cue, cluster) in cues.iter().zip(clusters) {
        assert_eq!(child(cue.2, 0xB3).map(number), child(cluster.2, 0xE7).map(number));
        let position = child(child(cue.2, 0xB7).unwrap(), 0xF1).unwrap();
        assert_eq!(number(position), cluster.1 as u64);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pieces_make_no_difference(
        combination in proptest::sample::select(combinations().collect::<Vec<_>>()),
        pieces in proptest::collection::vec(0_usize..4_000, 0..6),
    ) {
        let (rate, frame, application) = combination;
        let sound = voice(rate, pieces.iter().sum());
        let mut file = WebmOpus::new(rate, &settings(frame, application)).unwrap();
        let mut rest = &sound[..];
        for piece in pieces {
            let (now, later) = rest.split_at(piece);
            file.push(now).unwrap();
            rest = later;
        }
        prop_assert_eq!(file.taken(), sound.len() as u64);
        let bytes = file.finish().unwrap();
        prop_assert_eq!(&bytes, &webm_opus(&sound, rate, &settings(frame, application)).unwrap());
        let (stream, _) = demux(&bytes);
        let frames = (sound.len() + stream.pre_skip * rate as usize / 48_000).div_ceil((u64::from(rate) * frame / 1_000_000) as usize);
        prop_assert_eq!(stream.packets.len(), frames);
    }
}
