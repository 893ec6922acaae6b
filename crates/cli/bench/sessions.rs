//! `glottis bench sessions`: how many live sessions one core carries, and what gives out first. Main thread.

use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use glottis::core::histogram::Counts;
use glottis::{Config, EventKind, Host, Pipeline, Registry, Report, Running};
use serde::Serialize;

use super::choir::{Choir, Song};
use super::process;
use super::simulator::Simulator;
use super::threads;
use crate::args::Common;
use crate::{demo, explain};

/// What each session runs. With the usual pre-roll the first message of a segment is whole before it is
/// decided that there is one, and with a limit of pace the last waits up to 64 ms for the one before: both
/// are meant, and are no lateness of this machine.
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
pace_limit = "off"
turn = { mode = "speech", pre_roll = "50ms" }
"#;

/// The first number tried, and the factor from one to the next.
const FIRST: usize = 25;
const FACTOR: usize = 2;

/// How long all sessions together may take to open.
const OPENING: Duration = Duration::from_secs(60);

/// More than this share of a core is all of it.
const FULL: f64 = 0.95;

/// One number of sessions, measured.
#[derive(Clone, Serialize)]
struct Measured {
    sessions: usize,
    /// Of one core, while they speak.
    cpu_share: f64,
    /// Of one core, for each session of which nothing but silence comes.
    idle_share_per_session: f64,
    /// Of one core, for each session more than the number before; absent for the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    share_per_further_session: Option<f64>,
    /// Of one core, by thread.
    threads: Vec<(String, f64)>,
    /// Of all messages of all sessions, capture to socket.
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    /// What this process holds more than before it had any session but a first, for each.
    kib_per_session: u64,
    chunks: u64,
    dropped_frames: u64,
    balanced: bool,
    /// What keeps it from being more, where something does.
    gave_out: Option<String>,
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
    process::open_many_files();
    // Before this process keeps to one core: the simulator is the other end, not what is measured.
    let simulator = Simulator::start()?;
    let pinned = process::pin();
    let mut registry = glottis::components();
    let thread = |error: std::io::Error| format!("no thread: {error}");
    let choir = Choir::start(&demo::voice(), &mut registry).map_err(thread)?;
    let host = Host::new().map_err(thread)?;
    if !json {
        heading(time, pinned);
    }
    let mut bench = Bench { time, limit, registry, choir, host, url: &simulator.url, empty_kib: 0 };
    bench.warm_up()?;
    let mut number = sessions.unwrap_or(FIRST);
    let mut before: Option<Measured> = None;
    loop {
        let mut found = bench.measure(number)?;
        found.share_per_further_session =
            before.map(|less| (found.cpu_share - less.cpu_share) / (found.sessions - less.sessions) as f64);
        print(&found, json);
        if !found.balanced {
            return Ok(false);
        }
        if sessions.is_some() || found.gave_out.is_some() {
            return Ok(true);
        }
        before = Some(found);
        number *= FACTOR;
    }
}

fn heading(time: Duration, pinned: bool) {
    let where_ = if pinned { "on one core" } else { "on every core: this system does not pin" };
    println!("silence and then speech, {time:?} each, {where_}");
    println!(
        "{:>8} {:>7} {:>11} {:>11} {:>8} {:>8} {:>8} {:>11} {:>7}",
        "sessions", "cpu", "idle, each", "each more", "p50 ms", "p99 ms", "max ms", "KiB/session", "chunks"
    );
}

fn print(found: &Measured, json: bool) {
    if json {
        println!("{}", serde_json::to_string(found).unwrap_or_default());
        return;
    }
    println!(
        "{:>8} {:>6.1}% {:>10.3}% {:>11} {:>8.2} {:>8.2} {:>8.2} {:>11} {:>7}",
        found.sessions,
        100.0 * found.cpu_share,
        100.0 * found.idle_share_per_session,
        found.share_per_further_session.map_or("-".to_owned(), |share| format!("{:.3}%", 100.0 * share)),
        found.p50_ms,
        found.p99_ms,
        found.max_ms,
        found.kib_per_session,
        found.chunks,
    );
    let threads: Vec<String> =
        found.threads.iter().map(|(name, share)| format!("{name} {:.1}%", 100.0 * share)).collect();
    println!("{:>8} of that: {}", "", threads.join(", "));
    if let Some(what) = &found.gave_out {
        println!("{:>8} gave out: {what}", "");
    }
}

/// What every measurement uses.
struct Bench<'a> {
    time: Duration,
    limit: Duration,
    registry: Registry,
    choir: Choir,
    host: Host,
    url: &'a str,
    /// Memory without any session, but with all that the first brings along for all.
    empty_kib: u64,
}

impl Bench<'_> {
    fn warm_up(&mut self) -> Result<(), String> {
        let (opened, open) = mpsc::channel();
        let session = self.session(0, opened)?;
        wait_for(1, &open)?;
        session.stop();
        session.wait();
        self.empty_kib = process::resident();
        Ok(())
    }

    fn measure(&mut self, number: usize) -> Result<Measured, String> {
        self.choir.sing(Song::Nothing);
        let (opened, open) = mpsc::channel();
        let all = (0..number).map(|i| self.session(i, opened.clone())).collect::<Result<Vec<Running>, String>>()?;
        wait_for(number, &open)?;
        let (idle, _) = self.share_while(Song::Silence);
        let (cpu_share, threads) = self.share_while(Song::Speech);
        let kib = process::resident().saturating_sub(self.empty_kib) / number as u64;
        all.iter().for_each(Running::stop);
        let reports: Vec<Report> = all.into_iter().map(Running::wait).collect();
        let found = sum(&reports);
        let (late, stage) = self.latest(&reports, &found);
        let gave_out = match () {
            () if reports.iter().any(|report| report.exit != Some(0)) => Some("the service".to_owned()),
            () if cpu_share > FULL => Some("the core".to_owned()),
            () if found.dropped_frames > 0 => Some("frames were dropped".to_owned()),
            () if late => Some(format!("latency, with the core not full: most of it in the stage `{stage}`")),
            () => None,
        };
        let idle_share_per_session = idle / number as f64;
        Ok(Measured { cpu_share, idle_share_per_session, threads, kib_per_session: kib, gave_out, ..found })
    }

    fn session(&self, i: usize, opened: Sender<()>) -> Result<Running, String> {
        let mut config = Config::parse(PIPELINE, Path::new("session.toml")).map_err(|problems| problems.to_string())?;
        for assignment in [format!("sink.0.endpoint={}", self.url), format!("sink.0.user_id=bench-{i}")] {
            config.set(&assignment).map_err(|problems| problems.to_string())?;
        }
        let pipeline = Pipeline::new(&config, &self.registry).map_err(|problems| problems.to_string())?;
        let running = pipeline.start_on(&self.host, move |event| match &event.kind {
            EventKind::Error { .. } => eprintln!("session {i}: {}", event.to_json()),
            // Nobody waits any more once all are open.
            EventKind::State { sink: Some(_), state: "open", .. } => drop(opened.send(())),
            _ => {}
        });
        running.map_err(|error| error.to_string())
    }

    /// The share of a core that all takes while the choir sings, in sum and by thread.
    fn share_while(&self, song: Song) -> (f64, Vec<(String, f64)>) {
        self.choir.sing(song);
        let (threads, cpu, began) = (threads::now(), process::cpu(), Instant::now());
        std::thread::sleep(self.time);
        let passed = began.elapsed().as_secs_f64();
        let share = (process::cpu() - cpu).as_secs_f64() / passed;
        let spent = threads::since(&threads);
        (share, spent.into_iter().map(|(name, ns)| (name, ns as f64 / 1e9 / passed)).collect())
    }

    /// Whether too many messages are late, and where most of it comes from.
    fn latest(&self, reports: &[Report], found: &Measured) -> (bool, &'static str) {
        let p99 = |stage| latency(reports, stage).quantiles().p99;
        let stage = ["capture", "encode", "queue", "write"].into_iter().max_by_key(|stage| p99(stage));
        (found.p99_ms > self.limit.as_secs_f64() * 1000.0, stage.unwrap_or_default())
    }
}

fn wait_for(number: usize, open: &Receiver<()>) -> Result<(), String> {
    let until = Instant::now() + OPENING;
    for i in 0..number {
        let left = until.saturating_duration_since(Instant::now());
        open.recv_timeout(left).map_err(|_| format!("of {number} sessions only {i} were open after {OPENING:?}"))?;
    }
    Ok(())
}

/// A stage of the latency of all sinks together.
fn latency(reports: &[Report], stage: &str) -> Counts {
    let mut sum = Counts::default();
    let sinks = reports.iter().flat_map(|report| &report.sinks);
    sinks.filter_map(|sink| sink.latency_us.counts.get(stage)).for_each(|counts| sum.add(counts));
    sum
}

fn sum(reports: &[Report]) -> Measured {
    let sinks = || reports.iter().flat_map(|report| &report.sinks);
    let total = latency(reports, "total").quantiles();
    let ms = |us: u64| us as f64 / 1000.0;
    Measured {
        sessions: reports.len(),
        cpu_share: 0.0,
        idle_share_per_session: 0.0,
        share_per_further_session: None,
        threads: Vec::new(),
        p50_ms: ms(total.p50),
        p99_ms: ms(total.p99),
        max_ms: ms(total.max),
        kib_per_session: 0,
        chunks: sinks().map(|sink| sink.chunks).sum(),
        dropped_frames: sinks().map(|sink| sink.ledger.dropped.values().sum::<u64>()).sum(),
        balanced: reports.iter().all(|report| report.balanced),
        gave_out: None,
    }
}
