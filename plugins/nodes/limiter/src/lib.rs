//! The `limiter` node: no sample above a ceiling, and if wanted a steady loudness.
//!
//! The registry entry and the node's configuration live on the control thread; [`Limiter`] is built
//! there and then runs on the pipeline thread.
//!
//! ```
//! use glottis_core::{Block, Node, Rate};
//! use glottis_node_limiter::{Limiter, Settings};
//!
//! let rate = Rate::new(16_000).unwrap();
//! let mut node = Limiter::new(Settings { gain_db: 20.0, ..Settings::default() });
//! node.prepare(rate).unwrap();
//!
//! let (mut input, mut output) = (Block::new(rate), Block::new(rate));
//! input.samples_mut().fill(0.5); // five times full scale after the gain
//! node.process(&input, &mut output).unwrap();
//! assert!(output.samples().iter().all(|s| s.abs() <= 0.892)); // -1 dBFS
//! ```

mod ceiling;
mod config;
mod least;
mod level;
mod limiter;

pub use level::Level;
pub use limiter::{Limiter, Settings};

use glottis_core::Registry;

/// Adds the `limiter` node.
pub fn register(registry: &mut Registry) {
    registry.add_node("limiter", "No sample above a ceiling; a steady loudness.", config::PARAMS, |settings, _, _| {
        Ok(Limiter::new(config::read(settings)))
    });
}

#[cfg(feature = "export")]
glottis_plugin::export!(register);
