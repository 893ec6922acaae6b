//! Everything a run remembers. Behind the lock of `Shared`; touched by the simulator's thread and,
//! through the handle, by any other.

use super::answer::Script;
use super::audio::{self, BlobFacts};
use super::clock::Clock;
use super::config::Config;
use super::effects::{Held, Pending};
use super::faults::Faults;
use super::history::History;
use super::ids::Ids;
use super::licenses::{License, LicenseStatus, Licenses};
use super::log::{Event, Log};
use super::options::{Expiry, SessionForm};
use super::outgoing::Outgoing;
use super::tokens::{Bearer, Tokens};
use crate::common::control::Steered;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

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
    pub(crate) licenses: Licenses,
    pub(crate) history: History,
    pub(crate) script: Script,
    pub(crate) faults: Faults,
    /// Effects of faults that are not due yet, in the order of `due`.
    pub(crate) pending: Vec<Pending>,
    pub(crate) held: Vec<Held>,
    /// The port is closed until then.
    pub(crate) closed_until: Option<Duration>,
    /// Users who had a socket.
    met: HashSet<String>,
    blobs: VecDeque<Blob>,
    blob_bytes: usize,
    blobs_cut: u64,
    sockets: BTreeMap<u64, Peer>,
    next_socket: u64,
}

/// A blob as received.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Blob {
    /// The socket it came through.
    pub socket: u64,
    /// The token's user.
    pub user_id: String,
    /// The licence, in live mode.
    pub license_id: Option<String>,
    /// What was measured.
    pub facts: BlobFacts,
    /// The bytes, base64 undone.
    #[serde(skip)]
    pub bytes: Arc<[u8]>,
}

impl Blob {
    /// The samples of a 16-bit WAV, bit for bit.
    pub fn samples(&self) -> Option<Vec<i16>> {
        audio::wav_samples(&self.bytes)
    }
}

/// An open socket.
#[derive(Debug)]
struct Peer {
    user: String,
    outbox: mpsc::Sender<Outgoing>,
}

/// The notice of an expired licence, word for word (RAVATAR dossier 12.4).
pub(crate) fn expired_notice() -> Value {
    json!({ "type": "system", "content": "Session expired" })
}

/// The notice about a licence the service does not know (our choice).
pub(crate) fn forgotten_notice() -> Value {
    json!({ "type": "system", "status": 404, "error": "license_not_found", "content": "License not found" })
}

// What a condition or a test may look at.
impl State {
    /// The log so far.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The PCM received for a licence, without holes; empty for an unknown licence.
    pub fn pcm(&self, license_id: &str) -> &[i16] {
        self.licenses.get(license_id).map_or(&[], |session| &session.pcm)
    }

    /// All licences given out, oldest first.
    pub fn licenses(&self) -> impl Iterator<Item = &License> {
        self.licenses.iter()
    }

    /// Number of licences that occupy a slot.
    pub fn active_sessions(&self) -> usize {
        self.licenses.active()
    }

    /// Blobs received and kept, oldest first.
    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        self.blobs.iter()
    }

    /// Number of older blobs dropped to stay within `max_blob_bytes`.
    pub fn blobs_cut(&self) -> u64 {
        self.blobs_cut
    }

    /// Number of open sockets.
    pub fn open_sockets(&self) -> usize {
        self.sockets.len()
    }
}

impl State {
    pub(crate) fn begin(config: Arc<Config>, clock: Clock) -> Self {
        let rules = config.faults.clone();
        let mut state = Self::empty(config, clock);
        // Too many rules in one place are refused when they are read.
        let _ = state.add_faults(rules);
        state
    }

    fn empty(config: Arc<Config>, clock: Clock) -> Self {
        Self {
            log: Log::new(config.max_log_entries),
            ids: Ids::new(config.seed),
            tokens: Tokens::default(),
            licenses: Licenses::default(),
            history: History::default(),
            script: Script::default(),
            faults: Faults::new(config.seed),
            pending: Vec::new(),
            held: Vec::new(),
            closed_until: None,
            met: HashSet::new(),
            blobs: VecDeque::new(),
            blob_bytes: 0,
            blobs_cut: 0,
            sockets: BTreeMap::new(),
            next_socket: 1,
            config,
            clock,
        }
    }

    /// Back to the state of a start. Sockets are closed with 1001 and, being unknown from now on,
    /// leave no more traces in the log; their numbers are not used again.
    pub(crate) fn reset(&mut self) {
        for peer in self.sockets.values() {
            // A full outbox means a client that does not read; it loses the courtesy of a close
            // frame, its task ends because the sender is gone.
            let _ = peer.outbox.try_send(Outgoing::Close(1001, "reset".into()));
        }
        let (next_socket, epoch) = (self.next_socket, self.faults.epoch);
        *self = Self::begin(self.config.clone(), self.clock.clone());
        self.next_socket = next_socket;
        // Whatever a fault lets hang belongs to the past.
        self.faults.epoch = epoch + 1;
    }

    /// Records an event that nothing can be wrong with.
    pub(crate) fn note(&mut self, event: Event) {
        self.log.add(self.clock.now(), event);
    }

    pub(crate) fn bearer(&self, token: Option<&str>) -> Bearer {
        self.tokens.look(token, self.clock.now())
    }

    /// The `session` that `GET /connection` gives this user: the same on every call.
    pub(crate) fn session_of(&self, user: &str) -> Option<String> {
        let mut ids = Ids::named(self.config.seed, user);
        let mut hex = |count: usize| {
            let bytes = ids.bytes(count.div_ceil(2));
            bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        Some(match self.config.session {
            SessionForm::Absent => return None,
            SessionForm::Empty => String::new(),
            SessionForm::Short => format!("sess-{}", hex(16)),
            SessionForm::Jwt => format!("{}.{}.{}", hex(36), hex(90), hex(42)),
            SessionForm::Long => hex(4096),
        })
    }

    /// Lets everything happen that is due. True if something changed.
    pub(crate) fn carry_on(&mut self) -> bool {
        let mut changed = false;
        loop {
            let expired = self.licenses.expire(self.clock.now());
            let any = !expired.is_empty();
            self.finished(expired, LicenseStatus::Expired);
            // A fault may move the clock, and so make more things due.
            if !(self.carry_out() || any) {
                return changed;
            }
            changed = true;
        }
    }

    /// Tells the user of a licence that it is over, on all open sockets.
    pub(crate) fn tell(&mut self, license_id: &str, notice: &Value) {
        let now = self.clock.now();
        let Some(session) = self.licenses.get_mut(license_id) else { return };
        session.told = Some(now);
        let user = session.facts.user_id.clone();
        let sockets = self.sockets_of(Some(&user));
        for socket in sockets {
            self.send(socket, Outgoing::Say(notice.clone()));
            if self.config.expiry == Expiry::Close {
                self.send(socket, Outgoing::Close(1000, "".into()));
            }
        }
    }

    /// The open sockets of one user, or all.
    fn sockets_of(&self, user: Option<&str>) -> Vec<u64> {
        let wanted = |peer: &Peer| user.is_none_or(|user| peer.user == user);
        self.sockets.iter().filter(|(_, peer)| wanted(peer)).map(|(id, _)| *id).collect()
    }

    /// Sends a message to the open sockets of one user, or of all; returns how many took it.
    pub(crate) fn push(&mut self, user: Option<&str>, message: &Value) -> usize {
        self.note(Event::Control { what: "push".into() });
        let sockets = self.sockets_of(user);
        sockets.into_iter().filter(|id| self.send(*id, Outgoing::Say(message.clone()))).count()
    }

    /// Asks something of every open socket.
    pub(crate) fn tell_everyone(&mut self, outgoing: &Outgoing) {
        for socket in self.sockets_of(None) {
            self.send(socket, outgoing.clone());
        }
    }

    /// Hands something to a socket's task. False if it is gone, or so far behind that its outbox
    /// is full.
    fn send(&mut self, socket: u64, outgoing: Outgoing) -> bool {
        let sent = self.sockets.get(&socket).is_some_and(|p| p.outbox.try_send(outgoing).is_ok());
        if !sent {
            self.note(Event::Undelivered { socket });
        }
        sent
    }

    /// Whether a user never had a socket before; asked when one is admitted. Beyond a number of
    /// users that no test has, everyone is new.
    pub(crate) fn meet(&mut self, user: &str) -> bool {
        const USERS: usize = 10_000;
        if self.met.len() >= USERS { !self.met.contains(user) } else { self.met.insert(user.into()) }
    }

    /// Admits a socket; returns its number and what it will be asked to send.
    pub(crate) fn admit(&mut self, user: &str) -> (u64, mpsc::Receiver<Outgoing>) {
        const OUTBOX: usize = 256;
        let (outbox, inbox) = mpsc::channel(OUTBOX);
        let number = self.next_socket;
        self.next_socket += 1;
        self.sockets.insert(number, Peer { user: user.into(), outbox });
        (number, inbox)
    }

    /// Whether a socket is still ours; after a reset it is not.
    pub(crate) fn knows(&self, socket: u64) -> bool {
        self.sockets.contains_key(&socket)
    }

    pub(crate) fn dismiss(&mut self, socket: u64) {
        self.sockets.remove(&socket);
        for _ in 0..self.orphaned(socket) {
            self.note(Event::Undelivered { socket });
        }
    }

    pub(crate) fn keep(&mut self, blob: Blob) {
        self.blob_bytes += blob.bytes.len();
        self.blobs.push_back(blob);
        while self.blob_bytes > self.config.max_blob_bytes {
            let Some(oldest) = self.blobs.pop_front() else { break };
            self.blob_bytes -= oldest.bytes.len();
            self.blobs_cut += 1;
        }
    }
}
