//! Wakes a task from the pipeline thread, which frees nothing by it. The task, and the control thread, have the
//! [`Alarm`]; the pipeline thread has the [`Rouser`], and may touch nothing else here.
//!
//! Waking uses a waker up, and whoever drops the last waker of a task that has ended frees the task. So the
//! pipeline thread wakes by reference, and sends the waker back to where the task registers the next one.

#![expect(clippy::disallowed_types, reason = "the lock is between futures that register, never an audio thread's")]

use std::sync::{Mutex, PoisonError};
use std::task::Waker;

use super::AtomicWaker;
use super::ring::{Consumer, HeapCons, HeapProd, HeapRb, Producer, Split};

/// Used wakers that may be on their way back. Each registering drops those that are there, so that between
/// two of them there is one at most, and one that was just being used; the rest is for futures registered
/// side by side.
const SPENT: usize = 8;

/// A task to be woken: the side of the task and of the control thread.
pub(crate) struct Alarm {
    task: AtomicWaker,
    /// Used wakers, to be dropped. Only who registers takes the lock.
    spent: Mutex<HeapCons<Waker>>,
}

/// The right to wake the task of an [`Alarm`] from the pipeline thread.
pub(crate) struct Rouser {
    spent: HeapProd<Waker>,
}

impl Alarm {
    /// An alarm nobody has registered with, and the pipeline thread's part of it.
    pub fn new() -> (Alarm, Rouser) {
        let (used, spent) = HeapRb::new(SPENT).split();
        (Alarm { task: AtomicWaker::new(), spent: Mutex::new(spent) }, Rouser { spent: used })
    }

    /// The task to wake from now on: before it looks whether there is something for it. May free.
    pub fn register(&self, waker: &Waker) {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        while spent.try_pop().is_some() {}
        drop(spent);
        self.task.register(waker);
    }

    /// Wakes the task. May free it: not for audio threads.
    pub fn wake(&self) {
        self.task.wake();
    }
}

impl Rouser {
    /// Wakes the task: may make a system call, and neither allocates nor frees.
    pub fn wake(&mut self, alarm: &Alarm) {
        let Some(waker) = alarm.task.take() else { return };
        waker.wake_by_ref();
        if let Err(waker) = self.spent.try_push(waker) {
            debug_assert!(false, "more wakers were used than registered");
            // Better lost than freed on this thread.
            std::mem::forget(waker);
        }
    }
}
