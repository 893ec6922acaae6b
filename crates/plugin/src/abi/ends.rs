//! Where sound comes from and where it goes: sources and sinks, each with a thread of its own.

use std::ffi::{c_char, c_void};

use super::{Component, Error, Settings};

/// What a source is about to deliver.
#[repr(C)]
pub struct SourceFormat {
    /// Size of this structure.
    pub size: u32,
    /// Frames per second of what it pushes: 8000, 16000, 24000, 32000, 44100, 48000, 88200 or 96000;
    /// 0 if it cannot tell before it is opened, and it was not to look.
    pub rate_hz: u32,
    /// Rate of the device or file itself.
    pub native_hz: u32,
    /// Channels of the device or file itself.
    pub channels: u32,
    /// 1 if it can wait: then pushing blocks while the pipeline is busy, and nothing is dropped.
    pub waits: u32,
    /// 1 if its sound goes on whether anybody listens or not.
    pub live: u32,
    /// What the user would call the device.
    pub device: [c_char; 256],
}

/// The host's end of a source's stream. There from `start` until `stop` has returned. All calls come
/// from one thread.
#[repr(C)]
pub struct Feed {
    /// Size of this structure.
    pub size: u32,
    /// 1 if pushing waits for room.
    pub waits: u32,
    /// For the calls below.
    pub handle: *mut c_void,
    /// [own thread] Pushes mono samples, the last of which was captured `age_ns` nanoseconds ago. Where
    /// the source cannot wait, this never blocks and is safe in a capture callback.
    /// `GLOTTIS_ENDED`: the pipeline has gone.
    pub push: Option<unsafe extern "C" fn(feed: *const Feed, samples: *const f32, frames: u32, age_ns: u64) -> i32>,
    /// [own thread] The device lost so many frames.
    pub gap: Option<unsafe extern "C" fn(feed: *const Feed, frames: u64)>,
    /// [own thread] There will be no more.
    pub finish: Option<unsafe extern "C" fn(feed: *const Feed)>,
}

/// The calls of a source.
#[repr(C)]
pub struct SourceCalls {
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
    /// [control & idle] What it will deliver. With `look` 0 nothing may be opened.
    pub format: Option<
        unsafe extern "C" fn(instance: *mut c_void, look: u32, format: *mut SourceFormat, error: *mut Error) -> i32,
    >,
    /// [control & idle] Starts a thread of its own that pushes into `feed`.
    pub start: Option<unsafe extern "C" fn(instance: *mut c_void, feed: *const Feed, error: *mut Error) -> i32>,
    /// [control & active] How it goes, every few milliseconds while it runs. Anything but `GLOTTIS_OK`: it
    /// failed and delivers nothing more. Null: it never fails.
    pub poll: Option<unsafe extern "C" fn(instance: *mut c_void, error: *mut Error) -> i32>,
    /// [control & active] Stops reading, or goes on. `GLOTTIS_FAILED`, or null: it cannot.
    pub pause: Option<unsafe extern "C" fn(instance: *mut c_void, on: u32) -> i32>,
    /// [control & active] Stops. When it returns, no call into `feed` is on and none will come.
    pub stop: Option<unsafe extern "C" fn(instance: *mut c_void)>,
    /// [control & idle] The last call.
    pub destroy: Option<unsafe extern "C" fn(instance: *mut c_void)>,
}

/// Nobody decides where a segment begins and ends: there is one from start to stop.
pub const GLOTTIS_TURN_ALWAYS: u32 = 1;
/// The voice detector decides.
pub const GLOTTIS_TURN_SPEECH: u32 = 2;
/// The user's finger decides.
pub const GLOTTIS_TURN_PUSH_TO_TALK: u32 = 3;

/// What shall be done for a sink where the configuration does not say. The caller fills in the
/// defaults.
#[repr(C)]
pub struct Wants {
    /// Size of this structure.
    pub size: u32,
    /// Frames of a chunk.
    pub chunk_frames: u32,
    /// The encoder's name, such as `pcm16`.
    pub encoder: *const c_char,
    /// Keys for the encoder as a JSON object; null for none.
    pub encoder_settings: *const c_char,
    /// 1: the last chunk of a segment is padded with silence.
    pub pad: u32,
    /// `GLOTTIS_TURN_ALWAYS` and the others.
    pub turn: u32,
    /// When the queue is full: 0: the rest of the segment is given up; 1: frames are left out.
    pub overflow_gap: u32,
    /// 0.
    pub reserved: u32,
}

/// What a sink will get.
#[repr(C)]
pub struct Edge {
    /// Size of this structure.
    pub size: u32,
    /// Frames per second.
    pub rate_hz: u32,
    /// Frames of a full chunk.
    pub chunk_frames: u32,
    /// 1: the last chunk of a segment is padded.
    pub pad: u32,
    /// `GLOTTIS_TURN_ALWAYS` and the others; 0 if the service decides.
    pub turn: u32,
    /// 1: a voice detector stands upstream.
    pub voice: u32,
    /// 1: the source can wait, so nothing may be dropped.
    pub waits: u32,
    /// 0.
    pub reserved: u32,
}

/// A segment begins; the bytes are what the encoder writes before the first frame.
pub const GLOTTIS_BEGIN: u32 = 1;
/// The next frames of a segment.
pub const GLOTTIS_DATA: u32 = 2;
/// A segment is whole; the bytes are what the encoder writes after the last frame.
pub const GLOTTIS_END: u32 = 3;
/// A segment was given up: the rest never comes.
pub const GLOTTIS_ABORT: u32 = 4;

/// A piece of a segment. There while `write` runs.
#[repr(C)]
pub struct Packet {
    /// Size of this structure.
    pub size: u32,
    /// `GLOTTIS_BEGIN` to `GLOTTIS_ABORT`.
    pub kind: u32,
    /// Number of the segment at this sink, from 0.
    pub segment: u64,
    /// Number of the packet within its segment, from 0.
    pub seq: u64,
    /// Position of its first frame, at the sink's rate.
    pub at: i64,
    /// Frames the bytes stand for, padding included.
    pub frames: u32,
    /// Of these, zeros added at the end.
    pub padded: u32,
    /// Why the segment ended, such as `speech_end`; empty for `GLOTTIS_BEGIN` and `GLOTTIS_DATA`.
    pub reason: *const c_char,
    /// For `GLOTTIS_END`: frames of the segment, padding not counted.
    pub segment_frames: u64,
    /// For `GLOTTIS_END`: one past the last frame known to be voice.
    pub voice_end: i64,
    /// The bytes.
    pub bytes: *const u8,
    /// How many.
    pub length: u64,
}

/// Nothing will help: the sink is given up.
pub const GLOTTIS_FATAL: u32 = 0;
/// The connection failed or was lost: `open` is called again after a while.
pub const GLOTTIS_RETRY: u32 = 1;
/// The segment was refused: the sink goes on with the next.
pub const GLOTTIS_REJECTED: u32 = 2;

/// The calls of a sink: three that block, on a thread of its own.
#[repr(C)]
pub struct SinkCalls {
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
    /// [control & idle] What shall be done for it. Null: the defaults.
    pub wants: Option<unsafe extern "C" fn(instance: *mut c_void, wants: *mut Wants) -> i32>,
    /// [control & idle] Learns what it will get. Null: anything is right.
    pub prepare: Option<unsafe extern "C" fn(instance: *mut c_void, edge: *const Edge, error: *mut Error) -> i32>,
    /// [own thread] Connects, or opens its file. Called again after a failure with `GLOTTIS_RETRY`.
    pub open: Option<unsafe extern "C" fn(instance: *mut c_void, error: *mut Error) -> i32>,
    /// [own thread] Takes a packet. What returned `GLOTTIS_OK` counts as delivered.
    pub write: Option<unsafe extern "C" fn(instance: *mut c_void, packet: *const Packet, error: *mut Error) -> i32>,
    /// [own thread] Ends what is open, within two seconds. Called once for each `open` that succeeded.
    pub close: Option<unsafe extern "C" fn(instance: *mut c_void, error: *mut Error) -> i32>,
    /// [own thread] Milliseconds until `open` is called again after failure number `attempt` (from 1) in
    /// a row; negative: give up. `opened`: whether it had been open. Null: 1, 2 and 4 seconds, then give
    /// up.
    pub backoff: Option<unsafe extern "C" fn(instance: *mut c_void, attempt: u32, opened: u32) -> i64>,
    /// [control & idle, or own thread] The last call.
    pub destroy: Option<unsafe extern "C" fn(instance: *mut c_void)>,
}
