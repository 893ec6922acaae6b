//! The C ABI of plugins, version 1.0: plain data and function pointers, no logic. Both sides of the
//! border include it; `include/glottis_plugin.h` is generated from it.
//!
//! # The rules
//!
//! **One symbol.** A library exports one constant, [`Plugin`], named `glottis_plugin_v1`.
//!
//! **Sizes first.** Every structure begins with its size (the entry with its magic number, then its
//! size), set by whoever fills it in. Fields are only ever added at the end. Who reads a structure
//! uses only the fields that lie within its size. A list states the size of its items.
//!
//! **Threads.** Every call carries a tag:
//!
//! - `[control & idle]`: on some thread that is no audio thread, and while no other call to this
//!   instance is on. It may allocate, read files and take its time.
//! - `[control & active]`: on the control thread, while a thread of the instance is at work.
//! - `[pipeline & active]`: on the pipeline thread, between `prepare` and `destroy`. It must not
//!   allocate, free, lock, block, log or make a system call.
//! - `[own thread]`: on the one thread the tagged part has to itself. It may block.
//!
//! **Panics and exceptions** never cross the border: a call returns a status. **Memory** is freed by
//! the side that allocated it. Texts are UTF-8 and end with a zero. A library is never unloaded: what
//! its constants point to is there for ever.

mod ends;
mod stream;

use std::ffi::{c_char, c_void};

pub use ends::*;
pub use stream::*;

/// `"GLOTTIS1"`, read as a number by a little-endian machine.
pub const GLOTTIS_MAGIC: u64 = 0x3153_4954_544F_4C47;

/// A library of another major version is refused.
pub const GLOTTIS_ABI_MAJOR: u16 = 1;

/// A library of a greater minor version is refused: it may rely on what this version does not have.
pub const GLOTTIS_ABI_MINOR: u16 = 0;

/// All is well.
pub const GLOTTIS_OK: i32 = 0;
/// The call failed; where it takes a `glottis_error_t`, that says how.
pub const GLOTTIS_FAILED: i32 = 1;
/// There is no such live parameter, or its value is out of range.
pub const GLOTTIS_BAD_PARAMETER: i32 = 2;
/// More marks than the block has room for.
pub const GLOTTIS_TOO_MANY_MARKS: i32 = 3;
/// The body has no room for the bytes.
pub const GLOTTIS_BODY_FULL: i32 = 4;
/// The call panicked, and the panic was caught.
pub const GLOTTIS_PANICKED: i32 = 5;
/// There is nothing more to do: the pipeline has gone, or takes no more.
pub const GLOTTIS_ENDED: i32 = 6;

/// A source; `calls` is a `glottis_source_t`.
pub const GLOTTIS_SOURCE: u32 = 1;
/// A node; `calls` is a `glottis_node_t`.
pub const GLOTTIS_NODE: u32 = 2;
/// A detector; `calls` is a `glottis_detector_t`.
pub const GLOTTIS_DETECTOR: u32 = 3;
/// An encoder; `calls` is a `glottis_encoder_t`.
pub const GLOTTIS_ENCODER: u32 = 4;
/// A sink; `calls` is a `glottis_sink_t`.
pub const GLOTTIS_SINK: u32 = 5;

/// `true` or `false`.
pub const GLOTTIS_PARAM_BOOL: u32 = 1;
/// A whole number from `min` to `max`.
pub const GLOTTIS_PARAM_INT: u32 = 2;
/// A number from `min` to `max`.
pub const GLOTTIS_PARAM_FLOAT: u32 = 3;
/// Any text.
pub const GLOTTIS_PARAM_TEXT: u32 = 4;
/// One of `words`.
pub const GLOTTIS_PARAM_CHOICE: u32 = 5;
/// One of `words`, or a whole number from `min` to `max`.
pub const GLOTTIS_PARAM_CHOICE_OR_INT: u32 = 6;
/// A text such as `"300ms"`, from `min` to `max` milliseconds.
pub const GLOTTIS_PARAM_DURATION: u32 = 7;
/// One of `words`, or a duration.
pub const GLOTTIS_PARAM_CHOICE_OR_DURATION: u32 = 8;
/// A text such as `"1MiB"`, from `min` to `max` bytes.
pub const GLOTTIS_PARAM_BYTES: u32 = 9;
/// The name of a file.
pub const GLOTTIS_PARAM_PATH: u32 = 10;
/// The name of an environment variable that holds a secret.
pub const GLOTTIS_PARAM_SECRET_ENV: u32 = 11;
/// The name of a file that holds a secret.
pub const GLOTTIS_PARAM_SECRET_FILE: u32 = 12;
/// One text or a list of texts.
pub const GLOTTIS_PARAM_TEXT_OR_LIST: u32 = 13;
/// A table with the keys `params`.
pub const GLOTTIS_PARAM_TABLE: u32 = 14;
/// A table with any keys and text values.
pub const GLOTTIS_PARAM_MAP: u32 = 15;
/// The name of a detector, whose own keys stand beside this one.
pub const GLOTTIS_PARAM_DETECTOR: u32 = 16;
/// A table with any keys and numbers as values.
pub const GLOTTIS_PARAM_NUMBERS: u32 = 17;

/// The key must be written.
pub const GLOTTIS_REQUIRED: u32 = 1;
/// The key can be changed while audio flows. Only for numbers and booleans.
pub const GLOTTIS_LIVE: u32 = 2;

/// What a library exports, as the constant `glottis_plugin_v1`.
#[repr(C)]
pub struct Plugin {
    /// `GLOTTIS_MAGIC`.
    pub magic: u64,
    /// Size of this structure.
    pub size: u32,
    /// `GLOTTIS_ABI_MAJOR` of the header the library was built with.
    pub abi_major: u16,
    /// `GLOTTIS_ABI_MINOR` of the header the library was built with.
    pub abi_minor: u16,
    /// [control & idle] Lists the components. Called once, before anything else of the library.
    pub list: Option<unsafe extern "C" fn(list: *mut ComponentList, error: *mut Error) -> i32>,
}

/// The components of a library.
#[repr(C)]
pub struct ComponentList {
    /// Size of this structure.
    pub size: u32,
    /// How many.
    pub count: u32,
    /// The components.
    pub items: *const *const Component,
}

/// A component a configuration can name.
#[repr(C)]
pub struct Component {
    /// Size of this structure.
    pub size: u32,
    /// `GLOTTIS_SOURCE` to `GLOTTIS_SINK`.
    pub kind: u32,
    /// Its `type`: small letters, digits and hyphens.
    pub name: *const c_char,
    /// One sentence for people.
    pub doc: *const c_char,
    /// Its keys; null for none.
    pub params: *const Param,
    /// How many keys.
    pub param_count: u32,
    /// Size of one `glottis_param_t`.
    pub param_size: u32,
    /// Its calls, in the table that belongs to `kind`.
    pub calls: *const c_void,
    /// Whatever the plugin wants to find here again.
    pub data: *const c_void,
}

/// A key of a component.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Param {
    /// The key.
    pub name: *const c_char,
    /// One sentence for people.
    pub doc: *const c_char,
    /// The unit of a number; null for none.
    pub unit: *const c_char,
    /// The value used when the key is absent, as written in TOML (texts with their quotes); null for
    /// none.
    pub default_toml: *const c_char,
    /// The texts of a choice, with a `|` between them; else null.
    pub words: *const c_char,
    /// The keys of a table; else null. Of the same size as this one.
    pub params: *const Param,
    /// How many keys of a table.
    pub param_count: u32,
    /// `GLOTTIS_PARAM_BOOL` to `GLOTTIS_PARAM_NUMBERS`.
    pub kind: u32,
    /// `GLOTTIS_REQUIRED`, `GLOTTIS_LIVE`, or both.
    pub flags: u32,
    /// 0.
    pub reserved: u32,
    /// The least value of a number.
    pub min: f64,
    /// The greatest value of a number.
    pub max: f64,
}

/// The checked values of an instance's keys, defaults filled in. There while `create` runs.
#[repr(C)]
pub struct Settings {
    /// Size of this structure.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// All values as a JSON object.
    pub json: *const c_char,
    /// What is known of the run, as a JSON object: `name` of the instance, `base` folder of relative
    /// paths, `started` (seconds since 1970), `state_dir` (or null), `reads` (files nobody may write).
    pub context: *const c_char,
    /// For the calls below.
    pub handle: *const c_void,
    /// The value of a key that is a number or a boolean (0 or 1). `GLOTTIS_FAILED`: it has none.
    pub number: Option<unsafe extern "C" fn(settings: *const Settings, key: *const c_char, value: *mut f64) -> i32>,
    /// The value of a key that is a text; null: it has none. File names are absolute. There while
    /// `create` runs.
    pub text: Option<unsafe extern "C" fn(settings: *const Settings, key: *const c_char) -> *const c_char>,
}

/// Where a call says why it failed. Provided by the caller, with empty texts.
#[repr(C)]
pub struct Error {
    /// Size of this structure.
    pub size: u32,
    /// What it obliges the engine to do, for sinks: `GLOTTIS_RETRY` and the others.
    pub advice: u32,
    /// A stable code, for sources and sinks, such as `Network`.
    pub code: [c_char; 64],
    /// The key that is wrong, if one is.
    pub key: [c_char; 64],
    /// What is wrong.
    pub message: [c_char; 1024],
    /// What to do about it.
    pub help: [c_char; 512],
}
