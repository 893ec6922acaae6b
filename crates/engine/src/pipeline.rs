//! Build, start, and the handle on a run. Control side.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use crossbeam_channel::Sender;
use glottis_core::feed::capture_ring;
use glottis_core::inlet::Emit;
use glottis_core::registry::Component;
use glottis_core::source::SourceFormat;
use glottis_core::{Context, Problem, Rate, Registry, Settings, SourceError, clock};
use glottis_graph::config::Problems;
use glottis_graph::returns::returns;
use glottis_graph::{Config, Graph, Plan, signals};
use ringbuf::HeapRb;
use ringbuf::traits::Split;

use crate::command::Command;
use crate::control::{Control, Inbox, Live, Parts, Shop};
use crate::event::Event;
use crate::report::Report;
use crate::runner::{RETIRED, Runner, Shared};

/// Two seconds of blocks: what stands behind the pipeline thread when the machine stalls, and takes what
/// a sound server that was kept from running delivers all at once.
const CAPTURE_BLOCKS: usize = 200;

/// Signals the pipeline thread can be ahead of the control thread.
const SIGNALS: usize = 4096;

/// A checked configuration, ready to start.
pub struct Pipeline {
    plan: Plan,
    config: Config,
    registry: Registry,
    context: Context,
    loader: Option<Loader>,
}

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
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StartError::Config(problems) => problems.fmt(f),
            StartError::System(error) => write!(f, "cannot start a thread: {error}"),
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
        Ok(Pipeline { plan, config: config.clone(), registry: registry.clone(), context, loader: None })
    }

    /// Lets the command `swap` load libraries. Without a loader it is refused.
    #[must_use]
    pub fn loader(mut self, loader: Loader) -> Pipeline {
        self.loader = Some(loader);
        self
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

    /// Starts the run. `on_event` is called on the control thread with every event, in order; the
    /// last is the report.
    ///
    /// # Errors
    /// The tree does not fit the rate of the source. A source that cannot be opened is no error
    /// here: the run starts, says so, and ends with exit code 3.
    pub fn start(mut self, on_event: impl FnMut(&Event) + Send + 'static) -> Result<Running, StartError> {
        clock::start();
        let format = match self.plan.source.format(true) {
            Ok(Some(format)) => Ok(format),
            Ok(None) => Err(SourceError::new("Format", "the source does not say what it delivers", "")),
            Err(error) => Err(error),
        };
        // A source that fails still gets its tree, so that the report names every sink.
        let fallback = SourceFormat { rate: Rate::for_source(48_000), native_hz: 48_000, channels: 1, waits: false };
        let known = format.clone().unwrap_or(fallback);
        let (inbox, outbox) = crossbeam_channel::unbounded();
        let emit = |index: usize| -> Emit {
            let inbox = inbox.clone();
            Arc::new(move |event| {
                let _ = inbox.send(Inbox::Sink(index, event));
            })
        };
        let source_type = self.plan.source_type.clone();
        let built = self.plan.build(known.rate, known.waits, &self.registry, &emit);
        let (graph, source) = match built {
            Ok(built) => built,
            Err(problems) => return Err(StartError::Config(explain(&self.config, problems, &format))),
        };
        let shop = Shop::new(self.loader, self.registry, self.config.base());
        let parts = Parts { source, source_type, format, known, shop, inbox: inbox.clone(), outbox };
        let interrupted = Arc::new(AtomicBool::new(false));
        let thread = launch(parts, graph, Box::new(on_event), interrupted.clone()).map_err(StartError::System)?;
        Ok(Running { commander: Commander { inbox }, interrupted, thread: Some(thread) })
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

fn launch(
    parts: Parts,
    graph: Graph,
    on_event: OnEvent,
    interrupted: Arc<AtomicBool>,
) -> std::io::Result<JoinHandle<Report>> {
    let workers = graph.sinks.len().clamp(1, 2);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .thread_name("glottis-sinks")
        .enable_all()
        .build()?;
    std::thread::Builder::new().name("glottis-control".to_owned()).spawn(move || {
        let (feed, intake) = capture_ring(parts.known.rate, CAPTURE_BLOCKS, parts.known.waits);
        let reader = parts.known.waits.then(std::thread::current);
        let (signals, signal_reader) = signals(SIGNALS, reader);
        let (orders, order_reader) = HeapRb::new(256).split();
        let (returns, retired) = returns(RETIRED);
        let shared = Arc::new(Shared::default());
        let mut schedule = graph.schedule;
        if parts.source.live() {
            schedule.gauge();
        }
        let runner = Runner { schedule, signals, orders: order_reader, returns, shared: shared.clone() };
        let signals = signal_reader;
        let live = Live { feed, intake, runner, signals, orders, retired, shared, interrupted, runtime };
        Control::new(parts, graph.nodes, graph.sinks, live, on_event).run()
    })
}

/// The handle on a run. Dropping it stops the run and waits for it.
pub struct Running {
    commander: Commander,
    interrupted: Arc<AtomicBool>,
    thread: Option<JoinHandle<Report>>,
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
        let Some(thread) = self.thread.take() else { return Report::default() };
        thread.join().unwrap_or_else(|_| Report { exit: Some(5), ..Report::default() })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.stop();
            self.join();
        }
    }
}

/// Gives commands to a run, from any thread.
#[derive(Clone)]
pub struct Commander {
    inbox: Sender<Inbox>,
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
        // Fails only once the run is over, and then there is nobody to tell.
        let _ = self.inbox.send(message);
    }
}

/// Where small things are kept between runs, by the XDG base directory rules.
fn state_dir() -> Option<PathBuf> {
    let from = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let base = from("XDG_STATE_HOME").or_else(|| from("HOME").map(|home| home.join(".local/state")))?;
    Some(base.join("glottis"))
}
