//! The control of a run: merges what pipeline and sinks say into one stream of events, carries out
//! commands, watches the source, and ends the run. On a control thread, its own or a host's; it may block
//! briefly, and touches no audio.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use glottis_core::feed::FeedStats;
use glottis_core::inlet::{Control as SinkControl, Link};
use glottis_core::source::{Capture, SourceFormat};
use glottis_core::sync::Bell;
use glottis_core::{Feed, SinkEvent, Source, SourceError};
use glottis_graph::plan::{NodeInfo, SinkEnd};
use glottis_graph::returns::Retired;
use glottis_graph::{SignalReader, StepStats};
use ringbuf::HeapProd;

use crate::command::{BadCommand, Command};
use crate::event::{ErrorFacts, Event, EventKind, ReadySink, ReadySource};
use crate::post::Post;
use crate::realtime;
use crate::report::{self, NodeReport, Report, SinkReport, SourceReport};
use crate::runner::{Ended, Order, Runner, Shared};
use crate::supervisor::{Outcome, Supervisor};
use crate::threads::Threads;
use crate::watch::Watch;

mod orders;
mod swaps;
mod telling;

pub(crate) use swaps::Shop;

/// A drain takes at most this long; then the rest is dropped by name.
const DRAIN: Duration = Duration::from_secs(10);

/// How often control looks where nothing was heard. What it waits for rings: letters, signals of the pipeline
/// thread, sources with something to tell. This is for sources that cannot, and for time that passes
/// unnoticed while the machine sleeps. Not in the tests of this crate, which so find whoever forgets to ring.
pub(crate) const LOOK: Duration = if cfg!(test) { Duration::from_secs(3600) } else { Duration::from_millis(100) };

/// The same where the source can wait: the pipeline thread may wait for a sink with signals untold.
const FAST_LOOK: Duration = if cfg!(test) { LOOK } else { Duration::from_millis(10) };

/// What comes to the control thread.
pub(crate) enum Inbox {
    Sink(usize, SinkEvent),
    Retry {
        sink: usize,
        attempt: u32,
        in_ms: u64,
        why: &'static str,
    },
    /// The sink takes audio.
    SinkOpened(usize),
    SinkGaveUp(usize),
    SinkDone(usize, Outcome),
    /// The pipeline thread is done: how it ended, unless it panicked, and what is left of it.
    PipelineDone(Option<Ended>, Box<Runner>),
    /// The pipeline thread runs at common priority, and why.
    RealtimeRefused(String),
    /// The source has something to tell.
    SourceTells,
    /// New versions of nodes are there, or could not be had.
    Prepared(Result<swaps::Prepared, String>),
    Command(Command),
    BadCommand(BadCommand),
    Stop,
    StopAfter(Duration),
    Halt,
}

pub(crate) struct Parts {
    pub source: Box<dyn Source>,
    pub source_type: String,
    pub format: Result<SourceFormat, SourceError>,
    pub known: SourceFormat,
    pub shop: Shop,
    pub inbox: Post,
    pub outbox: Receiver<Inbox>,
}

/// What is made only once the run starts.
pub(crate) struct Live {
    pub feed: Feed,
    pub runner: Runner,
    pub signals: SignalReader,
    pub orders: HeapProd<Order>,
    pub retired: Retired,
    pub shared: Arc<Shared>,
    pub interrupted: Arc<AtomicBool>,
    pub threads: Threads,
}

/// A sink as the control thread sees it.
struct SinkSeat {
    name: String,
    kind: String,
    rate: u32,
    control: SinkControl,
    /// Until its task is started.
    waiting: Option<Supervisor>,
    /// It has opened or given up, and all it said until then has been told.
    ready: bool,
    outcome: Option<Outcome>,
    errors: BTreeMap<String, u64>,
}

struct NodeSeat {
    info: NodeInfo,
    stats: Arc<StepStats>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Sinks open; a source that can wait has not started.
    Opening,
    Running,
    /// Nothing more comes from the source; what is under way is delivered.
    Draining,
    /// All is being stopped at once.
    Halting,
}

pub(crate) struct Control {
    source: Box<dyn Source>,
    source_type: String,
    known: SourceFormat,
    source_error: Option<SourceError>,
    /// The same, not told yet.
    broken: Option<SourceError>,
    source_done: bool,
    /// The source may never open: the sinks wait, so that nothing is begun for nothing.
    held: bool,
    capture: Option<Box<dyn Capture>>,
    feed: Option<Feed>,
    feed_stats: Arc<FeedStats>,
    runner: Option<Box<Runner>>,
    ended: Option<Option<Ended>>,
    nodes: Vec<NodeSeat>,
    sinks: Vec<SinkSeat>,
    signals: SignalReader,
    orders: HeapProd<Order>,
    retired: Retired,
    shop: Shop,
    shared: Arc<Shared>,
    interrupted: Arc<AtomicBool>,
    threads: Option<Threads>,
    inbox: Post,
    outbox: Receiver<Inbox>,
    on_event: Box<dyn FnMut(&Event) + Send>,
    phase: Phase,
    started: Instant,
    last_t: f64,
    stop_at: Option<Instant>,
    drain_until: Option<Instant>,
    gaps: u64,
    watch: Watch,
    seen_overrun: u64,
    pending: orders::Pending,
}

impl Control {
    pub fn new(
        parts: Parts,
        nodes: Vec<NodeInfo>,
        sinks: Vec<SinkEnd>,
        live: Live,
        on_event: Box<dyn FnMut(&Event) + Send>,
    ) -> Control {
        let step_stats = live.runner.stats();
        let nodes = nodes.into_iter().zip(step_stats).map(|(info, stats)| NodeSeat { info, stats }).collect();
        let waits = parts.known.waits;
        let seat = |(index, end): (usize, SinkEnd)| {
            let (inbox, control) = (parts.inbox.clone(), end.control.clone());
            SinkSeat {
                name: end.name,
                kind: end.kind,
                rate: end.edge.rate.hz(),
                control: end.control,
                waiting: Some(Supervisor { index, sink: end.sink, inlet: end.inlet, waits, inbox, control }),
                ready: false,
                outcome: None,
                errors: BTreeMap::new(),
            }
        };
        let sinks = sinks.into_iter().enumerate().map(seat).collect();
        Control {
            source: parts.source,
            source_type: parts.source_type,
            known: parts.known,
            source_error: parts.format.err(),
            broken: None,
            source_done: false,
            held: false,
            capture: None,
            feed_stats: live.feed.stats(),
            feed: Some(live.feed),
            runner: Some(Box::new(live.runner)),
            ended: None,
            nodes,
            sinks,
            signals: live.signals,
            orders: live.orders,
            retired: live.retired,
            shop: parts.shop,
            shared: live.shared,
            interrupted: live.interrupted,
            threads: Some(live.threads),
            inbox: parts.inbox,
            outbox: parts.outbox,
            on_event,
            phase: Phase::Opening,
            started: Instant::now(),
            last_t: 0.0,
            stop_at: None,
            drain_until: None,
            gaps: 0,
            watch: Watch::new(parts.known.rate),
            seen_overrun: 0,
            pending: orders::Pending::default(),
        }
    }

    /// Runs to the end on this thread, and returns the report it told last.
    pub fn run(mut self, bell: &Bell) -> Report {
        self.begin();
        let look = if self.known.waits { FAST_LOOK } else { LOOK };
        while !self.is_over() {
            let due = self.due().map_or(look, |due| due.saturating_duration_since(Instant::now()).min(look));
            // Whether it rang or not: there may be something to do.
            bell.wait(due);
            self.turn();
        }
        self.conclude()
    }

    /// Before the first turn.
    pub fn begin(&mut self) {
        self.tell_ready();
        match self.source_error.take() {
            Some(error) if error.retryable && self.source.live() => {
                self.held = true;
                let facts = ErrorFacts::of_living_source(&self.source_type, &error, true);
                self.tell(EventKind::Error(Box::new(facts)));
                self.source_state("opening");
            }
            Some(error) => {
                self.held = true;
                self.source_failed(error);
            }
            None => self.source_state("opening"),
        }
        self.step();
    }

    /// Takes note of all that has happened, and does what is due.
    pub fn turn(&mut self) {
        self.drain_signals();
        while let Ok(letter) = self.outbox.try_recv() {
            self.receive(letter);
        }
        self.drain_signals();
        if !self.is_over() {
            self.step();
        }
    }

    /// Whether there are letters or signals for the next turn.
    pub fn has_news(&self) -> bool {
        !self.outbox.is_empty() || !self.signals.is_empty()
    }

    /// When there is something to do even if nothing is heard.
    pub fn due(&self) -> Option<Instant> {
        [self.stop_at, self.drain_until].into_iter().flatten().min()
    }

    /// Where letters for it go.
    pub fn post(&self) -> &Post {
        &self.inbox
    }

    /// Whether everything has ended, and the report can be made.
    pub fn is_over(&self) -> bool {
        self.ended.is_some() && self.sinks.iter().all(|sink| sink.outcome.is_some())
    }

    /// What is due now.
    fn step(&mut self) {
        self.retired.free();
        // First: a device that was found lets the sinks begin.
        self.look_at_source();
        self.start_sinks();
        if self.phase == Phase::Opening && (self.source.live() || self.sinks_ready()) {
            self.start_source();
            self.look_at_source();
        }
        let now = Instant::now();
        if self.stop_at.is_some_and(|at| now >= at) {
            self.stop_at = None;
            self.stop();
        }
        if self.drain_until.is_some_and(|at| now >= at) {
            self.drain_until = None;
            self.halt();
        }
    }

    /// Starts the sinks' tasks: all at once, or one after the other where the run is to be the same
    /// each time.
    fn start_sinks(&mut self) {
        if self.held {
            return;
        }
        let Some(threads) = &self.threads else { return };
        for sink in &mut self.sinks {
            if let Some(supervisor) = sink.waiting.take() {
                threads.spawn(supervisor.run());
            }
            let opening = sink.outcome.is_none() && !sink.ready;
            if self.known.waits && opening && self.phase == Phase::Opening {
                return;
            }
        }
    }

    fn sinks_ready(&self) -> bool {
        self.sinks.iter().all(|s| s.outcome.is_some() || s.ready)
    }

    fn start_source(&mut self) {
        self.phase = Phase::Running;
        let Some(feed) = self.feed.take() else { return };
        self.start_runner();
        match self.source.start(feed) {
            Ok(mut capture) => {
                let inbox = self.inbox.clone();
                capture.nudge_with(Arc::new(move || inbox.send(Inbox::SourceTells)));
                if !capture.opens_later() {
                    self.source_state("open");
                }
                self.capture = Some(capture);
            }
            Err(error) => self.source_failed(error),
        }
    }

    fn start_runner(&mut self) {
        let (Some(runner), Some(threads)) = (self.runner.take(), &mut self.threads) else { return };
        // A thread that never sleeps, as with a source that can wait, must not stand before all others.
        let urgent = self.source.live();
        if let Err(error) = threads.drive(runner, urgent, &self.inbox) {
            let message = format!("cannot start the pipeline thread: {error}");
            self.ended = Some(None);
            self.source_failed(SourceError::new("Internal", message, "close other programs"));
        }
    }

    /// Wakes the pipeline thread, so that it sees what it was told.
    fn wake_runner(&self) {
        if let Some(threads) = &self.threads {
            threads.wake();
        }
    }

    /// Finds out whether the source broke. Of one that can wait this is told when all it delivered has
    /// been processed, so that it has the same place among the events in every run.
    fn look_at_source(&mut self) {
        while let Some(event) = self.capture.as_mut().and_then(|capture| capture.event()) {
            self.source_event(event);
        }
        let Some(Err(error)) = self.capture.as_mut().map(|capture| capture.poll()) else { return };
        if self.known.waits && self.ended.is_none() {
            self.broken = Some(error);
            self.capture = None;
        } else {
            self.source_failed(error);
        }
    }

    fn source_failed(&mut self, error: SourceError) {
        self.tell(EventKind::Error(Box::new(ErrorFacts::of_source(&self.source_type, &error))));
        self.source_error = Some(error);
        self.source_state("lost");
        self.source_done = true;
        self.stop();
    }

    fn receive(&mut self, message: Inbox) {
        match message {
            Inbox::Sink(index, event) => self.sink_event(index, event),
            Inbox::Retry { sink, attempt, in_ms, why } => {
                let sink = Some(self.sinks[sink].name.clone());
                self.tell(EventKind::Retry { source: None, sink, attempt, in_ms, why });
            }
            Inbox::SinkOpened(index) => self.sinks[index].ready = true,
            Inbox::SinkGaveUp(index) => {
                self.sinks[index].ready = true;
                let lost = |s: &SinkSeat| s.control.link() == Link::GaveUp;
                if self.sinks.iter().all(lost) {
                    self.halt();
                }
            }
            Inbox::SinkDone(index, outcome) => self.sinks[index].outcome = Some(outcome),
            Inbox::PipelineDone(ended, runner) => {
                // Closes every queue, if the thread panicked before it could.
                drop(runner);
                // Every signal it sent is in the ring by now.
                self.drain_signals();
                self.ended = Some(ended);
                self.pipeline_ended();
                // What went wrong was said before the stream ended.
                self.look_at_source();
                if let Some(error) = self.broken.take() {
                    self.source_failed(error);
                }
                self.capture = None;
                if !std::mem::replace(&mut self.source_done, true) {
                    self.source_state("done");
                }
                self.phase = if self.phase == Phase::Halting { Phase::Halting } else { Phase::Draining };
                self.drain_until.get_or_insert(Instant::now() + DRAIN);
            }
            Inbox::RealtimeRefused(why) => {
                let text = format!("the pipeline thread runs without real-time priority: {why}");
                self.tell(EventKind::notice(&self.source_type, realtime::REFUSED, text, realtime::ADVICE));
            }
            // The source is asked in every turn.
            Inbox::SourceTells => {}
            Inbox::Prepared(prepared) => self.prepared(prepared),
            Inbox::Command(command) => self.obey(command),
            Inbox::BadCommand(bad) => {
                self.tell(EventKind::Error(Box::new(ErrorFacts::bad_command(bad.name, None, bad.message))));
            }
            Inbox::Stop => self.stop(),
            Inbox::StopAfter(time) => self.stop_at = Some(self.started + time),
            Inbox::Halt => self.halt(),
        }
    }

    /// Nothing more is taken from the source; what is under way is delivered.
    fn stop(&mut self) {
        if matches!(self.phase, Phase::Draining | Phase::Halting) {
            return;
        }
        self.phase = Phase::Draining;
        self.drain_until.get_or_insert(Instant::now() + DRAIN);
        self.end_source();
    }

    fn halt(&mut self) {
        if self.phase == Phase::Halting {
            return;
        }
        self.phase = Phase::Halting;
        self.shared.halt.store(true, Ordering::Release);
        for sink in &self.sinks {
            sink.control.halt();
        }
        self.wake_runner();
        self.end_source();
    }

    fn end_source(&mut self) {
        if std::mem::take(&mut self.held) {
            // Nothing came and nothing will: no sink connects, and no recording of an earlier run is
            // replaced.
            for sink in &mut self.sinks {
                sink.waiting = None;
                sink.outcome = Some(Outcome::Done);
            }
        }
        // Without a start the feed ends here and the pipeline closes every queue.
        self.feed = None;
        self.start_runner();
        self.start_sinks();
        self.capture = None;
        // Its stream has ended.
        self.wake_runner();
    }

    /// Tells the report, and returns it.
    pub fn conclude(&mut self) -> Report {
        if let Some(threads) = self.threads.take() {
            threads.end();
        }
        while let Ok(message) = self.outbox.try_recv() {
            if let Inbox::Sink(index, event) = message {
                self.sink_event(index, event);
            }
        }
        for index in 0..self.sinks.len() {
            if self.sinks[index].outcome == Some(Outcome::Done) {
                self.sink_state(index, "done");
            }
        }
        let mut report = self.report();
        report.exit = Some(self.exit_code(&report));
        self.tell(EventKind::Report(Box::new(report.clone())));
        report
    }

    fn exit_code(&self, report: &Report) -> u8 {
        let crashed = !matches!(&self.ended, Some(Some(Ended { result: Ok(()), .. })));
        let panicked = self.sinks.iter().any(|s| s.outcome == Some(Outcome::Panicked));
        let gave_up = self.sinks.iter().any(|s| s.outcome == Some(Outcome::GaveUp));
        if crashed || panicked || !report.balanced {
            5
        } else if self.interrupted.load(Ordering::Acquire) {
            130
        } else if self.source_error.is_some() {
            3
        } else if gave_up {
            4
        } else {
            0
        }
    }

    fn report(&self) -> Report {
        let processed = match &self.ended {
            Some(Some(ended)) => Some(ended.processed),
            _ => None,
        };
        let captured = self.feed_stats.captured.load(Ordering::Relaxed);
        // Frames the source had delivered and a halt kept from the graph.
        let stopped = processed.map_or(0, |processed| captured.saturating_sub(processed));
        let rate = self.known.rate.hz();
        let sinks: Vec<SinkReport> = self
            .sinks
            .iter()
            .map(|s| SinkReport::read(&s.name, &s.kind, s.rate, s.control.stats(), &s.errors))
            .collect();
        Report {
            t: self.started.elapsed().as_secs_f64(),
            exit: None,
            balanced: sinks.iter().all(|s| s.ledger.balanced),
            source: SourceReport {
                drift_ppm: self.watch.ppm().map(|ppm| (ppm * 10.0).round() / 10.0),
                ..SourceReport::read(&self.source_type, rate, &self.feed_stats, self.gaps, stopped)
            },
            sinks,
            nodes: self.nodes.iter().map(|n| NodeReport::read(&n.info.name, &n.stats)).collect(),
            events_lost: self.signals.lost(),
            cpu_s: report::cpu_seconds(),
            peak_rss_bytes: report::peak_rss(),
            callback_max_us: self.feed_stats.callback_max_ns.load(Ordering::Relaxed) / 1000,
            cycle_max_us: self.shared.cycle_max_ns.load(Ordering::Relaxed) / 1000,
        }
    }

    fn tell_ready(&mut self) {
        let rate = self.source_error.is_none().then(|| self.known.rate.hz());
        let source = ReadySource { kind: self.source_type.clone(), device: self.source.device(), rate };
        let nodes = self.nodes.iter().map(|n| n.info.name.clone()).collect();
        let sink = |s: &SinkSeat| ReadySink { name: s.name.clone(), kind: s.kind.clone(), state: "opening" };
        let sinks = self.sinks.iter().map(sink).collect();
        self.tell(EventKind::Ready { version: env!("CARGO_PKG_VERSION"), source, nodes, sinks });
    }
}
