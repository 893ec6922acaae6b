//! A loaded encoder. All but `prepare` on the pipeline thread.

use std::ffi::c_void;
use std::sync::Arc;

use glottis_core::registry::Make;
use glottis_core::{Body, Encoder, Fault, FaultCode, Problem, Rate};

use super::describe::empty;
use super::instance::{Instance, Origin, result};
use crate::abi;

/// More than any packet is long: 96,000 frames of 8 bytes.
const LARGEST: u64 = 1 << 20;

/// How the encoders of a component are made.
pub(super) fn make(origin: Arc<Origin>, calls: &'static abi::EncoderCalls) -> Make {
    Make::Encoder(Arc::new(move |settings, context, registry| {
        let instance = origin.create(calls.create, calls.destroy, settings, context, registry)?;
        let encoder = Loaded { instance, calls, origin: origin.clone(), written: Vec::new() };
        Ok(Box::new(encoder) as Box<dyn Encoder>)
    }))
}

/// An encoder behind the C ABI.
struct Loaded {
    instance: Instance,
    calls: &'static abi::EncoderCalls,
    origin: Arc<Origin>,
    /// Where the library writes: a body is not lent out, since it keeps its own length.
    written: Vec<u8>,
}

impl Loaded {
    /// Lets the library write, and appends what it wrote to `body`.
    fn write(&mut self, body: &mut Body, call: impl FnOnce(*mut c_void, *mut abi::Body) -> i32) -> Result<(), Fault> {
        let room = self.written.len() as u64;
        let size = size_of::<abi::Body>() as u32;
        let mut out = abi::Body { size, reserved: 0, bytes: self.written.as_mut_ptr(), length: 0, room };
        let status = call(self.instance.pointer(), &mut out);
        let written = self.written.get(..out.length as usize).ok_or(Fault::new(FaultCode::BodyFull))?;
        body.extend(written)?;
        result(status)
    }
}

impl Encoder for Loaded {
    fn prepare(&mut self, rate: Rate, frames: usize) -> Result<usize, Problem> {
        let (mut bytes, mut error) = (0, empty());
        let Some(prepare) = self.calls.prepare else { return Ok(0) };
        // SAFETY: our instance, on no audio thread; the places are there while the call runs.
        let status = unsafe { prepare(self.instance.pointer(), rate.hz(), frames as u32, &mut bytes, &mut error) };
        if status != abi::GLOTTIS_OK {
            return Err(self.origin.problem("prepare", status, &error));
        }
        if bytes > LARGEST {
            let message = format!("\"{}\" in {} claims packets of {bytes} bytes", self.origin.name, self.origin.file);
            return Err(Problem::new(Default::default(), "", message).help("that is a mistake in the encoder"));
        }
        self.written = vec![0; bytes as usize];
        Ok(self.written.len())
    }

    fn begin(&mut self, body: &mut Body) -> Result<(), Fault> {
        let Some(begin) = self.calls.begin else { return Ok(()) };
        // SAFETY: our instance, on the pipeline thread, and a body with as much room as it says.
        self.write(body, |instance, out| unsafe { begin(instance, out) })
    }

    fn encode(&mut self, frames: &[f32], body: &mut Body) -> Result<(), Fault> {
        let Some(encode) = self.calls.encode else { return Err(Fault::failed()) };
        // SAFETY: as for `begin`, and as many samples as it is told.
        self.write(body, |instance, out| unsafe { encode(instance, frames.as_ptr(), frames.len() as u32, out) })
    }

    fn finish(&mut self, body: &mut Body) -> Result<(), Fault> {
        let Some(finish) = self.calls.finish else { return Ok(()) };
        // SAFETY: as for `begin`.
        self.write(body, |instance, out| unsafe { finish(instance, out) })
    }
}
