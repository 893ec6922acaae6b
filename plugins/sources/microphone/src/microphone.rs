//! The source itself. Control thread only.

use glottis_core::source::{Capture, Source, SourceError, SourceFormat};
use glottis_core::{Feed, Rate};

use crate::capture::{Listening, check, patiently};
use crate::config::Config;
use crate::find::first;

/// A capture device as a source.
pub struct Microphone {
    config: Config,
}

impl Microphone {
    pub fn new(config: Config) -> Microphone {
        Microphone { config }
    }
}

impl Source for Microphone {
    fn format(&mut self, look: bool) -> Result<Option<SourceFormat>, SourceError> {
        if !look {
            return Ok(None);
        }
        let config = self.config.clone();
        patiently("looking for the microphone", move || {
            first(&config, |found| {
                check(&config, &found)?;
                let native_hz = found.native.sample_rate();
                let rate = Rate::for_source(native_hz);
                Ok(Some(SourceFormat { rate, native_hz, channels: found.native.channels(), waits: false }))
            })
        })
    }

    fn device(&self) -> String {
        self.config.devices.join(", ")
    }

    fn live(&self) -> bool {
        true
    }

    fn start(&mut self, feed: Feed) -> Result<Box<dyn Capture>, SourceError> {
        Ok(Box::new(Listening::start(&self.config, feed)?))
    }
}
