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
//! | thread | what it does |
//! |---|---|
//! | the control thread | polls, and is handed events |
//! | `glottis microphone` | decides what to do, lets time pass while there is no device; waits for nothing |
//! | `glottis device` | opens and drops one stream; each can hang, and then it is left behind |
//! | `glottis devices` | looks what devices there are; it can hang too |
//! | the host's own | runs the callback |

mod attempt;
mod capture;
mod config;
mod errors;
mod find;
mod list;
mod machine;
mod microphone;
mod owner;
mod patience;
mod scene;
mod stream;
mod system;
#[cfg(test)]
mod world;

use glottis_core::Registry;

pub use list::{DefaultFormat, DeviceInfo, RateRange, devices};

/// Adds the source `microphone`.
pub fn register(registry: &mut Registry) {
    registry.add_source("microphone", config::DOC, config::PARAMS, |settings, _, _| {
        Ok(microphone::Microphone::new(config::Config::new(settings)?))
    });
}
