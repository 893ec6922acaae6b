//! The queue to a sink: what the pipeline thread does to the sink's task by waking it.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use glottis_core::inlet::{Control, queue};
use glottis_core::packet::Stamps;
use glottis_core::{Inlet, Outfeed, Packet, PacketKind};

#[derive(Default)]
struct Tasks {
    woken: AtomicUsize,
    freed: AtomicUsize,
}

impl Tasks {
    fn woken(&self) -> usize {
        self.woken.load(Ordering::Relaxed)
    }

    fn freed(&self) -> usize {
        self.freed.load(Ordering::Relaxed)
    }
}

/// A task that has ended but for its waker: whoever drops that frees it.
struct Ended(Arc<Tasks>);

impl Wake for Ended {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.woken.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.freed.fetch_add(1, Ordering::Relaxed);
    }
}

/// A task waits at the inlet, and ends there.
fn wait(inlet: &mut Inlet, tasks: &Arc<Tasks>) {
    let waker = Waker::from(Arc::new(Ended(tasks.clone())));
    assert!(pin!(inlet.recv_command()).poll(&mut Context::from_waker(&waker)).is_pending());
}

fn send(outfeed: &mut Outfeed) {
    let body = outfeed.body().expect("room");
    let kind = PacketKind::Data { frames: 1, padded: 0 };
    outfeed.push(Packet { kind, segment: 0, seq: 0, at: 0, counted: 1, stamps: Stamps::default(), body });
    outfeed.wake();
}

fn waiting() -> (Outfeed, Inlet, Control, Arc<Tasks>) {
    let (outfeed, mut inlet, control) = queue(64, 1, Arc::new(|_| ()));
    let tasks = Arc::default();
    wait(&mut inlet, &tasks);
    (outfeed, inlet, control, tasks)
}

#[test]
fn the_pipeline_wakes_a_task_and_the_next_that_waits_frees_it() {
    let (mut outfeed, mut inlet, control, tasks) = waiting();
    for round in 1..=50 {
        send(&mut outfeed);
        assert_eq!((tasks.woken(), tasks.freed()), (round, round - 1), "freed by the pipeline thread");
        wait(&mut inlet, &tasks);
        assert_eq!(tasks.freed(), round, "not freed by the sink");
    }
    outfeed.close();
    assert_eq!((tasks.woken(), tasks.freed()), (51, 50), "freed by the pipeline thread");
    drop((outfeed, inlet, control));
    assert_eq!(tasks.freed(), 51, "never freed");
}

#[test]
fn one_who_awaits_a_halt_alone_is_woken_and_freed_alike() {
    let (mut outfeed, inlet, control, tasks) = waiting();
    for round in 1..=50 {
        send(&mut outfeed);
        let waker = Waker::from(Arc::new(Ended(tasks.clone())));
        assert!(pin!(inlet.halted()).poll(&mut Context::from_waker(&waker)).is_pending());
        drop(waker);
        assert_eq!((tasks.woken(), tasks.freed()), (round, round));
    }
    control.halt();
    assert_eq!((tasks.woken(), tasks.freed()), (51, 51), "the control thread may free");
    assert_eq!(pin!(inlet.halted()).poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(()));
}
