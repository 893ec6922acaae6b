//! `glottis bench throughput`: what a block costs, by stage, when nothing waits for real time.

use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use glottis::{Config, Event, EventKind, Pipeline, Registry, Report};
use serde::Serialize;

use super::threads::{Spent, Threads};
use crate::args::Common;
use crate::{allocations, explain, run};

/// The threads of a source that can wait: one reads and feeds, and that of `stdin` has another read for it.
const SOURCES: [&str; 2] = ["glottis source", "glottis stdin"];

/// The thread of the nodes, cut as the kernel cuts names.
const PIPELINE: &str = "glottis-pipelin";

const SINKS: &str = "glottis-sinks";

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
    /// Seconds of CPU for all of it, the start of the program included, and without what measuring took.
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
    let spent = threads.map(Threads::spent);
    if report.exit != Some(0) {
        return run::conclude(&report, None, common.json);
    }
    let allocations = if again { allocations_of(&config, &registry, Window::of(seconds(&report))) } else { None };
    print(&found(&report, spent, allocations), common.json);
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

fn found(report: &Report, spent: Option<Spent>, allocations: Option<usize>) -> Found {
    let audio_s = seconds(report);
    let blocks = (audio_s * 100.0).max(1.0);
    let Spent { total, threads } =
        spent.unwrap_or_else(|| Spent { total: (report.cpu_s * 1e9) as u64, ..Spent::default() });
    let total = total.max(1) as f64;
    let thread = |name: &str| *threads.get(name).unwrap_or(&0) as f64;
    let mut stages = Vec::new();
    let mut stage = |name: &str, ns: f64| {
        stages.push(Stage { name: name.to_owned(), ns_per_block: ns / blocks, share: ns / total });
    };
    let seen: f64 = threads.values().map(|&ns| ns as f64).sum();
    let (source, sinks) = (SOURCES.iter().map(|name| thread(name)).sum(), thread(SINKS));
    let unseen = (total - seen).max(0.0);
    // Nodes are timed by the clock. So they tell what their thread spent after it was last seen, but also how
    // long it was interrupted.
    let took = || report.nodes.iter().map(|node| (node.mean_ns * node.blocks) as f64);
    let nodes: f64 = took().sum();
    let pipeline = nodes.clamp(thread(PIPELINE), thread(PIPELINE) + unseen);
    let fit = (pipeline / nodes.max(1.0)).min(1.0);
    stage("source (read, downmix, blocks)", source);
    for (node, took) in report.nodes.iter().zip(took()) {
        stage(&node.name, took * fit);
    }
    stage("outlets (segment, chunk, encode)", pipeline - nodes * fit);
    stage("sinks (messages, writing)", sinks);
    stage("start and control", seen - source - thread(PIPELINE) - sinks);
    stage("other threads, and ends of these", unseen - (pipeline - thread(PIPELINE)));
    Found {
        audio_s,
        cpu_s: total * 1e-9,
        times_real_time: audio_s / (total * 1e-9),
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
