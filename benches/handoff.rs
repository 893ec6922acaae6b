//! How long the two hand-offs between threads take, there and back: a block to a thread that looks
//! for it without a pause, a packet to a task that sleeps. Beside them, the least this machine can
//! do: a number in an atomic, and a thread that is unparked.
//!
//! `cargo bench --bench handoff`

use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use glottis_core::feed::{Taken, capture_ring};
use glottis_core::inlet::queue;
use glottis_core::packet::Stamps;
use glottis_core::{Block, Inlet, Item, Packet, PacketKind, Rate};

fn spin_until(true_now: impl Fn() -> bool) {
    while !true_now() {
        spin_loop();
    }
}

/// What the two threads of a bench share: how far the other one is, and whether it may end.
#[derive(Default)]
struct Shared {
    asked: AtomicU64,
    answered: AtomicU64,
    over: AtomicBool,
}

impl Shared {
    fn wait_for(&self, number: u64) {
        spin_until(|| self.answered.load(Ordering::Acquire) == number);
    }
}

/// Times `work` with a pause before each call, in which the other side falls asleep.
fn asleep(times: u64, mut work: impl FnMut()) -> Duration {
    (0..times)
        .map(|_| {
            let pause = Instant::now();
            spin_until(|| pause.elapsed() > Duration::from_micros(100));
            let started = Instant::now();
            work();
            started.elapsed()
        })
        .sum()
}

fn atomic(c: &mut Criterion) {
    let shared = Arc::new(Shared::default());
    let other = shared.clone();
    let thread = std::thread::spawn(move || {
        while !other.over.load(Ordering::Acquire) {
            other.answered.store(other.asked.load(Ordering::Acquire), Ordering::Release);
            spin_loop();
        }
    });
    let mut number = 0;
    c.benchmark_group("handoff, both spinning").bench_function("a number", |b| {
        b.iter(|| {
            number += 1;
            shared.asked.store(number, Ordering::Release);
            shared.wait_for(number);
        });
    });
    shared.over.store(true, Ordering::Release);
    thread.join().expect("the other thread");
}

fn block(c: &mut Criterion) {
    let rate = Rate::new(16_000).expect("a listed rate");
    let (mut feed, mut intake) = capture_ring(rate, 50, false);
    let shared = Arc::new(Shared::default());
    let other = shared.clone();
    let thread = std::thread::spawn(move || {
        let mut block = Block::new(rate);
        loop {
            match intake.take(&mut block) {
                Taken::Block => _ = other.answered.fetch_add(1, Ordering::Release),
                Taken::Empty => spin_loop(),
                Taken::Ended => return,
            }
        }
    });
    let samples = vec![0.1; rate.block()];
    let mut number = 0;
    c.benchmark_group("handoff, both spinning").bench_function("a block", |b| {
        b.iter(|| {
            number += 1;
            feed.push_mono(&samples, 0);
            shared.wait_for(number);
        });
    });
    drop(feed);
    thread.join().expect("the other thread");
}

fn unpark(c: &mut Criterion) {
    let shared = Arc::new(Shared::default());
    let other = shared.clone();
    let thread = std::thread::spawn(move || {
        while !other.over.load(Ordering::Acquire) {
            other.answered.store(other.asked.load(Ordering::Acquire), Ordering::Release);
            std::thread::park();
        }
    });
    let mut number = 0;
    c.benchmark_group("handoff, one asleep").bench_function("a number", |b| {
        b.iter_custom(|times| {
            asleep(times, || {
                number += 1;
                shared.asked.store(number, Ordering::Release);
                thread.thread().unpark();
                shared.wait_for(number);
            })
        });
    });
    shared.over.store(true, Ordering::Release);
    thread.thread().unpark();
    thread.join().expect("the other thread");
}

async fn take_all(mut inlet: Inlet, shared: Arc<Shared>) {
    while let Item::Packet(packet) = inlet.recv().await {
        inlet.delivered(packet);
        shared.answered.fetch_add(1, Ordering::Release);
    }
}

fn packet(c: &mut Criterion) {
    let (mut outfeed, inlet, _) = queue(16, 64, Arc::new(|_| ()));
    let shared = Arc::new(Shared::default());
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime of one thread");
    let task = runtime.spawn(take_all(inlet, shared.clone()));
    let mut number = 0;
    c.benchmark_group("handoff, one asleep").bench_function("a packet", |b| {
        b.iter_custom(|times| {
            asleep(times, || {
                let body = outfeed.body().expect("the queue is empty");
                let kind = PacketKind::Data { frames: 1, padded: 0 };
                let stamps = Stamps::default();
                outfeed.push(Packet { kind, segment: 0, seq: number, at: 0, counted: 1, stamps, body });
                outfeed.wake();
                number += 1;
                shared.wait_for(number);
            })
        });
    });
    outfeed.close();
    runtime.block_on(task).expect("the task");
}

criterion_group!(benches, atomic, block, unpark, packet);
criterion_main!(benches);
