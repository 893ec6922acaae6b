//! `glottis bench throughput`: what a block costs, by stage, when nothing waits for real time.

use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use glottis::{Config, Event, EventKind, Pipeline, Registry, Report};
use serde::Serialize;

use super::threads::Threads;
use crate::args::Common;
use crate::{allocations, explain, run};

/// The threads of a source that can wait: one reads and feeds, and that of `stdin` has another read for it.
const SOURCES: [&str; 2] = ["glottis source", "glottis stdin"];

/// Where allocations are counted, in levels: those are told every 100 ms of audio.
struct Window {
    from: u32,
    to: u32,
}

impl Window {
    /// Half a minute, once all is long steady; of a recording too short for that all but the first second,
    /// in which queues fill and threads begin.
    fn of(audio_s: f64) -> Window {
        if audio_s >= 60.0 { Window { from: 300, to: 600 } } else { Window { from: 10, to: u32::MAX } }
    }
}

/// What was found. Times are nanoseconds of CPU per block of 10 ms.
#[derive(Serialize)]
struct Found {
    /// Seconds of audio.
    audio_s: f64,
    /// Seconds of CPU for all of it, the start of the program included.
    cpu_s: f64,
    /// Audio by CPU.
    times_real_time: f64,
    /// All stages together.
    ns_per_block: f64,
    stages: Vec<Stage>,
    /// Allocations of all threads from the 30th second of audio to the 60th; of a shorter recording from the
    /// first second to the last. Absent where the source cannot be read a second time.
    allocations: Option<usize>,
    peak_rss_bytes: u64,
    balanced: bool,
}

#[derive(Serialize)]
struct Stage {
    name: String,
    ns_per_block: f64,
    share: f64,
}

/// Runs the pipeline as fast as it goes and prints what it cost.
pub fn throughput(file: &Path, common: &Common) -> ExitCode {
    let (registry, mut config) = match run::read(file, common) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let again = match hurry(&mut config) {
        Ok(again) => again,
        Err(message) => return explain::failure(&message, explain::CONFIG),
    };
    let threads = Threads::watch();
    let report = match go(&config, &registry, |_| ()) {
        Ok(report) => report,
        Err(code) => return code,
    };
    let sums = threads.map(Threads::sums).unwrap_or_default();
    if report.exit != Some(0) {
        return run::conclude(&report, None, common.json);
    }
    let allocations = if again { allocations_of(&config, &registry, Window::of(seconds(&report))) } else { None };
    print(&found(&report, &|name| *sums.get(name).unwrap_or(&0), allocations), common.json);
    ExitCode::SUCCESS
}

/// Seconds of audio that went through.
fn seconds(report: &Report) -> f64 {
    report.source.captured as f64 / f64::from(report.source.rate.max(1))
}

fn go(config: &Config, registry: &Registry, on_event: impl FnMut(&Event) + Send + 'static) -> Result<Report, ExitCode> {
    let pipeline = Pipeline::new(config, registry).map_err(|problems| explain::problems(&problems))?;
    match pipeline.start(on_event) {
        Ok(running) => Ok(running.wait()),
        Err(error) => Err(explain::failure(&error.to_string(), explain::CONFIG)),
    }
}

/// Allocations of a second run: watching the threads of the first allocates too.
fn allocations_of(config: &Config, registry: &Registry, window: Window) -> Option<usize> {
    let steady = Arc::new(Mutex::new(Steady { window, levels: 0, before: 0, after: 0 }));
    let watched = steady.clone();
    let on_event = move |event: &Event| {
        if let (EventKind::Level { .. }, Ok(mut steady)) = (&event.kind, watched.lock()) {
            steady.see();
        }
    };
    go(config, registry, on_event).ok()?;
    steady.lock().ok()?.allocations()
}

/// Makes the source wait for nothing: in real time only the clock would be measured. Says whether the
/// source can be read a second time.
fn hurry(config: &mut Config) -> Result<bool, String> {
    match config.section("source").first().and_then(|s| s.text("type")) {
        Some(kind @ ("file" | "stdin")) => {
            let again = kind == "file";
            config.set("source.pace=fast").map(|()| again).map_err(|problems| problems.to_string())
        }
        Some(other) => Err(format!(
            "a {other} source delivers in real time, so there is no throughput to measure: \
             give a recording, --set source.type=file --set source.path=recording.wav"
        )),
        None => Ok(false),
    }
}

/// Allocations between two levels of the stream.
struct Steady {
    window: Window,
    levels: u32,
    before: usize,
    after: usize,
}

impl Steady {
    fn see(&mut self) {
        self.levels += 1;
        if self.levels <= self.window.from {
            self.before = allocations::so_far();
        }
        if self.levels <= self.window.to {
            self.after = allocations::so_far();
        }
    }

    fn allocations(&self) -> Option<usize> {
        (self.levels > self.window.from).then(|| self.after - self.before)
    }
}

fn found(report: &Report, thread: &dyn Fn(&str) -> u64, allocations: Option<usize>) -> Found {
    let audio_s = seconds(report);
    let blocks = (audio_s * 100.0).max(1.0);
    let total = report.cpu_s * 1e9;
    let mut stages = Vec::new();
    let mut stage = |name: &str, ns: f64| {
        stages.push(Stage { name: name.to_owned(), ns_per_block: ns / blocks, share: ns / total });
    };
    stage("source (read, downmix, blocks)", SOURCES.iter().map(|name| thread(name) as f64).sum());
    let pipeline = thread("glottis-pipelin") as f64;
    let mut nodes = 0.0;
    for node in &report.nodes {
        let spent = (node.mean_ns * node.blocks) as f64;
        nodes += spent;
        stage(&node.name, spent);
    }
    stage("outlets (segment, chunk, encode)", (pipeline - nodes).max(0.0));
    stage("sinks (messages, writing)", thread("glottis-sinks") as f64);
    let rest = 1.0 - stages.iter().map(|stage| stage.share).sum::<f64>();
    let ns = rest.max(0.0) * total;
    stages.push(Stage { name: "start, control and the rest".to_owned(), ns_per_block: ns / blocks, share: ns / total });
    Found {
        audio_s,
        cpu_s: report.cpu_s,
        times_real_time: audio_s / report.cpu_s.max(1e-9),
        ns_per_block: total / blocks,
        stages,
        allocations,
        peak_rss_bytes: report.peak_rss_bytes,
        balanced: report.balanced,
    }
}

fn print(found: &Found, json: bool) {
    if json {
        println!("{}", serde_json::to_string(found).unwrap_or_default());
        return;
    }
    println!("{:34}  {:>10}  {:>6}", "stage", "ns/block", "share");
    for stage in &found.stages {
        println!("{:34}  {:>10.0}  {:>5.1}%", stage.name, stage.ns_per_block, 100.0 * stage.share);
    }
    println!("{:34}  {:>10.0}  {:>5.1}%", "total", found.ns_per_block, 100.0);
    println!();
    println!(
        "{:.1} s of audio in {:.3} s of CPU: {:.0} × real time, {:.1} MiB at most, ledger {}",
        found.audio_s,
        found.cpu_s,
        found.times_real_time,
        found.peak_rss_bytes as f64 / (1024.0 * 1024.0),
        if found.balanced { "balanced" } else { "NOT BALANCED" },
    );
    if let Some(allocations) = found.allocations {
        let window =
            if found.audio_s >= 60.0 { "30th second of audio to the 60th" } else { "first second of audio on" };
        println!("{allocations} allocations from the {window}, all threads");
    }
}
