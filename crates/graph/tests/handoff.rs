//! The two hand-offs between threads, under load: blocks from a source to the pipeline, packets from
//! the pipeline to a sink's task. Order and content must hold, nothing may be lost unnamed, and no
//! wake-up may be missed (then this hangs).
//!
//! A plain program without the test harness, and without locks, channels and scoped threads of the
//! standard library: where that is not instrumented, the thread sanitizer takes them for races.
//! `.ci/tsan` runs it under the sanitizer. `HANDOFF_BLOCKS` says how much goes through; with `HANDOFF_RACE`
//! there is nothing but a race, which the sanitizer must see.

// These threads wait as a sink's task does.
#![allow(clippy::disallowed_methods)]

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use glottis_core::feed::{Taken, capture_ring};
use glottis_core::inlet::{Link, queue};
use glottis_core::packet::Stamps;
use glottis_core::sink::{SinkAction, SinkCommand};
use glottis_core::{Block, Inlet, Item, Outfeed, Packet, PacketKind, Rate, clock};

fn main() {
    if std::env::var_os("HANDOFF_RACE").is_some() {
        return race();
    }
    let n = std::env::var("HANDOFF_BLOCKS").ok().and_then(|n| n.parse().ok()).unwrap_or(100_000);
    clock::start();
    blocks_of_a_live_source(n);
    blocks_of_a_source_that_waits(n);
    packets_to_a_busy_task(n);
    packets_to_a_sleeping_task(n / 10);
    packets_with_a_pipeline_that_waits(n / 10);
    commands_and_a_halt_between_packets(n / 10);
    println!("ok: {n} blocks and packets");
}

/// Two threads that write to one place without a word to each other. The second waits until the first has
/// written, by a flag that puts nothing in order: where it has ended before the first goes on, what the library does
/// at the end of a thread may do so.
#[allow(unsafe_code)]
fn race() {
    static mut PLACE: u64 = 0;
    static WRITTEN: AtomicBool = AtomicBool::new(false);
    // SAFETY: none. It is what the sanitizer is asked to see, and is called for nothing else.
    let write = || unsafe { (&raw mut PLACE).write_volatile(1) };
    let other = std::thread::spawn(move || {
        while !WRITTEN.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
        write();
    });
    write();
    WRITTEN.store(true, Ordering::Relaxed);
    other.join().expect("the other thread");
}

fn rate() -> Rate {
    Rate::new(8000).expect("a listed rate")
}

/// The sample of frame `at`: exact, and another for each of the last eight million.
fn sample(at: u64) -> f32 {
    (at & 0x7F_FFFF) as f32
}

/// The next samples of a stream, in pieces no device agrees on.
fn piece(at: u64, samples: &mut [f32; 200]) -> &[f32] {
    let n = [80, 200, 1, 33, 160][at as usize % 5];
    for (i, out) in samples[..n].iter_mut().enumerate() {
        *out = sample(at + i as u64);
    }
    &samples[..n]
}

fn check(block: &Block) {
    for (i, &got) in block.samples().iter().enumerate().take(usize::from(block.valid)) {
        assert_eq!(got, sample(block.at as u64 + i as u64), "frame {} of the block at {}", i, block.at);
    }
}

fn blocks_of_a_live_source(n: u64) {
    let (mut feed, mut intake) = capture_ring(rate(), 50, false);
    let stats = intake.stats();
    let taken = Arc::new(AtomicU64::new(0));
    let seen = taken.clone();
    let source = std::thread::spawn(move || {
        let (mut at, mut samples) = (0, [0.0; 200]);
        while at < n * 80 {
            // Mostly no faster than the pipeline; for a while much faster, so that the ring overflows.
            let ahead = if at % 800_000 > 780_000 { u64::MAX / 2 } else { 45 * 80 };
            while at > seen.load(Ordering::Acquire) + ahead {
                std::thread::yield_now();
            }
            let piece = piece(at, &mut samples);
            at += piece.len() as u64;
            feed.push_mono(piece, clock::now());
        }
        at
    });
    let mut block = Block::new(rate());
    let (mut next, mut missing) = (0, 0);
    loop {
        match intake.take(&mut block) {
            Taken::Block => {
                assert!(block.at >= next, "blocks out of order");
                missing += block.at - next;
                next = block.at + i64::from(block.valid);
                check(&block);
                taken.store(next as u64, Ordering::Release);
            }
            Taken::Empty => {
                // What did not fit the ring will not come.
                taken.store(intake.total(), Ordering::Release);
                std::thread::yield_now();
            }
            Taken::Ended => break,
        }
    }
    let fed = source.join().expect("the source's thread");
    missing += fed as i64 - next;
    assert_eq!(intake.total(), fed);
    let overrun = stats.overrun.load(Ordering::Relaxed) as i64;
    // A last block that was lost counts whole, though it was partial.
    assert!((0..80).contains(&(overrun - missing)), "{missing} frames are missing, {overrun} are counted");
    println!("live: {missing} of {fed} frames found the ring full");
}

fn blocks_of_a_source_that_waits(n: u64) {
    let (mut feed, mut intake) = capture_ring(rate(), 8, true);
    let source = std::thread::spawn(move || {
        let (mut at, mut samples) = (0, [0.0; 200]);
        while at < n * 80 {
            let piece = piece(at, &mut samples);
            at += piece.len() as u64;
            assert!(feed.push_mono(piece, clock::now()), "the pipeline is still there");
        }
        at
    });
    let mut block = Block::new(rate());
    let mut next = 0;
    loop {
        match intake.take(&mut block) {
            Taken::Block => {
                assert_eq!(block.at, next, "a block is missing");
                next = block.at + i64::from(block.valid);
                check(&block);
            }
            Taken::Empty => intake.wait(Duration::from_secs(3600)),
            Taken::Ended => break,
        }
    }
    assert_eq!(next as u64, source.join().expect("the source's thread"));
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future on this thread, which sleeps until it is woken: a wake-up that is lost is for ever.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// Queues packet number `seq` of one frame, if there is room.
fn send(outfeed: &mut Outfeed, seq: u64) -> bool {
    let Some(mut body) = outfeed.body() else { return false };
    body.extend(&seq.to_le_bytes()).expect("eight bytes fit");
    let kind = PacketKind::Data { frames: 1, padded: 0 };
    outfeed.push(Packet { kind, segment: 0, seq, at: seq as i64, counted: 1, stamps: Stamps::default(), body });
    true
}

/// Settles a packet, which must be number `seq`.
fn receive(inlet: &mut Inlet, packet: Packet, seq: u64) {
    assert_eq!(packet.seq, seq, "packets out of order");
    assert_eq!(*packet.body, seq.to_le_bytes(), "the body of another packet");
    inlet.delivered(packet);
}

/// Takes packets until the queue is closed, and tells how many came by `seen`. Returns the commands
/// and halts that came between.
fn take_all(mut inlet: Inlet, seen: &AtomicU64) -> (u64, u64) {
    inlet.set_link(Link::Up);
    let (mut next, mut commands, mut halts) = (0, 0, 0);
    loop {
        match block_on(inlet.recv()) {
            Item::Packet(packet) => {
                receive(&mut inlet, packet, next);
                next += 1;
                seen.store(next, Ordering::Release);
            }
            Item::Command(command) => {
                assert_eq!(command.id, commands, "commands out of order");
                commands += 1;
            }
            Item::Halt => halts += 1,
            Item::Closed => return (commands, halts),
        }
    }
}

fn settled(control: &glottis_core::inlet::Control, n: u64) {
    assert_eq!(control.stats().ledger.read().delivered, n);
}

fn packets_to_a_busy_task(n: u64) {
    let (mut outfeed, inlet, control) = queue(16, 8, Arc::new(|_| ()));
    let seen = Arc::new(AtomicU64::new(0));
    let mine = seen.clone();
    let task = std::thread::spawn(move || take_all(inlet, &mine));
    for seq in 0..n {
        while !send(&mut outfeed, seq) {
            std::thread::yield_now();
        }
        if seq % 3 == 0 {
            outfeed.wake();
        }
    }
    outfeed.close();
    task.join().expect("the sink's thread");
    settled(&control, n);
}

/// Each packet finds the task asleep, or on its way to it: the moment where a wake-up can be lost.
fn packets_to_a_sleeping_task(n: u64) {
    let (mut outfeed, inlet, control) = queue(4, 8, Arc::new(|_| ()));
    let seen = Arc::new(AtomicU64::new(0));
    let mine = seen.clone();
    let task = std::thread::spawn(move || take_all(inlet, &mine));
    for seq in 0..n {
        assert!(send(&mut outfeed, seq));
        outfeed.wake();
        while seen.load(Ordering::Acquire) <= seq {
            std::hint::spin_loop();
        }
    }
    // Closing by dropping wakes as well.
    drop(outfeed);
    task.join().expect("the sink's thread");
    settled(&control, n);
}

fn packets_with_a_pipeline_that_waits(n: u64) {
    let (mut outfeed, inlet, control) = queue(4, 8, Arc::new(|_| ()));
    let seen = Arc::new(AtomicU64::new(0));
    let task = std::thread::spawn(move || take_all(inlet, &seen));
    for seq in 0..n {
        while outfeed.room() == 0 {
            outfeed.wait_for_room(1);
        }
        assert!(send(&mut outfeed, seq));
    }
    outfeed.close();
    task.join().expect("the sink's thread");
    settled(&control, n);
}

fn commands_and_a_halt_between_packets(n: u64) {
    let (mut outfeed, inlet, control) = queue(16, 8, Arc::new(|_| ()));
    let seen = Arc::new(AtomicU64::new(0));
    let task = std::thread::spawn(move || take_all(inlet, &seen));
    let hand = control.clone();
    let commands = n / 10;
    let controller = std::thread::spawn(move || {
        for id in 0..commands {
            hand.command(SinkCommand { id, action: SinkAction::Interrupt }).expect("the sink is there");
        }
        hand.halt();
    });
    for seq in 0..n {
        while !send(&mut outfeed, seq) {
            std::thread::yield_now();
        }
        outfeed.wake();
    }
    controller.join().expect("the controller's thread");
    outfeed.close();
    assert_eq!(task.join().expect("the sink's thread"), (commands, 1));
    settled(&control, n);
}
