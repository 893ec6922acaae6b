//! Where a run's pipeline and sinks run: on threads of its own, or on those of a host. Control side.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::control::Inbox;
use crate::lane::{Lane, Ticket};
use crate::post::Post;
use crate::realtime;
use crate::runner::Runner;

/// The threads a run uses.
pub(crate) enum Threads {
    /// A pipeline thread and an async runtime of its own.
    Own { runtime: tokio::runtime::Runtime, pipeline: Option<JoinHandle<()>> },
    /// A host's. The ticket goes with the run.
    Hosted { runtime: tokio::runtime::Handle, lane: Arc<Lane>, ticket: Option<Ticket> },
}

impl Threads {
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
            Threads::Own { pipeline, .. } => *pipeline = Some(alone(runner, urgent, post.clone())?),
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
        if let Threads::Own { runtime, pipeline } = self {
            if let Some(thread) = pipeline {
                let _ = thread.join();
            }
            // What is left are threads of blocking look-ups.
            runtime.shutdown_timeout(Duration::from_millis(100));
        }
    }
}

/// A pipeline thread for one run.
fn alone(mut runner: Box<Runner>, urgent: bool, post: Post) -> std::io::Result<JoinHandle<()>> {
    let body = move || {
        if urgent && let Err(why) = realtime::ask() {
            post.send(Inbox::RealtimeRefused(why));
        }
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runner.run(post.bell())));
        // Told from here, since a source that waits for room may be all the control side waits for.
        runner.leave();
        post.send(Inbox::PipelineDone(ended.ok(), runner));
    };
    std::thread::Builder::new().name("glottis-pipeline".to_owned()).spawn(body)
}
