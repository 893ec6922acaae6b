//! The handle of a running simulator: start, look, steer, stop. Used from any thread; the server
//! itself runs on a thread of its own with its own runtime.

use super::clock::Clock;
use super::config::Config;
use super::faults::{FaultStatus, Rule, RuleError, Rules};
use super::findings::Violation;
use super::licenses::License;
use super::log::{Event, Log};
use super::shared::Shared;
use super::state::{Blob, State};
use crate::common::control::Steered;
use crate::common::server::reachable;
use crate::common::thread::{Running, listen};
use serde_json::Value;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// A running simulator. Dropping it closes its sockets, frees its port and ends its thread.
#[derive(Debug)]
pub struct Simulator {
    shared: Arc<Shared>,
    _running: Running,
}

impl Simulator {
    /// Starts a simulator with a clock of its own. It is listening when this returns.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for settings that cannot work; otherwise why the address could not be
    /// listened on, naming it.
    pub fn start(config: Config) -> io::Result<Self> {
        let clock = Clock::new(config.epoch_ms);
        Self::start_with_clock(config, clock)
    }

    /// Starts a simulator on a given clock, which may be shared with others.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_with_clock(config: Config, clock: Clock) -> io::Result<Self> {
        if let Some(problem) = config.problem() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        }
        let listener = listen(config.listen)?;
        let busy_poll = config.busy_poll;
        let shared = Arc::new(Shared::new(config, clock, listener.local_addr()?, None));
        let running = Running::start("ravatar-sim", listener, &shared, busy_poll)?;
        Ok(Self { shared, _running: running })
    }

    /// Stops the simulator: sockets, port and thread are gone when this returns.
    pub fn stop(self) {}

    /// Address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// Base URL of the REST endpoints, `http://127.0.0.1:PORT`.
    pub fn http_url(&self) -> String {
        format!("http://{}", reachable(self.shared.address))
    }

    /// URL of the socket without its query, `ws://127.0.0.1:PORT/ws/chat`.
    pub fn ws_url(&self) -> String {
        format!("ws://{}/ws/chat", reachable(self.shared.address))
    }

    /// The simulator's clock; `clock().advance(…)` lets tokens and licences age.
    pub fn clock(&self) -> Clock {
        self.shared.clock.clone()
    }

    /// A snapshot of the log.
    pub fn log(&self) -> Log {
        self.shared.read(|state| state.log().clone())
    }

    /// Rules broken so far, without notes.
    pub fn violations(&self) -> Vec<Violation> {
        self.shared.read(|state| state.log().violations().cloned().collect())
    }

    /// Notes so far: things worth knowing that break no rule.
    pub fn notes(&self) -> Vec<Violation> {
        self.shared.read(|state| state.log().notes().cloned().collect())
    }

    /// The PCM received for a licence, every sample in order of arrival; empty if unknown.
    pub fn pcm(&self, license_id: &str) -> Vec<i16> {
        self.shared.read(|state| state.pcm(license_id).to_vec())
    }

    /// All licences given out, oldest first.
    pub fn licenses(&self) -> Vec<License> {
        self.shared.read(|state| state.licenses().cloned().collect())
    }

    /// Number of live sessions that occupy a slot.
    pub fn active_sessions(&self) -> usize {
        self.shared.read(State::active_sessions)
    }

    /// Number of open sockets.
    pub fn open_sockets(&self) -> usize {
        self.shared.read(State::open_sockets)
    }

    /// Blobs received, oldest first. Their bytes are shared, not copied.
    pub fn blobs(&self) -> Vec<Blob> {
        self.shared.read(|state| state.blobs().cloned().collect())
    }

    /// Looks at everything at one moment. `look` must not call this handle.
    pub fn look<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        self.shared.read(look)
    }

    /// Sends a message as it is to every open socket; returns how many took it.
    pub fn push(&self, message: Value) -> usize {
        self.shared.update(|state| state.push(None, &message))
    }

    /// Sends a message as it is to the open sockets of one user; returns how many took it.
    pub fn push_to(&self, user_id: &str, message: Value) -> usize {
        self.shared.update(|state| state.push(Some(user_id), &message))
    }

    /// Adds a fault rule; returns its number. One for `now` takes effect before this returns, except
    /// that the port is closed a moment later (`port closed` in the log).
    ///
    /// # Errors
    ///
    /// If there are 1000 rules already.
    pub fn add_fault(&self, rule: Rule) -> Result<u64, RuleError> {
        let added = self.add_faults(Rules::from(vec![rule]))?;
        Ok(added.first().copied().unwrap_or_default())
    }

    /// Adds several fault rules, tried in their order; returns their numbers.
    ///
    /// # Errors
    ///
    /// If there would be more than 1000; then none is added.
    pub fn add_faults(&self, rules: Rules) -> Result<Vec<u64>, RuleError> {
        self.shared.update(|state| state.add_faults(rules))
    }

    /// The rules in force, and how often each was passed and struck.
    pub fn faults(&self) -> Vec<FaultStatus> {
        self.shared.read(|state| state.faults.list())
    }

    /// Takes one rule away; false if there is none of that number. What it did stays.
    pub fn remove_fault(&self, number: u64) -> bool {
        self.shared.update(|state| state.faults.remove(number))
    }

    /// Takes all rules away and lifts what they left behind: tokens are good again that were only
    /// refused, the port opens, calls that hang are dropped, effects that are not due yet are off.
    pub fn clear_faults(&self) {
        self.shared.update(State::clear_faults);
    }

    /// Back to the state right after the start: tokens, licences, history, audio and log are
    /// gone, sockets are closed with 1001. The clock keeps its time, the configuration stays,
    /// and its fault rules begin again.
    pub fn reset(&self) {
        self.shared.update(|state| {
            state.reset();
            state.note(Event::Control { what: "reset".into() });
        });
    }

    /// Blocks until a condition holds; false if `timeout` (real time) ran out first. The
    /// condition is tried again after every change and must not call this handle.
    #[must_use = "false means that it never happened"]
    pub fn wait_for(&self, timeout: Duration, condition: impl FnMut(&State) -> bool) -> bool {
        self.shared.wait(timeout, condition)
    }

    /// [`wait_for`](Self::wait_for) for async callers; needs a tokio runtime with time enabled.
    #[must_use = "false means that it never happened"]
    pub async fn wait_for_async(&self, timeout: Duration, condition: impl FnMut(&State) -> bool) -> bool {
        self.shared.wait_async(timeout, condition).await
    }
}
