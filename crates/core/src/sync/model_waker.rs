//! The waker of a task for models: states and orderings of the crate `atomic-waker`. The waker itself lies
//! behind a lock that loom does not see.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use std::sync::{Mutex, PoisonError};
use std::task::Waker;

use loom::sync::atomic::AtomicUsize;

use super::model::{Planted, has};

const WAITING: usize = 0;
const REGISTERING: usize = 1;
const WAKING: usize = 2;

/// A waker that one task registers and anyone may use.
#[derive(Debug)]
pub struct AtomicWaker {
    state: AtomicUsize,
    waker: Mutex<Option<Waker>>,
}

impl AtomicWaker {
    /// Without a waker.
    pub fn new() -> AtomicWaker {
        AtomicWaker { state: AtomicUsize::new(WAITING), waker: Mutex::new(None) }
    }

    fn replace(&self, waker: Option<Waker>) -> Option<Waker> {
        std::mem::replace(&mut *self.waker.lock().unwrap_or_else(PoisonError::into_inner), waker)
    }

    /// The task to wake from now on.
    pub fn register(&self, waker: &Waker) {
        match self.state.compare_exchange(WAITING, REGISTERING, Acquire, Acquire) {
            Ok(_) => {
                self.replace(Some(waker.clone()));
                if self.state.compare_exchange(REGISTERING, WAITING, AcqRel, Acquire).is_err() {
                    // Woken meanwhile, by one who left it to us.
                    let waker = self.replace(None);
                    self.state.swap(WAITING, AcqRel);
                    waker.into_iter().for_each(Waker::wake);
                }
            }
            Err(WAKING) => {
                // Not behind the wake-up: loom forgets it when the thread yields.
                loom::thread::yield_now();
                waker.wake_by_ref();
            }
            Err(_) => {}
        }
    }

    /// Wakes the task.
    pub fn wake(&self) {
        self.take().into_iter().for_each(Waker::wake);
    }

    /// Takes the waker, to wake the task with.
    pub fn take(&self) -> Option<Waker> {
        if has(Planted::NoWake) || self.state.fetch_or(WAKING, AcqRel) != WAITING {
            return None;
        }
        let waker = self.replace(None);
        self.state.fetch_and(!WAKING, Release);
        waker
    }
}
