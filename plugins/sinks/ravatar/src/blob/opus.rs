//! A turn as Opus, in WebM or Ogg. It is encoded as it comes, so that its end costs no more than any
//! other moment: about a hundredth of real time.

use glottis_core::Rate;
use glottis_encoder_opus::{OggOpus, OpusError, OpusSettings, WebmOpus};

use super::container::{Failed, Recording};

/// Bits per second: at 16 kHz speech at this rate is hard to tell from the original.
const BITRATE: u32 = 32_000;

/// Serial of the Ogg stream, which has its file to itself.
const SERIAL: u32 = 1;

/// Bytes a file has besides its packets, at most: headers, and in WebM an index entry and a head for
/// every five seconds of sound.
const FRONT: usize = 1024;
const PER_CLUSTER: usize = 64;

/// Bytes of a packet, at most: a frame of 1275 bytes and its description (RFC 6716, section 3.2.1), and
/// around it an Ogg page's header with its lacing.
const PER_PACKET: usize = 1276 + 48;

fn settings() -> OpusSettings {
    OpusSettings { bitrate: BITRATE, ..OpusSettings::default() }
}

/// Sound comes as bytes of 16-bit samples.
fn samples(pcm: &[u8]) -> &[[u8; 2]] {
    pcm.as_chunks::<2>().0
}

/// What `pcm` more bytes of sound at `rate` can add to a file, with the packets that are on their way.
fn growth(rate: Rate, pcm: usize) -> usize {
    let per_frame = (u128::from(rate.hz()) * settings().frame.as_micros() / 1_000_000) as usize;
    // The one being filled, the one that waits for it, and one for the encoder's delay.
    let packets = (pcm / 2).div_ceil(per_frame.max(1)) + 3;
    packets * PER_PACKET
}

/// An Ogg file.
pub(super) struct Ogg {
    stream: OggOpus,
    rate: Rate,
    file: Vec<u8>,
}

impl Ogg {
    pub(super) fn new(rate: Rate) -> Result<Ogg, OpusError> {
        Ok(Ogg { stream: OggOpus::new(rate.hz(), &settings(), SERIAL)?, rate, file: Vec::new() })
    }
}

impl Recording for Ogg {
    fn push(&mut self, pcm: &[u8]) -> Result<(), Failed> {
        Ok(self.stream.push(samples(pcm), &mut self.file)?)
    }

    fn most(&self, pcm: usize) -> usize {
        FRONT + self.file.len() + growth(self.rate, pcm)
    }

    fn finish(self: Box<Self>) -> Result<Vec<u8>, Failed> {
        let Ogg { stream, mut file, .. } = *self;
        stream.finish(&mut file)?;
        Ok(file)
    }
}

/// A WebM file.
pub(super) struct Webm {
    file: WebmOpus,
    rate: Rate,
}

impl Webm {
    pub(super) fn new(rate: Rate) -> Result<Webm, OpusError> {
        Ok(Webm { file: WebmOpus::new(rate.hz(), &settings())?, rate })
    }
}

impl Recording for Webm {
    fn push(&mut self, pcm: &[u8]) -> Result<(), Failed> {
        Ok(self.file.push(samples(pcm))?)
    }

    fn most(&self, pcm: usize) -> usize {
        let seconds = (self.file.taken() as usize + pcm / 2) / self.rate.hz() as usize;
        FRONT + PER_CLUSTER * (seconds / 5 + 1) + self.file.encoded() + growth(self.rate, pcm)
    }

    fn finish(self: Box<Self>) -> Result<Vec<u8>, Failed> {
        Ok(self.file.finish()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::Container;

    /// Noise, which needs the most bits.
    fn noise(frames: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as i16
        };
        (0..frames).flat_map(|_| next().to_le_bytes()).collect()
    }

    #[test]
    fn a_file_is_never_longer_than_announced() {
        let rate = Rate::new(16_000).unwrap();
        for container in [Container::Ogg, Container::Webm, Container::Wav] {
            for (chunk, chunks) in [(1, 1), (100, 3), (4096, 1), (4096, 60)] {
                let mut file = container.record(rate).unwrap();
                let mut most = 0;
                for _ in 0..chunks {
                    let pcm = noise(chunk);
                    most = file.most(pcm.len());
                    file.push(&pcm).unwrap();
                }
                let length = file.finish().unwrap().len();
                assert!(length <= most, "{container:?} of {chunks} × {chunk}: {length} > {most}");
            }
        }
    }

    #[test]
    fn the_chunks_of_a_file_make_no_difference() {
        let rate = Rate::new(16_000).unwrap();
        let pcm = noise(20_000);
        for container in [Container::Ogg, Container::Webm] {
            let file = |chunk: usize| {
                let mut file = container.record(rate).unwrap();
                for chunk in pcm.chunks(chunk * 2) {
                    file.push(chunk).unwrap();
                }
                file.finish().unwrap()
            };
            assert_eq!(file(20_000), file(333));
        }
    }
}
