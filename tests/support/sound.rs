//! Sound to send and to compare: noise with a seed, WAV files written and read by hand, so that what
//! is compared has not gone through our own code.

use std::path::Path;

/// Loud noise of which no two stretches are alike: any loss, doubling or shift shows.
pub fn noise(frames: usize, seed: u32) -> Vec<i16> {
    let mut x = seed.wrapping_mul(2_654_435_761) | 1;
    (0..frames)
        .map(|_| {
            x ^= x << 13;
            x ^= x >> 17;
            x ^= x << 5;
            (x >> 16) as u16 as i16
        })
        .collect()
}

/// The samples as they lie in a file.
pub fn bytes(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|s| s.to_le_bytes()).collect()
}

/// The samples of raw s16le bytes.
pub fn samples(bytes: &[u8]) -> Vec<i16> {
    assert_eq!(bytes.len() % 2, 0, "half a sample");
    bytes.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect()
}

/// Fields of a WAV header that may lie.
#[derive(Clone, Copy)]
pub struct Header {
    pub tag: u16,
    pub channels: u16,
    pub rate: u32,
    pub bits: u16,
    /// What the header says about the length of the samples, in bytes.
    pub data: u32,
}

/// A WAV file with this header in front of `data`.
pub fn wav_with(header: Header, data: &[u8]) -> Vec<u8> {
    let align = header.channels * header.bits / 8;
    let mut wav = b"RIFF".to_vec();
    wav.extend((36_u32.wrapping_add(header.data)).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0");
    wav.extend(header.tag.to_le_bytes());
    wav.extend(header.channels.to_le_bytes());
    wav.extend(header.rate.to_le_bytes());
    wav.extend(header.rate.wrapping_mul(u32::from(align)).to_le_bytes());
    wav.extend(align.to_le_bytes());
    wav.extend(header.bits.to_le_bytes());
    wav.extend(b"data");
    wav.extend(header.data.to_le_bytes());
    wav.extend(data);
    wav
}

/// A 16-bit WAV file; the samples of several channels are interleaved.
pub fn wav(rate: u32, channels: u16, samples: &[i16]) -> Vec<u8> {
    let data = bytes(samples);
    wav_with(Header { tag: 1, channels, rate, bits: 16, data: data.len() as u32 }, &data)
}

/// What a WAV file holds.
#[derive(Debug, PartialEq)]
pub struct Wav {
    pub rate: u32,
    pub channels: u16,
    pub bits: u16,
    pub data: Vec<u8>,
}

/// Reads a WAV file strictly: every size must be true, and nothing may be missing.
#[track_caller]
pub fn read_wav(path: &Path) -> Wav {
    let file = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    parse_wav(&file)
}

#[track_caller]
pub fn parse_wav(file: &[u8]) -> Wav {
    let u32_at = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
    let u16_at = |at: usize| u16::from_le_bytes(file[at..at + 2].try_into().unwrap());
    assert_eq!((&file[..4], &file[8..12]), (&b"RIFF"[..], &b"WAVE"[..]));
    assert!(u32_at(4) + 8 <= file.len(), "the header tells of {} bytes, there are {}", u32_at(4) + 8, file.len());
    let (mut at, mut format) = (12, None);
    loop {
        let (name, size) = (&file[at..at + 4], u32_at(at + 4));
        at += 8;
        match name {
            b"fmt " => format = Some((u32_at(at + 4) as u32, u16_at(at + 2), u16_at(at + 14))),
            b"data" => {
                let (rate, channels, bits) = format.expect("the format comes before the samples");
                return Wav { rate, channels, bits, data: file[at..at + size].to_vec() };
            }
            _ => {}
        }
        at += size + size % 2;
    }
}

/// The samples of a 16-bit mono WAV file.
#[track_caller]
pub fn read_mono(path: &Path) -> Vec<i16> {
    let wav = read_wav(path);
    assert_eq!((wav.channels, wav.bits), (1, 16));
    samples(&wav.data)
}

/// One of the recorded sentences, 16 kHz mono.
pub fn speech() -> Vec<i16> {
    let name = "tests/fixtures/speech/sense_and_sensibility_01_austen_64kb-0880.wav";
    read_mono(&Path::new(env!("CARGO_MANIFEST_DIR")).join(name))
}

/// What should arrive of `sent` in whole chunks: the rest of the last is zeros.
pub fn padded(sent: &[i16], chunk: usize) -> Vec<i16> {
    let mut padded = sent.to_vec();
    padded.resize(sent.len().next_multiple_of(chunk), 0);
    padded
}

/// `assert_eq!` for sound: says where it differs instead of printing it all.
#[track_caller]
pub fn is_equal(got: &[i16], wanted: &[i16]) {
    let differs = got.iter().zip(wanted).position(|(a, b)| a != b);
    assert_eq!(differs, None, "the first sample that differs, of {} and {}", got.len(), wanted.len());
    assert_eq!(got.len(), wanted.len(), "number of samples");
}
