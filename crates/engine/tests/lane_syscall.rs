//! The pipeline thread of a host makes no system call but to sleep, to wake others and to read the clock,
//! whatever joins it and leaves it. Linux only.
//!
//! A node puts the thread it runs on under a seccomp filter at its first block; any other system call then
//! kills the process, which is this program run again. The filter stays until the thread ends, which is a
//! system call too, so that process ends itself before.

#![cfg(target_os = "linux")]
#![allow(unsafe_code)]

mod support;

use std::ffi::{c_int, c_ulong, c_ushort};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use glottis_core::param::Table;
use glottis_core::{Block, Fault, Node, Problem, Rate, Registry};
use glottis_engine::Host;
use support::*;

/// What the process run again shall do at every block.
const TASK: &str = "GLOTTIS_LANE_SYSCALL";

/// The child's way of saying that the kernel gives it no filter.
const REFUSED: i32 = 77;

/// The signal of a process killed by its filter.
const SIGSYS: i32 = 31;

/// `futex`, `write` (an event counter is how a thread that waits for sockets is woken), `clock_gettime`.
#[cfg(target_arch = "x86_64")]
const ALLOWED: [u32; 3] = [202, 1, 228];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED: [u32; 3] = [98, 64, 113];

/// `struct sock_filter` of `linux/filter.h`: one instruction.
#[repr(C)]
struct Instruction {
    code: u16,
    jump_true: u8,
    jump_false: u8,
    k: u32,
}

/// `struct sock_fprog` of `linux/filter.h`.
#[repr(C)]
struct Program {
    length: c_ushort,
    instructions: *const Instruction,
}

unsafe extern "C" {
    /// The C library's own, which the standard library links.
    fn prctl(option: c_int, ...) -> c_int;
}

/// Leaves this thread only the allowed system calls. False: refused.
fn restrict() -> bool {
    // The figures of `linux/prctl.h`, `linux/seccomp.h` and `linux/bpf_common.h`.
    const SET_NO_NEW_PRIVILEGES: c_int = 38;
    const SET_SECCOMP: c_int = 22;
    const MODE_FILTER: c_ulong = 2;
    const LOAD_NUMBER: u16 = 0x20;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    const ALLOW: u32 = 0x7fff_0000;
    const KILL_PROCESS: u32 = 0x8000_0000;
    let plain = |code, k| Instruction { code, jump_true: 0, jump_false: 0, k };
    let mut program = vec![plain(LOAD_NUMBER, 0)];
    for (i, &number) in ALLOWED.iter().enumerate() {
        // To the last instruction but one if it is this, to the next if not.
        let jump_true = (ALLOWED.len() - i) as u8;
        program.push(Instruction { jump_true, ..plain(JUMP_IF_EQUAL, number) });
    }
    program.extend([plain(RETURN, KILL_PROCESS), plain(RETURN, ALLOW)]);
    let filter = Program { length: program.len() as c_ushort, instructions: program.as_ptr() };
    let (yes, none): (c_ulong, c_ulong) = (1, 0);
    // SAFETY: the first call takes integers only. The second reads a program laid out as the kernel's
    // headers say, which outlives the call: the kernel copies it. Neither touches anything but this
    // thread's own rights.
    let restricted = unsafe {
        prctl(SET_NO_NEW_PRIVILEGES, yes, none, none, none) == 0
            && prctl(SET_SECCOMP, MODE_FILTER, &raw const filter) == 0
    };
    // Freeing it might be a system call, and is none of the thread's business.
    std::mem::forget(program);
    restricted
}

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
        } else if !restrict() {
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
