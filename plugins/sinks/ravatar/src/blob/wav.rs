//! A turn as WAV: PCM16, mono, the canonical header of 44 bytes (RIFF, a 16-byte `fmt ` of format 1,
//! `data`), as the service's own guide shows it.

use glottis_core::Rate;

use super::container::{Failed, Recording};

const HEADER: usize = 44;

/// Where the header says how much follows it, and how much of that is samples.
const RIFF_SIZE: usize = 4;
const DATA_SIZE: usize = 40;

pub(super) struct Wav(Vec<u8>);

impl Wav {
    pub(super) fn new(rate: Rate) -> Wav {
        let mut file = Vec::with_capacity(HEADER);
        file.extend_from_slice(b"RIFF\0\0\0\0WAVEfmt ");
        file.extend_from_slice(&16_u32.to_le_bytes());
        // Format 1 (PCM), one channel.
        file.extend_from_slice(&[1, 0, 1, 0]);
        file.extend_from_slice(&rate.hz().to_le_bytes());
        file.extend_from_slice(&(rate.hz() * 2).to_le_bytes());
        // Two bytes per frame, 16 bits per sample.
        file.extend_from_slice(&[2, 0, 16, 0]);
        file.extend_from_slice(b"data\0\0\0\0");
        Wav(file)
    }

    /// A turn never has 4 GB: a message cannot.
    fn write_size(&mut self, at: usize, size: usize) {
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        self.0[at..at + 4].copy_from_slice(&size.to_le_bytes());
    }
}

impl Recording for Wav {
    fn push(&mut self, pcm: &[u8]) -> Result<(), Failed> {
        self.0.extend_from_slice(pcm);
        Ok(())
    }

    fn most(&self, pcm: usize) -> usize {
        self.0.len() + pcm
    }

    fn finish(mut self: Box<Self>) -> Result<Vec<u8>, Failed> {
        let length = self.0.len();
        self.write_size(RIFF_SIZE, length - 8);
        self.write_size(DATA_SIZE, length - HEADER);
        Ok(self.0)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn wav(chunks: &[&[u8]]) -> Vec<u8> {
        let mut wav = Box::new(Wav::new(Rate::new(16_000).unwrap()));
        for chunk in chunks {
            assert_eq!(wav.most(chunk.len()), wav.0.len() + chunk.len());
            wav.push(chunk).unwrap();
        }
        wav.finish().unwrap()
    }

    /// C39, C43: the vector of the dossier.
    #[test]
    fn the_header_is_the_canonical_one() {
        let empty = STANDARD.encode(wav(&[]));
        assert_eq!(empty, "UklGRiQAAABXQVZFZm10IBAAAAABAAEAgD4AAAB9AAACABAAZGF0YQAAAAA=");
    }

    #[test]
    fn sizes_and_samples_follow() {
        let file = wav(&[&[1, 0, 2, 0], &[3, 0]]);
        assert_eq!(file.len(), 50);
        assert_eq!(file[RIFF_SIZE..8], 42_u32.to_le_bytes());
        assert_eq!(file[DATA_SIZE..HEADER], 6_u32.to_le_bytes());
        assert_eq!(file[HEADER..], [1, 0, 2, 0, 3, 0]);
    }
}
