//! Sounds as files and bytes, both ways. Control side.

use std::io::Cursor;
use std::path::Path;

use opus_rs::OpusDecoder;
use symphonia::core::codecs::audio::well_known::CODEC_ID_OPUS;
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;

/// The rate Opus is decoded at, in Hz: the one its positions count in.
pub(crate) const OPUS_HZ: u32 = 48_000;

/// A mono sound.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sound {
    pub(crate) hz: u32,
    pub(crate) samples: Vec<f32>,
}

/// Writes `samples` as 16-bit WAV, the same in every channel.
pub(crate) fn write_wav(file: &Path, samples: &[f32], hz: u32, channels: u16) -> Result<(), String> {
    std::fs::write(file, wav(samples, hz, channels)?)
        .map_err(|error| format!("cannot write {}: {error}", file.display()))
}

/// `samples` as 16-bit WAV, the same in every channel.
pub(crate) fn wav(samples: &[f32], hz: u32, channels: u16) -> Result<Vec<u8>, String> {
    let spec =
        hound::WavSpec { channels, sample_rate: hz, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut bytes = Cursor::new(Vec::new());
    let failed = |error: hound::Error| format!("cannot make a WAV file of {channels} channels at {hz} Hz: {error}");
    let mut writer = hound::WavWriter::new(&mut bytes, spec).map_err(failed)?;
    for &sample in samples {
        for _ in 0..channels {
            writer.write_sample(s16(sample)).map_err(failed)?;
        }
    }
    writer.finalize().map_err(failed)?;
    Ok(bytes.into_inner())
}

/// A sample as 16 bits.
pub(crate) fn s16(sample: f32) -> i16 {
    glottis_core::convert::f32_to_i16(sample)
}

/// Samples of 16 bits, little-endian; half a sample at the end is left out.
pub(crate) fn from_s16(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(2).map(|b| glottis_core::convert::i16_to_f32(i16::from_le_bytes([b[0], b[1]]))).collect()
}

/// Samples of 32-bit floats, little-endian.
pub(crate) fn from_f32(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

/// Decodes a mono file: WAV, FLAC, Ogg Opus or WebM with Opus.
pub(crate) fn decode(bytes: Vec<u8>) -> Result<Sound, String> {
    let stream = MediaSourceStream::new(Box::new(Cursor::new(bytes)), Default::default());
    let mut format = symphonia::default::get_probe()
        .probe(&Hint::new(), stream, FormatOptions::default(), MetadataOptions::default())
        .map_err(|error| format!("it is in no format that is known ({error})"))?;
    let track = format.default_track(TrackType::Audio).ok_or("it holds no sound")?;
    let params = track.codec_params.as_ref().and_then(|p| p.audio()).ok_or("its sound is in an unknown codec")?;
    if params.codec == CODEC_ID_OPUS {
        let head = params.extra_data.clone().unwrap_or_default();
        let skip = head.get(10..12).map_or(0, |b| u16::from_le_bytes([b[0], b[1]]));
        let packets = std::iter::from_fn(|| format.next_packet().ok().flatten().map(|packet| packet.data.into_vec()));
        return opus(packets, usize::from(skip));
    }
    let decoder = symphonia::default::get_codecs()
        .make_audio_decoder(params, &AudioDecoderOptions::default())
        .map_err(|error| format!("its codec cannot be decoded ({error})"))?;
    drain(&mut *format, decoder)
}

fn drain(format: &mut dyn FormatReader, mut decoder: Box<dyn AudioDecoder>) -> Result<Sound, String> {
    let mut sound = Sound::default();
    let mut piece = Vec::new();
    while let Ok(Some(packet)) = format.next_packet() {
        let buffer = decoder.decode(&packet).map_err(|error| error.to_string())?;
        sound.hz = buffer.spec().rate();
        buffer.copy_to_vec_interleaved(&mut piece);
        sound.samples.extend_from_slice(&piece);
    }
    Ok(sound)
}

/// Decodes the packets of an Opus stream, without the samples that precede the sound.
pub(crate) fn opus(packets: impl Iterator<Item = Vec<u8>>, skip: usize) -> Result<Sound, String> {
    let mut decoder = OpusDecoder::new(OPUS_HZ as i32, 1)?;
    // 120 ms, the longest packet there is.
    let mut piece = vec![0.0; OPUS_HZ as usize * 120 / 1000];
    let mut samples = Vec::new();
    let mut length = OPUS_HZ as usize / 50;
    for packet in packets {
        // A packet of one byte does not say how much it stands for: it is as long as the one before.
        let most = if packet.len() > 1 { piece.len() } else { length };
        length = decoder.decode(&packet, most, &mut piece)?.min(most);
        samples.extend_from_slice(&piece[..length]);
    }
    samples.drain(..skip.min(samples.len()));
    Ok(Sound { hz: OPUS_HZ, samples })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wav_comes_back_as_it_was() {
        let samples: Vec<f32> = (0..300).map(|i| i as f32 / 512.0 - 0.25).collect();
        assert_eq!(decode(wav(&samples, 16_000, 1).unwrap()).unwrap(), Sound { hz: 16_000, samples });
    }

    #[test]
    fn what_is_no_sound_is_refused_in_words() {
        assert!(decode(b"this is no sound at all".to_vec()).unwrap_err().contains("no format"));
    }
}
