//! A loaded detector. `judge`, `set` and `reset` on the pipeline thread.

use std::sync::Arc;

use glottis_core::registry::Make;
use glottis_core::{Detector, Fault, Problem, Rate};

use super::describe::empty;
use super::instance::{Instance, Origin, result, set};
use crate::abi;

/// How the detectors of a component are made.
pub(super) fn make(origin: Arc<Origin>, calls: &'static abi::DetectorCalls) -> Make {
    Make::Detector(Arc::new(move |settings, context, registry| {
        let instance = origin.create(calls.create, calls.destroy, settings, context, registry)?;
        Ok(Box::new(Loaded { instance, calls, origin: origin.clone() }) as Box<dyn Detector>)
    }))
}

/// A detector behind the C ABI.
struct Loaded {
    instance: Instance,
    calls: &'static abi::DetectorCalls,
    origin: Arc<Origin>,
}

impl Detector for Loaded {
    fn prepare(&mut self, rate: Rate) -> Result<usize, Problem> {
        let (mut window, mut error) = (0, empty());
        let Some(prepare) = self.calls.prepare else { return Ok(0) };
        // SAFETY: our instance, on no audio thread; the places are there while the call runs.
        let status = unsafe { prepare(self.instance.pointer(), rate.hz(), &mut window, &mut error) };
        if status != abi::GLOTTIS_OK {
            return Err(self.origin.problem("prepare", status, &error));
        }
        Ok(window as usize)
    }

    fn judge(&mut self, window: &[f32]) -> Result<f32, Fault> {
        let Some(judge) = self.calls.judge else { return Err(Fault::failed()) };
        let mut probability = 0.0;
        // SAFETY: our instance, on the pipeline thread, and as many samples as it is told.
        let status = unsafe { judge(self.instance.pointer(), window.as_ptr(), window.len() as u32, &mut probability) };
        result(status)?;
        // A number that is none would pass for "no speech" for ever.
        if probability.is_nan() { Err(Fault::failed()) } else { Ok(probability.clamp(0.0, 1.0)) }
    }

    fn set(&mut self, param: &'static str, value: f64) -> Result<(), Fault> {
        // SAFETY: our instance and its library's call; `self` is borrowed alone.
        unsafe { set(self.calls.set, &self.instance, param, value) }
    }

    fn reset(&mut self) {
        if let Some(reset) = self.calls.reset {
            // SAFETY: our instance, on the pipeline thread.
            unsafe { reset(self.instance.pointer()) };
        }
    }
}
