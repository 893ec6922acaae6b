//! Keeps the sound on the system's clock, for `drift = "correct"`. On the capture's own thread.

use std::sync::Arc;

use glottis_core::drift::{STEP_NS, Steady};
use glottis_core::feed::FeedStats;
use glottis_source_door::Stretch;

/// Says, once a second, by how much to stretch the sound.
#[derive(Default)]
pub struct Pace {
    steady: Steady,
    stretch: Arc<Stretch>,
    /// When it was last thought over.
    thought: u64,
}

impl Pace {
    /// What the rate converter reads.
    pub fn stretch(&self) -> Arc<Stretch> {
        self.stretch.clone()
    }

    /// A device begins. Until its clock is known the sound is stretched as that of the one before, which
    /// may well be the same.
    pub fn begin(&mut self, now: u64) {
        self.steady.restart();
        self.thought = now;
    }

    /// Looks at the clock of the stream, if it is time to.
    pub fn keep(&mut self, now: u64, stats: &FeedStats) {
        if now.saturating_sub(self.thought) < STEP_NS {
            return;
        }
        self.thought = now;
        if let Some(least) = stats.converted.take() {
            self.stretch.set(self.steady.step(now, least));
        }
    }
}
