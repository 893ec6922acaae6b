//! The `gain` node: louder or softer, without clicks.
//!
//! The registry entry and the node's configuration live on the control thread; [`Gain`] is built
//! there and then runs on the pipeline thread.
//!
//! ```
//! use glottis_core::{Block, Node, Rate};
//! use glottis_node_gain::Gain;
//!
//! let rate = Rate::new(16_000).unwrap();
//! let mut node = Gain::new(-20.0);
//! node.prepare(rate).unwrap();
//!
//! let (mut input, mut output) = (Block::new(rate), Block::new(rate));
//! input.samples_mut().fill(0.5);
//! node.process(&input, &mut output).unwrap();
//! assert!(output.samples().iter().all(|s| (s - 0.05).abs() < 1e-6));
//! ```

mod config;
mod gain;

pub use gain::Gain;

use glottis_core::Registry;

/// Adds the `gain` node.
pub fn register(registry: &mut Registry) {
    registry.add_node("gain", "Makes the stream louder or softer.", config::PARAMS, |settings, _, _| {
        Ok(config::Config::from_settings(settings).build())
    });
}

#[cfg(feature = "export")]
glottis_plugin::export!(register);
