//! A loaded node. `process`, `set` and `reset` on the pipeline thread.

use std::sync::Arc;

use glottis_core::audio::MAX_MARKS;
use glottis_core::registry::Make;
use glottis_core::{Block, Fault, Node, Problem, Rate};

use super::describe::empty;
use super::instance::{Instance, Origin, result, set};
use crate::abi;

/// How the nodes of a component are made.
pub(super) fn make(origin: Arc<Origin>, calls: &'static abi::NodeCalls) -> Make {
    Make::Node(Arc::new(move |settings, context, registry| {
        let instance = origin.create(calls.create, calls.destroy, settings, context, registry)?;
        let node = Loaded { instance, calls, origin: origin.clone(), latency: 0, hears_voice: false, marks: NO_MARKS };
        Ok(Box::new(node) as Box<dyn Node>)
    }))
}

const NO_MARK: abi::Mark = abi::Mark { at: 0, kind: 0, probability: 0.0, frames: 0, reserved: 0 };
const NO_MARKS: [[abi::Mark; MAX_MARKS]; 2] = [[NO_MARK; MAX_MARKS]; 2];

/// A node behind the C ABI.
struct Loaded {
    instance: Instance,
    calls: &'static abi::NodeCalls,
    origin: Arc<Origin>,
    latency: u32,
    hears_voice: bool,
    /// Marks of input and output while a call runs.
    marks: [[abi::Mark; MAX_MARKS]; 2],
}

impl Node for Loaded {
    fn prepare(&mut self, input: Rate) -> Result<Rate, Problem> {
        let size = size_of::<abi::Prepared>() as u32;
        let mut prepared = abi::Prepared { size, rate_hz: input.hz(), latency: 0, hears_voice: 0 };
        let mut error = empty();
        let Some(prepare) = self.calls.prepare else { return Ok(input) };
        // SAFETY: our instance, on no audio thread; the structures are there while the call runs.
        let status = unsafe { prepare(self.instance.pointer(), input.hz(), &mut prepared, &mut error) };
        if status != abi::GLOTTIS_OK {
            return Err(self.origin.problem("prepare", status, &error));
        }
        let second = prepared.rate_hz;
        let Some(rate) = Rate::new(second) else {
            return Err(claims(
                &self.origin,
                format!("an output of {second} Hz"),
                "an edge can have only the listed rates",
            ));
        };
        if prepared.latency > second {
            let what = format!("a delay of {} frames", prepared.latency);
            return Err(claims(&self.origin, what, "a second is the most"));
        }
        self.latency = prepared.latency;
        self.hears_voice = prepared.hears_voice != 0;
        Ok(rate)
    }

    fn process(&mut self, input: &Block, output: &mut Block) -> Result<(), Fault> {
        let Some(process) = self.calls.process else { return Err(Fault::failed()) };
        let [heard, said] = &mut self.marks;
        let carried = output.marks().len();
        let from = view(input, input.samples().as_ptr().cast_mut(), heard);
        let samples = output.samples_mut().as_mut_ptr();
        let mut to = view(output, samples, said);
        // SAFETY: our instance, on the pipeline thread. Both views point to as many samples and as much
        // room for marks as they say, which nobody else touches while the call runs; the input's
        // samples are not written to, as the ABI has it. They come from two different blocks.
        let status = unsafe { process(self.instance.pointer(), &from, &mut to) };
        if to.mark_count as usize != carried {
            take_marks(to.mark_count as usize, said, output)?;
        }
        result(status)
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

    fn hears_voice(&self) -> bool {
        self.hears_voice
    }

    fn latency(&self) -> u32 {
        self.latency
    }
}

fn claims(origin: &Origin, what: String, help: &str) -> Problem {
    let message = format!("\"{}\" in {} claims {what}", origin.name, origin.file);
    Problem::new(Default::default(), "", message).help(help)
}

/// A block as the library sees it.
fn view(block: &Block, samples: *mut f32, marks: &mut [abi::Mark; MAX_MARKS]) -> abi::Block {
    for (slot, mark) in marks.iter_mut().zip(block.marks()) {
        *slot = mark.into();
    }
    abi::Block {
        size: size_of::<abi::Block>() as u32,
        rate_hz: block.rate().hz(),
        at: block.at,
        captured_ns: block.captured,
        samples,
        frames: block.rate().block() as u32,
        valid: u32::from(block.valid),
        filled: u32::from(block.filled()),
        mark_count: block.marks().len() as u32,
        marks: marks.as_mut_ptr(),
        mark_room: MAX_MARKS as u32,
        reserved: 0,
    }
}

/// The marks a library left. What is no mark, or one too many, is its failure.
fn take_marks(count: usize, marks: &[abi::Mark; MAX_MARKS], output: &mut Block) -> Result<(), Fault> {
    let marks = marks.get(..count).ok_or_else(Fault::too_many_marks)?;
    output.clear_marks();
    for mark in marks {
        let mark = mark.read().ok_or_else(Fault::failed)?;
        if !output.mark(mark) {
            return Err(Fault::too_many_marks());
        }
    }
    Ok(())
}
