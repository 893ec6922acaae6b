//! WebRTC's voice detector in C, as a value that may move between threads. Built and dropped on the
//! control thread, used on the pipeline thread.
#![allow(unsafe_code)]

use webrtc_vad::{SampleRate, Vad, VadMode};

/// An instance of the C detector.
pub(crate) struct Fvad(Vad);

// SAFETY: `Vad` is not `Send` only because it holds a raw pointer. That pointer is the sole one to a
// block of plain memory that `fvad_new` allocates and `fvad_free` frees, both with the C allocator,
// which may free on another thread than it allocated on. `Vad` hands the pointer to nobody, does not
// implement `Clone`, and every method takes `&mut self`. The C code of webrtc-vad 0.4.0 (libfvad) has
// no state outside that block: its file-level data are all `const`, and compiled, every `.data` and
// `.bss` section is empty and there is no thread-local one. Of other libraries it calls `malloc` and
// `free` in the two functions named, `memmove`, and `assert`'s failure. So an instance may be used by
// one thread after the other, and that is all `Send` says. (It is not `Sync`, and nothing here makes
// it so.) The workspace's manifest allows only 0.4: look at the C code again before raising that.
unsafe impl Send for Fvad {}

impl Fvad {
    /// A detector for a rate the C code knows. Allocates.
    pub(crate) fn new(rate: SampleRate, aggressiveness: u8) -> Fvad {
        Fvad(Vad::new_with_rate_and_mode(rate, mode(aggressiveness)))
    }

    /// Whether `window`, 10, 20 or 30 ms, holds speech; `None` for another length. Real-time safe.
    pub(crate) fn judge(&mut self, window: &[i16]) -> Option<bool> {
        // The crate panics on an empty window.
        if window.is_empty() { None } else { self.0.is_voice_segment(window).ok() }
    }

    /// Real-time safe.
    pub(crate) fn set_aggressiveness(&mut self, aggressiveness: u8) {
        self.0.set_mode(mode(aggressiveness));
    }

    /// Forgets all it heard. The C code forgets its settings too, so they are given again. Real-time
    /// safe.
    pub(crate) fn reset(&mut self, rate: SampleRate, aggressiveness: u8) {
        self.0.reset();
        self.0.set_sample_rate(rate);
        self.set_aggressiveness(aggressiveness);
    }
}

fn mode(aggressiveness: u8) -> VadMode {
    match aggressiveness {
        0 => VadMode::Quality,
        1 => VadMode::LowBitrate,
        2 => VadMode::Aggressive,
        _ => VadMode::VeryAggressive,
    }
}
