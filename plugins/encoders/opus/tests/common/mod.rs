//! The other end of a stream: readers and decoders that are not ours.

#![allow(dead_code, missing_docs)]

use std::io::Cursor;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use glottis_encoder_opus::{Application, OpusSettings};

pub const APPLICATIONS: [Application; 3] = [Application::Voip, Application::Audio, Application::LowDelay];

pub fn settings(frame_us: u64, application: Application) -> OpusSettings {
    OpusSettings { frame: Duration::from_micros(frame_us), application, ..OpusSettings::default() }
}

/// Every combination of rate, frame in microseconds and application there is.
pub fn combinations() -> impl Iterator<Item = (u32, u64, Application)> {
    let frames = |application| match application {
        Application::LowDelay => &[2_500, 5_000, 10_000, 20_000, 40_000, 60_000][..],
        _ => &[10_000, 20_000, 40_000, 60_000][..],
    };
    glottis_encoder_opus::RATES.into_iter().flat_map(move |rate| {
        APPLICATIONS
            .into_iter()
            .flat_map(move |application| frames(application).iter().map(move |&frame| (rate, frame, application)))
    })
}

/// A tone at half of full scale.
pub fn tone(hz: f32, rate: u32, samples: usize) -> Vec<i16> {
    let step = std::f32::consts::TAU * hz / rate as f32;
    (0..samples).map(|i| ((i as f32 * step).sin() * 16_384.0) as i16).collect()
}

/// A voice-like sound: 180, 360 and 720 Hz that come and go three times a second.
pub fn voice(rate: u32, samples: usize) -> Vec<i16> {
    (0..samples)
        .map(|i| {
            let t = i as f32 / rate as f32 * std::f32::consts::TAU;
            let sound = (t * 180.0).sin() + (t * 360.0).sin() * 0.5 + (t * 720.0).sin() * 0.25;
            (sound * (0.6 + 0.4 * (t * 3.0).sin()) * 10_000.0) as i16
        })
        .collect()
}

/// White noise, the same every time: like itself at no other lag.
pub fn noise(samples: usize) -> Vec<i16> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as i16 / 3
    };
    (0..samples).map(|_| next()).collect()
}

/// A page as it lies in the bytes: flags, granule, sequence.
pub fn pages(bytes: &[u8]) -> Vec<(u8, u64, u32)> {
    let mut pages = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        assert_eq!(&rest[..5], b"OggS\0");
        let segments = rest[26] as usize;
        let length: usize = rest[27..27 + segments].iter().map(|&n| n as usize).sum();
        let granule = u64::from_le_bytes(rest[6..14].try_into().unwrap());
        pages.push((rest[5], granule, u32::from_le_bytes(rest[18..22].try_into().unwrap())));
        rest = &rest[27 + segments + length..];
    }
    pages
}

/// A stream, read and decoded: checksums, order and headers are in order.
pub struct Stream {
    pub pre_skip: usize,
    pub rate: u32,
    pub packets: Vec<Vec<u8>>,
    /// Position of each packet's page.
    pub granules: Vec<u64>,
}

impl Stream {
    /// Reads Ogg Opus with the `ogg` crate, which checks every checksum.
    pub fn ogg(bytes: &[u8], serial: Option<u32>) -> Stream {
        let mut reader = ogg::PacketReader::new(Cursor::new(bytes));
        let head = reader.read_packet_expected().expect("a first packet");
        assert!(head.first_in_stream());
        let tags = reader.read_packet_expected().expect("a second packet");
        assert_eq!(&tags.data[..16], b"OpusTags\x0B\0\0\0glot");
        let mut stream = Stream::head(&head.data);
        let mut ended = false;
        while let Some(packet) = reader.read_packet().expect("whole pages only") {
            assert!(!ended, "a packet behind the end");
            assert!(packet.first_in_page() && packet.last_in_page(), "one packet per page");
            assert!(serial.is_none_or(|serial| serial == packet.stream_serial()));
            ended = packet.last_in_stream();
            stream.granules.push(packet.absgp_page());
            stream.packets.push(packet.data);
        }
        assert!(ended, "the last page says so");
        stream
    }

    pub fn head(head: &[u8]) -> Stream {
        assert_eq!(head.len(), 19);
        assert_eq!(&head[..10], b"OpusHead\x01\x01");
        assert_eq!(&head[16..], [0, 0, 0], "no gain, mapping family 0");
        Stream {
            pre_skip: u16::from_le_bytes([head[10], head[11]]).into(),
            rate: u32::from_le_bytes(head[12..16].try_into().unwrap()),
            packets: Vec::new(),
            granules: Vec::new(),
        }
    }

    /// All of what the packets hold, at `rate` Hz.
    pub fn decode_all(&self, rate: u32) -> Vec<f32> {
        let mut decoder = opus_rs::OpusDecoder::new(rate as i32, 1).unwrap();
        let longest = rate as usize * 60 / 1000;
        let mut sound = Vec::new();
        for packet in &self.packets {
            let mut piece = vec![0.0; longest];
            // A packet of one byte does not say how much it stands for: it is as long as the others.
            let got = decoder.decode(packet, longest, &mut piece).expect("a packet that decodes");
            sound.extend(&piece[..got]);
        }
        sound
    }

    /// What a player of 48 kHz plays.
    pub fn play(&self) -> Vec<f32> {
        let mut sound = self.decode_all(48_000);
        let end = *self.granules.last().unwrap() as usize;
        assert!(sound.len() >= end, "{} samples decoded, {end} told", sound.len());
        sound.truncate(end);
        sound.split_off(self.pre_skip.min(end))
    }
}

/// What `program` prints, or `None`, and why, where it is not installed.
pub fn run(program: &str, args: &[&str], file: &Path) -> Option<Vec<u8>> {
    let args = args.iter().map(|arg| if *arg == "FILE" { file.as_os_str().to_owned() } else { arg.into() });
    match Command::new(program).args(args).output() {
        Ok(output) => {
            let complaints = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{program} {}: {complaints}", file.display());
            Some(output.stdout)
        }
        Err(error) => {
            eprintln!("skipped: {program} cannot be run here ({error})");
            None
        }
    }
}

/// The samples at 48 kHz of `bytes`, by ffmpeg's decoder `codec`; it says nothing of errors.
pub fn ffmpeg(bytes: &[u8], ending: &str, codec: &str) -> Option<Vec<i16>> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(format!("sound.{ending}"));
    std::fs::write(&file, bytes).unwrap();
    let args = [
        "-v",
        "error",
        "-xerror",
        "-c:a",
        codec,
        "-i",
        "FILE",
        "-f",
        "s16le",
        "-c:a",
        "pcm_s16le",
        "-ar",
        "48000",
        "-",
    ];
    let raw = run("ffmpeg", &args, &file)?;
    Some(raw.as_chunks::<2>().0.iter().map(|&pair| i16::from_le_bytes(pair)).collect())
}

/// The ratio, in dB, of `wanted` to what `got` has besides, at the best gain.
pub fn snr(wanted: &[f32], got: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let gain = dot(wanted, got) / dot(wanted, wanted);
    let noise: f64 = wanted.iter().zip(got).map(|(a, b)| (f64::from(*b) - f64::from(*a) * gain).powi(2)).sum();
    (10.0 * (gain * gain * dot(wanted, wanted) / noise).log10()) as f32
}

/// The ratio, in dB, of the tone of `hz`, whatever its phase, to all else in `sound`.
pub fn purity(hz: f32, rate: u32, sound: &[f32]) -> f32 {
    let step = std::f64::consts::TAU * f64::from(hz) / f64::from(rate);
    let (mut sine, mut cosine, mut all) = (0.0, 0.0, 0.0);
    for (i, &sample) in sound.iter().enumerate() {
        let sample = f64::from(sample);
        sine += sample * (i as f64 * step).sin();
        cosine += sample * (i as f64 * step).cos();
        all += sample * sample;
    }
    let tone = (sine * sine + cosine * cosine) * 2.0 / sound.len() as f64;
    (10.0 * (tone / (all - tone)).log10()) as f32
}

pub fn floats(samples: &[i16]) -> Vec<f32> {
    samples.iter().map(|&s| f32::from(s) / 32_768.0).collect()
}
