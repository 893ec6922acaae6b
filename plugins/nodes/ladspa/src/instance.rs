//! A running effect. Made and dropped on the control side; [`Instance::run`] is for the pipeline thread.
#![allow(unsafe_code)]

use std::ffi::{c_ulong, c_void};
use std::ptr::NonNull;

use glottis_core::audio::MAX_BLOCK;

use crate::effect::{Effect, Port};

/// Samples in memory that an effect reads and writes by pointers: it never moves, and Rust touches it only
/// while no call runs.
struct Memory(NonNull<[f32]>);

impl Memory {
    fn new(samples: usize) -> Memory {
        let memory = Box::leak(vec![0.0; samples].into_boxed_slice());
        Memory(NonNull::from(memory))
    }

    /// Where the sample of this index is; there must be so many. Not by way of a reference, which would end
    /// with the next one.
    fn at(&self, index: usize) -> *mut f32 {
        self.0.as_ptr().cast::<f32>().wrapping_add(index)
    }

    fn samples(&mut self) -> &mut [f32] {
        // SAFETY: it belongs to this value alone, and no call into the effect runs: all of them borrow
        // the whole instance.
        unsafe { self.0.as_mut() }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: it was leaked from a box in `new`, and this is its one owner.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

/// An effect that was instantiated, connected and activated.
pub(crate) struct Instance {
    effect: Effect,
    handle: NonNull<c_void>,
    input: Memory,
    output: Memory,
    /// One number for each port; those of audio ports are not used.
    numbers: Memory,
}

// SAFETY: the specification lets the calls of one instance come from any thread, one at a time, and
// everything the instance points to belongs to it.
unsafe impl Send for Instance {}

impl Instance {
    /// Makes an instance for a rate of `hz`, with a value for each of the effect's controls. `None`: the
    /// effect refuses.
    pub(crate) fn new(effect: &Effect, hz: u32, controls: &[f32]) -> Option<Instance> {
        let descriptor = effect.descriptor;
        // SAFETY: the descriptor is the effect's own.
        let handle = unsafe { (descriptor.instantiate?)(descriptor, c_ulong::from(hz)) };
        let mut instance = Instance {
            effect: effect.clone(),
            handle: NonNull::new(handle)?,
            input: Memory::new(MAX_BLOCK),
            output: Memory::new(MAX_BLOCK),
            numbers: Memory::new(effect.ports.len()),
        };
        for index in 0..instance.effect.ports.len() {
            instance.connect(index, controls)?;
        }
        if let Some(activate) = descriptor.activate {
            // SAFETY: once, after all ports are connected.
            unsafe { activate(handle) };
        }
        Some(instance)
    }

    fn connect(&mut self, index: usize, controls: &[f32]) -> Option<()> {
        let at = match self.effect.ports[index] {
            Port::AudioIn => self.input.at(0),
            Port::AudioOut => self.output.at(0),
            Port::Control(control) => {
                self.numbers.samples()[index] = *controls.get(control)?;
                self.numbers.at(index)
            }
            Port::Meter | Port::Latency => self.numbers.at(index),
        };
        // SAFETY: the port exists, and the memory stays as long as the handle: it is freed after it. An
        // audio port gets the longest block there is, and `run` asks for no more.
        unsafe { (self.effect.descriptor.connect_port?)(self.handle.as_ptr(), index as c_ulong, at) };
        Some(())
    }

    /// Where the input of the next run is to be written: room for the longest block.
    pub(crate) fn input(&mut self) -> &mut [f32] {
        self.input.samples()
    }

    /// Runs the effect over `frames` frames of its input, at most the longest block, and gives its output.
    /// As safe for the pipeline thread as the effect is.
    pub(crate) fn run(&mut self, frames: usize) -> &[f32] {
        let frames = frames.min(MAX_BLOCK);
        if let Some(run) = self.effect.descriptor.run {
            // SAFETY: connected and activated, one call at a time; the memory is at least this long.
            unsafe { run(self.handle.as_ptr(), frames as c_ulong) };
        }
        &self.output.samples()[..frames]
    }

    /// What the effect said last about its delay, in frames; 0 if it says nothing.
    pub(crate) fn latency(&mut self) -> f32 {
        let port = self.effect.ports.iter().position(|port| matches!(port, Port::Latency));
        port.map_or(0.0, |index| self.numbers.samples()[index])
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let descriptor = self.effect.descriptor;
        if let Some(deactivate) = descriptor.deactivate {
            // SAFETY: it was activated, and nothing runs.
            unsafe { deactivate(self.handle.as_ptr()) };
        }
        if let Some(cleanup) = descriptor.cleanup {
            // SAFETY: the last call of this handle.
            unsafe { cleanup(self.handle.as_ptr()) };
        }
    }
}
