//! The `earshot` detector: a small neural network that knows speech, for the `vad` node.
//!
//! The registry entry and the detector's configuration live on the control thread; [`Earshot`] is built
//! there and then runs on the pipeline thread.
//!
//! ```
//! use glottis_core::{Detector, Rate};
//! use glottis_detector_earshot::Earshot;
//!
//! let mut detector = Earshot::new(0.5);
//! let window = detector.prepare(Rate::new(16_000).unwrap()).unwrap();
//! assert_eq!(window, 256);
//! assert!(detector.judge(&vec![0.0; window]).unwrap() < 0.5);
//! ```

mod config;
mod earshot;
mod tone;

pub use earshot::Earshot;

use glottis_core::Registry;

/// Adds the detector `earshot`.
pub fn register(registry: &mut Registry) {
    registry.add_detector(
        "earshot",
        "A small neural network that knows speech, at 16 kHz.",
        config::PARAMS,
        |s, _, _| Ok(Earshot::new(s.float("threshold"))),
    );
}

#[cfg(feature = "export")]
glottis_plugin::export!(register);
