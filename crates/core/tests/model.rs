//! The hand-off between threads, tried in every order the threads can run in: blocks from a source that
//! can wait to the pipeline thread, packets from there to a sink's task, bodies back. No wake-up relies on
//! the time: in a model a thread that nobody wakes sleeps for ever, and loom says so.
//!
//! Each protocol is also tried with a fault planted in what it stands on, and must be seen to break.
//! `.ci/models` runs this.

#![cfg(loom)]

use std::pin::pin;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use loom::sync::atomic::AtomicUsize;
use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use glottis_core::feed::{Taken, capture_ring};
use glottis_core::inlet::{Control, Link, queue};
use glottis_core::packet::Stamps;
use glottis_core::sync::Bell;
use glottis_core::sync::model::{Planted, Thread, current, park_timeout, plant};
use glottis_core::{Block, Cause, Feed, Inlet, Intake, Item, Outfeed, Packet, PacketKind, Rate, clock};

/// Blocks lie on the stacks of the threads, which are small in a model.
const STACK: usize = 1 << 18;

fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> loom::thread::JoinHandle<T> {
    loom::thread::Builder::new().stack_size(STACK).spawn(work).expect("a thread of the model")
}

/// Runs the model in every order of its threads, or as far as so many preemptions reach.
fn holds(model: fn()) {
    clock::start();
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(builder.preemption_bound.unwrap_or(3));
    // The first thread of a model cannot be given another stack.
    builder.check(move || spawn(model).join().expect("the model"));
}

/// What the process run again shall do: the number of a model, and of the fault that is planted in it.
const TASK: &str = "GLOTTIS_MODEL";

const MODELS: [fn(); 9] = [
    blocks_of_a_source_that_waits,
    a_stream_that_ends_early,
    a_pipeline_that_goes,
    packets_to_a_sink,
    a_pipeline_that_waits_for_bodies,
    a_link_that_flaps,
    a_halt_between_packets,
    a_bell_with_two_ropes,
    a_ringing_slept_through_elsewhere,
];

const FAULTS: [Planted; 4] = [Planted::NoFence, Planted::NoUnpark, Planted::NoWake, Planted::RelaxedFlags];

/// The model breaks with this fault, and `says` how. In a process of its own (this program, run again): what
/// is left of a broken model cannot be dropped.
#[track_caller]
fn breaks(model: fn(), fault: Planted, says: &str) {
    let model = MODELS.iter().position(|&known| std::ptr::fn_addr_eq(known, model)).expect("one of the list");
    let fault = FAULTS.iter().position(|&known| known == fault).expect("one of the list");
    let program = std::env::current_exe().expect("this program");
    let child = Command::new(program)
        .args(["task", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(TASK, format!("{model} {fault}"))
        .env("RUST_BACKTRACE", "0")
        .stdout(Stdio::null())
        .output()
        .expect("this program again");
    let stderr = String::from_utf8_lossy(&child.stderr);
    assert!(!child.status.success(), "the model does not see {:?}", FAULTS[fault]);
    assert!(stderr.contains(says), "{:?} breaks it in another way: {stderr}", FAULTS[fault]);
}

/// Not a test: the process run again.
#[test]
#[ignore = "the other tests run it in a process of its own"]
fn task() {
    let Ok(task) = std::env::var(TASK) else { return };
    let (model, fault) = task.split_once(' ').expect("two numbers");
    plant(FAULTS[fault.parse::<usize>().expect("a number")]);
    holds(MODELS[model.parse::<usize>().expect("a number")]);
}

/// How loom says that nobody wakes a thread that sleeps.
const ASLEEP: &str = "deadlock";

fn rate() -> Rate {
    Rate::new(8000).expect("a listed rate")
}

/// Feeds so many whole blocks and `more` frames, and ends the stream.
fn feed(mut feed: Feed, blocks: usize, more: usize) {
    for _ in 0..blocks {
        assert!(feed.push_mono(&[0.5; 80], 0), "the pipeline is still there");
    }
    feed.push_mono(&vec![0.5; more], 0);
}

/// Takes all blocks until the source has ended, and sleeps where there is none. Returns the frames.
fn take_all(mut intake: Intake) -> u64 {
    let mut block = Block::new(rate());
    let mut frames = 0;
    loop {
        match intake.take(&mut block) {
            Taken::Block => {
                assert_eq!(block.at, frames as i64, "a block is missing");
                frames += u64::from(block.valid);
            }
            Taken::Empty => intake.wait(Duration::ZERO),
            Taken::Ended => {
                assert_eq!(intake.total(), frames, "the end of the stream is another");
                return frames;
            }
        }
    }
}

/// More blocks than the ring holds: the source waits for room, the pipeline for blocks.
fn blocks_of_a_source_that_waits() {
    let (source, intake) = capture_ring(rate(), 2, true);
    let source = spawn(move || feed(source, 3, 0));
    let pipeline = spawn(move || take_all(intake));
    source.join().expect("the source");
    assert_eq!(pipeline.join().expect("the pipeline"), 240);
}

/// Fewer than half a ring: only the end wakes the pipeline.
fn a_stream_that_ends_early() {
    let (source, intake) = capture_ring(rate(), 4, true);
    let source = spawn(move || feed(source, 1, 5));
    let pipeline = spawn(move || take_all(intake));
    source.join().expect("the source");
    assert_eq!(pipeline.join().expect("the pipeline"), 85, "frames before the end");
}

/// The pipeline goes while the source waits for room.
fn a_pipeline_that_goes() {
    let (mut source, mut intake) = capture_ring(rate(), 2, true);
    let source = spawn(move || while source.push_mono(&[0.5; 80], 0) {});
    let pipeline = spawn(move || {
        let mut block = Block::new(rate());
        _ = intake.take(&mut block);
    });
    source.join().expect("the source");
    pipeline.join().expect("the pipeline");
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future on this thread, which sleeps until it is woken.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => park_timeout(Duration::ZERO),
        }
    }
}

fn send(outfeed: &mut Outfeed, seq: u64) {
    let mut body = outfeed.body().expect("room");
    body.extend(&[seq as u8]).expect("a byte fits");
    let kind = PacketKind::Data { frames: 1, padded: 0 };
    outfeed.push(Packet { kind, segment: 0, seq, at: seq as i64, counted: 1, stamps: Stamps::default(), body });
}

/// Settles packets until the queue is closed; sleeps where there is none.
fn sink(mut inlet: Inlet) -> u64 {
    let mut packets = 0;
    loop {
        match block_on(inlet.recv()) {
            Item::Packet(packet) => {
                assert_eq!((packet.seq, packet.body[0]), (packets, packets as u8), "packets out of order");
                packets += 1;
                inlet.delivered(packet);
            }
            Item::Closed => return packets,
            Item::Command(_) | Item::Halt => {}
        }
    }
}

fn settled(control: &Control, packets: u64) {
    assert_eq!(control.stats().ledger.read().delivered, packets);
}

/// A packet after each of which the sink is woken, and the end.
fn packets_to_a_sink() {
    let (mut outfeed, inlet, control) = queue(4, 1, Arc::new(|_| ()));
    let task = spawn(move || sink(inlet));
    let pipeline = spawn(move || {
        for seq in 0..2 {
            send(&mut outfeed, seq);
            outfeed.wake();
        }
    });
    pipeline.join().expect("the pipeline");
    assert_eq!(task.join().expect("the sink"), 2, "packets before the end");
    settled(&control, 2);
}

/// One more packet than there are bodies: the pipeline waits until one is back.
fn a_pipeline_that_waits_for_bodies() {
    let (mut outfeed, inlet, control) = queue(4, 1, Arc::new(|_| ()));
    // Four bodies are the least there are; two stay away, so that the model is small.
    let kept: Vec<_> = (0..2).map_while(|_| outfeed.body()).collect();
    let task = spawn(move || sink(inlet));
    let pipeline = spawn(move || {
        for seq in 0..3 {
            while outfeed.room() == 0 {
                outfeed.wait_for_room(1);
            }
            send(&mut outfeed, seq);
        }
        outfeed.close();
        drop(kept);
    });
    pipeline.join().expect("the pipeline");
    assert_eq!(task.join().expect("the sink"), 3);
    settled(&control, 3);
}

/// The connection is lost and back while packets come: whoever sees the link up again knows of the loss.
fn a_link_that_flaps() {
    let (outfeed, mut inlet, _control) = queue(4, 1, Arc::new(|_| ()));
    inlet.set_link(Link::Up);
    let task = spawn(move || {
        inlet.set_link(Link::Down);
        inlet.set_link(Link::Up);
        inlet
    });
    let pipeline = spawn(move || {
        let first = outfeed.link();
        let drops = outfeed.drops();
        if first == Link::Down {
            assert_eq!(drops, 1, "the link is down and was never lost");
        }
        (first, outfeed)
    });
    task.join().expect("the sink");
    pipeline.join().expect("the pipeline");
}

/// A halt finds the sink asleep, about to sleep, or busy; what is queued is dropped by name.
fn a_halt_between_packets() {
    let (mut outfeed, mut inlet, control) = queue(4, 1, Arc::new(|_| ()));
    let hand = control.clone();
    let task = spawn(move || {
        loop {
            match block_on(inlet.recv()) {
                Item::Packet(packet) => inlet.delivered(packet),
                Item::Halt => break,
                Item::Closed => unreachable!("nobody closes"),
                Item::Command(_) => {}
            }
        }
        inlet.discard(Cause::Stopped);
        inlet
    });
    let halter = spawn(move || hand.halt());
    send(&mut outfeed, 0);
    outfeed.wake();
    halter.join().expect("the control thread");
    let mut inlet = task.join().expect("the sink");
    inlet.discard(Cause::Stopped);
    let ledger = control.stats().ledger.read();
    assert_eq!(ledger.delivered + ledger.dropped.iter().map(|(_, frames)| frames).sum::<u64>(), 1);
}

/// Sleeps beside the bell until so many letters are there; they are no more ordered than ringing makes them.
fn await_letters(bell: &Bell, letters: &AtomicUsize, all: usize) {
    while letters.load(Relaxed) < all {
        bell.wait(Duration::ZERO);
    }
}

/// A letter, and the bell.
fn post(bell: &Bell, letters: &AtomicUsize) {
    letters.fetch_add(1, Relaxed);
    bell.ring();
}

/// Two threads ring; whoever finds it rung already leaves the waking to the other.
fn a_bell_with_two_ropes() {
    let (bell, letters) = (Bell::default(), Arc::new(AtomicUsize::new(0)));
    let ringers = [1, 2].map(|times| {
        let (bell, letters) = (bell.clone(), letters.clone());
        spawn(move || (0..times).for_each(|_| post(&bell, &letters)))
    });
    spawn(move || await_letters(&bell, &letters, 3)).join().expect("who sleeps");
    ringers.into_iter().for_each(|ringer| ringer.join().expect("a ringer"));
}

/// The thread sleeps in something else, which takes the wake-up for its own.
fn a_ringing_slept_through_elsewhere() {
    let (bell, letters) = (Bell::default(), Arc::new(AtomicUsize::new(0)));
    let (rope, pile) = (bell.clone(), letters.clone());
    let sleeper = spawn(move || {
        // Known to the bell from before.
        bell.ring();
        bell.wait(Duration::ZERO);
        let ringer = spawn(move || post(&rope, &pile));
        let (me, done) = (current(), Arc::new(AtomicUsize::new(0)));
        let told = done.clone();
        let other = spawn(move || {
            told.store(1, Release);
            me.unpark();
        });
        while done.load(Acquire) == 0 {
            park_timeout(Duration::ZERO);
        }
        await_letters(&bell, &letters, 1);
        [ringer, other]
    });
    for thread in sleeper.join().expect("who sleeps") {
        thread.join().expect("who wakes");
    }
}

#[test]
fn who_sleeps_beside_a_bell_misses_no_letter() {
    holds(a_bell_with_two_ropes);
    breaks(a_bell_with_two_ropes, Planted::NoUnpark, ASLEEP);
    breaks(a_bell_with_two_ropes, Planted::RelaxedFlags, ASLEEP);
}

#[test]
fn a_bell_is_heard_behind_another_sleep() {
    holds(a_ringing_slept_through_elsewhere);
    breaks(a_ringing_slept_through_elsewhere, Planted::NoUnpark, ASLEEP);
}

#[test]
fn a_source_that_waits_and_the_pipeline_wake_each_other() {
    holds(blocks_of_a_source_that_waits);
    breaks(blocks_of_a_source_that_waits, Planted::NoFence, ASLEEP);
    breaks(blocks_of_a_source_that_waits, Planted::NoUnpark, ASLEEP);
}

#[test]
fn the_end_of_a_stream_is_seen_and_nothing_before_it_is_missed() {
    holds(a_stream_that_ends_early);
    breaks(a_stream_that_ends_early, Planted::NoFence, ASLEEP);
    breaks(a_stream_that_ends_early, Planted::NoUnpark, ASLEEP);
    breaks(a_stream_that_ends_early, Planted::RelaxedFlags, "frames before the end");
}

#[test]
fn a_source_does_not_wait_for_a_pipeline_that_has_gone() {
    holds(a_pipeline_that_goes);
    breaks(a_pipeline_that_goes, Planted::NoFence, ASLEEP);
    breaks(a_pipeline_that_goes, Planted::NoUnpark, ASLEEP);
}

#[test]
fn a_sink_gets_every_packet_and_the_end() {
    holds(packets_to_a_sink);
    breaks(packets_to_a_sink, Planted::NoWake, ASLEEP);
    breaks(packets_to_a_sink, Planted::RelaxedFlags, "packets before the end");
}

#[test]
fn a_pipeline_that_waits_for_room_is_woken() {
    holds(a_pipeline_that_waits_for_bodies);
    breaks(a_pipeline_that_waits_for_bodies, Planted::NoUnpark, ASLEEP);
    breaks(a_pipeline_that_waits_for_bodies, Planted::NoWake, ASLEEP);
}

#[test]
fn a_link_that_was_lost_is_counted_before_it_shows() {
    holds(a_link_that_flaps);
    breaks(a_link_that_flaps, Planted::RelaxedFlags, "the link is down and was never lost");
}

#[test]
fn a_halt_reaches_a_sink_wherever_it_is() {
    holds(a_halt_between_packets);
    breaks(a_halt_between_packets, Planted::NoWake, ASLEEP);
}
