//! The `gain` node. Built on the control thread, runs on the pipeline thread.

use glottis_core::{Block, Fault, FaultCode, Node, Problem, Rate};

use crate::config::{MAX_DB, MIN_DB};

/// Multiplies every sample by a factor. A change of the factor is spread over one block, so that it
/// makes no click.
///
/// At 0 dB samples pass bit for bit. Nothing saturates here: samples beyond ±1 are legal between
/// nodes.
///
/// Real-time safe.
pub struct Gain {
    /// The factor the last frame got.
    factor: f32,
    /// The factor the last frame of the next block gets.
    target: f32,
}

impl Gain {
    /// A gain of `db` decibels; values outside ±60 count as the nearest limit, and one that is not a
    /// number as 0.
    pub fn new(db: f64) -> Gain {
        let db = if db.is_nan() { 0.0 } else { db.clamp(MIN_DB, MAX_DB) };
        let factor = factor(db);
        Gain { factor, target: factor }
    }
}

fn factor(db: f64) -> f32 {
    10_f64.powf(db / 20.0) as f32
}

impl Node for Gain {
    fn prepare(&mut self, input: Rate) -> Result<Rate, Problem> {
        self.factor = self.target;
        Ok(input)
    }

    fn process(&mut self, input: &Block, output: &mut Block) -> Result<(), Fault> {
        let samples = input.samples();
        let (from, to) = (self.factor, self.target);
        if from == to {
            for (out, &sample) in output.samples_mut().iter_mut().zip(samples) {
                *out = sample * to;
            }
            return Ok(());
        }
        let step = (to - from) / samples.len() as f32;
        for (i, (out, &sample)) in output.samples_mut().iter_mut().zip(samples).enumerate() {
            *out = sample * (from + step * (i + 1) as f32);
        }
        self.factor = to;
        Ok(())
    }

    /// `db`: −60 to 60; takes effect over the next block.
    fn set(&mut self, param: &'static str, value: f64) -> Result<(), Fault> {
        if param != "db" || !(MIN_DB..=MAX_DB).contains(&value) {
            return Err(Fault::new(FaultCode::BadParameter));
        }
        self.target = factor(value);
        Ok(())
    }

    fn reset(&mut self) {
        self.factor = self.target;
    }
}
