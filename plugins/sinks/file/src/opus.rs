//! Opus in an Ogg stream, page by page. The sink's task: a page holds 20 ms, which take some tenths of a
//! millisecond to encode.
//!
//! A file that was cut short plays up to its last whole page: nothing has to be written again. What is
//! put runs behind the sound, 47 ms at the most: a frame that is not full, the page that waits for the
//! next, and the codec's look-ahead.

use glottis_core::Packet;
use glottis_encoder_opus::{Application, OggOpus, OpusSettings, RATES, Sample};

use crate::output::Output;
use crate::track::Track;

/// The serial of the only stream in its file.
const SERIAL: u32 = 1;

/// Silence, a piece of it.
const SILENCE: [i16; 960] = [0; 960];

/// Whether there is Opus of `rate` Hz.
pub(crate) fn takes(rate: u32) -> bool {
    RATES.contains(&rate)
}

/// An Opus stream under way.
pub(crate) struct Opus {
    /// `None` once it has ended.
    stream: Option<OggOpus>,
    /// Frames of the stream that has ended.
    frames: u64,
    pages: Vec<u8>,
}

impl Opus {
    pub(crate) fn new(rate: u32) -> Result<Opus, String> {
        // A recording shall be like what was heard.
        let settings = OpusSettings { application: Application::Audio, ..OpusSettings::default() };
        let stream = OggOpus::new(rate, &settings, SERIAL).map_err(|error| error.to_string())?;
        Ok(Opus { stream: Some(stream), frames: 0, pages: Vec::new() })
    }

    /// Encodes `samples` and puts the pages that are ready.
    fn push<S: Sample>(&mut self, samples: &[S], out: &mut Output) -> Result<(), String> {
        let Some(stream) = &mut self.stream else { return Err("its stream has ended".to_owned()) };
        self.pages.clear();
        stream.push(samples, &mut self.pages).map_err(|error| error.to_string())?;
        out.put(&self.pages);
        Ok(())
    }
}

impl Track for Opus {
    fn start(&mut self, out: &mut Output) {
        if let Some(stream) = &mut self.stream {
            stream.headers(&mut self.pages);
            out.put(&self.pages);
        }
    }

    fn chunk(&mut self, packet: &Packet, out: &mut Output) -> Result<u64, String> {
        let (samples, _) = packet.body.as_chunks::<2>();
        self.push(samples, out)?;
        Ok(samples.len() as u64)
    }

    fn silence(&mut self, frames: usize, out: &mut Output) -> Result<(), String> {
        let mut left = frames;
        while left > 0 {
            let now = left.min(SILENCE.len());
            self.push(&SILENCE[..now], out)?;
            left -= now;
        }
        Ok(())
    }

    fn frames(&self) -> u64 {
        self.stream.as_ref().map_or(self.frames, OggOpus::written)
    }

    fn finish(&mut self, out: &mut Output) -> Result<(), String> {
        let Some(stream) = self.stream.take() else { return Ok(()) };
        self.frames = stream.taken();
        self.pages.clear();
        stream.finish(&mut self.pages).map_err(|error| error.to_string())?;
        out.put(&self.pages);
        Ok(())
    }
}
