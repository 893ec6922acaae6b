//! Judging audio: loudness, containers, WAV headers, base64. Pure functions, any thread.

use super::findings::{Code, Findings};
use super::webm;
use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD};
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use serde::Serialize;

/// Loudness of some samples, full scale 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Level {
    /// Root mean square.
    pub rms: f64,
    /// Largest magnitude.
    pub peak: f64,
}

impl Level {
    /// Measures samples; silence for none.
    pub fn of(samples: &[i16]) -> Self {
        let scaled = || samples.iter().map(|&sample| f64::from(sample) / 32_768.0);
        let squares: f64 = scaled().map(|x| x * x).sum();
        Self { rms: (squares / samples.len().max(1) as f64).sqrt(), peak: scaled().map(f64::abs).fold(0.0, f64::max) }
    }
}

/// What a blob is, judged by its first bytes; no media type is transmitted (RAVATAR dossier 8.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Container {
    /// RIFF, with or without `WAVE` behind it.
    Riff,
    /// EBML: WebM or Matroska.
    Ebml,
    /// Ogg.
    Ogg,
    /// None of them.
    Unknown,
}

/// What could be measured of a blob. Only WAV is decoded; of Opus in Ogg or WebM the length is
/// known, not the loudness.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BlobFacts {
    /// What it is.
    pub container: Container,
    /// Its size in bytes.
    pub bytes: usize,
    /// Number of sample frames.
    pub samples: Option<u64>,
    /// Samples per second.
    pub rate: Option<u32>,
    /// Number of channels.
    pub channels: Option<u16>,
    /// Bits per sample.
    pub bits: Option<u16>,
    /// Length in seconds.
    pub seconds: Option<f64>,
    /// Loudness, for 16-bit WAV.
    pub level: Option<Level>,
    /// Whether the sizes in a WAV header match the blob.
    pub sizes_match: Option<bool>,
}

/// 16-bit samples of PCM bytes; an odd last byte is ignored.
pub(crate) fn samples(bytes: &[u8]) -> Vec<i16> {
    let pairs = bytes.chunks_exact(2);
    pairs.map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// Measures a blob and records what is unusual about it.
pub(crate) fn measure(blob: &[u8], findings: &mut Findings) -> BlobFacts {
    let mut facts = BlobFacts {
        container: sniff(blob),
        bytes: blob.len(),
        samples: None,
        rate: None,
        channels: None,
        bits: None,
        seconds: None,
        level: None,
        sizes_match: None,
    };
    match facts.container {
        Container::Riff => measure_wav(blob, &mut facts, findings),
        Container::Ogg => measure_ogg(blob, &mut facts),
        Container::Ebml => measure_webm(blob, &mut facts),
        Container::Unknown => {
            findings.violation(Code::BlobContainer, "the blob is neither RIFF nor EBML nor Ogg");
        }
    }
    facts
}

fn sniff(blob: &[u8]) -> Container {
    match blob.get(..4) {
        Some(b"RIFF") => Container::Riff,
        Some(b"OggS") => Container::Ogg,
        Some([0x1a, 0x45, 0xdf, 0xa3]) => Container::Ebml,
        _ => Container::Unknown,
    }
}

/// The parts of a WAV that matter here.
struct Wav<'a> {
    format: u16,
    channels: u16,
    rate: u32,
    bits: u16,
    data: &'a [u8],
    sizes_match: bool,
}

fn measure_wav(blob: &[u8], facts: &mut BlobFacts, findings: &mut Findings) {
    let Some(wav) = read_wav(blob) else {
        findings.note(Code::WavFormat, "RIFF without a readable `fmt ` and `data` chunk");
        return;
    };
    let usual = (wav.format, wav.channels, wav.rate, wav.bits) == (1, 1, 16_000, 16);
    if !usual {
        let Wav { format, channels, rate, bits, .. } = wav;
        let detail = format!("format {format}, {channels} channels, {rate} Hz, {bits} bits");
        findings.note(Code::WavFormat, detail);
    }
    if !wav.sizes_match {
        findings.note(Code::WavSizes, "the header's sizes do not match the blob");
    }
    let width = u64::from(wav.channels) * u64::from(wav.bits / 8);
    let frames = (wav.data.len() as u64).checked_div(width);
    facts.samples = frames;
    facts.rate = Some(wav.rate);
    facts.channels = Some(wav.channels);
    facts.bits = Some(wav.bits);
    facts.seconds = frames.filter(|_| wav.rate > 0).map(|n| n as f64 / f64::from(wav.rate));
    facts.level = wav_samples(blob).map(|samples| Level::of(&samples));
    facts.sizes_match = Some(wav.sizes_match);
}

/// The samples of a 16-bit PCM WAV, channels interleaved.
pub(crate) fn wav_samples(blob: &[u8]) -> Option<Vec<i16>> {
    let wav = read_wav(blob)?;
    (wav.format == 1 && wav.bits == 16).then(|| samples(wav.data))
}

fn read_wav(blob: &[u8]) -> Option<Wav<'_>> {
    let riff_size = u32_at(blob, 4)? as usize;
    if blob.get(8..12)? != b"WAVE" {
        return None;
    }
    let mut format = None;
    let mut at = 12;
    loop {
        let id = blob.get(at..at + 4)?;
        let size = u32_at(blob, at + 4)? as usize;
        let body = blob.get(at + 8..)?;
        if id == b"fmt " {
            format = Some((u16_at(body, 0)?, u16_at(body, 2)?, u32_at(body, 4)?, u16_at(body, 14)?));
        } else if id == b"data" {
            let (format, channels, rate, bits) = format?;
            let sizes_match = size <= body.len() && riff_size == blob.len() - 8;
            let data = &body[..size.min(body.len())];
            return Some(Wav { format, channels, rate, bits, data, sizes_match });
        }
        at = at.checked_add(8)?.checked_add(size)?.checked_add(size % 2)?;
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Ogg Opus counts 48 kHz samples in the granule position of its last page, and says in its header how
/// many of the first are not heard.
fn measure_ogg(blob: &[u8], facts: &mut BlobFacts) {
    let Some(last) = blob.windows(4).rposition(|window| window == b"OggS") else {
        return;
    };
    let granule = blob.get(last + 6..last + 14).and_then(|bytes| bytes.try_into().ok());
    let head = blob.windows(12).take(512).find(|window| window.starts_with(b"OpusHead"));
    if let (Some(granule), Some([.., low, high])) = (granule.map(u64::from_le_bytes), head) {
        opus_length(facts, granule.saturating_sub(u16::from_le_bytes([*low, *high]).into()));
    }
}

fn measure_webm(blob: &[u8], facts: &mut BlobFacts) {
    if let Some(samples) = webm::opus_samples(blob) {
        opus_length(facts, samples);
    }
}

/// Opus counts in 48 kHz, whatever was recorded.
fn opus_length(facts: &mut BlobFacts, samples: u64) {
    facts.samples = Some(samples);
    facts.rate = Some(48_000);
    facts.seconds = Some(samples as f64 / 48_000.0);
}

/// Decodes the base64 of field `name`, recording what is not standard about it. Anything a
/// forgiving server could still read is read.
pub(crate) fn decode(name: &str, text: &str, findings: &mut Findings) -> Option<Vec<u8>> {
    let mut text = text;
    if text.starts_with("data:") {
        findings.violation(Code::DataPrefix, format!("`{name}` begins with `data:`"));
        text = text.split_once(',').map_or("", |(_, rest)| rest);
    }
    if let Ok(bytes) = STANDARD.decode(text) {
        return Some(bytes);
    }
    let detail = format!("`{name}` is not standard padded base64");
    findings.violation(Code::Base64, detail);
    decode_leniently(text)
}

fn decode_leniently(text: &str) -> Option<Vec<u8>> {
    const FORGIVING: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_allow_trailing_bits(true)
            .with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let plain: String = text
        .chars()
        .filter(|c| !c.is_ascii_whitespace())
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            c => c,
        })
        .collect();
    FORGIVING.decode(plain).ok()
}

/// A WAV of 16 kHz mono, 16 bits, canonical header (RAVATAR dossier 8.1).
pub(crate) fn wav(samples: &[i16]) -> Vec<u8> {
    let data: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let size = data.len() as u32;
    let mut wav = Vec::with_capacity(44 + data.len());
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(36 + size).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend_from_slice(&16_000_u32.to_le_bytes());
    wav.extend_from_slice(&32_000_u32.to_le_bytes());
    wav.extend_from_slice(b"\x02\0\x10\0data");
    wav.extend_from_slice(&size.to_le_bytes());
    wav.extend_from_slice(&data);
    wav
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dossiers_vectors() {
        let mut findings = Findings::default();
        let bytes = decode("pcm", "AAABAP///38AgA==", &mut findings).unwrap();
        assert_eq!(samples(&bytes), [0, 1, -1, 32767, -32768]);
        let empty = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAgD4AAAB9AAACABAAZGF0YQAAAAA=";
        assert_eq!(STANDARD.encode(wav(&[])), empty);
        assert!(findings.codes().is_empty());
    }

    #[test]
    fn odd_base64_is_noticed_and_still_read() {
        let read = |text: &str| {
            let mut findings = Findings::default();
            (decode("pcm", text, &mut findings), findings.codes())
        };
        assert_eq!(read("data:audio/wav;base64,AAE="), (Some(vec![0, 1]), vec![Code::DataPrefix]));
        assert_eq!(read("AAE"), (Some(vec![0, 1]), vec![Code::Base64]));
        assert_eq!(read("__8="), (Some(vec![255, 255]), vec![Code::Base64]));
        assert_eq!(read("AA\nE="), (Some(vec![0, 1]), vec![Code::Base64]));
        assert_eq!(read("!"), (None, vec![Code::Base64]));
    }

    #[test]
    fn broken_wavs_never_panic() {
        let good = wav(&[1, 2, 3]);
        for cut in 0..good.len() {
            let mut findings = Findings::default();
            let facts = measure(&good[..cut], &mut findings);
            assert_ne!(facts.sizes_match, Some(true));
        }
        let mut huge = good.clone();
        huge[16..20].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(read_wav(&huge).is_none());
        assert_eq!(wav_samples(&good), Some(vec![1, 2, 3]));
    }
}
