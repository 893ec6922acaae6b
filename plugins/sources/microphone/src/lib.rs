//! Source `microphone`: a capture device of the system. See the README for its keys, and for what
//! happens when a device fails.
//!
//! ```
//! use glottis_core::Registry;
//!
//! let mut registry = Registry::new();
//! glottis_source_microphone::register(&mut registry);
//! ```
//!
//! Three threads: the control thread polls, a thread of ours opens and drops the stream (each of which
//! can hang, and then it is left behind), and the host's own thread runs the callback.

mod capture;
mod config;
mod errors;
mod find;
mod list;
mod microphone;
mod stream;

use glottis_core::Registry;

pub use list::{DefaultFormat, DeviceInfo, RateRange, devices};

/// Adds the source `microphone`.
pub fn register(registry: &mut Registry) {
    registry.add_source("microphone", config::DOC, config::PARAMS, |settings, _, _| {
        Ok(microphone::Microphone::new(config::Config::new(settings)?))
    });
}
