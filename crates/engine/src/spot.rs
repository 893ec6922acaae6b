//! One CPU for a run's own threads, where the lowest latency is asked for. Each of them calls it once, before
//! it begins: the system calls are no part of its loop.
//!
//! A block goes from thread to thread, and the next one begins when its CPU has noticed that it is wanted.
//! Another CPU has to be told, and to wake up itself: 60 to 100 µs on a virtual machine, and on hardware that
//! sleeps deeply. The waker's own is awake, and turns to the next thread 15 to 40 µs after. The threads do
//! nothing at the same time anyway: each waits for what the one before it has done.

use std::sync::{Arc, OnceLock};

use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};

use crate::realtime::{self, Rank};

/// The CPU, once it is chosen.
#[derive(Clone, Default)]
pub(crate) struct Spot(Arc<OnceLock<Option<Choice>>>);

struct Choice {
    /// Where these threads may run at all: what a user (`taskset`) or a container gave them.
    allowed: CpuSet,
    one: CpuSet,
}

impl Spot {
    /// Keeps this thread on the CPU. The first that comes chooses the one it is on: where the system starts a
    /// thread there is nothing better to do, and several runs are spread like this. Where the system refuses,
    /// threads run where they would without.
    pub fn settle(&self) {
        if let Some(choice) = self.0.get_or_init(Choice::here) {
            let _ = sched_setaffinity(None, &choice.one);
        }
    }

    /// The same for a sinks' thread, which is also to run before all that is not real time. Where that is
    /// refused the pipeline thread is refused it too, and says so.
    pub fn settle_sinks(&self) {
        self.settle();
        let _ = realtime::ask(Rank::Sinks);
    }

    /// Lets a thread go that began as a copy of one that has settled.
    pub fn leave(&self) {
        realtime::give_back();
        if let Some(Some(choice)) = self.0.get() {
            let _ = sched_setaffinity(None, &choice.allowed);
        }
    }
}

impl Choice {
    fn here() -> Option<Choice> {
        let (allowed, cpu) = (sched_getaffinity(None).ok()?, sched_getcpu());
        if cpu >= CpuSet::MAX_CPU || !allowed.is_set(cpu) {
            return None;
        }
        let mut one = CpuSet::new();
        one.set(cpu);
        Some(Choice { allowed, one })
    }
}
