//! The structures and numbers of LADSPA 1.1, written from its specification (ladspa.org). Read on the
//! control side; the calls say who may make them.

use std::ffi::{c_char, c_int, c_ulong, c_void};

/// What a library exports: the descriptor of this number, null after the last.
pub(crate) type List = unsafe extern "C" fn(index: c_ulong) -> *const Descriptor;

/// The name of that function.
pub(crate) const LIST: &str = "ladspa_descriptor";

/// One effect. It belongs to its library and stays as it is.
#[repr(C)]
pub(crate) struct Descriptor {
    pub unique_id: c_ulong,
    /// A name without spaces, to find the effect by.
    pub label: *const c_char,
    /// Whether it works in place, and in real time: nothing here depends on it.
    pub properties: c_int,
    /// A name for people.
    pub name: *const c_char,
    pub maker: *const c_char,
    pub copyright: *const c_char,
    /// The length of the three tables below.
    pub port_count: c_ulong,
    /// `INPUT` or `OUTPUT`, and `CONTROL` or `AUDIO`.
    pub ports: *const c_int,
    pub port_names: *const *const c_char,
    pub hints: *const Hint,
    pub data: *mut c_void,
    /// Control side. Null where it fails.
    pub instantiate: Option<unsafe extern "C" fn(effect: *const Descriptor, hz: c_ulong) -> *mut c_void>,
    /// Where a port's sample or samples are; to be called for every port before `run`.
    pub connect_port: Option<unsafe extern "C" fn(instance: *mut c_void, port: c_ulong, at: *mut f32)>,
    /// Control side, once, before the first `run`. May be null.
    pub activate: Option<unsafe extern "C" fn(instance: *mut c_void)>,
    /// Pipeline thread.
    pub run: Option<unsafe extern "C" fn(instance: *mut c_void, frames: c_ulong)>,
    pub run_adding: Option<unsafe extern "C" fn(instance: *mut c_void, frames: c_ulong)>,
    pub set_run_adding_gain: Option<unsafe extern "C" fn(instance: *mut c_void, gain: f32)>,
    /// Control side, once, after the last `run`. May be null.
    pub deactivate: Option<unsafe extern "C" fn(instance: *mut c_void)>,
    /// Control side, once, at the end.
    pub cleanup: Option<unsafe extern "C" fn(instance: *mut c_void)>,
}

/// What values a control port takes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hint {
    /// The bits below.
    pub bits: c_int,
    pub lower: f32,
    pub upper: f32,
}

pub(crate) const INPUT: c_int = 1;
pub(crate) const OUTPUT: c_int = 2;
pub(crate) const CONTROL: c_int = 4;
pub(crate) const AUDIO: c_int = 8;

/// `lower` is a limit.
pub(crate) const BOUNDED_BELOW: c_int = 0x1;
/// `upper` is a limit.
pub(crate) const BOUNDED_ABOVE: c_int = 0x2;
/// Off at 0 and below, else on.
pub(crate) const TOGGLED: c_int = 0x4;
/// The limits are to be multiplied by the sample rate.
pub(crate) const SAMPLE_RATE: c_int = 0x8;
/// Equal ratios are equal steps.
pub(crate) const LOGARITHMIC: c_int = 0x10;
/// Whole numbers only.
pub(crate) const INTEGER: c_int = 0x20;

/// Which default there is: one of the following; 0x200, and none of them, stand for 0.
pub(crate) const DEFAULT: c_int = 0x3c0;
pub(crate) const DEFAULT_MINIMUM: c_int = 0x040;
pub(crate) const DEFAULT_LOW: c_int = 0x080;
pub(crate) const DEFAULT_MIDDLE: c_int = 0x0c0;
pub(crate) const DEFAULT_HIGH: c_int = 0x100;
pub(crate) const DEFAULT_MAXIMUM: c_int = 0x140;
pub(crate) const DEFAULT_1: c_int = 0x240;
pub(crate) const DEFAULT_100: c_int = 0x280;
pub(crate) const DEFAULT_440: c_int = 0x2c0;
