//! The source itself. Control thread only.

use glottis_core::source::{Capture, Source, SourceError, SourceFormat};
use glottis_core::{Feed, Rate};

use crate::capture::Listening;
use crate::config::Config;
use crate::errors;
use crate::find::first;
use crate::owner::{check, patiently};

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
        let wait = config.wait;
        let format = patiently("looking for the microphone", move || {
            first(&config, |found| {
                check(&config, &found)?;
                let native_hz = found.native.sample_rate();
                let rate = Rate::for_source(native_hz);
                Ok(Some(SourceFormat { rate, native_hz, channels: found.native.channels(), waits: false }))
            })
        });
        // What may pass, or be plugged in, is waited for once the run is on.
        format.map_err(|error| match error.code {
            errors::IN_USE | errors::RECORDER => error.worth_a_retry(),
            errors::NOT_FOUND if wait => error.worth_a_retry(),
            _ => error,
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
