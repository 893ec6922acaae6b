//! `glottis bench sessions`: how many live sessions one core carries, and what gives out first.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ExitCode, Stdio};
use std::time::{Duration, Instant};

use glottis::{Config, EventKind, Pipeline, Registry, Report, Running};
use rustix::process::{Signal, kill_process};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use super::choir::Choir;
use crate::args::Common;
use crate::{demo, explain};

/// The simulator's settings: as many sessions as anybody asks for.
const SLOTS: &str = "slots = 1000000\n";

/// What each session runs.
const PIPELINE: &str = r#"
[source]
type = "choir"
[[node]]
type = "resample"
rate = 16000
[[node]]
type = "vad"
[[sink]]
name = "avatar"
type = "ravatar"
project_id = "demo-project"
turn = { mode = "speech" }
"#;

/// The first number tried, and the factor from one to the next.
const FIRST: usize = 25;

/// One number of sessions, measured.
#[derive(Serialize)]
struct Measured {
    sessions: usize,
    /// Of one core.
    cpu_share: f64,
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    kib_per_session: u64,
    chunks: u64,
    dropped_frames: u64,
    balanced: bool,
    /// What keeps it from being more, where something does.
    gave_out: Option<&'static str>,
}

/// Measures, and prints what was found.
pub fn sessions(sessions: Option<usize>, time: Duration, limit: Duration, common: &Common) -> ExitCode {
    match run(sessions, time, limit, common.json) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => explain::failure("the ledger of a session does not balance", explain::INTERNAL),
        Err(message) => explain::failure(&message, explain::INTERNAL),
    }
}

fn run(sessions: Option<usize>, time: Duration, limit: Duration, json: bool) -> Result<bool, String> {
    // Before this process keeps to one core: the simulator is the other end, not what is measured.
    let simulator = Simulator::start()?;
    let pinned = pin();
    let mut registry = glottis::components();
    let _choir = Choir::start(&demo::voice(), &mut registry).map_err(|error| format!("no thread: {error}"))?;
    if !json {
        println!("{time:?} each, {}", if pinned { "on one core" } else { "on every core: this system does not pin" });
        println!(
            "{:>9} {:>7} {:>9} {:>9} {:>9} {:>12} {:>8}",
            "sessions", "cpu", "p50 ms", "p99 ms", "max ms", "KiB/session", "chunks"
        );
    }
    let mut number = sessions.unwrap_or(FIRST);
    loop {
        let found = measure(number, time, limit, &registry, &simulator.url)?;
        print(&found, json);
        if !found.balanced {
            return Ok(false);
        }
        if sessions.is_some() || found.gave_out.is_some() {
            return Ok(true);
        }
        number *= 2;
    }
}

fn print(found: &Measured, json: bool) {
    if json {
        println!("{}", serde_json::to_string(found).unwrap_or_default());
        return;
    }
    println!(
        "{:>9} {:>6.1}% {:>9.2} {:>9.2} {:>9.2} {:>12} {:>8}{}",
        found.sessions,
        100.0 * found.cpu_share,
        found.p50_ms,
        found.p99_ms,
        found.max_ms,
        found.kib_per_session,
        found.chunks,
        found.gave_out.map_or(String::new(), |what| format!("  gave out: {what}")),
    );
}

fn measure(number: usize, time: Duration, limit: Duration, registry: &Registry, url: &str) -> Result<Measured, String> {
    let before = resident();
    let mut all = Vec::with_capacity(number);
    for i in 0..number {
        all.push(session(i, registry, url)?);
    }
    let (cpu, began) = (cpu(), Instant::now());
    std::thread::sleep(time);
    let cpu_share = (self::cpu() - cpu).as_secs_f64() / began.elapsed().as_secs_f64();
    let kib = resident().saturating_sub(before) / number as u64;
    for session in &all {
        session.stop();
    }
    let reports: Vec<Report> = all.into_iter().map(Running::wait).collect();
    Ok(sum(&reports, cpu_share, kib, limit))
}

fn session(i: usize, registry: &Registry, url: &str) -> Result<Running, String> {
    let mut config = Config::parse(PIPELINE, Path::new("session.toml")).map_err(|problems| problems.to_string())?;
    for assignment in [format!("sink.0.endpoint={url}"), format!("sink.0.user_id=bench-{i}")] {
        config.set(&assignment).map_err(|problems| problems.to_string())?;
    }
    let pipeline = Pipeline::new(&config, registry).map_err(|problems| problems.to_string())?;
    let running = pipeline.start(move |event| {
        if let EventKind::Error { .. } = &event.kind {
            eprintln!("session {i}: {}", event.to_json());
        }
    });
    running.map_err(|error| error.to_string())
}

fn sum(reports: &[Report], cpu_share: f64, kib_per_session: u64, limit: Duration) -> Measured {
    let sinks = || reports.iter().flat_map(|report| &report.sinks);
    let worst = |of: &dyn Fn(&glottis::report::SinkReport) -> u64| sinks().map(of).max().unwrap_or(0) as f64 / 1000.0;
    let mut medians: Vec<u64> = sinks().map(|sink| sink.latency_us.total.p50).collect();
    medians.sort_unstable();
    let p99_ms = worst(&|sink| sink.latency_us.total.p99);
    let dropped_frames = sinks().map(|sink| sink.ledger.dropped.values().sum::<u64>()).sum();
    let late = p99_ms > limit.as_secs_f64() * 1000.0;
    let gave_out = match () {
        () if reports.iter().any(|report| report.exit != Some(0)) => Some("the service"),
        () if cpu_share > 0.95 => Some("the core"),
        () if dropped_frames > 0 => Some("frames were dropped"),
        () if late => Some("latency, with the core not full: waking so many threads"),
        () => None,
    };
    Measured {
        sessions: reports.len(),
        cpu_share,
        p50_ms: medians.get(medians.len() / 2).map_or(0.0, |&us| us as f64 / 1000.0),
        p99_ms,
        max_ms: worst(&|sink| sink.latency_us.total.max),
        kib_per_session,
        chunks: sinks().map(|sink| sink.chunks).sum(),
        dropped_frames,
        balanced: reports.iter().all(|report| report.balanced),
        gave_out,
    }
}

/// Keeps this process to one core. False where the system does not allow it.
fn pin() -> bool {
    let Ok(allowed) = sched_getaffinity(None) else { return false };
    let Some(core) = (0..CpuSet::MAX_CPU).rev().find(|&core| allowed.is_set(core)) else { return false };
    let mut one = CpuSet::new();
    one.set(core);
    sched_setaffinity(None, &one).is_ok()
}

fn cpu() -> Duration {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(spent.tv_sec as u64, spent.tv_nsec as u32)
}

/// Memory this process holds now, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|l| l.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or(0)
}

/// The simulator in a process of its own.
struct Simulator {
    process: Child,
    url: String,
}

impl Simulator {
    fn start() -> Result<Simulator, String> {
        let program = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
        let mut config = tempfile::NamedTempFile::new().map_err(|error| format!("no temporary file: {error}"))?;
        config.write_all(SLOTS.as_bytes()).map_err(|error| format!("no temporary file: {error}"))?;
        let mut process = std::process::Command::new(program)
            .args(["sim", "ravatar", "--config"])
            .arg(config.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot start the simulator: {error}"))?;
        let mut line = String::new();
        let out = process.stdout.take();
        let read = out.map(|out| BufReader::new(out).read_line(&mut line));
        let simulator = |url: &str| Simulator { process, url: url.to_owned() };
        match serde_json::from_str::<serde_json::Value>(&line).ok().as_ref().and_then(|json| json["http"].as_str()) {
            Some(url) => Ok(simulator(url)),
            None => Err(format!("the simulator did not say where it is: {read:?}")),
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        if let Some(id) = rustix::process::Pid::from_raw(self.process.id() as i32) {
            // It may have ended by itself.
            let _ = kill_process(id, Signal::TERM);
        }
        let _ = self.process.wait();
    }
}
