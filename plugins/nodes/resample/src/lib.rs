//! The `resample` node: another sample rate, one block in and one block out.
//!
//! The registry entry and the node's configuration live on the control thread; [`Resample`] is built
//! there and then runs on the pipeline thread.
//!
//! ```
//! use glottis_core::{Block, Node, Rate};
//! use glottis_node_resample::{Quality, Resample};
//!
//! let (from, to) = (Rate::new(48_000).unwrap(), Rate::new(16_000).unwrap());
//! let mut node = Resample::new(to, Quality::High);
//! assert_eq!(node.prepare(from), Ok(to));
//!
//! let input = Block::new(from);
//! let mut output = Block::new(to);
//! output.follow(&input, to, node.latency());
//! node.process(&input, &mut output).unwrap();
//! assert_eq!((output.samples().len(), output.at), (160, -34));
//! ```

mod bank;
mod config;
mod converter;
mod fft;
mod filter;
mod fused;
mod polyphase;
mod resample;
mod rows;
mod streams;

pub use config::Quality;
pub use resample::Resample;

use glottis_core::Registry;

/// Adds the `resample` node.
pub fn register(registry: &mut Registry) {
    registry.add_node("resample", "Converts the sample rate.", config::PARAMS, |settings, _, _| {
        Ok(config::Config::from_settings(settings)?.build())
    });
}

#[cfg(feature = "export")]
glottis_plugin::export!(register);
