//! What threads share, under one name for this crate: the standard library's atomics and threads, and
//! the rings. In a model of the hand-off (`--cfg loom`, see `.ci/models`) the stand-ins in `model` have
//! the same names, so that what is modelled is the code that runs.

#[cfg(loom)]
#[path = "sync/model.rs"]
pub mod model;
#[cfg(loom)]
#[path = "sync/model_ring.rs"]
mod model_ring;
#[cfg(loom)]
#[path = "sync/model_waker.rs"]
mod model_waker;

mod alarm;
mod bell;

pub(crate) use alarm::{Alarm, Rouser};
pub use bell::Bell;

#[cfg(loom)]
pub(crate) use model::{AtomicBool, AtomicU8, AtomicU64, OnceLock, Thread, current, fence, park_timeout};
#[cfg(loom)]
use model_waker::AtomicWaker;

#[cfg(not(loom))]
use atomic_waker::AtomicWaker;
#[cfg(not(loom))]
pub(crate) use std::sync::OnceLock;
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, fence};
#[cfg(not(loom))]
pub(crate) use std::thread::{Thread, current};

use std::sync::atomic::Ordering;

/// Sleeps until this thread is unparked, or for so long. Blocks: only on the way of a source that can wait, and
/// on threads that touch no audio.
#[cfg(not(loom))]
#[expect(clippy::disallowed_methods, reason = "the one place that may")]
pub(crate) fn park_timeout(at_most: std::time::Duration) {
    std::thread::park_timeout(at_most);
}

/// A ring between two threads.
pub mod ring {
    #[cfg(loom)]
    pub use super::model_ring::{Consumer, HeapCons, HeapProd, HeapRb, Observer, Producer, Split};
    #[cfg(not(loom))]
    pub use ringbuf::traits::{Consumer, Observer, Producer, Split};
    #[cfg(not(loom))]
    pub use ringbuf::{HeapCons, HeapProd, HeapRb};
}

/// A thread that sleeps until another has done something, and is known to it from its first sleep on.
///
/// The one calls [`Sleeper::here`], looks once more, and parks; the other does what is waited for, and
/// calls [`Sleeper::wake`]. Either the look sees it, or the wake-up finds the thread.
#[derive(Default)]
pub(crate) struct Sleeper(OnceLock<Thread>);

impl Sleeper {
    /// The calling thread is the one that sleeps. Before its last look.
    pub fn here(&self) {
        if self.0.get().is_none() {
            self.0.get_or_init(current);
            // With the fence in `wake`: this thread's look or the other's comes second, and sees.
            fence(Ordering::SeqCst);
        }
    }

    /// Wakes the thread, if it has ever slept: a system call if it sleeps now.
    pub fn wake(&self) {
        if self.0.get().is_none() {
            fence(Ordering::SeqCst);
        }
        if let Some(thread) = self.0.get() {
            thread.unpark();
        }
    }
}
