//! The pipeline thread of a host makes no system call but to sleep, to wake others and to read the clock,
//! whatever joins it and leaves it. Linux only.
//!
//! A node puts the thread it runs on under a seccomp filter at its first block; any other system call then
//! kills the process, which is this program run again. The filter stays until the thread ends, which is a
//! system call too, so that process ends itself before.

#![cfg(target_os = "linux")]
#![allow(unsafe_code)]

#[path = "../../../tests/support/seccomp.rs"]
mod seccomp;
mod support;

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use glottis_core::param::Table;
use glottis_core::{Block, Fault, Node, Problem, Rate, Registry};
use glottis_engine::Host;
use seccomp::{REFUSED, SIGSYS, allow_only};
use support::*;

/// What the process run again shall do at every block.
const TASK: &str = "GLOTTIS_LANE_SYSCALL";

/// `futex`, `write` (an event counter is how a thread that waits for sockets is woken), `clock_gettime`.
#[cfg(target_arch = "x86_64")]
const ALLOWED: [u32; 3] = [202, 1, 228];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED: [u32; 3] = [98, 64, 113];

/// Restricts the thread at its first block, then does its task at every other.
struct Restricts {
    done: bool,
    task: fn(),
}

impl Node for Restricts {
    fn prepare(&mut self, rate: Rate) -> Result<Rate, Problem> {
        Ok(rate)
    }

    fn process(&mut self, input: &Block, output: &mut Block) -> Result<(), Fault> {
        if std::mem::replace(&mut self.done, true) {
            (self.task)();
        } else if !allow_only(&ALLOWED) {
            std::process::exit(REFUSED);
        }
        output.samples_mut().copy_from_slice(input.samples());
        Ok(())
    }
}

fn start_on(host: &Host, node: &str, sink: Table) -> Run {
    let add = |registry: &mut Registry| {
        registry.add_node("restricts", "restricts its thread", &[], |_, _, _| {
            let task = match std::env::var(TASK).as_deref() {
                Ok("sleeps") => || std::thread::sleep(Duration::from_nanos(1)),
                // Large enough to come from the kernel.
                Ok("allocates") => || drop(std::hint::black_box(vec![1_u8; 64 << 20])),
                _ => || {},
            };
            Ok(Restricts { done: false, task })
        });
    };
    let table = tree(table("waits", false).with("endless", true), vec![sink]);
    let table = if node.is_empty() { table } else { table.with("node", vec![support::table("type", node)]) };
    let run = run(table, add, |pipeline, told| pipeline.start_on(host, told).unwrap());
    // A sink that panics may end its run before there is a level.
    run.events.wait_for(|e| e["event"] == "level" || e["event"] == "report");
    run
}

/// Not a test: the process run again.
#[test]
#[ignore = "the other tests run it in a process of its own"]
fn task() {
    if std::env::var(TASK).is_err() {
        return;
    }
    let host = Host::new().unwrap();
    let _stays = start_on(&host, "restricts", Table::default());
    for sink in [Table::default(), table("slow", true), table("fail", "drop"), table("fail", "connect")] {
        let run = start_on(&host, "", sink);
        run.running.stop();
        assert!(run.running.wait().balanced);
    }
    std::process::exit(0);
}

/// Runs this program again for `task`.
fn child(task: &str) -> ExitStatus {
    Command::new(std::env::current_exe().unwrap())
        .args(["task", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(TASK, task)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap()
}

#[test]
fn runs_that_come_and_go_cost_the_pipeline_thread_no_system_call() {
    let status = child("nothing");
    if status.code() == Some(REFUSED) {
        return eprintln!("skipped: the kernel refuses a seccomp filter");
    }
    assert!(status.success(), "{status}; signal {SIGSYS} is a system call");
    for task in ["sleeps", "allocates"] {
        let status = child(task);
        assert_eq!(status.signal(), Some(SIGSYS), "{task}: {status}");
    }
}
