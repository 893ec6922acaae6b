//! A detector behind the border. `judge` runs on the pipeline thread.

use std::ffi::{c_char, c_void};

use glottis_core::{Detector, Rate};

use super::Exported;
use super::caught::{caught, quiet};
use super::create::{create, destroy, key, seat, status, tell};
use crate::{abi, text};

struct Seat {
    detector: Box<dyn Detector>,
    exported: &'static Exported,
}

pub(super) static CALLS: abi::DetectorCalls = abi::DetectorCalls {
    size: size_of::<abi::DetectorCalls>() as u32,
    reserved: 0,
    create: Some(make),
    prepare: Some(prepare),
    judge: Some(judge),
    set: Some(set),
    reset: Some(reset),
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
            let detector = exported.registry.detector(exported.component.name, settings, context)?;
            Ok(Seat { detector, exported })
        })
    }
}

unsafe extern "C" fn prepare(instance: *mut c_void, rate_hz: u32, window: *mut u32, error: *mut abi::Error) -> i32 {
    // SAFETY: the host passes an instance of `make`, and places that are there while this runs.
    let (seat, window, error) = unsafe { (seat::<Seat>(instance), &mut *window, error.as_mut()) };
    caught(error, |error| {
        let Some(rate) = Rate::new(rate_hz) else { return abi::GLOTTIS_FAILED };
        match seat.detector.prepare(rate) {
            Ok(frames) => {
                *window = u32::try_from(frames).unwrap_or(u32::MAX);
                abi::GLOTTIS_OK
            }
            Err(problem) => {
                tell(error, &[problem]);
                abi::GLOTTIS_FAILED
            }
        }
    })
}

unsafe extern "C" fn judge(instance: *mut c_void, samples: *const f32, frames: u32, probability: *mut f32) -> i32 {
    // SAFETY: the host passes an instance of `make`, as many samples as it says, and a place for the
    // answer, which nobody else touches meanwhile.
    let (seat, window, probability) =
        unsafe { (seat::<Seat>(instance), std::slice::from_raw_parts(samples, frames as usize), &mut *probability) };
    quiet(|| match seat.detector.judge(window) {
        Ok(judged) => {
            *probability = judged;
            abi::GLOTTIS_OK
        }
        Err(fault) => status(Err(fault)),
    })
}

unsafe extern "C" fn set(instance: *mut c_void, name: *const c_char, value: f64) -> i32 {
    // SAFETY: an instance of `make`, and a text of the host's.
    let (seat, name) = unsafe { (seat::<Seat>(instance), text::read(name)) };
    quiet(|| match name.and_then(|name| key(seat.exported, name)) {
        Some(name) => status(seat.detector.set(name, value)),
        None => abi::GLOTTIS_BAD_PARAMETER,
    })
}

unsafe extern "C" fn reset(instance: *mut c_void) {
    // SAFETY: an instance of `make`.
    let seat = unsafe { seat::<Seat>(instance) };
    quiet(|| {
        seat.detector.reset();
        abi::GLOTTIS_OK
    });
}
