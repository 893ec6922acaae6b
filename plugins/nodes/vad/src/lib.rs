//! The `vad` node, which marks where speech starts and ends, and two detectors for it.
//!
//! | component | what |
//! |---|---|
//! | node `vad` | cuts the stream into the detector's windows and turns its judgements into marks |
//! | detector `webrtc` | the voice detector of WebRTC |
//! | detector `energy` | loudness against a threshold |
//!
//! A detector of your own is one more line in a `register` function:
//! [`Registry::add_detector`] makes it a value of the node's `detector` key.
//!
//! The registry entries and configurations live on the control thread; nodes and detectors are built
//! there and then run on the pipeline thread.
//!
//! ```
//! use glottis_core::{Block, MarkKind, Node, Rate};
//! use glottis_node_vad::{Energy, Vad};
//!
//! let rate = Rate::new(16_000).unwrap();
//! let mut node = Vad::new(Box::new(Energy::new(-34.0, 6.0)));
//! node.prepare(rate).unwrap();
//!
//! let (mut input, mut output) = (Block::new(rate), Block::new(rate));
//! input.samples_mut().fill(0.1); // loud
//! node.process(&input, &mut output).unwrap();
//! assert!(matches!(output.marks()[0].kind, MarkKind::SpeechStart { .. }));
//! ```

mod config;
mod energy;
mod fvad;
mod third_band;
mod vad;
mod webrtc;

pub use energy::Energy;
pub use vad::Vad;
pub use webrtc::{Frame, Webrtc};

use glottis_core::Registry;

/// Adds the `vad` node and the detectors `webrtc` and `energy`.
pub fn register(registry: &mut Registry) {
    registry.add_node("vad", "Marks where speech starts and ends.", config::VAD, config::vad);
    registry.add_detector("webrtc", "The voice detector of WebRTC.", config::WEBRTC, |s, _, _| Ok(config::webrtc(s)));
    registry.add_detector("energy", "Loudness against a threshold.", config::ENERGY, |s, _, _| Ok(config::energy(s)));
}

#[cfg(feature = "export")]
glottis_plugin::export!(register);
