//! The `resample` node. Built on the control thread, runs on the pipeline thread.

use glottis_core::{Block, Fault, Node, Problem, Rate};

use crate::Quality;
use crate::converter::{self, Converter};

/// Converts blocks to another rate. A stream that has the rate already passes unchanged.
///
/// Samples that are not finite, or beyond ±10⁹, count as silence: they cannot be sound, and they would
/// stay in the filter or overflow it.
///
/// Real-time safe after [`prepare`](Node::prepare).
pub struct Resample {
    to: Rate,
    quality: Quality,
    /// `None` where both rates are the same.
    converter: Option<Box<dyn Converter>>,
}

impl Resample {
    /// A node that converts to `to`.
    pub fn new(to: Rate, quality: Quality) -> Resample {
        Resample { to, quality, converter: None }
    }
}

impl Node for Resample {
    fn prepare(&mut self, input: Rate) -> Result<Rate, Problem> {
        self.converter = if input == self.to { None } else { Some(converter::build(self.quality, input, self.to)?) };
        Ok(self.to)
    }

    fn process(&mut self, input: &Block, output: &mut Block) -> Result<(), Fault> {
        let samples = input.samples();
        match &mut self.converter {
            None if input.rate() == output.rate() => {
                output.samples_mut().copy_from_slice(samples);
                Ok(())
            }
            // Never prepared for these rates.
            None => Err(Fault::failed()),
            Some(converter) => converter.convert(samples, output.samples_mut()),
        }
    }

    fn reset(&mut self) {
        if let Some(converter) = &mut self.converter {
            converter.reset();
        }
    }

    fn latency(&self) -> u32 {
        self.converter.as_ref().map_or(0, |converter| converter.latency())
    }
}
