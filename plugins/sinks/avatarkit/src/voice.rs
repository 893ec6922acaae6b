//! The sound of one request as it goes over the wire: 16-bit samples, converted where no edge can have
//! the service's rate. Owned by the sink's task.
//!
//! Packing happens here and not in the outlet, because a request is no segment: it may end, and the next
//! begin, in the middle of one.

use glottis_core::Rate;
use glottis_core::convert::{f32_to_i16, i16_to_f32};
use glottis_core::feed::Door;
use glottis_source_door::converter;

use crate::config::Audio;

/// One request's sound, from its first frame to its last.
pub(crate) struct Voice {
    door: Option<Box<dyn Door>>,
    edge: u64,
    wire: u64,
    /// Frames of the edge taken.
    taken: u64,
    /// Frames of the wire given out.
    given: u64,
    finished: bool,
}

impl Voice {
    /// The voice of a request with sound from an edge of this rate.
    ///
    /// # Errors
    /// The rates do not go together; in words.
    pub(crate) fn new(audio: &Audio, edge: Rate) -> Result<Voice, String> {
        let door = converter(edge.hz(), audio.sample_rate).map_err(|error| error.to_string())?;
        let (edge, wire) = (edge.hz().into(), audio.sample_rate.into());
        Ok(Voice { door, edge, wire, taken: 0, given: 0, finished: false })
    }

    /// Takes little-endian samples of the edge and appends to `out` what can go over the wire by now.
    pub(crate) fn take(&mut self, pcm: &[u8], out: &mut Vec<u8>) {
        let (pairs, _) = pcm.as_chunks::<2>();
        self.taken += pairs.len() as u64;
        match &mut self.door {
            None => {
                out.extend_from_slice(pairs.as_flattened());
                self.given = self.taken;
            }
            Some(door) => {
                let samples: Vec<f32> = pairs.iter().map(|pair| i16_to_f32(i16::from_le_bytes(*pair))).collect();
                door.convert(&samples, &mut |piece| give(piece, &mut self.given, out));
            }
        }
    }

    /// Appends what is left.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        if let Some(door) = &mut self.door {
            door.flush(&mut |piece| give(piece, &mut self.given, out));
        }
        self.finished = true;
    }

    /// Frames of the edge whose sound has come out whole.
    pub(crate) fn covered(&self) -> u64 {
        if self.finished { self.taken } else { (self.given * self.edge / self.wire).min(self.taken) }
    }
}

fn give(piece: &[f32], given: &mut u64, out: &mut Vec<u8>) {
    *given += piece.len() as u64;
    out.extend(piece.iter().flat_map(|sample| f32_to_i16(*sample).to_le_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Format;

    fn voice(rate: u32, edge: u32) -> Voice {
        let audio = Audio { format: Format::Pcm, sample_rate: rate, bitrate: 0 };
        Voice::new(&audio, Rate::new(edge).unwrap()).unwrap()
    }

    fn tone(hz: f32, rate: u32, frames: usize) -> Vec<u8> {
        let sample = |n: usize| (n as f32 * hz / rate as f32 * std::f32::consts::TAU).sin() * 0.5;
        (0..frames).flat_map(|n| f32_to_i16(sample(n)).to_le_bytes()).collect()
    }

    #[test]
    fn at_the_edges_own_rate_every_byte_goes_through() {
        let mut voice = voice(16_000, 16_000);
        let (sound, mut out) = (tone(440.0, 16_000, 1600), Vec::new());
        for piece in sound.chunks(322) {
            voice.take(piece, &mut out);
            assert_eq!(voice.covered() as usize, out.len() / 2);
        }
        voice.finish(&mut out);
        assert!(out == sound && voice.covered() == 1600);
    }

    /// Length and sound survive the conversion, in whatever pieces it is made.
    #[test]
    fn a_rate_no_edge_can_have_is_made_at_the_door() {
        for edge in [16_000, 44_100, 48_000] {
            let mut voice = voice(22_050, edge);
            let (sound, mut out) = (tone(1000.0, edge, edge as usize), Vec::new());
            for piece in sound.chunks(edge as usize / 5) {
                voice.take(piece, &mut out);
                assert!(voice.covered() <= u64::from(edge));
            }
            voice.finish(&mut out);
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
}
