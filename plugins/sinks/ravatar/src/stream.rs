//! The loop while the session is up: audio and texts out, answers in, and every time limit, all at
//! once. A service that does not read stops only the writing. Owned by the sink's task.

use std::collections::VecDeque;
use std::pin::pin;
use std::time::Duration;

use glottis_core::inlet::Item;
use glottis_core::sink::Edge;
use glottis_core::{Inlet, Packet, SinkError, SinkEvent};
use glottis_net::secret::Veil;
use glottis_net::socket::{Heard, Lost, Socket, Utf8Bytes};
use tokio::time::Instant;

use crate::blob::Collector;
use crate::config::Config;
use crate::envelope::{Envelope, Identity};
use crate::facts::Choice;
use crate::outbox::{Letter, Outbox};
use crate::pace::Pace;
use crate::rest::Rest;
use crate::sink::{End, Live};
use crate::socket::is_token_refusal;
use crate::stalls::Stalls;
use crate::tail::Tail;
use crate::trouble;

mod command;
mod hear;
mod owed;
mod write;

use owed::Owed;

/// Packets of a live source that may wait while a write is stuck; beyond, the oldest are dropped.
const WAITING: usize = 4;

/// A write that takes so long is stuck. Shorter, and bursts only wait their turn.
const SLOW: Duration = Duration::from_millis(500);

/// How long the service is given to read what was written last.
const ARRIVAL: Duration = Duration::from_secs(1);

/// What a message on its way out is.
enum Writing {
    Packet(Packet),
    Zeros,
    Letter(Letter),
}

/// Everything the loop needs.
pub(crate) struct Stream<'a> {
    pub(crate) inlet: &'a mut Inlet,
    pub(crate) socket: &'a mut Socket,
    pub(crate) rest: &'a Rest,
    pub(crate) config: &'a Config,
    pub(crate) choice: &'a Choice,
    /// `None` in chat mode.
    pub(crate) live: Option<&'a Live>,
    pub(crate) veil: &'a Veil,
    pub(crate) edge: Edge,
    pub(crate) tail: &'a mut Tail,
    /// What makes whole turns of the audio; `None` where it is sent as it comes.
    pub(crate) collector: Option<&'a mut Collector>,
    /// Texts and turns on their way.
    pub(crate) outbox: &'a mut Outbox,
    /// A chunk that an earlier connection did not take.
    pub(crate) unsent: &'a mut Option<Packet>,
    /// Whether there was an earlier connection.
    pub(crate) again: bool,
    pub(crate) stalls: &'a mut Stalls,
}

/// The loop's own state.
struct Work<'a> {
    with: Stream<'a>,
    envelope: Envelope,
    zeros: Vec<u8>,
    pace: Pace,
    writing: Option<(Writing, usize)>,
    owed: Owed,
    /// Length of the message written last.
    last: usize,
    /// Whether the segment in progress has sent any audio.
    spoken: bool,
    /// Whether the turn of the segment before goes on in this one.
    goes_on: bool,
    /// Whether the audio at hand may still be from before the reconnect.
    stale: bool,
    closed: bool,
    linger: Option<Instant>,
    arrival: Arrival,
}

/// Whether the service has read what was written last. The end of the session goes another way than
/// the audio, and would overtake it.
#[derive(Clone, Copy, PartialEq)]
enum Arrival {
    /// Nothing was written since it was last known.
    Known,
    /// It must be asked.
    Unknown,
    /// It was asked, and is waited for until then.
    Asked(Instant),
}

enum Step {
    Item(Item),
    /// More waits than may.
    Crowded,
    Heard(Heard),
    Tick,
}

impl<'a> Stream<'a> {
    /// Runs until the end of the run, of the session or of the connection. `early`: messages that
    /// came while the session was being started.
    pub(crate) async fn run(mut self, early: VecDeque<Utf8Bytes>) -> End {
        let envelope = Envelope::new(&Identity {
            avatar: &self.choice.avatar,
            user: self.rest.user_id(),
            language: &self.choice.language,
            source: &self.config.source_name,
            license: self.live.map(|live| live.license.as_str()),
            session: self.choice.session.as_ref().map(|session| session.reveal()),
        });
        let zeros = vec![0; self.edge.chunk_frames as usize * 2];
        if let Some(error) = self.misfit(&envelope, zeros.len()) {
            return End::failed(error);
        }
        tracing::debug!(live = self.live.is_some(), blobs = self.collector.is_some(), "the session is up");
        let work = Work {
            pace: Pace::new(self.config.pace_limit),
            stale: self.again && !self.edge.waits,
            with: self,
            envelope,
            zeros,
            writing: None,
            owed: Owed::default(),
            last: 0,
            spoken: false,
            goes_on: false,
            closed: false,
            linger: None,
            arrival: Arrival::Known,
        };
        work.run(early).await
    }

    /// Why no message can hold a chunk of `bytes` bytes, if so; lets turns be cut to what one holds.
    fn misfit(&mut self, envelope: &Envelope, bytes: usize) -> Option<SinkError> {
        let most = self.config.max_message;
        let fits = match &mut self.collector {
            None => envelope.pcm_len(bytes) <= most,
            Some(collector) => {
                let longest = envelope.longest_blob(most);
                collector.fit(longest);
                match collector.least(bytes) {
                    Ok(least) => least <= longest,
                    Err(failed) => return Some(trouble::recorder(&failed.to_string())),
                }
            }
        };
        let message = format!("a chunk of {} frames does not fit into max_message", self.edge.chunk_frames);
        (!fits).then(|| trouble::misfit("stream", message, "raise max_message or use smaller chunks"))
    }
}

impl Work<'_> {
    async fn run(mut self, early: VecDeque<Utf8Bytes>) -> End {
        let mut end = early.iter().find_map(|text| self.hear(text.as_str()));
        while end.is_none() {
            end = self.step().await;
        }
        let end = end.unwrap_or(End::Finished);
        self.settle(&end);
        end
    }

    async fn step(&mut self) -> Option<End> {
        if let Err(lost) = self.write_next() {
            return Some(self.lost(lost));
        }
        if self.is_done() {
            match self.has_arrived() {
                Ok(true) => return Some(End::Finished),
                Ok(false) => {}
                Err(lost) => return Some(self.lost(lost)),
            }
        }
        let take = self.can_take();
        let most = self.is_stuck().then_some(WAITING);
        let timer = self.timer();
        let step = tokio::select! {
            biased;
            step = next_item(self.with.inlet, take, most) => step,
            heard = self.with.socket.hear() => Step::Heard(heard),
            () = until(timer) => Step::Tick,
        };
        match step {
            Step::Item(item) => self.item(item),
            Step::Crowded => {
                self.shed();
                None
            }
            Step::Heard(Heard::Text(text)) => self.hear(text.as_str()),
            Step::Heard(Heard::Binary(_)) => {
                tracing::debug!("a binary message was ignored");
                self.with.inlet.ignored();
                None
            }
            Step::Heard(Heard::Flushed) => {
                self.written();
                None
            }
            Step::Heard(Heard::Arrived) => {
                self.arrival = Arrival::Known;
                None
            }
            Step::Heard(Heard::Lost(lost)) => Some(self.lost(lost)),
            Step::Tick if self.with.stalls.recover() => {
                self.ask_for_reload();
                None
            }
            Step::Tick if self.owed.is_late() => {
                let words = "no answer to the last turn for 30 s; still waiting, and nothing is sent again";
                self.with.inlet.emit(SinkEvent::Notice(words.to_owned()));
                None
            }
            Step::Tick => self.with.socket.tick().err().map(|lost| self.lost(lost)),
        }
    }

    fn item(&mut self, item: Item) -> Option<End> {
        match item {
            Item::Halt => Some(End::Halted),
            Item::Command(command) => {
                self.command(command);
                None
            }
            Item::Packet(packet) => self.packet(packet).err().map(|lost| self.lost(lost)),
            Item::Closed => {
                self.closed = true;
                None
            }
        }
    }

    /// Whether the next packet can be written at once: what cannot be written stays in the queue.
    /// Turns are collected meanwhile, unless the source can wait until one is sent.
    fn can_take(&self) -> bool {
        if self.closed {
            return false;
        }
        if self.with.collector.is_some() {
            return !self.with.edge.waits || !self.with.outbox.is_full();
        }
        let idle = self.writing.is_none() && !self.has_waiting();
        idle && self.pace.wait_until().is_none()
    }

    /// Whether something comes before the next packet.
    fn has_waiting(&self) -> bool {
        !self.with.outbox.is_empty() || self.with.unsent.is_some() || self.with.tail.is_due()
    }

    /// Whether audio of a live source piles up behind a write.
    fn is_stuck(&self) -> bool {
        let piles_up = !self.with.edge.waits && self.with.collector.is_none();
        piles_up && self.with.socket.flushing().is_some_and(|since| since.elapsed() >= SLOW)
    }

    /// When something is due even if nothing happens.
    fn timer(&mut self) -> Option<Instant> {
        let idle = self.writing.is_none() && !self.has_waiting();
        if self.closed && idle && self.linger.is_none() {
            self.linger = Some(Instant::now() + self.with.config.linger);
        }
        let linger = self.linger.filter(|until| idle && *until > Instant::now());
        let stuck = self.with.socket.flushing().map(|since| since + SLOW).filter(|_| !self.is_stuck());
        let arrival = match self.arrival {
            Arrival::Asked(until) if idle => Some(until),
            _ => None,
        };
        let (recovery, late) = (self.with.stalls.due(), self.owed.due());
        let timers = [self.with.socket.deadline(), self.pace.wait_until(), linger, stuck, arrival, recovery, late];
        timers.into_iter().flatten().min()
    }

    fn is_done(&self) -> bool {
        let lingering = self.owed.is_any()
            && !self.with.config.linger.is_zero()
            && self.linger.is_none_or(|until| Instant::now() < until);
        self.closed && self.writing.is_none() && !self.has_waiting() && !lingering
    }

    /// Whether the service has read everything, as far as it will tell; asks if need be.
    fn has_arrived(&mut self) -> Result<bool, Lost> {
        match self.arrival {
            Arrival::Known => Ok(true),
            Arrival::Unknown if self.with.socket.last_call()? => {
                self.arrival = Arrival::Asked(Instant::now() + ARRIVAL);
                Ok(false)
            }
            Arrival::Unknown => Ok(true),
            Arrival::Asked(until) => Ok(Instant::now() >= until),
        }
    }

    fn lost(&self, lost: Lost) -> End {
        if lost.code == Some(1009) {
            let message = format!("the service refuses a message of {} bytes", self.last);
            let error = trouble::protocol("stream", message);
            return End::failed(error.advice("use smaller chunks, or a shorter text"));
        }
        if is_token_refusal(&lost) && self.with.socket.messages() == 0 {
            return End::Rejected(lost);
        }
        let error = trouble::disconnected(&self.with.config.server.socket_host, &lost.why);
        End::Lost(Box::new(SinkError { close_code: lost.code, close_reason: lost.reason.clone(), ..error }), Some(lost))
    }

    /// No packet stays unsettled behind the loop. What is in the outbox may be sent by the next one.
    fn settle(&mut self, end: &End) {
        // The end may have come first although both were there.
        if self.with.socket.is_out() {
            self.written();
        }
        let returns = matches!(end, End::Lost(..) | End::Rejected(_));
        match self.writing.take() {
            Some((Writing::Packet(packet), _)) if returns && self.with.edge.waits => *self.with.unsent = Some(packet),
            Some((Writing::Packet(packet), _)) => {
                self.with.tail.lost();
                self.with.inlet.dropped(packet, end.cause());
            }
            // Not written whole, so nobody can have read it.
            Some((Writing::Letter(letter), _)) => self.with.outbox.back(letter),
            Some((Writing::Zeros, _)) => self.with.tail.back(),
            None => {}
        }
        if !self.with.edge.waits {
            self.with.tail.clear();
        }
    }
}

/// The next item: with a packet only if one can be taken, and not without end while more than
/// `most` packets wait.
async fn next_item(inlet: &mut Inlet, take: bool, most: Option<usize>) -> Step {
    std::future::poll_fn(|context| {
        let item = if take { pin!(inlet.recv()).poll(context) } else { pin!(inlet.recv_command()).poll(context) };
        if item.is_pending() && most.is_some_and(|most| inlet.queued() > most) {
            return std::task::Poll::Ready(Step::Crowded);
        }
        item.map(Step::Item)
    })
    .await
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
