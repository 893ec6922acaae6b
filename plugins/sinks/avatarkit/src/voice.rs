//! The sound of one request as it goes over the wire: 16-bit samples or one Ogg stream, converted where
//! no edge can have the service's rate. Owned by the sink's task.
//!
//! Packing happens here and not in the outlet, because a request is no segment: it may end, and the next
//! begin, in the middle of one. A frame of Opus costs less than a millisecond, so the task may do it.

use glottis_core::Rate;
use glottis_core::convert::{f32_to_i16, i16_to_f32};
use glottis_core::feed::Door;
use glottis_encoder_opus::{OggOpus, OpusError, OpusSettings};
use glottis_source_door::converter;

use crate::config::{Audio, Format};

/// One request's sound, from its first frame to its last.
pub(crate) struct Voice {
    door: Option<Box<dyn Door>>,
    packing: Packing,
    edge: u64,
    wire: u64,
    /// Frames of the edge taken.
    taken: u64,
    finished: bool,
}

/// How samples become bytes.
enum Packing {
    /// As they are; with the frames given out.
    Pcm(u64),
    /// One stream; `None` once it has ended.
    Opus(Option<Box<OggOpus>>),
}

impl Voice {
    /// The voice of a request with sound from an edge of this rate.
    ///
    /// # Errors
    /// The rates do not go together, the encoder refuses its settings, or the system has no randomness;
    /// in words.
    pub(crate) fn new(audio: &Audio, edge: Rate) -> Result<Voice, String> {
        let door = converter(edge.hz(), audio.sample_rate).map_err(|error| error.to_string())?;
        let packing = match audio.format {
            Format::Pcm => Packing::Pcm(0),
            Format::OggOpus { frame, application } => {
                let settings = OpusSettings { frame, application, bitrate: audio.bitrate, ..OpusSettings::default() };
                let serial = getrandom::u32().map_err(|error| error.to_string())?;
                let stream = OggOpus::new(audio.sample_rate, &settings, serial).map_err(|error| error.to_string())?;
                Packing::Opus(Some(Box::new(stream)))
            }
        };
        let (edge, wire) = (edge.hz().into(), audio.sample_rate.into());
        Ok(Voice { door, packing, edge, wire, taken: 0, finished: false })
    }

    /// Takes little-endian samples of the edge and appends to `out` what can go over the wire by now.
    ///
    /// # Errors
    /// The encoder failed.
    pub(crate) fn take(&mut self, pcm: &[u8], out: &mut Vec<u8>) -> Result<(), OpusError> {
        let (pairs, _) = pcm.as_chunks::<2>();
        self.taken += pairs.len() as u64;
        let Some(door) = &mut self.door else { return self.packing.put(pairs, out) };
        let samples: Vec<f32> = pairs.iter().map(|pair| i16_to_f32(i16::from_le_bytes(*pair))).collect();
        let mut result = Ok(());
        door.convert(&samples, &mut |piece| keep(&mut result, self.packing.put_converted(piece, out)));
        result
    }

    /// Appends what is left.
    ///
    /// # Errors
    /// The encoder failed.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), OpusError> {
        let mut result = Ok(());
        if let Some(door) = &mut self.door {
            door.flush(&mut |piece| keep(&mut result, self.packing.put_converted(piece, out)));
        }
        if let Packing::Opus(stream) = &mut self.packing
            && let Some(stream) = stream.take()
        {
            keep(&mut result, stream.finish(out));
        }
        self.finished = true;
        result
    }

    /// Frames of the edge whose sound has come out whole.
    pub(crate) fn covered(&self) -> u64 {
        let given = match &self.packing {
            _ if self.finished => return self.taken,
            Packing::Pcm(given) => *given,
            Packing::Opus(stream) => stream.as_ref().map_or(0, |stream| stream.written()),
        };
        (given * self.edge / self.wire).min(self.taken)
    }
}

impl Packing {
    fn put(&mut self, pairs: &[[u8; 2]], out: &mut Vec<u8>) -> Result<(), OpusError> {
        match self {
            Packing::Pcm(given) => {
                *given += pairs.len() as u64;
                out.extend_from_slice(pairs.as_flattened());
                Ok(())
            }
            Packing::Opus(stream) => stream.as_mut().map_or(Ok(()), |stream| stream.push(pairs, out)),
        }
    }

    fn put_converted(&mut self, samples: &[f32], out: &mut Vec<u8>) -> Result<(), OpusError> {
        match self {
            Packing::Pcm(given) => {
                *given += samples.len() as u64;
                out.extend(samples.iter().flat_map(|sample| f32_to_i16(*sample).to_le_bytes()));
                Ok(())
            }
            Packing::Opus(stream) => stream.as_mut().map_or(Ok(()), |stream| stream.push(samples, out)),
        }
    }
}

/// The first error of several steps.
fn keep(result: &mut Result<(), OpusError>, step: Result<(), OpusError>) {
    if result.is_ok() {
        *result = step;
    }
}

#[cfg(test)]
mod tests;
