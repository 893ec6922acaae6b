//! The meeting point of the simulator's thread and its handles: the `State` behind its lock, and
//! the two ways to be told that it changed.

use super::clock::Clock;
use super::config::Config;
use super::state::State;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Arc<Config>,
    pub(crate) clock: Clock,
    pub(crate) address: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
    notify: Notify,
}

impl Shared {
    pub(crate) fn new(config: Config, clock: Clock, address: SocketAddr) -> Self {
        let config = Arc::new(config);
        Self {
            state: Mutex::new(State::new(config.clone(), clock.clone())),
            config,
            clock,
            address,
            changed: Condvar::new(),
            notify: Notify::new(),
        }
    }

    /// Reads the state as of now.
    pub(crate) fn read<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        look(&self.lock())
    }

    /// Changes the state and wakes everyone who waits for a change.
    pub(crate) fn update<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let result = change(&mut self.lock());
        self.announce();
        result
    }

    fn lock(&self) -> MutexGuard<'_, State> {
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
    pub(crate) fn wait(&self, timeout: Duration, mut holds: impl FnMut(&State) -> bool) -> bool {
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
    pub(crate) async fn wait_async(&self, timeout: Duration, mut holds: impl FnMut(&State) -> bool) -> bool {
        tokio::time::timeout(timeout, self.happens(&mut holds)).await.is_ok()
    }

    /// Waits until the condition holds.
    pub(crate) async fn happens(&self, mut holds: impl FnMut(&State) -> bool) {
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
            let next = self.read(State::next_due);
            tokio::select! {
                () = self.clock.sleep_until(next) => {}
                () = changed => {}
            }
        }
    }
}
