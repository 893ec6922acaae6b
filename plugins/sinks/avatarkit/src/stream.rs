//! The loop while the session is up: speech and orders out, messages in, and every time limit, all at
//! once. Owned by the sink's task.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use glottis_core::inlet::Item;
use glottis_core::sink::{Edge, SinkCommand};
use glottis_core::{Inlet, SinkError};
use glottis_net::secret::Veil;
use glottis_net::socket::{Heard, Lost, Message, Socket};
use tokio::time::Instant;

use crate::animation::Gallery;
use crate::config::Config;
use crate::login::Confirmed;
use crate::requests::Requests;
use crate::sink::{End, Speech};
use crate::voice::Voice;

mod command;
mod ending;
mod hear;
mod say;

/// How long a grave error waits for the close that belongs to it.
const HELD: Duration = Duration::from_millis(300);

/// Everything the loop needs.
pub(crate) struct Stream<'a> {
    pub(crate) inlet: &'a mut Inlet,
    pub(crate) socket: &'a mut Socket,
    pub(crate) config: &'a Config,
    pub(crate) veil: &'a Veil,
    pub(crate) confirmed: &'a Confirmed,
    pub(crate) edge: Edge,
    pub(crate) speech: &'a mut Speech,
    pub(crate) gallery: Option<&'a mut Gallery>,
    /// Host and port, for errors.
    pub(crate) host: String,
}

/// A message on its way out.
enum Writing {
    /// Speech of the latest request: what it covers of the backlog.
    Speech { covers: u64 },
    /// An order to the service, and the command that gave it.
    Order(Option<SinkCommand>),
}

/// The request that is open.
struct Open {
    id: String,
    voice: Voice,
    /// When it last got audio.
    heard: Instant,
}

/// An order to the service that waits to be written.
struct Order {
    message: Bytes,
    command: Option<SinkCommand>,
}

/// An error after which the service closes the connection.
struct Grave {
    error: SinkError,
    told: bool,
    until: Instant,
}

/// The loop's own state.
struct Work<'a> {
    with: Stream<'a>,
    requests: Requests,
    open: Option<Open>,
    writing: Option<(Writing, usize)>,
    orders: VecDeque<Order>,
    /// Anything was said on this connection.
    said: bool,
    /// The cut that an interrupt makes was seen before the interrupt itself.
    cut_seen: bool,
    grave: Option<Grave>,
    /// Numbers of errors that were told.
    told: Vec<String>,
    playback: hear::Playing,
    closed: bool,
    linger: Option<Instant>,
}

enum Step {
    Item(Item),
    Heard(Heard),
    Tick,
}

impl Stream<'_> {
    /// Runs until the end of the run or of the connection.
    pub(crate) async fn run(self) -> End {
        let work = Work {
            with: self,
            requests: Requests::default(),
            open: None,
            writing: None,
            orders: VecDeque::new(),
            said: false,
            cut_seen: false,
            grave: None,
            told: Vec::new(),
            playback: hear::Playing::default(),
            closed: false,
            linger: None,
        };
        work.run().await
    }
}

impl Work<'_> {
    async fn run(mut self) -> End {
        // What an earlier connection did not take goes first, in a request of its own.
        self.with.speech.backlog.restart();
        let end = loop {
            if let Some(end) = self.step().await {
                break end;
            }
        };
        if matches!(end, End::Halted) {
            self.abandon_all().await;
        }
        self.settle();
        end
    }

    async fn step(&mut self) -> Option<End> {
        match self.write_next() {
            Ok(()) => {}
            Err(Broken::Socket(lost)) => return Some(self.after_failed_write(lost).await),
            Err(Broken::Here(error)) => return Some(End::Lost(error, None)),
        }
        if self.is_done() {
            return Some(End::Finished);
        }
        let take = self.is_idle() && !self.closed;
        let timer = self.timer();
        let inlet = &mut *self.with.inlet;
        let item = async { if take { inlet.recv().await } else { inlet.recv_command().await } };
        let step = tokio::select! {
            biased;
            item = item => Step::Item(item),
            heard = self.with.socket.hear() => Step::Heard(heard),
            () = until(timer) => Step::Tick,
        };
        match step {
            Step::Item(Item::Halt) => return Some(End::Halted),
            Step::Item(Item::Command(command)) => self.command(command),
            Step::Item(Item::Packet(packet)) => self.with.speech.packets.push_back(packet),
            Step::Item(Item::Closed) => self.closed = true,
            Step::Heard(Heard::Binary(bytes)) => self.hear(bytes),
            Step::Heard(Heard::Text(_)) => tracing::debug!("a text message was ignored"),
            Step::Heard(Heard::Flushed) => self.written(),
            Step::Heard(Heard::Arrived) => {}
            Step::Heard(Heard::Lost(lost)) => return Some(self.lost(lost)),
            Step::Tick => return self.tick(),
        }
        None
    }

    /// Nothing is being written and nothing waits to be: the next packet can be taken.
    fn is_idle(&self) -> bool {
        let speech = &*self.with.speech;
        let fed = speech.packets.is_empty() && speech.backlog.is_fed() && !speech.ending;
        self.writing.is_none() && self.orders.is_empty() && fed
    }

    fn is_done(&mut self) -> bool {
        if !self.closed || !self.is_idle() || self.open.is_some() {
            return false;
        }
        let until = *self.linger.get_or_insert_with(|| Instant::now() + self.with.config.linger);
        !self.is_awaited() || Instant::now() >= until
    }

    /// Whether the service will say when it is done with what it was sent, and has not yet.
    fn is_awaited(&self) -> bool {
        let tells =
            self.with.config.egress.is_none() || self.with.confirmed.can("playback_state") || self.playback.told;
        tells && self.requests.any_under_way()
    }

    /// When something is due even if nothing happens.
    fn timer(&self) -> Option<Instant> {
        let linger = self.linger.filter(|_| self.closed);
        let grave = self.grave.as_ref().filter(|grave| !grave.told).map(|grave| grave.until);
        [self.with.socket.deadline(), self.stalls_at(), linger, grave].into_iter().flatten().min()
    }

    /// When the open request will have been without audio for too long.
    fn stalls_at(&self) -> Option<Instant> {
        let guard = self.with.config.stall_guard.filter(|_| self.is_idle())?;
        self.open.as_ref().map(|open| open.heard + guard)
    }

    fn tick(&mut self) -> Option<End> {
        let now = Instant::now();
        if let Some(grave) = self.grave.as_mut().filter(|grave| !grave.told && now >= grave.until) {
            grave.told = true;
            let error = grave.error.clone();
            self.tell(error);
        }
        if self.stalls_at().is_some_and(|at| now >= at) {
            tracing::debug!("a request without audio is ended");
            self.with.speech.ending = true;
        }
        self.with.socket.tick().err().map(|lost| self.lost(lost))
    }

    fn send(&mut self, writing: Writing, message: Bytes) -> Result<(), Lost> {
        self.writing = Some((writing, message.len()));
        self.with.socket.send(Message::Binary(message))
    }
}

/// Why nothing more can be written.
enum Broken {
    /// The socket is.
    Socket(Lost),
    /// Something on this side.
    Here(Box<SinkError>),
}

impl From<Lost> for Broken {
    fn from(lost: Lost) -> Broken {
        Broken::Socket(lost)
    }
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
