//! Many runs in one process: a host owns the threads they share. Control side.

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TryRecvError};
use glottis_core::sync::Bell;
use tokio::runtime::Runtime;

use crate::control::{Control, Inbox, LOOK};
use crate::lane::{Lane, SEATS};
use crate::report::Report;
use crate::threads::Threads;

/// Threads for many runs: one pipeline thread (or as many as asked for) that drives them all, one control
/// thread, one async runtime for their sinks. [`Pipeline::start_on`](crate::Pipeline::start_on) starts a run
/// on it.
///
/// A run costs a host about what its blocks cost; on threads of its own most of what it costs is waking
/// them. What a run does, tells and reports is the same. A run that fails or panics ends by itself, and a
/// node that is late is late for every run of its thread: give such nodes a `budget`. A source that can
/// wait (`pace = "fast"`) is refused, since its run waits for its sinks on the pipeline thread.
///
/// A clone is the same host. It ends when the last clone and the last [`Running`](crate::Running) on it are
/// gone; that waits for its threads.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let registry = glottis_core::Registry::new();
/// use glottis_engine::{Host, Pipeline};
/// use glottis_graph::Config;
///
/// let host = Host::new()?;
/// let mut sessions = Vec::new();
/// for file in ["one.toml", "two.toml"] {
///     let pipeline = Pipeline::new(&Config::read(file.as_ref())?, &registry)?;
///     sessions.push(pipeline.start_on(&host, |event| println!("{}", event.to_json()))?);
/// }
/// assert!(sessions.into_iter().all(|session| session.wait().balanced));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Host {
    shared: Arc<Shared>,
}

struct Shared {
    lanes: Vec<Arc<Lane>>,
    runtime: tokio::runtime::Handle,
    bell: Bell,
    /// Where new runs go; gone while the host ends.
    joins: Option<Sender<Hosted>>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("threads", &self.shared.lanes.len()).field("runs", &self.runs()).finish()
    }
}

/// A run as the control thread has it.
struct Hosted {
    run: u64,
    control: Box<Control>,
    /// Where its report goes.
    report: Sender<Report>,
}

impl Host {
    /// Runs that one pipeline thread takes.
    pub const RUNS: usize = SEATS;

    /// A host with one pipeline thread and one thread for the sinks: what fits one core.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn new() -> std::io::Result<Host> {
        Host::with_threads(NonZeroUsize::MIN)
    }

    /// A host with `threads` pipeline threads, and as many for the sinks: one for each core it may use.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn with_threads(threads: NonZeroUsize) -> std::io::Result<Host> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads.get())
            .thread_name("glottis-sinks")
            .enable_all()
            .build()?;
        let bell = Bell::default();
        let lane = |_| Lane::start(bell.clone()).map(Arc::new);
        let lanes = (0..threads.get()).map(lane).collect::<std::io::Result<Vec<_>>>()?;
        let (joins, joining) = crossbeam_channel::unbounded();
        let (handle, desk) = (runtime.handle().clone(), Desk { lanes: lanes.clone(), joining, runs: Vec::new() });
        let ears = bell.clone();
        let body = move || desk.work(&ears, runtime);
        let thread = std::thread::Builder::new().name("glottis-control".to_owned()).spawn(body)?;
        let shared = Shared { lanes, runtime: handle, bell, joins: Some(joins), thread: Some(thread) };
        Ok(Host { shared: Arc::new(shared) })
    }

    /// Runs that are on it now.
    pub fn runs(&self) -> usize {
        self.shared.lanes.iter().map(|lane| lane.taken()).sum()
    }

    pub(crate) fn bell(&self) -> Bell {
        self.shared.bell.clone()
    }

    /// Room for a run where there is most of it, if there is any.
    pub(crate) fn room(&self) -> Option<(u64, Threads)> {
        let lane = self.shared.lanes.iter().min_by_key(|lane| lane.taken())?;
        let ticket = lane.ticket()?;
        let run = ticket.run();
        Some((run, Threads::Hosted { runtime: self.shared.runtime.clone(), lane: lane.clone(), ticket: Some(ticket) }))
    }

    /// Lets a run begin. Its report comes by what is returned.
    pub(crate) fn begin(&self, run: u64, control: Control) -> Receiver<Report> {
        let (report, reported) = crossbeam_channel::bounded(1);
        if let Some(joins) = &self.shared.joins {
            // The other end is there as long as this one.
            let _ = joins.send(Hosted { run, control: Box::new(control), report });
        }
        self.shared.bell.ring();
        reported
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.joins = None;
        self.lanes.clear();
        self.bell.ring();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The control thread's side.
struct Desk {
    lanes: Vec<Arc<Lane>>,
    joining: Receiver<Hosted>,
    runs: Vec<Hosted>,
}

impl Desk {
    fn work(mut self, bell: &Bell, runtime: Runtime) {
        let mut looked = Instant::now();
        while self.admit() {
            let now = Instant::now();
            let all = now.duration_since(looked) >= LOOK;
            if all {
                looked = now;
            }
            self.see_off();
            self.runs.retain_mut(|run| {
                let wanted = all || run.control.has_news() || run.control.due().is_some_and(|due| due <= now);
                !wanted || run.turn(|control| control.turn())
            });
            let due = self.runs.iter().filter_map(|run| run.control.due()).chain([looked + LOOK]).min();
            bell.wait(match due {
                Some(due) if !self.runs.is_empty() => due.saturating_duration_since(Instant::now()),
                // Until there is a run.
                _ => Duration::MAX,
            });
        }
        drop(self.lanes);
        runtime.shutdown_timeout(Duration::from_millis(100));
    }

    /// Takes in new runs. False: there are none and none will come.
    fn admit(&mut self) -> bool {
        loop {
            match self.joining.try_recv() {
                Ok(mut run) => {
                    if run.turn(Control::begin) {
                        self.runs.push(run);
                    }
                }
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return !self.runs.is_empty(),
            }
        }
    }

    /// Tells the runs whose pipelines have ended. What is left of one that is not there any more is freed.
    fn see_off(&mut self) {
        for lane in &self.lanes {
            while let Some(left) = lane.left() {
                let run = self.runs.iter().find(|run| run.run == left.ticket.run());
                if let Some(run) = run {
                    run.control.post().send(Inbox::PipelineDone(left.ended, left.runner));
                }
            }
        }
    }
}

impl Hosted {
    /// Lets its control do something. False: the run is over, or it panicked, which ends only itself.
    fn turn(&mut self, turn: impl FnOnce(&mut Control)) -> bool {
        let turn = catch_unwind(AssertUnwindSafe(|| {
            turn(&mut self.control);
            self.control.is_over().then(|| self.control.conclude())
        }));
        let report = match turn {
            Ok(None) => return true,
            Ok(Some(report)) => report,
            Err(_) => Report { exit: Some(5), ..Report::default() },
        };
        // Nobody waits where the handle was dropped without waiting, which it never is.
        let _ = self.report.send(report);
        false
    }
}
