//! The meeting point of a simulator's thread and its handles: the state behind its lock, and the
//! two ways to be told that it changed.

use super::clock::Clock;
use super::control::Steered;
use super::line::Reset;
use super::web::{Body, Ending};
use http::{Request, Response};
use hyper::body::Incoming;
use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio_rustls::rustls::ServerConfig;

/// What a simulator remembers and does, as the parts that all simulators share see it.
pub(crate) trait World: Steered + Debug + Send + Sized + 'static {
    /// Its settings, which never change.
    type Config: Debug + Send + Sync + 'static;

    fn new(config: Arc<Self::Config>, clock: Clock) -> Self;
    /// Carries out what is due. True if there was anything.
    fn settle(&mut self) -> bool;
    /// When something has to happen by itself.
    fn next_due(&self) -> Option<Duration>;
    /// How long the port stays closed, if it is.
    fn port_closed(&self) -> Option<Duration>;
    /// What a fault does to a connection before anything is read.
    fn greet(&mut self) -> Option<Greeting>;
    /// Answers a request, or spawns the task of a socket. An `Err` closes the connection.
    fn answer(
        shared: Arc<Shared<Self>>,
        request: Request<Incoming>,
        reset: Reset,
    ) -> impl Future<Output = io::Result<Response<Body>>> + Send;
}

/// What happens to a connection that was just accepted.
#[derive(Debug)]
pub(crate) struct Greeting {
    /// When, if not at once.
    pub(crate) due: Option<Duration>,
    pub(crate) ending: Ending,
    pub(crate) epoch: u64,
}

#[derive(Debug)]
pub(crate) struct Shared<S: World> {
    pub(crate) config: Arc<S::Config>,
    pub(crate) clock: Clock,
    pub(crate) address: SocketAddr,
    /// Connections begin with TLS.
    pub(crate) tls: Option<Arc<ServerConfig>>,
    state: Mutex<S>,
    changed: Condvar,
    notify: Notify,
}

impl<S: World> Shared<S> {
    pub(crate) fn new(config: S::Config, clock: Clock, address: SocketAddr, tls: Option<Arc<ServerConfig>>) -> Self {
        let config = Arc::new(config);
        Self {
            state: Mutex::new(S::new(config.clone(), clock.clone())),
            config,
            clock,
            address,
            tls,
            changed: Condvar::new(),
            notify: Notify::new(),
        }
    }

    /// Reads the state as of now.
    pub(crate) fn read<R>(&self, look: impl FnOnce(&S) -> R) -> R {
        look(&self.lock())
    }

    /// Changes the state and wakes everyone who waits for a change.
    pub(crate) fn update<R>(&self, change: impl FnOnce(&mut S) -> R) -> R {
        let result = change(&mut self.lock());
        self.announce();
        result
    }

    fn lock(&self) -> MutexGuard<'_, S> {
        // A panic in a test's condition poisons the lock but cannot leave the state half changed.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.settle() {
            self.announce();
        }
        state
    }

    fn announce(&self) {
        self.changed.notify_all();
        self.notify.notify_waiters();
    }

    /// Blocks until the condition holds or `timeout` (real time) is over.
    pub(crate) fn wait(&self, timeout: Duration, mut holds: impl FnMut(&S) -> bool) -> bool {
        // A timeout beyond the end of time means to wait forever, a day at a time.
        let deadline = Instant::now().checked_add(timeout);
        let far = Duration::from_secs(86_400);
        let mut state = self.lock();
        loop {
            if holds(&state) {
                return true;
            }
            let left = deadline.map_or(far, |at| at.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return false;
            }
            let woken = self.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
            if state.settle() {
                self.announce();
            }
        }
    }

    /// The same for async callers on any runtime with time.
    pub(crate) async fn wait_async(&self, timeout: Duration, mut holds: impl FnMut(&S) -> bool) -> bool {
        tokio::time::timeout(timeout, self.happens(&mut holds)).await.is_ok()
    }

    /// Waits until the condition holds.
    pub(crate) async fn happens(&self, mut holds: impl FnMut(&S) -> bool) {
        loop {
            // Registered before the look, so that no change is missed in between.
            let mut changed = std::pin::pin!(self.notify.notified());
            changed.as_mut().enable();
            if self.read(&mut holds) {
                return;
            }
            changed.await;
        }
    }

    /// Lets what is due happen on time even when nobody asks: licences expire, faults take effect.
    /// Never returns.
    pub(crate) async fn watch_clock(&self) {
        loop {
            let mut changed = std::pin::pin!(self.notify.notified());
            changed.as_mut().enable();
            // `read` announces only if something happened, so this does not wake itself.
            let next = self.read(S::next_due);
            tokio::select! {
                () = self.clock.sleep_until(next) => {}
                () = changed => {}
            }
        }
    }
}
