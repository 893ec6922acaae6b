//! `glottis bench`: how fast a pipeline of the user's is on the user's machine. Main thread.

use std::process::ExitCode;

use crate::args::{Bench, Common};

mod choir;
mod process;
mod sessions;
mod simulator;
mod threads;
mod throughput;

/// Runs the bench that was asked for.
pub fn bench(bench: &Bench, common: &Common) -> ExitCode {
    match bench {
        Bench::Throughput { pipeline } => throughput::throughput(pipeline, common),
        Bench::Sessions { sessions, time, limit } => {
            sessions::sessions(sessions.map(|n| usize::from(n.get())), *time, *limit, common)
        }
    }
}
