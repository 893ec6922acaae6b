//! A measured run: bursts in, the user's own pipeline, bursts found in what came out. Control side; blocks
//! until it is over.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use glottis_core::packet::Passage;
use glottis_core::param::{Located, Table};
use glottis_core::{Rate, Registry, TurnMode};
use glottis_engine::{Event, EventKind, Pipeline, Report, Running, StartError};
use glottis_graph::{Config, Graph};
use serde::Serialize;

use crate::edges::{Search, assemble, ways};
use crate::far::{Far, far};
use crate::input::{Fed, Input, Speaker};
use crate::refused::Refused;
use crate::shares::{Account, PutIn, Quantiles, SinkLatency};
use crate::tap::{self, Tapes};
use crate::train::{self, Carrier, Train};
use crate::{bare, burst};

/// How a pipeline's latency is measured. See the [crate].
pub struct Latency {
    /// How many bursts. At least 1.
    pub bursts: usize,
    /// From one to the next, without the speech in front of it; the moment within it varies by a quarter.
    pub period: Duration,
    /// RMS of a burst, in dB below full scale.
    pub level_dbfs: f64,
    /// The sink to measure, alone; without, all of them.
    pub sink: Option<String>,
    /// Speech, needed where a sink sends only speech. Two seconds or so; at least the pipeline's
    /// `min_speech`.
    pub carrier: Option<Carrier>,
    /// What makes a microphone hear; for any source but `file` and `stdin`.
    pub speaker: Option<Box<dyn Speaker>>,
    /// Services look for messages all the time, on a core of their own, instead of sleeping until one comes: what
    /// is measured ends when a message arrives, not when the system has woken who reads it.
    pub busy_poll: bool,
}

impl Default for Latency {
    fn default() -> Latency {
        Latency {
            bursts: 20,
            period: Duration::from_millis(500),
            level_dbfs: -20.0,
            sink: None,
            carrier: None,
            speaker: None,
            busy_poll: false,
        }
    }
}

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    /// The source's type.
    pub source: String,
    /// Rate of the source's blocks, in Hz.
    pub source_hz: u32,
    /// Where the clock starts: `played` (the output device gave the burst's last frame out), `fed` (it was
    /// written to the pipe) or `captured` (the source's own stamp).
    pub from: &'static str,
    /// Holes in what the source delivered: a burst in one is lost before it is measured.
    pub source_gaps: u64,
    /// Bursts put in.
    pub bursts: usize,
    /// Length of a burst, in milliseconds.
    pub burst_ms: f64,
    /// Each sink that was measured.
    pub sinks: Vec<SinkLatency>,
    /// The account of the run.
    #[serde(skip)]
    pub report: Report,
}

/// Longest wait for the sinks, and for a microphone, to be open.
const OPENING: Duration = Duration::from_secs(30);

impl Latency {
    /// Runs the pipeline of `config` once, in real time, and says where the time went. Network sinks speak to
    /// a simulator in this process, file sinks write to a temporary folder, and the rest is as configured.
    /// Blocks.
    ///
    /// # Errors
    /// What cannot be measured, and what to do about it.
    pub fn measure(self, config: &Config, registry: &Registry) -> Result<Measured, Refused> {
        if self.bursts == 0 || self.period < Duration::from_millis(100) {
            return Err(Refused::Usage("there is at least one burst, and 100 ms from one to the next".to_owned()));
        }
        let pipeline = Pipeline::new(config, registry).map_err(Refused::Config)?;
        let fallback = Rate::for_source(48_000);
        let (graph, format) = pipeline.tree(fallback).map_err(Refused::Config)?;
        let chosen = self.chosen(&graph)?;
        let speech = self.speaks(&graph, &chosen)?;
        let Latency { bursts, period, level_dbfs, carrier, speaker, busy_poll, .. } = self;
        // Behind speech comes silence, for the turn to end in.
        let longest = chosen.iter().map(|&i| graph.sinks[i].turn.hangover).max().unwrap_or_default();
        let pause = if speech { longest + Duration::from_millis(600) } else { Duration::ZERO };
        let train = Train::new(bursts, (period + pause).as_secs_f64(), level_dbfs, carrier.filter(|_| speech));

        let folder = tempfile::tempdir().map_err(|error| Refused::Failed(format!("no temporary folder: {error}")))?;
        let mut source = config.section("source").first().map_or_else(Table::default, |table| (*table).clone());
        let input = Input::new(&mut source, format, speaker, &train, folder.path())?;
        let mut ends = Ends::new(config, &graph, &chosen, folder.path(), busy_poll)?;
        let tapes = Tapes::default();
        let mut sinks = std::mem::take(&mut ends.tables);
        if matches!(input, Input::Played(_)) {
            sinks.push(Table::default().with("type", tap::TYPE).with("name", tap::TYPE).with("input", "source"));
        }
        let config = Config::new(assemble(config.table().clone(), source, sinks), config.base());
        let run = run(&config, &input.known_to(&tapes.known_to(registry)), input, &train, ends.names.len())?;
        let rate = Rate::for_source(run.report.source.rate);
        let ways = ways(&config, registry, &graph, rate, &train, folder.path())?;
        let put_in = put_in(&run, &tapes, &train)?;
        let measured = |(i, far): (usize, &dyn Far)| -> Result<SinkLatency, Refused> {
            let sink = &graph.sinks[chosen[i]];
            let mut heard = far.heard().map_err(Refused::Failed)?;
            if heard.hz == 0 {
                heard.hz = ways[&sink.input].hz;
            }
            let mut search = Search::new(&train);
            let found: Vec<Option<f64>> = (0..bursts)
                .map(|number| search.next(&heard.samples, heard.hz, number))
                .map(|at| at.map(|at| at / f64::from(heard.hz) + burst::SECONDS))
                .collect();
            let account = Account {
                name: &sink.name,
                kind: &sink.kind,
                always: sink.turn.mode == TurnMode::Always,
                way: &ways[&sink.input],
                heard: &heard,
                passages: &run.passages[i],
                put_in: &put_in,
                found: &found,
            };
            let mut latency = account.latency();
            if latency.until == "received" {
                latency.bare_us = Some(bare_us(&latency.name, &run.report, busy_poll)?);
            }
            if latency.found == 0 { Err(nothing(&latency.name, sink.turn.mode, &run.report)) } else { Ok(latency) }
        };
        let sinks = ends.far.iter().map(AsRef::as_ref).enumerate().map(measured).collect::<Result<_, _>>()?;
        Ok(Measured {
            source: run.report.source.kind.clone(),
            source_hz: rate.hz(),
            from: run.from,
            source_gaps: run.report.source.gaps,
            bursts,
            burst_ms: burst::SECONDS * 1000.0,
            sinks,
            report: run.report,
        })
    }

    /// Indices of the sinks to measure.
    fn chosen(&self, graph: &Graph) -> Result<Vec<usize>, Refused> {
        let Some(wanted) = &self.sink else { return Ok((0..graph.sinks.len()).collect()) };
        let names: Vec<&str> = graph.sinks.iter().map(|sink| sink.name.as_str()).collect();
        match names.iter().position(|name| name == wanted) {
            Some(index) => Ok(vec![index]),
            None => Err(Refused::Usage(format!("there is no sink \"{wanted}\"; there are: {}", names.join(", ")))),
        }
    }

    /// Whether a sink sends only speech, so that the bursts must follow some.
    fn speaks(&self, graph: &Graph, chosen: &[usize]) -> Result<bool, Refused> {
        let mut speech = false;
        for sink in chosen.iter().map(|&i| &graph.sinks[i]) {
            match sink.turn.mode {
                TurnMode::Always => {}
                TurnMode::Speech => speech = true,
                TurnMode::Auto if sink.edge.voice => speech = true,
                TurnMode::Auto | TurnMode::PushToTalk => {
                    return Err(Refused::Usage(format!(
                        "sink \"{name}\" sends only while a key is pressed, and nobody presses it here: measure it \
                     with --set sink.{name}.turn.mode=always",
                        name = sink.name
                    )));
                }
            }
        }
        match speech && self.carrier.is_none() {
            true => {
                Err(Refused::Usage("a sink sends only speech, and there is none to put before the bursts".to_owned()))
            }
            false => Ok(speech),
        }
    }
}

/// What the machine takes by itself for messages as long as that sink's.
fn bare_us(name: &str, report: &Report, busy_poll: bool) -> Result<Quantiles, Refused> {
    let sink = report.sinks.iter().find(|sink| sink.name == name);
    let bytes = sink.map_or(0, |sink| sink.bytes / sink.messages.max(1)) as usize;
    let refused = |error| Refused::Failed(format!("what the machine takes by itself cannot be measured: {error}"));
    bare::messages(bytes, busy_poll).map(Quantiles::of).map_err(refused)
}

/// Why no burst arrived, as far as the account of the run tells.
fn nothing(name: &str, mode: TurnMode, report: &Report) -> Refused {
    let sink = report.sinks.iter().find(|sink| sink.name == name);
    let (delivered, gated) = sink.map_or((0, 0), |sink| (sink.ledger.delivered, sink.ledger.gated));
    let why = match mode {
        TurnMode::Always => "a node that takes noise for what it shall remove, perhaps: take it out of the pipeline, \
                             or play louder"
            .to_owned(),
        _ => format!(
            "the voice detector gates them: measure without it, --set sink.{name}.turn.mode=always, or give the \
             turn a hangover of at least 200ms"
        ),
    };
    Refused::Usage(format!(
        "none of the bursts is in what sink \"{name}\" wrote ({delivered} frames delivered, {gated} gated). It is {why}"
    ))
}

/// The far ends of the chosen sinks.
struct Ends {
    names: Vec<String>,
    far: Vec<Box<dyn Far>>,
    tables: Vec<Table>,
}

impl Ends {
    fn new(config: &Config, graph: &Graph, chosen: &[usize], folder: &Path, busy_poll: bool) -> Result<Ends, Refused> {
        let mut ends = Ends { names: Vec::new(), far: Vec::new(), tables: Vec::new() };
        let sections = config.section("sink");
        for &index in chosen {
            let sink = &graph.sinks[index];
            let mut keys = sections.get(index).map_or_else(Table::default, |table| (*table).clone());
            keys.set("name", Located::new(sink.name.as_str().into()));
            ends.far.push(far(&sink.kind, &sink.name, &mut keys, folder, busy_poll).map_err(Refused::Usage)?);
            ends.names.push(sink.name.clone());
            ends.tables.push(keys);
        }
        Ok(ends)
    }
}

/// A run that is over.
struct Run {
    report: Report,
    /// By sink, what it delivered.
    passages: Vec<Vec<Passage>>,
    from: &'static str,
    fed: Option<Fed>,
    /// Frames that were played, and when.
    played: Played,
    live: bool,
}

/// Frames, when each of them was out, and their rate.
#[derive(Default)]
struct Played {
    frames: Vec<(u64, u64)>,
    hz: u32,
}

impl Played {
    /// When what ends `seconds` into the sound was out.
    fn at(&self, seconds: f64) -> Option<u64> {
        let frame = seconds * f64::from(self.hz);
        let next = self.frames.partition_point(|(at, _)| *at as f64 <= frame);
        let (at, ns) = self.frames.get(next.checked_sub(1)?)?;
        Some(ns + ((frame - *at as f64) * 1e9 / f64::from(self.hz.max(1))) as u64)
    }
}

fn run(config: &Config, registry: &Registry, input: Input, train: &Train, sinks: usize) -> Result<Run, Refused> {
    let passages = Arc::new(Mutex::new(vec![Vec::new(); sinks]));
    let kept = passages.clone();
    let stage = Arc::new(Stage::default());
    let seen = stage.clone();
    let pipeline = Pipeline::new(config, registry).map_err(Refused::Config)?.watch(Arc::new(move |sink, passage| {
        if let Some(list) = lock(&kept).get_mut(sink) {
            list.push(*passage);
        }
    }));
    let running = pipeline.start(move |event| seen.see(event)).map_err(|error| match error {
        StartError::Config(problems) => Refused::Config(problems),
        error => Refused::Failed(error.to_string()),
    })?;
    let live = matches!(input, Input::Played(_));
    let (from, fed, played, report) = match input {
        Input::File => ("captured", None, Played::default(), running.wait()),
        Input::Stdin(pipe) => {
            stage.wait(sinks, false);
            let feeding = pipe.feed().map_err(|error| Refused::Failed(format!("no thread to feed stdin: {error}")))?;
            let report = running.wait();
            ("fed", feeding.join().ok(), Played::default(), report)
        }
        Input::Played(mut speaker) => {
            let (played, report) = play(&mut *speaker, &stage, running, train, sinks)?;
            (if played.frames.is_empty() { "captured" } else { "played" }, None, played, report)
        }
    };
    let passages = std::mem::take(&mut *lock(&passages));
    match report.exit {
        Some(0) => Ok(Run { report, passages, from, fed, played, live }),
        Some(3) => Err(Refused::Source(stage.errors("the source failed"))),
        Some(4) => Err(Refused::Sink(stage.errors("a sink gave up"))),
        _ => Err(Refused::Failed(stage.errors("the run failed"))),
    }
}

fn play(
    speaker: &mut dyn Speaker,
    stage: &Stage,
    running: Running,
    train: &Train,
    sinks: usize,
) -> Result<(Played, Report), Refused> {
    let hz = stage.wait(sinks, true);
    let played = match hz {
        Some(hz) => speaker.play(&train.samples(hz), hz),
        // The report says why the source did not open.
        None => Ok(Vec::new()),
    };
    if played.is_ok() && hz.is_some() {
        // What was played last is still on its way through the devices.
        std::thread::sleep(Duration::from_secs_f64(train::LEAD));
    }
    running.stop();
    let report = running.wait();
    Ok((Played { frames: played.map_err(Refused::Source)?, hz: hz.unwrap_or(0) }, report))
}

/// Where each burst was put in.
fn put_in(run: &Run, tapes: &Tapes, train: &Train) -> Result<Vec<PutIn>, Refused> {
    if !run.live {
        let put = |end: f64| PutIn { end, at_source: run.fed.as_ref().and_then(|fed| fed.at(end)), captured: None };
        return Ok(train.ends().map(put).collect());
    }
    let tape = tapes.take(tap::TYPE);
    let hz = f64::from(tape.hz.max(1));
    let mut search = Search::new(train);
    let found: Vec<Option<f64>> =
        (0..train.starts.len()).map(|number| search.next(&tape.samples, tape.hz.max(1), number)).collect();
    if found.iter().all(Option::is_none) {
        return Err(Refused::Source(
            "the source hears nothing of what is played: is it the right device, loud enough, and not muted? \
             glottis doctor listens to the source"
                .to_owned(),
        ));
    }
    let put = |(found, end): (&Option<f64>, f64)| {
        let at = found.map(|at| at + burst::SECONDS * hz);
        PutIn {
            end: at.map_or(f64::NEG_INFINITY, |at| (tape.begin as f64 + at) / hz),
            at_source: run.played.at(end),
            captured: at.and_then(|at| tape.captured_at(at)),
        }
    };
    Ok(found.iter().zip(train.ends()).map(put).collect())
}

/// What a run has told so far.
#[derive(Default)]
struct Stage {
    told: Mutex<Told>,
    changed: Condvar,
}

#[derive(Default)]
struct Told {
    open: BTreeSet<String>,
    source_open: bool,
    hz: Option<u32>,
    over: bool,
    errors: BTreeMap<String, usize>,
}

impl Stage {
    fn see(&self, event: &Event) {
        let mut told = lock(&self.told);
        match &event.kind {
            EventKind::Ready { source, .. } => told.hz = source.rate,
            EventKind::State { sink: Some(sink), state: "open", .. } => {
                told.open.insert(sink.clone());
            }
            EventKind::State { source: Some(_), state: "open", .. } => told.source_open = true,
            EventKind::Error { .. } => *told.errors.entry(event.to_json()).or_default() += 1,
            EventKind::Report(_) => told.over = true,
            _ => return,
        }
        self.changed.notify_all();
    }

    /// Waits until so many sinks, and the source, are open, or the run is over: the source's rate then, or
    /// none.
    fn wait(&self, sinks: usize, source: bool) -> Option<u32> {
        let deadline = Instant::now() + OPENING;
        let mut told = lock(&self.told);
        loop {
            if told.over {
                return None;
            }
            if told.open.len() >= sinks && (told.source_open || !source) {
                return told.hz;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            told = self.changed.wait_timeout(told, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// What went wrong, as it was told.
    fn errors(&self, otherwise: &str) -> String {
        let told = lock(&self.told);
        let text = |json: &String| {
            let event: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
            let field = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
            format!("{}: {} ({})", field("code"), field("message"), field("advice"))
        };
        let errors: Vec<String> = told.errors.keys().map(text).collect();
        if errors.is_empty() { otherwise.to_owned() } else { errors.join("; ") }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
