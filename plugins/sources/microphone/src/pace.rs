//! Keeps the sound on the system's clock, for `drift = "correct"`. On the capture's own thread.

use std::sync::Arc;

use glottis_core::drift::{Steady, WINDOW_NS};
use glottis_core::feed::Lateness;
use glottis_source_door::Stretch;

/// Says, window by window, by how much to stretch the sound.
#[derive(Default)]
pub struct Pace {
    steady: Steady,
    stretch: Arc<Stretch>,
    window: u64,
}

impl Pace {
    /// What the rate converter reads.
    pub fn stretch(&self) -> Arc<Stretch> {
        self.stretch.clone()
    }

    /// A device begins. Until its clock is known the sound is stretched as that of the one before, which
    /// may well be the same.
    pub fn begin(&mut self, now: u64) {
        self.steady = Steady::default();
        self.window = now;
    }

    /// Looks at the clock of the device, if it is time to.
    pub fn keep(&mut self, now: u64, lateness: &Lateness) {
        if now.saturating_sub(self.window) < WINDOW_NS {
            return;
        }
        self.window = now;
        if let Some(least) = lateness.take() {
            self.stretch.set(self.steady.step(now, least));
        }
    }
}
