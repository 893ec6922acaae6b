//! The audio threads make no system call: so they wait for no contended lock, sleep never, log
//! nothing and touch no file. Linux only.
//!
//! 100,000 cycles of a whole pipeline run under a seccomp filter that kills the process at the first
//! system call, whatever it is: all on one thread, which is fast, and fewer on two, as in life. The
//! filter belongs to a thread and cannot be taken off, so this happens in a process of its own (this
//! program, run again), and the threads end by spinning until the main thread, which has no filter,
//! ends the process.
//!
//! What this cannot see: a lock that nobody else holds at that moment is taken without a system
//! call. The main thread therefore works on everything it shares with them without a pause
//! (queues, links, counters, signals), so that a lock in between would be contended soon.

#![cfg(target_os = "linux")]
#![allow(unsafe_code)]

mod cycle;
#[path = "support/seccomp.rs"]
mod seccomp;
mod shown;

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use cycle::{AlsoDoes, Cycle, Device, Does, Pipeline, TREE, Through};
use glottis::Node;
use glottis::core::inlet::Link;
use seccomp::{REFUSED, SIGSYS, allow_only};

/// What the process run again shall do.
const TASK: &str = "GLOTTIS_NO_SYSCALL";

/// The child's way of saying that its sinks got nothing, so that the test says nothing.
const NOTHING_CAME: i32 = 78;

/// Runs this program again for `task`.
fn child(task: &str) -> ExitStatus {
    let program = std::env::current_exe().expect("this program");
    Command::new(program)
        .args(["task", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(TASK, task)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .expect("this program again")
}

/// Whether the kernel filters at all, and reads the clock without a system call.
fn possible() -> bool {
    let status = child("clock");
    if status.success() {
        return true;
    }
    let why = match status.code() {
        Some(REFUSED) => "the kernel refuses a seccomp filter".to_owned(),
        _ => format!("reading the clock is a system call here ({status})"),
    };
    eprintln!("skipped: {why}");
    false
}

#[test]
fn a_hundred_thousand_cycles_make_no_system_call() {
    if possible() {
        for task in ["alone", "together"] {
            let status = child(task);
            assert!(status.success(), "{task}: {status}; signal {SIGSYS} is a system call");
        }
    }
}

/// The number of a configuration that we show is the task.
#[test]
fn every_configuration_we_show_makes_no_system_call() {
    if possible() {
        for (number, (name, _)) in shown::all().iter().enumerate() {
            let status = child(&number.to_string());
            assert!(status.success(), "{name}: {status}; signal {SIGSYS} is a system call");
        }
    }
}

#[test]
fn a_contended_lock_is_caught_in_every_example() {
    if possible() {
        for (number, (name, text)) in shown::examples().iter().enumerate() {
            let status = child(&format!("locks {number}"));
            // Without a node there is none that could take a lock.
            let wanted = text.contains("[[node]]").then_some(SIGSYS);
            assert_eq!(status.signal(), wanted, "{name}: {status}");
        }
    }
}

#[test]
fn each_way_to_make_one_is_caught() {
    if !possible() {
        return;
    }
    for task in ["locks", "prints", "sleeps", "unparks", "allocates", "callback"] {
        let status = child(task);
        assert_eq!(status.signal(), Some(SIGSYS), "{task}: {status}");
    }
}

/// What the main thread shares with the two audio threads.
#[derive(Default)]
struct Shared {
    /// Threads that are ready.
    ready: AtomicU32,
    refused: AtomicBool,
    /// How often the pipeline has found nothing to do.
    rounds: AtomicU64,
    /// How many cycles it has done.
    cycles: AtomicU64,
    /// How often the main thread has emptied the queues.
    drained: AtomicU64,
    done: AtomicBool,
}

impl Shared {
    /// Waits until `all` threads are here.
    fn meet(&self, all: u32) {
        self.ready.fetch_add(1, Ordering::AcqRel);
        spin_until(|| self.ready.load(Ordering::Acquire) == all);
    }

    /// Waits until the main thread has emptied the queues; for a while it does not, so that they fill,
    /// unless the pipeline would wait then.
    fn let_drain(&self, number: u64, waits: bool) {
        self.cycles.store(number, Ordering::Release);
        let drained = self.drained.load(Ordering::Acquire);
        let may_fill = !waits && number % 3000 > 2500;
        spin_until(|| self.drained.load(Ordering::Acquire) > drained || may_fill);
    }

    /// Takes system calls away from this thread; where that is refused, ends the process.
    fn close_door(&self) {
        if !allow_only(&[]) {
            self.refused.store(true, Ordering::Release);
            loop {
                std::thread::park();
            }
        }
    }
}

/// Waits without a system call.
fn spin_until(true_now: impl Fn() -> bool) {
    while !true_now() {
        std::hint::spin_loop();
    }
}

/// Not a test: the process run again.
#[test]
#[ignore = "the other tests run it in a process of its own"]
fn task() {
    match std::env::var(TASK).as_deref() {
        Ok("clock") => clock(),
        Ok(task) => cycles(task),
        Err(_) => {}
    }
}

fn clock() {
    glottis_core::clock::start();
    let done = Arc::new(AtomicU32::new(0));
    let told = done.clone();
    std::thread::spawn(move || {
        if !allow_only(&[]) {
            told.store(2, Ordering::Release);
            return;
        }
        for _ in 0..1000 {
            std::hint::black_box(glottis_core::clock::now());
        }
        told.store(1, Ordering::Release);
        spin_until(|| false);
    });
    spin_until(|| done.load(Ordering::Acquire) > 0);
    std::process::exit(if done.load(Ordering::Acquire) == 1 { 0 } else { REFUSED });
}

/// Taken by somebody else, and never given back.
static HELD: Mutex<()> = Mutex::new(());

/// The tree of a task, and how its device's samples are converted.
fn tree(task: &str) -> (Cycle, fn(i16) -> f32) {
    let convert: fn(i16) -> f32 = |s| f32::from(s) / 32_768.0;
    let does = |work: fn()| Cycle::new(TREE, move || Box::new(Does(work)));
    let cycle = match task {
        "locks" => {
            std::mem::forget(HELD.lock());
            does(|| drop(HELD.lock()))
        }
        "prints" => does(|| eprintln!("a block")),
        "sleeps" => does(|| std::thread::sleep(std::time::Duration::from_nanos(1))),
        "unparks" => {
            let idle = std::thread::spawn(|| {
                loop {
                    std::thread::park();
                }
            });
            Cycle::new(TREE, move || {
                let idle = idle.thread().clone();
                Box::new(Does(move || idle.unpark()))
            })
        }
        // Large enough to come from the kernel.
        "allocates" => does(|| drop(std::hint::black_box(vec![1_u8; 64 << 20]))),
        "callback" => {
            return (Cycle::new(TREE, || Box::new(Through)), |s| {
                std::thread::yield_now();
                f32::from(s)
            });
        }
        "alone" | "together" => Cycle::new(TREE, || Box::new(Through)),
        number => match number.strip_prefix("locks ") {
            None => shown_cycle(number, |node| node),
            Some(number) => {
                std::mem::forget(HELD.lock());
                shown_cycle(number, |node| Box::new(AlsoDoes(|| drop(HELD.lock()), node)))
            }
        },
    };
    (cycle, convert)
}

fn shown_cycle(number: &str, spoil: impl Fn(Box<dyn Node>) -> Box<dyn Node>) -> Cycle {
    let number: usize = number.parse().expect("the number of a configuration");
    let (_, text) = &shown::all()[number];
    let folder = shown::laid_out(text);
    Cycle::of(text, &folder.path().join("pipeline.toml"), spoil)
}

/// One thread for both sides, which goes through `cycles` cycles without waiting for anybody much.
fn alone(shared: Arc<Shared>, mut device: Device, mut pipeline: Pipeline, convert: fn(i16) -> f32, cycles: u64) {
    std::thread::spawn(move || {
        let waits = device.feed.waits();
        shared.close_door();
        shared.meet(2);
        let mut number = 0;
        while number < cycles {
            // Now and then more than the ring holds.
            for _ in 0..if number % 4000 > 3900 && !waits { 60 } else { 1 } {
                device.callback(convert);
            }
            while pipeline.cycle(number) {
                number += 1;
                if number % 50 == 0 {
                    shared.let_drain(number, waits);
                }
            }
        }
        shared.done.store(true, Ordering::Release);
        spin_until(|| false);
    });
}

/// A thread for each side, which wait for each other by spinning.
fn together(shared: Arc<Shared>, mut device: Device, mut pipeline: Pipeline, convert: fn(i16) -> f32, cycles: u64) {
    let mine = shared.clone();
    std::thread::spawn(move || {
        mine.close_door();
        mine.meet(3);
        let mut round = 0;
        while !mine.done.load(Ordering::Acquire) {
            (0..8).for_each(|_| device.callback(convert));
            spin_until(|| mine.rounds.load(Ordering::Acquire) > round || mine.done.load(Ordering::Acquire));
            round = mine.rounds.load(Ordering::Acquire);
        }
        spin_until(|| false);
    });
    std::thread::spawn(move || {
        shared.close_door();
        shared.meet(3);
        let mut number = 0;
        while number < cycles {
            if !pipeline.cycle(number) {
                shared.rounds.fetch_add(1, Ordering::AcqRel);
                continue;
            }
            number += 1;
            if number % 50 == 0 {
                shared.let_drain(number, false);
            }
        }
        shared.done.store(true, Ordering::Release);
        spin_until(|| false);
    });
}

fn cycles(task: &str) {
    let (Cycle { device, pipeline, mut sinks, mut reader, .. }, convert) = tree(task);
    let shared = Arc::new(Shared::default());
    let threads = match task {
        "together" => {
            together(shared.clone(), device, pipeline, convert, 3000);
            2
        }
        _ => {
            alone(shared.clone(), device, pipeline, convert, if task == "alone" { 100_000 } else { 3500 });
            1
        }
    };
    while shared.ready.load(Ordering::Acquire) < threads {
        if shared.refused.load(Ordering::Acquire) {
            std::process::exit(REFUSED);
        }
        std::thread::yield_now();
    }
    shared.meet(threads + 1);
    let mut packets = vec![0; sinks.len()];
    while !shared.done.load(Ordering::Acquire) {
        let cycles = shared.cycles.load(Ordering::Acquire);
        for (sink, packets) in sinks.iter_mut().zip(&mut packets) {
            sink.set_link(if cycles % 500 == 450 { Link::Down } else { Link::Up });
            while let Some(packet) = sink.try_packet() {
                *packets += 1;
                sink.delivered(packet);
            }
        }
        while reader.take().is_some() {}
        shared.drained.fetch_add(1, Ordering::AcqRel);
        std::thread::yield_now();
    }
    std::process::exit(if packets.contains(&0) { NOTHING_CAME } else { 0 });
}
