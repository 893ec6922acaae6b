//! `glottis bench`: how fast a pipeline of the user's is on the user's machine. Main thread.

use std::process::ExitCode;

use crate::args::{Bench, Common};

#[cfg(target_os = "linux")]
mod choir;
mod latency;
#[cfg(target_os = "linux")]
mod process;
#[cfg_attr(not(target_os = "linux"), path = "no_sessions.rs")]
mod sessions;
#[cfg(target_os = "linux")]
mod simulator;
#[cfg_attr(not(target_os = "linux"), path = "no_threads.rs")]
mod threads;
mod throughput;

/// Runs the bench that was asked for.
pub fn bench(bench: &Bench, common: &Common) -> ExitCode {
    match bench {
        Bench::Throughput { pipeline } => throughput::throughput(pipeline, common),
        Bench::Latency(args) => latency::latency(args, common),
        Bench::Sessions { sessions, time, limit } => {
            sessions::sessions(sessions.map(|n| usize::from(n.get())), *time, *limit, common)
        }
    }
}
