//! A node behind the border. `process` and what it calls run on the pipeline thread.

use std::ffi::{c_char, c_void};

use glottis_core::{Block, Node, Rate, Span};

use super::Exported;
use super::caught::{caught, quiet};
use super::create::{create, destroy, key, seat, status, tell};
use crate::{abi, text};

/// A node and the two blocks it works on.
///
/// The host's samples are copied in and out: a [`Block`] keeps its samples inline, and its layout is
/// nobody's business but this build's. The copies cost a few nanoseconds.
struct Seat {
    node: Box<dyn Node>,
    exported: &'static Exported,
    input: Block,
    output: Block,
}

pub(super) static CALLS: abi::NodeCalls = abi::NodeCalls {
    size: size_of::<abi::NodeCalls>() as u32,
    reserved: 0,
    create: Some(make),
    prepare: Some(prepare),
    process: Some(process),
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
            let node = exported.registry.node(exported.component.name, settings, context)?;
            let silence = Block::new(Rate::for_source(16_000));
            Ok(Seat { node, exported, input: silence, output: silence })
        })
    }
}

unsafe extern "C" fn prepare(
    instance: *mut c_void,
    rate_hz: u32,
    prepared: *mut abi::Prepared,
    error: *mut abi::Error,
) -> i32 {
    // SAFETY: the host passes an instance of `make`, and structures that are there while this runs.
    let (seat, prepared, error) = unsafe { (seat::<Seat>(instance), &mut *prepared, error.as_mut()) };
    caught(error, |error| {
        let Some(rate) = Rate::new(rate_hz) else { return abi::GLOTTIS_FAILED };
        match seat.node.prepare(rate) {
            Ok(output) => {
                (seat.input, seat.output) = (Block::new(rate), Block::new(output));
                prepared.rate_hz = output.hz();
                prepared.latency = seat.node.latency();
                prepared.hears_voice = u32::from(seat.node.hears_voice());
                abi::GLOTTIS_OK
            }
            Err(problem) => {
                tell(error, &[problem]);
                abi::GLOTTIS_FAILED
            }
        }
    })
}

unsafe extern "C" fn process(instance: *mut c_void, input: *const abi::Block, output: *mut abi::Block) -> i32 {
    // SAFETY: the host passes an instance of `make` and two blocks of its own, each with as many
    // samples and as much room for marks as it says, which nobody else touches meanwhile.
    let (seat, input, output) = unsafe { (seat::<Seat>(instance), &*input, &mut *output) };
    quiet(|| {
        if input.frames as usize != seat.input.samples().len() || output.frames as usize != seat.output.samples().len()
        {
            return abi::GLOTTIS_FAILED;
        }
        // SAFETY: as above.
        let (heard, room) = unsafe {
            (
                std::slice::from_raw_parts(input.samples, input.frames as usize),
                std::slice::from_raw_parts_mut(output.samples, output.frames as usize),
            )
        };
        // SAFETY: as above.
        unsafe {
            carry(input, &mut seat.input);
            carry(output, &mut seat.output);
        }
        seat.input.samples_mut().copy_from_slice(heard);
        let done = seat.node.process(&seat.input, &mut seat.output);
        room.copy_from_slice(seat.output.samples());
        // SAFETY: as above.
        unsafe { give_marks(&seat.output, output) };
        status(done)
    })
}

/// What the host says of a block, but for its samples.
///
/// # Safety
/// The block has as many marks as it says.
unsafe fn carry(from: &abi::Block, to: &mut Block) {
    to.at = from.at;
    to.captured = from.captured_ns;
    to.lost = Span { from: from.at, to: from.at + if from.filled != 0 { i64::from(from.valid) } else { 0 } };
    to.valid = from.valid as u16;
    to.clear_marks();
    for i in 0..from.mark_count as usize {
        // SAFETY: `i` is below the count.
        if let Some(mark) = unsafe { (*from.marks.add(i)).read() } {
            // The host's block has no more marks than ours has room for.
            let _ = to.mark(mark);
        }
    }
}

/// # Safety
/// The block has as much room for marks as it says.
unsafe fn give_marks(from: &Block, to: &mut abi::Block) {
    let count = from.marks().len().min(to.mark_room as usize);
    for (i, mark) in from.marks()[..count].iter().enumerate() {
        // SAFETY: `i` is below the room.
        unsafe { to.marks.add(i).write(mark.into()) };
    }
    to.mark_count = count as u32;
}

unsafe extern "C" fn set(instance: *mut c_void, name: *const c_char, value: f64) -> i32 {
    // SAFETY: an instance of `make`, and a text of the host's.
    let (seat, name) = unsafe { (seat::<Seat>(instance), text::read(name)) };
    quiet(|| match name.and_then(|name| key(seat.exported, name)) {
        Some(name) => status(seat.node.set(name, value)),
        None => abi::GLOTTIS_BAD_PARAMETER,
    })
}

unsafe extern "C" fn reset(instance: *mut c_void) {
    // SAFETY: an instance of `make`.
    let seat = unsafe { seat::<Seat>(instance) };
    quiet(|| {
        seat.node.reset();
        abi::GLOTTIS_OK
    });
}
