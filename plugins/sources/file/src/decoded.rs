//! A compressed sound file, decoded packet by packet by symphonia. Opened on the control thread, read
//! on the reading thread. A decoder that panics is caught: here while opening, by the reading thread
//! afterwards.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use glottis_core::source::SourceError;
use glottis_source_door::reel::{Piece, Reel};
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;

use crate::tape::Handle;

/// Packets in a row that may be undecodable before the file is given up.
const PATIENCE: u32 = 200;

/// A compressed sound file.
pub struct Decoded {
    format: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track: u32,
    hz: u32,
    channels: u16,
    /// The last packet's samples, interleaved; those before `at` have been read.
    samples: Vec<f32>,
    at: usize,
    /// The samples of the last read begin here.
    from: usize,
    name: String,
    damaged: u64,
    decoded: u64,
    expected: Option<u64>,
    over: bool,
    /// It ended in the middle of something.
    cut: bool,
}

impl Decoded {
    /// Opens what `handle`, at its beginning, holds; `name` is what messages call it.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn open(handle: Handle, extension: Option<&str>, name: &str) -> Result<Decoded, String> {
        catch_unwind(AssertUnwindSafe(|| Decoded::probe(handle, extension, name)))
            .unwrap_or_else(|_| Err("it breaks the decoder".into()))
    }

    fn probe(handle: Handle, extension: Option<&str>, name: &str) -> Result<Decoded, String> {
        let mut hint = Hint::new();
        if let Some(extension) = extension {
            hint.with_extension(extension);
        }
        let stream = MediaSourceStream::new(Box::new(handle), Default::default());
        let format = symphonia::default::get_probe()
            .probe(&hint, stream, FormatOptions::default(), MetadataOptions::default())
            .map_err(|error| format!("it is in no format that is known ({error})"))?;
        let track = format.default_track(TrackType::Audio).ok_or("it holds no sound")?;
        let params = track.codec_params.as_ref().and_then(|p| p.audio()).ok_or("its sound is in an unknown codec")?;
        let decoder = symphonia::default::get_codecs()
            .make_audio_decoder(params, &AudioDecoderOptions::default())
            .map_err(|error| format!("its codec cannot be decoded ({error})"))?;
        let (track, expected) = (track.id, track.num_frames);
        let mut decoded = Decoded {
            format,
            decoder,
            track,
            hz: 0,
            channels: 0,
            samples: Vec::new(),
            at: 0,
            from: 0,
            name: name.to_owned(),
            damaged: 0,
            decoded: 0,
            expected,
            over: false,
            cut: false,
        };
        // What the container says of rate and channels may be wrong; the first packet knows.
        decoded.more()?;
        if decoded.hz == 0 || decoded.channels == 0 {
            return Err("none of its sound can be decoded".into());
        }
        Ok(decoded)
    }

    /// Decodes until there are samples, or the end.
    fn more(&mut self) -> Result<(), String> {
        (self.at, self.from) = (0, 0);
        let mut failures = 0;
        let length = self.samples.len();
        self.samples.clear();
        while self.samples.is_empty() && !self.over {
            match self.packet() {
                Ok(Some(packet)) => match self.decode(&packet)? {
                    true => failures = 0,
                    false => {
                        self.damaged += 1;
                        failures += 1;
                        // Silence of a packet's length keeps what follows in its place.
                        self.samples.resize(length, 0.0);
                    }
                },
                Ok(None) => self.over = true,
                Err(Error::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    (self.over, self.cut) = (true, true);
                }
                Err(error) => return Err(error.to_string()),
            }
            if failures > PATIENCE {
                return Err("it cannot be decoded".into());
            }
        }
        self.decoded += (self.samples.len() / usize::from(self.channels.max(1))) as u64;
        Ok(())
    }

    fn packet(&mut self) -> Result<Option<Packet>, Error> {
        loop {
            match self.format.next_packet()? {
                Some(packet) if packet.track_id != self.track => {}
                packet => return Ok(packet),
            }
        }
    }

    /// Decodes a packet; false if it is damaged.
    fn decode(&mut self, packet: &Packet) -> Result<bool, String> {
        let (hz, channels) = match self.decoder.decode(packet) {
            Ok(buffer) => {
                buffer.copy_to_vec_interleaved(&mut self.samples);
                (buffer.spec().rate(), u16::try_from(buffer.spec().channels().count()).unwrap_or(0))
            }
            Err(Error::DecodeError(_) | Error::IoError(_)) => return Ok(false),
            Err(error) => return Err(error.to_string()),
        };
        if self.hz == 0 {
            (self.hz, self.channels) = (hz, channels);
        }
        if (hz, channels) != (self.hz, self.channels) && !self.samples.is_empty() {
            self.samples.clear();
            return Err(format!(
                "it changes from {} Hz, {} channels to {hz} Hz, {channels} channels on the way",
                self.hz, self.channels
            ));
        }
        Ok(true)
    }

    /// What was missing, once the end is reached.
    fn verdict(&mut self) -> Result<usize, SourceError> {
        if std::mem::take(&mut self.damaged) > 0 {
            return Err(self.error("parts of it are damaged, and silence stands in for them"));
        }
        match self.expected.take() {
            // Containers count in units of their own: a hundredth of a second is no loss.
            Some(expected) if self.decoded + u64::from(self.hz / 100) < expected => {
                let missing = expected - self.decoded;
                Err(self.error(&format!("it is cut short: {missing} frames that its header promises are missing")))
            }
            _ if std::mem::take(&mut self.cut) => Err(self.error("it is cut short")),
            _ => Ok(0),
        }
    }

    fn error(&self, why: &str) -> SourceError {
        SourceError::new(
            "Format",
            format!("cannot play all of {}: {why}", self.name),
            "what was good has been played; copy, record or convert it again",
        )
    }
}

impl Reel for Decoded {
    fn format(&self) -> (u32, u16) {
        (self.hz, self.channels)
    }

    fn read(&mut self, frames: usize) -> Result<usize, SourceError> {
        if self.at == self.samples.len() {
            self.more().map_err(|why| self.error(&why))?;
        }
        if self.samples.is_empty() {
            return self.verdict();
        }
        let channels = usize::from(self.channels);
        let n = frames.min((self.samples.len() - self.at) / channels);
        self.from = self.at;
        self.at += n * channels;
        Ok(n)
    }

    fn piece(&self) -> Piece<'_> {
        Piece::Floats(&self.samples[self.from..self.at])
    }
}
