//! The `ladspa` node: runs LADSPA effects of one channel, of which there are many.
//!
//! Libraries are loaded, and effects made and dropped, on the control side; [`Ladspa`] runs on the pipeline
//! thread.
//!
//! **Native code is trusted code**: an effect can do whatever the process can. Only the library that the
//! configuration names is loaded, and those that [`installed`] is asked for.
//!
//! `unsafe` stands in two modules: `effect`, which reads descriptors, and `instance`, which makes the calls.

mod abi;
mod config;
mod control;
mod effect;
mod instance;
mod ladspa;
mod search;

pub use control::Control;
pub use effect::Effect;
pub use ladspa::Ladspa;
pub use search::{Found, installed};

use glottis_core::Registry;

/// Adds the `ladspa` node.
pub fn register(registry: &mut Registry) {
    registry.add_node("ladspa", "Runs a LADSPA effect of one channel.", config::PARAMS, |settings, _, _| {
        config::build(settings)
    });
}
