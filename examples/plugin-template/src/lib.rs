//! `tremolo`: makes the loudness swing. A template for a node of your own: rename it, and write your own
//! `process`.

use glottis_core::param::{Kind, Param};
use glottis_core::{Block, Fault, FaultCode, Node, Problem, Rate, Registry};

/// The keys a configuration may set.
const PARAMS: &[Param] = &[
    Param::new("rate", Kind::Float(0.1, 20.0), "How often it swings.").unit("Hz").default("4").live(),
    Param::new("depth", Kind::Float(0.0, 1.0), "How far: 0 does nothing, 1 goes down to silence.").default("0.5"),
];

/// The loudness follows a sine. Real-time safe.
struct Tremolo {
    rate: f32,
    depth: f32,
    /// Where in its swing the next frame is, from 0 to 1.
    phase: f32,
}

impl Node for Tremolo {
    /// The only place to allocate.
    fn prepare(&mut self, input: Rate) -> Result<Rate, Problem> {
        Ok(input)
    }

    /// Every 10 ms: no allocation, no lock, no system call.
    fn process(&mut self, input: &Block, output: &mut Block) -> Result<(), Fault> {
        let step = self.rate / input.rate().hz() as f32;
        for (out, &sample) in output.samples_mut().iter_mut().zip(input.samples()) {
            let swing = 0.5 - 0.5 * (self.phase * std::f32::consts::TAU).cos();
            *out = sample * (1.0 - self.depth * swing);
            self.phase = (self.phase + step).fract();
        }
        Ok(())
    }

    /// `rate`, while audio flows.
    fn set(&mut self, param: &'static str, value: f64) -> Result<(), Fault> {
        if param != "rate" {
            return Err(Fault::new(FaultCode::BadParameter));
        }
        self.rate = value as f32;
        Ok(())
    }

    fn reset(&mut self) {
        self.phase = 0.0;
    }
}

/// One line per component.
pub fn register(registry: &mut Registry) {
    registry.add_node("tremolo", "Makes the loudness swing.", PARAMS, |settings, _, _| {
        Ok(Tremolo { rate: settings.float("rate") as f32, depth: settings.float("depth") as f32, phase: 0.0 })
    });
}

#[cfg(feature = "export")]
glottis_plugin::export!(register);
