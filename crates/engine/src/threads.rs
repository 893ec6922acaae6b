//! Where a run's pipeline and sinks run: on threads of its own, or on those of a host. Control side.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::control::Inbox;
use crate::lane::{Lane, Ticket};
use crate::post::Post;
use crate::realtime::{self, Rank};
use crate::runner::Runner;
use crate::spot::Spot;

/// The threads a run uses.
pub(crate) enum Threads {
    /// A pipeline thread and an async runtime of its own; all of it on one CPU if there is a spot.
    Own { runtime: tokio::runtime::Runtime, pipeline: Option<JoinHandle<()>>, spot: Option<Spot> },
    /// A host's. The ticket goes with the run.
    Hosted { runtime: tokio::runtime::Handle, lane: Arc<Lane>, ticket: Option<Ticket> },
}

impl Threads {
    /// Threads of its own for a run with so many sinks. `lowest`: all of them on one CPU.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn own(sinks: usize, lowest: bool) -> std::io::Result<Threads> {
        let spot = lowest.then(Spot::default);
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        runtime.thread_name("glottis-sinks").enable_all();
        match spot.clone() {
            None => runtime.worker_threads(sinks.clamp(1, 2)),
            Some(spot) => {
                let worker = AtomicBool::new(true);
                // A runtime of the other kind, for one thread, is woken no faster: measured.
                runtime.worker_threads(1).on_thread_start(move || match worker.swap(false, Ordering::Relaxed) {
                    true => spot.settle_sinks(),
                    // Those that follow are for look-ups that block.
                    false => spot.leave(),
                })
            }
        };
        Ok(Threads::Own { runtime: runtime.build()?, pipeline: None, spot })
    }

    /// Where a thread that feeds the pipeline is best off.
    pub fn spot(&self) -> Option<Spot> {
        match self {
            Threads::Own { spot, .. } => spot.clone(),
            Threads::Hosted { .. } => None,
        }
    }

    /// Runs a sink's task.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        match self {
            Threads::Own { runtime, .. } => drop(runtime.spawn(task)),
            Threads::Hosted { runtime, .. } => drop(runtime.spawn(task)),
        }
    }

    /// Runs the pipeline; `urgent`: before all that is not real time. `post` is told how it ended, if it
    /// runs on a thread of its own.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn drive(&mut self, runner: Box<Runner>, urgent: bool, post: &Post) -> std::io::Result<()> {
        match self {
            Threads::Own { pipeline, spot, .. } => {
                *pipeline = Some(alone(runner, urgent, spot.clone(), post.clone())?);
            }
            Threads::Hosted { lane, ticket, .. } => {
                if let (true, Some(why)) = (urgent, lane.refused()) {
                    post.send(Inbox::RealtimeRefused(why.to_owned()));
                }
                if let Some(ticket) = ticket.take() {
                    lane.join(ticket, runner);
                }
            }
        }
        Ok(())
    }

    /// Wakes the pipeline: there is an order, or a halt.
    pub fn wake(&self) {
        match self {
            Threads::Own { pipeline, .. } => {
                if let Some(thread) = pipeline {
                    thread.thread().unpark();
                }
            }
            Threads::Hosted { lane, .. } => lane.attention(),
        }
    }

    /// Ends the threads that are the run's own. Its tasks and its pipeline have ended.
    pub fn end(self) {
        if let Threads::Own { runtime, pipeline, .. } = self {
            if let Some(thread) = pipeline {
                let _ = thread.join();
            }
            // What is left are threads of blocking look-ups.
            runtime.shutdown_timeout(Duration::from_millis(100));
        }
    }
}

/// A pipeline thread for one run. Whoever asked for a spot wants it to be urgent too.
fn alone(mut runner: Box<Runner>, urgent: bool, spot: Option<Spot>, post: Post) -> std::io::Result<JoinHandle<()>> {
    let body = move || {
        if let Some(spot) = &spot {
            spot.settle();
        }
        if (urgent || spot.is_some())
            && let Err(why) = realtime::ask(Rank::Pipeline)
        {
            post.send(Inbox::RealtimeRefused(why));
        }
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runner.run(post.bell())));
        // Told from here, since a source that waits for room may be all the control side waits for.
        runner.leave();
        post.send(Inbox::PipelineDone(ended.ok(), runner));
    };
    std::thread::Builder::new().name("glottis-pipeline".to_owned()).spawn(body)
}
