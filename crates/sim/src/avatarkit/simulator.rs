//! The handle of a running simulator: start, look, steer, stop. Used from any thread; the server
//! itself runs on a thread of its own with its own runtime.

use super::act::{Act, Raw};
use super::config::{Config, Tls};
use super::connection::{Connection, Speech};
use super::faults::{FaultStatus, Rule, RuleError, Rules};
use super::findings::Violation;
use super::log::{Event, Log};
use super::proto::Message;
use super::state::State;
use super::world::{Shared, base};
use crate::common::clock::Clock;
use crate::common::control::Steered;
use crate::common::thread::{Running, listen};
use crate::common::tls;
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
    /// `InvalidInput` for settings that cannot work, a certificate that cannot be read among them;
    /// otherwise why the address could not be listened on, naming it.
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
        let tls = config.tls.as_ref().map(|Tls { certificate, key }| tls::server(certificate, key)).transpose()?;
        let listener = listen(config.listen)?;
        let busy_poll = config.busy_poll;
        let shared = Arc::new(Shared::new(config, clock, listener.local_addr()?, tls));
        let running = Running::start("avatarkit-sim", listener, &shared, busy_poll)?;
        Ok(Self { shared, _running: running })
    }

    /// Stops the simulator: sockets, port and thread are gone when this returns.
    pub fn stop(self) {}

    /// Address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// Origin of all endpoints, `http://127.0.0.1:PORT`; with TLS `https://localhost:PORT`.
    pub fn http_url(&self) -> String {
        base(&self.shared, "http")
    }

    /// Base of the console in the Spatius dialect, `…/v1/console`; SpatialReal takes the origin, and
    /// this too.
    pub fn console_url(&self) -> String {
        format!("{}/v1/console", self.http_url())
    }

    /// Base of the ingress, `ws://127.0.0.1:PORT/v2/driveningress`; with TLS `wss` and `localhost`.
    pub fn ingress_url(&self) -> String {
        format!("{}/v2/driveningress", base(&self.shared, "ws"))
    }

    /// The simulator's clock; `clock().advance(…)` lets tokens age and playback go on.
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

    /// All connections, oldest first, with their frames and requests.
    pub fn connections(&self) -> Vec<Connection> {
        self.shared.read(|state| state.connections().cloned().collect())
    }

    /// All requests of all connections, oldest first.
    pub fn speeches(&self) -> Vec<Speech> {
        self.shared.read(|state| state.speeches().cloned().collect())
    }

    /// Number of open connections.
    pub fn open_connections(&self) -> usize {
        self.shared.read(State::open_connections)
    }

    /// Looks at everything at one moment. `look` must not call this handle.
    pub fn look<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        self.shared.read(look)
    }

    /// Sends a message to every open connection; returns how many there were.
    pub fn push(&self, message: Message) -> usize {
        self.shared.update(|state| state.tell(None, &Act::Say(message)))
    }

    /// Sends bytes as one binary frame to every open connection; returns how many there were.
    pub fn push_raw(&self, bytes: &[u8]) -> usize {
        let act = Act::Raw(Raw::Bytes(bytes.to_vec().into()));
        self.shared.update(|state| state.tell(None, &act))
    }

    /// Closes every open connection; returns how many there were. Without a code they break.
    pub fn close(&self, code: Option<u16>, reason: &str) -> usize {
        let act = code.map_or(Act::Drop { reset: false }, |code| Act::Close(Some(code), reason.into()));
        self.shared.update(|state| state.tell(None, &act))
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

    /// Adds fault rules, all or none; returns their numbers.
    ///
    /// # Errors
    ///
    /// If there would be more than 1000.
    pub fn add_faults(&self, rules: Rules) -> Result<Vec<u64>, RuleError> {
        self.shared.update(|state| state.add_faults(rules))
    }

    /// The rules in force and what they did so far.
    pub fn faults(&self) -> Vec<FaultStatus> {
        self.shared.read(|state| state.faults.list())
    }

    /// Takes a rule away; false if there is none of that number.
    pub fn remove_fault(&self, number: u64) -> bool {
        self.shared.update(|state| state.faults.remove(number))
    }

    /// Takes all rules away and lifts what they left behind.
    pub fn clear_faults(&self) {
        self.shared.update(State::clear_faults);
    }

    /// As after the start: tokens, connections and requests are forgotten, sockets are closed with
    /// 1001, the fault rules begin again. The clock goes on.
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
