//! What the pipeline thread calls: nodes, detectors, encoders, and the blocks they work on.

use std::ffi::{c_char, c_void};

use super::{Component, Error, Settings};

/// The first frame of speech.
pub const GLOTTIS_SPEECH_START: u32 = 1;
/// One past the last frame of speech.
pub const GLOTTIS_SPEECH_END: u32 = 2;
/// Frames are missing from here on and silence stands in for them.
pub const GLOTTIS_GAP: u32 = 3;

/// Something known about one instant of the stream.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    /// Frame index at the rate of the block that carries the mark; may lie before the block.
    pub at: i64,
    /// `GLOTTIS_SPEECH_START`, `GLOTTIS_SPEECH_END` or `GLOTTIS_GAP`.
    pub kind: u32,
    /// For speech: the detector's confidence, 0 to 1.
    pub probability: f32,
    /// For a gap: how many frames are missing.
    pub frames: u32,
    /// 0.
    pub reserved: u32,
}

/// Exactly 10 ms of mono samples, in the caller's memory; there while the call runs.
#[repr(C)]
pub struct Block {
    /// Size of this structure.
    pub size: u32,
    /// Frames per second: 100 times `frames`.
    pub rate_hz: u32,
    /// Index of the first frame. Negative while filters upstream warm up.
    pub at: i64,
    /// When the first frame was captured, in nanoseconds of the host's clock.
    pub captured_ns: u64,
    /// The samples, nominally from -1 to 1.
    pub samples: *mut f32,
    /// How many samples.
    pub frames: u32,
    /// How many of them belong to the stream: all, but for its last block.
    pub valid: u32,
    /// 1 for silence that stands in for frames the source lost, else 0.
    pub filled: u32,
    /// How many marks the block carries.
    pub mark_count: u32,
    /// The marks. A node adds to those of its output.
    pub marks: *mut Mark,
    /// How many marks there is room for.
    pub mark_room: u32,
    /// 0.
    pub reserved: u32,
}

/// What a node says of itself once it knows the rate of its input.
#[repr(C)]
pub struct Prepared {
    /// Size of this structure.
    pub size: u32,
    /// The rate of its output: 8000, 16000, 24000, 32000, 44100, 48000, 88200 or 96000.
    pub rate_hz: u32,
    /// Frames of its output by which the sound leaves later than it came in.
    pub latency: u32,
    /// 1 if it marks where speech begins and ends, else 0.
    pub hears_voice: u32,
}

/// The calls of a node: one block in, one block out, every 10 ms.
#[repr(C)]
pub struct NodeCalls {
    /// Size of this structure.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// [control & idle] Makes an instance.
    pub create: Option<
        unsafe extern "C" fn(
            component: *const Component,
            settings: *const Settings,
            instance: *mut *mut c_void,
            error: *mut Error,
        ) -> i32,
    >,
    /// [control & idle] Called once, after `create`: learns the rate of the input and answers. The
    /// only place to allocate. The caller fills in that nothing changes.
    pub prepare: Option<
        unsafe extern "C" fn(instance: *mut c_void, rate_hz: u32, prepared: *mut Prepared, error: *mut Error) -> i32,
    >,
    /// [pipeline & active] Turns `input` into `output`, all samples of it. Both have the rate that
    /// `prepare` agreed on; `output` already carries position, capture time and marks of `input`, and
    /// only its samples and further marks may be written. Anything but `GLOTTIS_OK`: the node is
    /// bypassed if its output has the rate of its input, else the pipeline stops.
    pub process: Option<unsafe extern "C" fn(instance: *mut c_void, input: *const Block, output: *mut Block) -> i32>,
    /// [control & idle, or pipeline & active] Sets a live key; booleans are 0 and 1. Null: there are
    /// none.
    pub set: Option<unsafe extern "C" fn(instance: *mut c_void, key: *const c_char, value: f64) -> i32>,
    /// [pipeline & active] Forgets all it heard. Null: there is nothing to forget.
    pub reset: Option<unsafe extern "C" fn(instance: *mut c_void)>,
    /// [control & idle] The last call.
    pub destroy: Option<unsafe extern "C" fn(instance: *mut c_void)>,
}

/// The calls of a detector: a judge of speech, inside the `vad` node.
#[repr(C)]
pub struct DetectorCalls {
    /// Size of this structure.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// [control & idle] Makes an instance.
    pub create: Option<
        unsafe extern "C" fn(
            component: *const Component,
            settings: *const Settings,
            instance: *mut *mut c_void,
            error: *mut Error,
        ) -> i32,
    >,
    /// [control & idle] Called once: learns the rate and answers with the frames of one window.
    pub prepare:
        Option<unsafe extern "C" fn(instance: *mut c_void, rate_hz: u32, window: *mut u32, error: *mut Error) -> i32>,
    /// [pipeline & active] The probability, 0 to 1, that a window holds speech; from 0.5 on it counts
    /// as speech.
    pub judge: Option<
        unsafe extern "C" fn(instance: *mut c_void, samples: *const f32, frames: u32, probability: *mut f32) -> i32,
    >,
    /// [control & idle, or pipeline & active] Sets a live key. Null: there are none.
    pub set: Option<unsafe extern "C" fn(instance: *mut c_void, key: *const c_char, value: f64) -> i32>,
    /// [pipeline & active] Forgets all it heard. Null: there is nothing to forget.
    pub reset: Option<unsafe extern "C" fn(instance: *mut c_void)>,
    /// [control & idle] The last call.
    pub destroy: Option<unsafe extern "C" fn(instance: *mut c_void)>,
}

/// Where an encoder writes, in the caller's memory; there while the call runs.
#[repr(C)]
pub struct Body {
    /// Size of this structure.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// The bytes.
    pub bytes: *mut u8,
    /// How many were written: the callee adds to it.
    pub length: u64,
    /// How many there is room for.
    pub room: u64,
}

/// The calls of an encoder: the frames of a segment in, bytes out.
///
/// For every segment: `begin`, `encode` any number of times, `finish`. A segment that is given up
/// ends without `finish`.
#[repr(C)]
pub struct EncoderCalls {
    /// Size of this structure.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// [control & idle] Makes an instance.
    pub create: Option<
        unsafe extern "C" fn(
            component: *const Component,
            settings: *const Settings,
            instance: *mut *mut c_void,
            error: *mut Error,
        ) -> i32,
    >,
    /// [control & idle] Called once: learns the rate, and answers with the most bytes that `begin`,
    /// `finish`, or encoding `frames` frames write.
    pub prepare: Option<
        unsafe extern "C" fn(
            instance: *mut c_void,
            rate_hz: u32,
            frames: u32,
            bytes: *mut u64,
            error: *mut Error,
        ) -> i32,
    >,
    /// [pipeline & active] What comes before the first frame. Null: nothing.
    pub begin: Option<unsafe extern "C" fn(instance: *mut c_void, body: *mut Body) -> i32>,
    /// [pipeline & active] Appends the encoding of `frames` frames.
    pub encode:
        Option<unsafe extern "C" fn(instance: *mut c_void, samples: *const f32, frames: u32, body: *mut Body) -> i32>,
    /// [pipeline & active] What comes after the last frame. Null: nothing.
    pub finish: Option<unsafe extern "C" fn(instance: *mut c_void, body: *mut Body) -> i32>,
    /// [control & idle] The last call.
    pub destroy: Option<unsafe extern "C" fn(instance: *mut c_void)>,
}
