//! The `high-pass` node: takes hum, rumble and offset out of a voice.
//!
//! The registry entry and the node's configuration live on the control thread; [`HighPass`] is built
//! there and then runs on the pipeline thread.
//!
//! ```
//! use glottis_core::{Block, Node, Rate};
//! use glottis_node_high_pass::HighPass;
//!
//! let rate = Rate::new(16_000).unwrap();
//! let mut node = HighPass::new(80.0);
//! node.prepare(rate).unwrap();
//!
//! let (mut input, mut output) = (Block::new(rate), Block::new(rate));
//! input.samples_mut().fill(0.5); // a constant offset
//! for _ in 0..10 {
//!     node.process(&input, &mut output).unwrap();
//! }
//! assert!(output.samples().iter().all(|s| s.abs() < 1e-6));
//! ```

mod biquad;
mod config;
mod high_pass;

pub use high_pass::HighPass;

use glottis_core::Registry;

/// Adds the `high-pass` node.
pub fn register(registry: &mut Registry) {
    registry.add_node("high-pass", "Takes out hum, rumble and offset.", config::PARAMS, |settings, _, _| {
        Ok(config::Config::from_settings(settings).build())
    });
}

#[cfg(feature = "export")]
glottis_plugin::export!(register);
