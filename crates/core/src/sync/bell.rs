//! A bell beside which one thread sleeps, and which any thread may ring: the pipeline thread too, after the
//! work of a cycle.

use std::sync::Arc;
use std::sync::atomic::Ordering::AcqRel;
use std::time::Duration;

use super::{AtomicBool, Sleeper, park_timeout};

/// Wakes one thread when there is something for it. A clone is the same bell.
#[derive(Clone, Default)]
pub struct Bell(Arc<Rope>);

#[derive(Default)]
struct Rope {
    /// Has rung, and nobody has come yet. More than a parked thread's own note of having been woken, which
    /// whatever that thread calls may use up.
    rung: AtomicBool,
    ears: Sleeper,
}

impl Bell {
    /// Rings: behind what there is to see. Neither allocates nor locks; a system call only if the thread
    /// sleeps now.
    pub fn ring(&self) {
        // Who rang before wakes the thread, which then sees both.
        if !self.0.rung.swap(true, AcqRel) {
            self.0.ears.wake();
        }
    }

    /// Sleeps until it rings, or has rung since the last call; for so long at most, and sometimes less. What
    /// was done before the ringing is seen after this. Always of the same thread.
    pub fn wait(&self, at_most: Duration) {
        self.0.ears.here();
        if !self.0.rung.swap(false, AcqRel) {
            park_timeout(at_most);
            self.0.rung.swap(false, AcqRel);
        }
    }
}
