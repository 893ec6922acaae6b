//! Everything a run remembers. Behind the lock of `Shared`; touched by the simulator's thread and,
//! through the handle, by any other.

use super::act::{Act, Planned};
use super::config::Config;
use super::connection::{Closed, Connection, Speech, Upgrade};
use super::effects::Pending;
use super::faults::Faults;
use super::findings::Findings;
use super::log::{Event, Log};
use super::playback::Playback;
use super::proto::{AudioFormat, ServerError};
use super::tokens::Tokens;
use crate::common::clock::Clock;
use crate::common::control::Steered;
use crate::common::ids::Ids;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Connections remembered; the oldest closed ones are forgotten beyond it.
const REMEMBERED: usize = 4096;

/// What the simulator knows at one moment. Conditions passed to
/// [`Simulator::wait_for`](super::Simulator::wait_for) look at this; they must not call the
/// simulator's handle, which would wait for the same lock.
#[derive(Debug)]
pub struct State {
    pub(crate) config: Arc<Config>,
    pub(crate) clock: Clock,
    pub(crate) log: Log,
    pub(crate) ids: Ids,
    pub(crate) tokens: Tokens,
    pub(crate) faults: Faults,
    /// Effects of faults that are not due yet, in the order of `due`.
    pub(crate) pending: Vec<Pending>,
    /// The port is closed until then.
    pub(crate) closed_until: Option<Duration>,
    pub(crate) connections: BTreeMap<u64, Connection>,
    pub(crate) live: BTreeMap<u64, Live>,
    /// Bytes of frames and audio that are kept.
    kept: usize,
    next: u64,
}

/// What only an open connection has.
#[derive(Debug)]
pub(crate) struct Live {
    to: mpsc::UnboundedSender<Planned>,
    pub(crate) stage: Stage,
    pub(crate) rate: u32,
    pub(crate) format: AudioFormat,
    /// Audio was last heard then.
    pub(crate) heard: Duration,
    /// Silence after which the session ends, and the words for it.
    pub(crate) idle: (Duration, &'static str),
    /// When the token is too old, Unix milliseconds.
    pub(crate) expires: u64,
    /// With an egress: what plays.
    pub(crate) playback: Option<Playback>,
    /// Serials of the Ogg streams so far.
    pub(crate) serials: Vec<u32>,
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nothing was received; the server gives up at that time.
    Waiting(Duration),
    /// A fault keeps it from ever being confirmed.
    Stuck,
    /// It is, or will be, confirmed at that time.
    Confirmed(Duration),
    /// It was told to close.
    Closing,
}

impl State {
    /// The log so far.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Connections, oldest first.
    pub fn connections(&self) -> impl Iterator<Item = &Connection> {
        self.connections.values()
    }

    /// All requests of all connections, oldest connection first.
    pub fn speeches(&self) -> impl Iterator<Item = &Speech> {
        self.connections.values().flat_map(|connection| &connection.speeches)
    }

    /// Number of open connections.
    pub fn open_connections(&self) -> usize {
        self.live.len()
    }

    pub(crate) fn begin(config: Arc<Config>, clock: Clock) -> Self {
        let rules = config.faults.clone();
        let mut state = Self {
            log: Log::new(config.max_log_entries),
            ids: Ids::new(config.seed),
            tokens: Tokens::default(),
            faults: Faults::new(config.seed),
            pending: Vec::new(),
            closed_until: None,
            connections: BTreeMap::new(),
            live: BTreeMap::new(),
            kept: 0,
            next: 0,
            config,
            clock,
        };
        // Too many rules in one place are refused when they are read.
        let _ = state.add_faults(rules);
        state
    }

    /// As after the start; open connections are closed.
    pub(crate) fn reset(&mut self) {
        *self = Self::begin(self.config.clone(), self.clock.clone());
    }

    /// Records something.
    pub(crate) fn note(&mut self, event: Event) {
        let now = self.clock.now();
        self.log.add(now, event);
    }

    /// Records something and what was wrong with it.
    pub(crate) fn blame(&mut self, event: Event, place: &str, findings: Findings) {
        let now = self.clock.now();
        let entry = self.log.add(now, event);
        self.log.blame(entry, now, place, findings);
    }

    /// Lets a client in; returns its number and what it will be asked to do.
    pub(crate) fn admit(&mut self, upgrade: Upgrade, expires: u64) -> (u64, mpsc::UnboundedReceiver<Planned>) {
        self.next += 1;
        let number = self.next;
        let now = self.clock.now();
        let (to, from) = mpsc::unbounded_channel();
        let live = Live {
            to,
            stage: Stage::Waiting(now.saturating_add(self.config.handshake_timeout)),
            rate: 16_000,
            format: AudioFormat::PcmS16le,
            heard: now,
            idle: (self.config.idle, ""),
            expires,
            playback: None,
            serials: Vec::new(),
        };
        self.live.insert(number, live);
        self.note(Event::SocketOpened { socket: number, upgrade: upgrade.clone() });
        let connection = Connection {
            number,
            upgrade,
            opened: now,
            connection_id: None,
            capabilities: Vec::new(),
            frames: Vec::new(),
            speeches: Vec::new(),
            closed: None,
        };
        if self.connections.len() >= REMEMBERED {
            let oldest = self.connections.keys().copied().find(|number| !self.live.contains_key(number));
            oldest.and_then(|oldest| self.connections.remove(&oldest));
        }
        self.connections.insert(number, connection);
        (number, from)
    }

    /// A connection is gone.
    pub(crate) fn dismiss(&mut self, number: u64, closed: Closed) {
        if self.live.remove(&number).is_none() {
            return;
        }
        if let Some(connection) = self.connections.get_mut(&number) {
            connection.closed = Some(closed.clone());
        }
        self.note(Event::SocketClosed { socket: number, closed });
    }

    /// Whether a connection belongs to this run, which a reset may have ended.
    pub(crate) fn knows(&self, number: u64) -> bool {
        self.live.contains_key(&number)
    }

    /// Asks a connection's task to do something at `due`.
    pub(crate) fn plan(&mut self, number: u64, due: Duration, act: Act) {
        let Some(live) = self.live.get_mut(&number) else { return };
        if matches!(act, Act::Close(..) | Act::Drop { .. }) {
            live.stage = Stage::Closing;
        }
        let act = match act {
            Act::Template(template) => {
                let connection = &self.connections[&number];
                let req_id = connection.speeches.last().map_or("", |speech| &speech.req_id);
                Act::Say(template.fill(req_id, connection.connection_id.as_deref().unwrap_or_default()))
            }
            other => other,
        };
        // Its task may just have ended.
        let _ = live.to.send(Planned { due, act });
    }

    /// Sends an error and closes.
    pub(crate) fn end_session(&mut self, number: u64, code: i32, close: u16, words: &str) {
        let now = self.clock.now();
        let connection_id = self.connections[&number].connection_id.clone().unwrap_or_default();
        let error = ServerError { connection_id, req_id: String::new(), code, message: words.into() };
        let message = super::proto::Message::of(super::proto::Data::Error(error));
        self.plan(number, now, Act::Say(message));
        let reason = if close >= 4000 { words } else { "" };
        self.plan(number, now, Act::Close(Some(close), reason.into()));
    }

    /// Whether so many more bytes may be kept.
    pub(crate) fn keep(&mut self, bytes: usize) -> bool {
        let room = self.kept + bytes <= self.config.max_kept_bytes;
        if room {
            self.kept += bytes;
        }
        room
    }
}
