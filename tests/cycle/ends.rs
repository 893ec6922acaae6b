//! Both ends of a tree that a test feeds and empties itself. No threads.

use glottis::core::sink::{BoxFuture, Edge, Wants};
use glottis::core::source::{Capture, SourceFormat};
use glottis::{Feed, Inlet, Problem, Sink, SinkError, Source, SourceError};

/// A source that is never started.
pub struct NoDevice;

impl Source for NoDevice {
    fn format(&mut self, _look: bool) -> Result<Option<SourceFormat>, SourceError> {
        Ok(None)
    }
    fn device(&self) -> String {
        String::new()
    }
    fn live(&self) -> bool {
        true
    }
    fn start(&mut self, _feed: Feed) -> Result<Box<dyn Capture>, SourceError> {
        Err(SourceError::new("Input", "never started", ""))
    }
}

/// A sink that takes everything.
pub struct Bin;

impl Sink for Bin {
    fn wants(&self) -> Wants {
        Wants { cut_on_interrupt: true, ..Wants::default() }
    }
    fn prepare(&mut self, _edge: &Edge) -> Result<(), Problem> {
        Ok(())
    }
    fn run<'a>(&'a mut self, _inlet: &'a mut Inlet) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
