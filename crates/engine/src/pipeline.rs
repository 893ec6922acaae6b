//! Build, start, and the handle on a run. Control side.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use crossbeam_channel::Receiver;
use glottis_core::feed::capture_ring;
use glottis_core::inlet::Emit;
use glottis_core::packet::Passage;
use glottis_core::registry::Component;
use glottis_core::source::SourceFormat;
use glottis_core::sync::Bell;
use glottis_core::{Context, Problem, Rate, Registry, Settings, SourceError, clock};
use glottis_graph::config::Problems;
use glottis_graph::plan::Latency;
use glottis_graph::returns::returns;
use glottis_graph::{Config, Graph, Plan, signals};
use ringbuf::HeapRb;
use ringbuf::traits::Split;

use crate::command::Command;
use crate::control::{Control, Inbox, Live, Parts, Shop};
use crate::event::Event;
use crate::host::Host;
use crate::post::Post;
use crate::report::Report;
use crate::runner::{RETIRED, Runner, RunnerParts, Shared};
use crate::threads::Threads;

/// Two seconds of blocks: what stands behind the pipeline thread when the machine stalls, and takes what
/// a sound server that was kept from running delivers all at once.
const CAPTURE_BLOCKS: usize = 200;

/// The same where the source can wait: half of it is handed over at a time, and all of it is used, so that more
/// would be memory only.
const FAST_BLOCKS: usize = 100;

/// Signals the pipeline thread can be ahead of the control thread: with a live source those of half a
/// minute, and the pipeline thread is not woken to make room.
const SIGNALS: usize = 384;

/// The same where the source can wait, and the pipeline thread with it.
const FAST_SIGNALS: usize = 1024;

/// A checked configuration, ready to start.
pub struct Pipeline {
    plan: Plan,
    config: Config,
    registry: Registry,
    context: Context,
    loader: Option<Loader>,
    watcher: Option<Watcher>,
}

/// Is told of every packet a sink has delivered: the sink's index, and when the packet passed each border.
/// Called on the sink's task.
pub type Watcher = Arc<dyn Fn(usize, &Passage) + Send + Sync>;

/// Loads the library at a path, for the command `swap`: its components, or what is wrong with it. Called
/// on a thread of its own.
pub type Loader = Arc<dyn Fn(&Path) -> Result<Vec<Component>, String> + Send + Sync>;

/// Why a run did not start. Nothing was opened.
#[derive(Debug)]
pub enum StartError {
    /// The configuration does not fit what the source delivers.
    Config(Problems),
    /// The system refused a thread.
    System(std::io::Error),
    /// The source can wait, and on a host's thread others cannot wait with it.
    Waits,
    /// The host has as many runs as it takes.
    Full,
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StartError::Config(problems) => problems.fmt(f),
            StartError::System(error) => write!(f, "cannot start a thread: {error}"),
            StartError::Waits => f.write_str(
                "the source waits for its sinks (pace = \"fast\"), and a host's runs must not wait: \
                 start it on threads of its own, or set pace = \"realtime\"",
            ),
            StartError::Full => write!(
                f,
                "the host has {} runs for each of its threads already: use another, or one with more threads",
                Host::RUNS
            ),
        }
    }
}

impl std::error::Error for StartError {}

impl Pipeline {
    /// Checks a configuration. Opens nothing.
    ///
    /// # Errors
    /// All that is wrong with it, each with its place.
    pub fn new(config: &Config, registry: &Registry) -> Result<Pipeline, Problems> {
        let started = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let context = Context { started, state_dir: state_dir(), ..Context::default() };
        let plan = Plan::new(config, registry, &context)?;
        Ok(Pipeline { plan, config: config.clone(), registry: registry.clone(), context, loader: None, watcher: None })
    }

    /// Lets the command `swap` load libraries. Without a loader it is refused.
    #[must_use]
    pub fn loader(mut self, loader: Loader) -> Pipeline {
        self.loader = Some(loader);
        self
    }

    /// Has `watcher` told of every packet each sink delivers: for measurements.
    #[must_use]
    pub fn watch(mut self, watcher: Watcher) -> Pipeline {
        self.watcher = Some(watcher);
        self
    }

    /// What the pipeline thread waits for, as configured.
    pub fn latency(&self) -> Latency {
        self.plan.latency
    }

    /// The names and types of the sinks, as configured.
    pub fn sinks(&self) -> impl Iterator<Item = (&str, &str)> {
        self.plan.sinks()
    }

    /// The keys of the sink `name` and what it may know of the run: for what a service offers beside
    /// a run, such as its history.
    pub fn sink(&self, name: &str) -> Option<(&Settings, Context)> {
        let context = Context { name: name.to_owned(), ..self.context.clone() };
        self.plan.sink_settings(name).map(|settings| (settings, context))
    }

    /// Builds the tree for the rate of the source, without starting anything: what `check` prints.
    /// `rate` stands in where the source cannot tell its rate without being opened.
    ///
    /// # Errors
    /// The source cannot be looked at, or the tree does not fit its rate.
    pub fn tree(mut self, rate: Rate) -> Result<(Graph, Result<Option<SourceFormat>, SourceError>), Problems> {
        let look = !self.plan.source.live() && self.plan.source_type == "file";
        let format = self.plan.source.format(look);
        let (rate, waits) = match &format {
            Ok(Some(format)) => (format.rate, format.waits),
            _ => (rate, false),
        };
        let nowhere: Emit = Arc::new(|_| {});
        let built = self.plan.build(rate, waits, &self.registry, &|_| nowhere.clone());
        built.map(|(graph, _)| (graph, format)).map_err(|problems| self.config.problems(problems))
    }

    /// Starts the run, on threads of its own. `on_event` is called on the control thread with every event,
    /// in order; the last is the report.
    ///
    /// # Errors
    /// The tree does not fit the rate of the source. A source that cannot be opened is no error
    /// here: the run starts, says so, and ends with exit code 3.
    pub fn start(self, on_event: impl FnMut(&Event) + Send + 'static) -> Result<Running, StartError> {
        let bell = Bell::default();
        let run = self.ready(&bell)?;
        let (commander, interrupted) = run.handles();
        let threads = Threads::own(run.graph.sinks.len(), run.is_woken()).map_err(StartError::System)?;
        let body = move || {
            let reader = run.parts.known.waits.then(|| bell.clone());
            run.control(threads, reader, Box::new(on_event)).run(&bell)
        };
        let thread = std::thread::Builder::new().name("glottis-control".to_owned()).spawn(body);
        let end = End::Thread(thread.map_err(StartError::System)?);
        Ok(Running { commander, interrupted, end: Some(end) })
    }

    /// Starts the run on the threads of `host`, which it shares with others. `on_event` is called on the
    /// host's control thread, and must not keep it for long. Otherwise as [`Pipeline::start`].
    ///
    /// # Errors
    /// As for [`Pipeline::start`]; the source can wait; or the host takes no more runs.
    pub fn start_on(self, host: &Host, on_event: impl FnMut(&Event) + Send + 'static) -> Result<Running, StartError> {
        let run = self.ready(&host.bell())?;
        if run.parts.known.waits {
            return Err(StartError::Waits);
        }
        let (commander, interrupted) = run.handles();
        let (id, threads) = host.room().ok_or(StartError::Full)?;
        let report = host.begin(id, run.control(threads, None, Box::new(on_event)));
        Ok(Running { commander, interrupted, end: Some(End::Host { report, _host: host.clone() }) })
    }

    /// Looks at the source and builds the tree for its rate.
    fn ready(mut self, bell: &Bell) -> Result<Ready, StartError> {
        clock::start();
        let format = match self.plan.source.format(true) {
            Ok(Some(format)) => Ok(format),
            Ok(None) => Err(SourceError::new("Format", "the source does not say what it delivers", "")),
            Err(error) => Err(error),
        };
        // A source that fails still gets its tree, so that the report names every sink.
        let fallback = SourceFormat { rate: Rate::for_source(48_000), native_hz: 48_000, channels: 1, waits: false };
        let known = format.clone().unwrap_or(fallback);
        let (inbox, outbox) = Post::new(bell.clone());
        let emit = |index: usize| -> Emit {
            let inbox = inbox.clone();
            Arc::new(move |event| inbox.send(Inbox::Sink(index, event)))
        };
        let (source_type, latency) = (self.plan.source_type.clone(), self.plan.latency);
        let built = self.plan.build(known.rate, known.waits, &self.registry, &emit);
        let (graph, source) = match built {
            Ok(built) => built,
            Err(problems) => return Err(StartError::Config(explain(&self.config, problems, &format))),
        };
        if let Some(watcher) = self.watcher {
            for (index, sink) in graph.sinks.iter().enumerate() {
                let watcher = watcher.clone();
                sink.control.stats().watch(move |passage| watcher(index, passage));
            }
        }
        let shop = Shop::new(self.loader, self.registry, self.config.base());
        let parts = Parts { source, source_type, format, known, shop, inbox, outbox };
        Ok(Ready { parts, graph, latency, interrupted: Arc::default() })
    }
}

/// Says so where the rates are only assumed, because the source could not be opened.
fn explain(config: &Config, mut problems: Vec<Problem>, format: &Result<SourceFormat, SourceError>) -> Problems {
    if let Err(error) = format {
        problems.push(Problem::new(glottis_core::Place::None, "source", format!("its rate is not known: {error}")));
    }
    config.problems(problems)
}

type OnEvent = Box<dyn FnMut(&Event) + Send>;

/// A run before it has threads.
struct Ready {
    parts: Parts,
    graph: Graph,
    latency: Latency,
    interrupted: Arc<AtomicBool>,
}

impl Ready {
    /// Whether every block wakes the pipeline thread.
    fn is_woken(&self) -> bool {
        self.latency == Latency::Lowest && !self.parts.known.waits
    }

    /// What a [`Running`] holds of it.
    fn handles(&self) -> (Commander, Arc<AtomicBool>) {
        (Commander { inbox: self.parts.inbox.clone() }, self.interrupted.clone())
    }

    /// Its control, with everything that flows. `reader` is the bell of who reads the signals, where the
    /// pipeline thread waits for that.
    fn control(self, threads: Threads, reader: Option<Bell>, on_event: OnEvent) -> Control {
        let woken = self.is_woken();
        let Ready { parts, graph, interrupted, .. } = self;
        let waits = parts.known.waits;
        let blocks = if waits { FAST_BLOCKS } else { CAPTURE_BLOCKS };
        let (mut feed, intake) = capture_ring(parts.known.rate, blocks, waits);
        if woken {
            feed.wake_at_once();
        }
        if let Some(spot) = threads.spot() {
            feed.settle_by(move || spot.settle());
        }
        let (signals, signal_reader) = signals(if waits { FAST_SIGNALS } else { SIGNALS }, reader);
        let (orders, order_reader) = HeapRb::new(256).split();
        let (returns, retired) = returns(RETIRED);
        let shared = Arc::new(Shared::default());
        let mut schedule = graph.schedule;
        if parts.source.live() {
            schedule.gauge();
        }
        let runner = Runner::new(RunnerParts {
            schedule,
            signals,
            orders: order_reader,
            returns,
            shared: shared.clone(),
            intake,
            woken,
        });
        let live = Live { feed, runner, signals: signal_reader, orders, retired, shared, interrupted, threads };
        Control::new(parts, graph.nodes, graph.sinks, live, on_event)
    }
}

/// The handle on a run. Dropping it stops the run and waits for it.
pub struct Running {
    commander: Commander,
    interrupted: Arc<AtomicBool>,
    end: Option<End>,
}

/// Where the report of a run comes from.
enum End {
    Thread(JoinHandle<Report>),
    /// The host is there as long as it has a run.
    Host {
        report: Receiver<Report>,
        _host: Host,
    },
}

impl Running {
    /// Gives a command; see [`Commander::command`].
    pub fn command(&self, command: Command) {
        self.commander.command(command);
    }

    /// Ends the run; see [`Commander::stop`].
    pub fn stop(&self) {
        self.commander.stop();
    }

    /// Ends the run so long after its start.
    pub fn stop_after(&self, time: Duration) {
        self.commander.send(Inbox::StopAfter(time));
    }

    /// Stops at once, as for SIGINT: the turn in progress is discarded, sessions are ended within
    /// two seconds.
    pub fn halt(&self) {
        self.halter()();
    }

    /// A handle that can halt the run from elsewhere, a signal handler's thread for example.
    pub fn halter(&self) -> impl Fn() + Send + Sync + 'static {
        let (commander, interrupted) = (self.commander.clone(), self.interrupted.clone());
        move || {
            interrupted.store(true, std::sync::atomic::Ordering::Release);
            commander.send(Inbox::Halt);
        }
    }

    /// A handle that can give commands from elsewhere.
    pub fn commander(&self) -> Commander {
        self.commander.clone()
    }

    /// Waits for the end of the run.
    pub fn wait(mut self) -> Report {
        self.join()
    }

    fn join(&mut self) -> Report {
        let report = match self.end.take() {
            None => return Report::default(),
            Some(End::Thread(thread)) => thread.join().ok(),
            Some(End::Host { report, .. }) => report.recv().ok(),
        };
        report.unwrap_or_else(|| Report { exit: Some(5), ..Report::default() })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.end.is_some() {
            self.stop();
            self.join();
        }
    }
}

/// Gives commands to a run, from any thread.
#[derive(Clone)]
pub struct Commander {
    inbox: Post,
}

impl Commander {
    /// Gives a command. It is answered by a `done` event, or an `error` event with code
    /// `BadCommand`.
    pub fn command(&self, command: Command) {
        self.send(Inbox::Command(command));
    }

    /// Reports a line that is no command, so that it is answered like one.
    pub fn refuse(&self, bad: crate::command::BadCommand) {
        self.send(Inbox::BadCommand(bad));
    }

    /// Ends the run: the turn in progress is delivered, then the sinks finish. Takes at most 10 s.
    pub fn stop(&self) {
        self.send(Inbox::Stop);
    }

    fn send(&self, message: Inbox) {
        self.inbox.send(message);
    }
}

/// Where small things are kept between runs, by the XDG base directory rules.
fn state_dir() -> Option<PathBuf> {
    let from = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let base = from("XDG_STATE_HOME").or_else(|| from("HOME").map(|home| home.join(".local/state")))?;
    Some(base.join("glottis"))
}
