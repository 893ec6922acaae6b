//! The audio threads take no lock, not even one that nobody else holds, which costs no system call and so is
//! not seen by `no_syscall.rs`. Linux with valgrind only.
//!
//! A lock of the standard library is a few inlined instructions. But each instruction has a line in some
//! source file, and callgrind writes down from which files and functions every instruction came that was
//! executed between the first and the last of a callback or of a cycle: none may be a lock's. It must be a
//! process of its own: this program, run again under valgrind.

#![cfg(target_os = "linux")]

mod cycle;
mod shown;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, RwLock};

use cycle::{AlsoDoes, Cycle, TREE, Through};
use glottis::Node;

/// What the process run again shall do.
const TASK: &str = "GLOTTIS_NO_LOCKS";

/// Enough for every command that [`cycle`] gives.
const CYCLES: u64 = 1_010;

/// Where locks are written, in the standard library and in the crates that people take instead; and what
/// the C library calls them. Not parking: a thread that sleeps makes a system call, and a line of it is also
/// given to instructions that have nothing to do with it.
const LOCKS: [&str; 15] = [
    "/std/src/sync/poison",
    "/std/src/sync/reentrant_lock",
    "/std/src/sync/barrier",
    "/std/src/sync/mpmc",
    "/std/src/sync/lazy_lock",
    "/std/src/sys/sync/mutex",
    "/std/src/sys/sync/rwlock",
    "/std/src/sys/sync/condvar",
    "futex::Once::call",
    "crossbeam-channel",
    "parking_lot",
    "pthread_mutex",
    "pthread_rwlock",
    "pthread_cond",
    "sem_wait",
];

static NOBODYS: Mutex<u8> = Mutex::new(0);
static NOBODYS_EITHER: RwLock<u8> = RwLock::new(0);

/// What of locks `task` executes while it runs callbacks and cycles; `None` where there is no valgrind.
fn locks(task: &str) -> Option<Vec<String>> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let counts = folder.path().join("counts");
    let program = std::env::current_exe().expect("this program");
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--compress-strings=no", "--compress-pos=no"]);
    valgrind.args(["--toggle-collect=*cycle::Pipeline::cycle*", "--toggle-collect=*cycle::Device::callback*"]);
    valgrind.arg(format!("--callgrind-out-file={}", counts.display())).arg(program);
    valgrind.args(["task", "--exact", "--ignored", "--nocapture", "--test-threads=1"]).env(TASK, task);
    match valgrind.stdout(Stdio::null()).stderr(Stdio::null()).status() {
        Ok(status) => assert!(status.success(), "{task} under valgrind: {status}"),
        Err(error) => {
            eprintln!("skipped: valgrind cannot be run here ({error})");
            return None;
        }
    }
    Some(executed(&counts))
}

/// The files and functions of locks in what callgrind wrote.
fn executed(counts: &Path) -> Vec<String> {
    let counts = std::fs::read_to_string(counts).expect("what callgrind wrote");
    let places = counts.lines().filter_map(|line| {
        let (key, place) = line.split_once('=')?;
        matches!(key, "fl" | "fi" | "fe" | "fn" | "cfi" | "cfn").then_some(place)
    });
    let places: Vec<&str> = places.collect();
    // It looked at all where it should: a renamed function, or a build without lines, would find no lock.
    for known in ["crates/core/src/feed.rs", "crates/graph/src/schedule.rs", "ringbuf"] {
        assert!(places.iter().any(|place| place.contains(known)), "nothing of {known} was executed");
    }
    let mut found: Vec<String> =
        places.into_iter().filter(|place| LOCKS.iter().any(|lock| place.contains(lock))).map(str::to_owned).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Not a test: the process run again.
#[test]
#[ignore = "the other tests run it under valgrind"]
fn task() {
    let Ok(task) = std::env::var(TASK) else { return };
    let plain: fn(i16) -> f32 = |s| f32::from(s) / 32_768.0;
    match task.as_str() {
        "examples" => shown::examples().iter().for_each(|(_, text)| run(shown_cycle(text, |node| node), plain)),
        "readmes" => shown::readmes().iter().for_each(|(_, text)| run(shown_cycle(text, |node| node), plain)),
        "tree" => run(Cycle::new(TREE, || Box::new(Through)), plain),
        "mutex" => run(spoilt(|| drop(NOBODYS.lock())), plain),
        "rwlock" => run(spoilt(|| drop(NOBODYS_EITHER.read())), plain),
        "callback" => run(Cycle::new(TREE, || Box::new(Through)), |s| {
            drop(NOBODYS.lock());
            f32::from(s)
        }),
        other => panic!("there is no task {other}"),
    }
}

fn shown_cycle(text: &str, spoil: impl Fn(Box<dyn Node>) -> Box<dyn Node>) -> Cycle {
    let folder = shown::laid_out(text);
    Cycle::of(text, &folder.path().join("pipeline.toml"), spoil)
}

/// An example whose nodes also do `work`, once they have been swapped.
fn spoilt(work: fn()) -> Cycle {
    let examples = shown::examples();
    let (_, text) = examples.iter().find(|(_, text)| text.contains("[[node]]")).expect("an example with nodes");
    shown_cycle(text, |node| Box::new(AlsoDoes(work, node)))
}

fn run(mut all: Cycle, to_f32: fn(i16) -> f32) {
    let mut cycles = 0;
    while cycles < CYCLES {
        all.device.callback(to_f32);
        while all.pipeline.cycle(cycles) {
            cycles += 1;
        }
        for sink in &mut all.sinks {
            while let Some(packet) = sink.try_packet() {
                sink.delivered(packet);
            }
        }
        while all.reader.take().is_some() {}
    }
}

fn takes_no_lock(task: &str) {
    if let Some(locks) = locks(task) {
        assert!(locks.is_empty(), "{task}: {locks:#?}");
    }
}

#[test]
fn no_turn_mode_and_no_command_takes_a_lock() {
    takes_no_lock("tree");
}

#[test]
fn no_example_takes_a_lock() {
    takes_no_lock("examples");
}

#[test]
fn no_configuration_in_a_readme_takes_a_lock() {
    takes_no_lock("readmes");
}

#[test]
fn a_lock_that_nobody_holds_is_seen() {
    for task in ["mutex", "rwlock", "callback"] {
        if let Some(locks) = locks(task) {
            assert!(!locks.is_empty(), "{task} was not seen");
        }
    }
}
