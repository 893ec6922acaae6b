//! The source itself: reads the header where there is one, and starts the threads. Control thread
//! only.

use std::io::Read;

use glottis_core::source::{Capture, Source, SourceError, SourceFormat};
use glottis_core::{Feed, Rate};
use glottis_source_door::reel::{Bytes, Pace, play};
use glottis_source_door::wav::{self, Header, NoHeader};
use glottis_source_door::{door, keys};

use crate::config::{Config, Content};
use crate::pump::Pipe;

/// Standard input, or another pipe, as a source. It can be played once.
pub struct StdinSource {
    config: Config,
    name: &'static str,
    input: Option<Box<dyn Read + Send>>,
    /// Being read, the header behind us.
    open: Option<(Pipe, Header)>,
}

impl StdinSource {
    pub fn new(config: Config, name: &'static str, input: Box<dyn Read + Send>) -> StdinSource {
        StdinSource { config, name, input: Some(input), open: None }
    }

    fn open(&mut self) -> Result<(Pipe, Header), SourceError> {
        if let Some(open) = self.open.take() {
            return Ok(open);
        }
        let input = self.input.take().ok_or_else(|| {
            SourceError::new("Input", format!("{} was read before", self.name), "it can be read only once")
        })?;
        let mut pipe = Pipe::new(input).map_err(|error| {
            SourceError::new("Input", format!("no thread to read {}: {error}", self.name), "close other programs")
        })?;
        let header = match self.config.content {
            Content::Raw(header) => header,
            Content::Wav { rate, channels } => {
                let header = wav::header(&mut pipe).map_err(|why| self.no_header(&why))?;
                self.check("rate", rate, header.hz)?;
                self.check("channels", channels, header.channels)?;
                header
            }
        };
        keys::check_channel(self.config.channel, header.channels, self.name, "Format")?;
        door(header.hz, Rate::for_source(header.hz)).map_err(|bad| self.bad(&bad.to_string()))?;
        Ok((pipe, header))
    }

    fn check<T: PartialEq + std::fmt::Display>(
        &self,
        key: &str,
        wanted: Option<T>,
        said: T,
    ) -> Result<(), SourceError> {
        match wanted {
            Some(wanted) if wanted != said => Err(SourceError::new(
                "Format",
                format!("the header of {} says {key} {said}, the configuration {wanted}", self.name),
                format!("remove `{key}`: the header knows"),
            )),
            _ => Ok(()),
        }
    }

    fn no_header(&self, why: &NoHeader) -> SourceError {
        match why {
            NoHeader::Io(error) => SourceError::new(
                "Input",
                format!("reading {} failed: {error}", self.name),
                "pipe sound into it: `… | glottis run …`",
            ),
            NoHeader::NotWav | NoHeader::Coding(_) | NoHeader::Broken(_) => self.bad(&why.to_string()),
        }
    }

    fn bad(&self, why: &str) -> SourceError {
        SourceError::new(
            "Format",
            format!("cannot play {} as WAV: {why}", self.name),
            "send PCM in WAV, or set `format`, `rate` and `channels` to what is sent, for example \"s16le\", 16000, 1",
        )
    }

    fn describe(&self, header: &Header) -> SourceFormat {
        SourceFormat {
            rate: Rate::for_source(header.hz),
            native_hz: header.hz,
            channels: header.channels,
            waits: self.config.pace == Pace::Fast,
        }
    }
}

impl Source for StdinSource {
    /// Looking at a WAV stream waits for its header.
    fn format(&mut self, look: bool) -> Result<Option<SourceFormat>, SourceError> {
        match self.config.content {
            Content::Raw(header) if !look => Ok(Some(self.describe(&header))),
            Content::Wav { .. } if !look => Ok(None),
            _ => {
                let open = self.open()?;
                let format = self.describe(&open.1);
                self.open = Some(open);
                Ok(Some(format))
            }
        }
    }

    fn device(&self) -> String {
        self.name.to_owned()
    }

    fn live(&self) -> bool {
        false
    }

    fn start(&mut self, mut feed: Feed) -> Result<Box<dyn Capture>, SourceError> {
        let (mut pipe, header) = self.open()?;
        feed.set_channel(self.config.channel);
        if let Some(door) = door(header.hz, feed.rate()).map_err(|bad| self.bad(&bad.to_string()))? {
            feed.set_door(door);
        }
        let name = self.name;
        Ok(Box::new(play(name, feed, self.config.pace, |stop| {
            pipe.stop_with(stop);
            Ok(Box::new(Bytes::new(pipe, name, "Input", header)))
        })?))
    }
}
