//! An encoder behind the border. All but `create` and `prepare` run on the pipeline thread.

use std::ffi::c_void;

use glottis_core::{Body, Encoder, Fault, Rate};

use super::caught::{caught, quiet};
use super::create::{create, destroy, seat, status, tell};
use crate::abi;

/// An encoder and the body it writes into, which is then copied to the host's.
struct Seat {
    encoder: Box<dyn Encoder>,
    body: Body,
}

pub(super) static CALLS: abi::EncoderCalls = abi::EncoderCalls {
    size: size_of::<abi::EncoderCalls>() as u32,
    reserved: 0,
    create: Some(make),
    prepare: Some(prepare),
    begin: Some(begin),
    encode: Some(encode),
    finish: Some(finish),
    destroy: Some(destroy::<Seat>),
};

unsafe extern "C" fn make(
    component: *const abi::Component,
    settings: *const abi::Settings,
    instance: *mut *mut c_void,
    error: *mut abi::Error,
) -> i32 {
    // SAFETY: the host calls as the ABI says, with a descriptor of this library.
    unsafe {
        create(component, settings, instance, error, |exported, settings, context| {
            let encoder = exported.registry.encoder(exported.component.name, settings, context)?;
            Ok(Seat { encoder, body: Body::default() })
        })
    }
}

unsafe extern "C" fn prepare(
    instance: *mut c_void,
    rate_hz: u32,
    frames: u32,
    bytes: *mut u64,
    error: *mut abi::Error,
) -> i32 {
    // SAFETY: the host passes an instance of `make`, and places that are there while this runs.
    let (seat, bytes, error) = unsafe { (seat::<Seat>(instance), &mut *bytes, error.as_mut()) };
    caught(error, |error| {
        let Some(rate) = Rate::new(rate_hz) else { return abi::GLOTTIS_FAILED };
        match seat.encoder.prepare(rate, frames as usize) {
            Ok(most) => {
                seat.body = Body::with_capacity(most);
                *bytes = most as u64;
                abi::GLOTTIS_OK
            }
            Err(problem) => {
                tell(error, &[problem]);
                abi::GLOTTIS_FAILED
            }
        }
    })
}

/// Lets `work` write into the instance's body, and hands the bytes over.
///
/// # Safety
/// `instance` is one of `make`; `body` is the host's, with as much room as it says.
unsafe fn write(
    instance: *mut c_void,
    body: *mut abi::Body,
    work: impl FnOnce(&mut dyn Encoder, &mut Body) -> Result<(), Fault>,
) -> i32 {
    // SAFETY: as the caller promises.
    let (seat, body) = unsafe { (seat::<Seat>(instance), &mut *body) };
    quiet(|| {
        seat.body.clear();
        let done = work(seat.encoder.as_mut(), &mut seat.body);
        let bytes = seat.body.len() as u64;
        if body.length.checked_add(bytes).is_none_or(|end| end > body.room) {
            return abi::GLOTTIS_BODY_FULL;
        }
        // SAFETY: the sum of both is within the room; the two bodies are different memory.
        unsafe {
            let end = body.bytes.add(body.length as usize);
            std::ptr::copy_nonoverlapping(seat.body.as_ptr(), end, seat.body.len());
        }
        body.length += bytes;
        status(done)
    })
}

unsafe extern "C" fn begin(instance: *mut c_void, body: *mut abi::Body) -> i32 {
    // SAFETY: as the ABI says.
    unsafe { write(instance, body, |encoder, body| encoder.begin(body)) }
}

unsafe extern "C" fn encode(instance: *mut c_void, samples: *const f32, frames: u32, body: *mut abi::Body) -> i32 {
    // SAFETY: as the ABI says, `samples` are as many as `frames`.
    unsafe {
        let samples = std::slice::from_raw_parts(samples, frames as usize);
        write(instance, body, |encoder, body| encoder.encode(samples, body))
    }
}

unsafe extern "C" fn finish(instance: *mut c_void, body: *mut abi::Body) -> i32 {
    // SAFETY: as the ABI says.
    unsafe { write(instance, body, |encoder, body| encoder.finish(body)) }
}
