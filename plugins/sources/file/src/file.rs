//! The source itself: finds out what the file is, and starts the thread that plays it. Control thread
//! only.

use glottis_core::source::{Capture, Source, SourceError, SourceFormat};
use glottis_core::{Feed, Rate};
use glottis_source_door::reel::{Pace, Reel, play};
use glottis_source_door::{door, keys};

use crate::config::Config;
use crate::tape::{self, Tape};

/// A sound file as a source.
pub struct FileSource {
    config: Config,
    /// Opened to find out its format, and not yet started.
    tape: Option<Tape>,
}

impl FileSource {
    pub fn new(config: Config) -> FileSource {
        FileSource { config, tape: None }
    }

    fn open(&self) -> Result<Tape, SourceError> {
        let tape = Tape::open(&self.config.path, self.config.repeat)?;
        let (hz, channels) = tape.format();
        let name = tape::name(&self.config.path);
        keys::check_channel(self.config.channel, channels, &name, "Format")?;
        door(hz, Rate::for_source(hz)).map_err(|bad| tape::bad_format(&self.config.path, &bad.to_string()))?;
        Ok(tape)
    }
}

impl Source for FileSource {
    fn format(&mut self, look: bool) -> Result<Option<SourceFormat>, SourceError> {
        if !look {
            return Ok(None);
        }
        let tape = self.open()?;
        let (native_hz, channels) = tape.format();
        self.tape = Some(tape);
        let waits = self.config.pace == Pace::Fast;
        Ok(Some(SourceFormat { rate: Rate::for_source(native_hz), native_hz, channels, waits }))
    }

    fn device(&self) -> String {
        self.config.path.display().to_string()
    }

    fn live(&self) -> bool {
        false
    }

    fn start(&mut self, mut feed: Feed) -> Result<Box<dyn Capture>, SourceError> {
        let tape = match self.tape.take() {
            Some(tape) => tape,
            None => self.open()?,
        };
        feed.set_channel(self.config.channel);
        let bad = |bad: glottis_source_door::BadRate| tape::bad_format(&self.config.path, &bad.to_string());
        if let Some(door) = door(tape.format().0, feed.rate()).map_err(bad)? {
            feed.set_door(door);
        }
        let name = tape::name(&self.config.path);
        Ok(Box::new(play(&name, feed, self.config.pace, |_| Ok(Box::new(tape)))?))
    }
}
