//! The thread a simulator runs on, with a runtime of its own. Owned by the simulator's handle.

use super::server;
use super::shared::{Shared, World};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use tokio::sync::oneshot;

/// A running server. Dropping it closes its sockets, frees its port and ends its thread.
#[derive(Debug)]
pub(crate) struct Running {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// Serves on a thread of that name; it listens when this returns. With `busy_poll` the thread never sleeps.
    pub(crate) fn start<S: World>(
        name: &str,
        listener: TcpListener,
        shared: &Arc<Shared<S>>,
        busy_poll: bool,
    ) -> io::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let (report, started) = mpsc::sync_channel(1);
        let theirs = shared.clone();
        let thread = thread::Builder::new().name(name.into()).spawn(move || {
            serve(listener, &theirs, busy_poll, stopped, &report);
        })?;
        let running = Self { stop: Some(stop), thread: Some(thread) };
        // A lost report means the thread is gone, which the drop of `running` joins.
        started.recv().unwrap_or_else(|_| Err(io::Error::other("the simulator's thread ended")))?;
        Ok(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Its panic, if any, was printed; a second one here would abort the test run.
            let _ = thread.join();
        }
    }
}

/// Listens on an address, or says why not, naming it.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"));
    let listener = TcpListener::bind(address).map_err(named)?;
    listener.set_nonblocking(true).map_err(named)?;
    Ok(listener)
}

/// The simulator's thread, from its first line to its last.
fn serve<S: World>(
    listener: TcpListener,
    shared: &Arc<Shared<S>>,
    busy_poll: bool,
    stopped: oneshot::Receiver<()>,
    report: &mpsc::SyncSender<io::Result<()>>,
) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all();
    if busy_poll {
        // After each task that ran, and one always does.
        builder.event_interval(1);
    }
    let runtime = match builder.build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = report.send(Err(error));
            return;
        }
    };
    runtime.block_on(async {
        let listener = match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => {
                let _ = report.send(Err(error));
                return;
            }
        };
        let _ = report.send(Ok(()));
        if busy_poll {
            tokio::spawn(stay_awake());
        }
        tokio::select! {
            never = server::run(listener, shared) => match never {},
            // Dropping the handle ends this without a message, which is as good.
            _ = stopped => {}
        }
    });
    // The runtime is dropped here and with it every connection.
}

/// Always has something to do, so that the runtime looks at its sockets instead of sleeping beside them.
async fn stay_awake() {
    loop {
        tokio::task::yield_now().await;
    }
}
