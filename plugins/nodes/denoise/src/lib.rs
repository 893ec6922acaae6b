//! The `denoise` node: takes noise out of a voice, by RNNoise.
//!
//! The registry entry and the node's configuration live on the control thread; [`Denoise`] is built
//! there and then runs on the pipeline thread.
//!
//! ```
//! use glottis_core::{Block, Node, Rate};
//! use glottis_node_denoise::Denoise;
//!
//! let rate = Rate::new(48_000).unwrap();
//! let mut node = Denoise::new(1.0);
//! node.prepare(rate).unwrap();
//! assert_eq!(node.latency(), 480);
//!
//! let (input, mut output) = (Block::new(rate), Block::new(rate));
//! node.process(&input, &mut output).unwrap();
//!
//! let problem = node.prepare(Rate::new(16_000).unwrap()).unwrap_err();
//! assert!(problem.help.contains("rate = 48000"));
//! ```

mod config;
mod denoise;

pub use denoise::Denoise;

use glottis_core::Registry;

/// Adds the `denoise` node.
pub fn register(registry: &mut Registry) {
    registry.add_node("denoise", "Takes noise out of a voice, at 48 kHz.", config::PARAMS, |settings, _, _| {
        Ok(config::Config::from_settings(settings).build())
    });
}

#[cfg(feature = "export")]
glottis_plugin::export!(register);
