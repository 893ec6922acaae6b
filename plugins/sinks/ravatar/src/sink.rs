//! The sink itself: one run after the other, and what is kept between them. Owned by the sink's task
//! on the async runtime.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use glottis_core::event::Session;
use glottis_core::inlet::{Inlet, Item};
use glottis_core::sink::{BoxFuture, Edge, Overflow, Wants};
use glottis_core::{Cause, Packet, Place, Problem, Sink, SinkError, SinkEvent, TurnMode};
use glottis_net::secret::{Secret, Veil};
use glottis_net::socket::{Lost, Socket, Utf8Bytes};
use glottis_net::tls::ClientConfig;

use crate::blob::Collector;
use crate::config::Config;
use crate::facts::{Choice, Facts};
use crate::journal::{Journal, Page};
use crate::outbox::Outbox;
use crate::reconnect::{Profile, Reconnect};
use crate::rest::Rest;
use crate::socket::is_poison;
use crate::stalls::Stalls;
use crate::stream::Stream;
use crate::tail::Tail;
use crate::voice::{Audio, Mode};

/// Frames of a chunk, and the rate: what the service takes.
const CHUNK: u32 = 4096;
const RATE: u32 = 16_000;

/// A RAVATAR avatar.
pub(crate) struct Ravatar {
    pub(crate) config: Config,
    pub(crate) edge: Option<Edge>,
    pub(crate) veil: Veil,
    /// Made at the first run.
    pub(crate) service: Option<Service>,
    /// What the service told, and with which token.
    pub(crate) facts: Option<(u64, Facts)>,
    pub(crate) live: Option<Live>,
    /// With whom the chat is; unused in live mode.
    pub(crate) chat: Option<Choice>,
    pub(crate) turn: TurnMode,
    /// Made once it is sure that audio goes out in whole turns.
    pub(crate) collector: Option<Collector>,
    pub(crate) outbox: Outbox,
    pub(crate) tail: Tail,
    pub(crate) unsent: Option<Packet>,
    pub(crate) reconnect: Reconnect,
    pub(crate) stalls: Stalls,
    /// Whether the sink has been open.
    pub(crate) opened: bool,
    /// Whether nothing more shall be tried.
    pub(crate) over: bool,
    pub(crate) runs: u32,
}

/// The way to the service.
pub(crate) struct Service {
    pub(crate) tls: Arc<ClientConfig>,
    pub(crate) rest: Rest,
    pub(crate) journal: Journal,
}

/// The live session. It outlives connections.
pub(crate) struct Live {
    pub(crate) license: String,
    pub(crate) streaming_url: Option<Secret>,
    pub(crate) choice: Choice,
    /// Its place in the journal.
    pub(crate) page: Option<Page>,
}

impl Live {
    /// What anyone may know of it.
    pub(crate) fn public(&self) -> Session {
        Session {
            live: true,
            license_id: Some(self.license.clone()),
            has_streaming_url: self.streaming_url.is_some(),
            streaming_url: None,
        }
    }
}

/// How a session ended.
pub(crate) enum End {
    /// All was delivered.
    Finished,
    /// A halt was asked for.
    Halted,
    /// The connection was lost, or there was none; with what the socket said.
    Lost(Box<SinkError>, Option<Lost>),
    /// The token was refused after the socket was open.
    Rejected(Lost),
    /// Nothing will help; the live session is to be ended.
    Failed(Box<SinkError>),
    /// Nothing will help; the live session is gone already, or can no longer be ended.
    Over(Box<SinkError>),
}

impl End {
    pub(crate) fn failed(error: SinkError) -> End {
        End::Failed(Box::new(error))
    }

    pub(crate) fn over(error: SinkError) -> End {
        End::Over(Box::new(error))
    }

    /// Whether the next connection will end the same way.
    fn is_poison(&self) -> bool {
        match self {
            End::Rejected(_) => true,
            End::Lost(_, lost) => lost.as_ref().is_some_and(is_poison),
            _ => false,
        }
    }

    /// Why a chunk that was not sent by then is lost.
    pub(crate) fn cause(&self) -> Cause {
        match self {
            End::Finished | End::Halted => Cause::Stopped,
            End::Lost(..) | End::Rejected(_) => Cause::Disconnected,
            End::Failed(_) | End::Over(_) => Cause::GaveUp,
        }
    }
}

impl Ravatar {
    pub(crate) fn new(config: Config) -> Ravatar {
        Ravatar {
            tail: Tail::new(0, CHUNK, false),
            reconnect: Reconnect::new(config.profile, config.unattended),
            stalls: Stalls::default(),
            config,
            edge: None,
            veil: Veil::default(),
            service: None,
            facts: None,
            live: None,
            chat: None,
            turn: TurnMode::Auto,
            collector: None,
            outbox: Outbox::new(true, false),
            unsent: None,
            opened: false,
            over: false,
            runs: 0,
        }
    }

    /// One run. A token that the open socket refuses is replaced once, at once.
    async fn serve(&mut self, inlet: &mut Inlet) -> Result<(), SinkError> {
        self.runs += 1;
        let mut rejected = false;
        loop {
            let renews = self.renews();
            let (end, socket) = self.session(inlet).await;
            if let Some(socket) = &socket {
                self.reconnect.held(socket.uptime(), end.is_poison());
            }
            let end = match end {
                End::Rejected(lost) if !rejected && renews => {
                    rejected = true;
                    self.link_down(inlet);
                    self.disconnected(inlet, Some(&lost), socket).await;
                    match self.renew(inlet).await {
                        Ok(()) => continue,
                        Err(end) => return self.part(inlet, end, None).await,
                    }
                }
                end => end,
            };
            return self.part(inlet, end, socket).await;
        }
    }

    /// From nothing to the end of a connection.
    async fn session(&mut self, inlet: &mut Inlet) -> (End, Option<Socket>) {
        if inlet.is_halted() {
            return (End::Halted, None);
        }
        if self.runs > 1 && self.unsent.is_none() && self.outbox.is_empty() && inlet.is_finished() {
            return (End::Finished, None);
        }
        let mut socket = match self.connect(inlet).await {
            Ok(socket) => socket,
            Err(end) => return (end, None),
        };
        let mut early = VecDeque::new();
        let ready = match self.config.mode {
            Mode::Live => self.start(inlet, &mut socket, &mut early).await,
            Mode::Chat => self.choose(),
        };
        let end = match ready {
            Ok(()) => self.stream(inlet, &mut socket, early).await,
            Err(end) => end,
        };
        (end, Some(socket))
    }

    async fn stream(&mut self, inlet: &mut Inlet, socket: &mut Socket, early: VecDeque<Utf8Bytes>) -> End {
        let again = std::mem::replace(&mut self.opened, true);
        self.choose_audio();
        let Ravatar { config, edge, veil, service, live, chat, tail, collector, outbox, unsent, stalls, .. } = self;
        let (Some(edge), Some(service)) = (*edge, service) else { return End::Finished };
        let (collector, live) = (collector.as_mut(), live.as_ref());
        let Some(choice) = live.map(|live| &live.choice).or(chat.as_ref()) else { return End::Finished };
        if again && !edge.waits && collector.is_none() {
            inlet.discard(Cause::Disconnected);
        }
        outbox.open(inlet);
        inlet.open();
        inlet.emit(SinkEvent::State("open"));
        let rest = &service.rest;
        let stream = Stream {
            inlet,
            socket,
            rest,
            config,
            choice,
            live,
            veil,
            edge,
            tail,
            collector,
            outbox,
            unsent,
            again,
            stalls,
        };
        stream.run(early).await
    }

    /// Settles how audio goes out, now that it is known who decides where turns end.
    fn choose_audio(&mut self) {
        let Ravatar { config, edge, turn, collector, .. } = self;
        if let (Some(edge), Some(Audio::Blob)) = (edge, config.audio(*turn)) {
            collector.get_or_insert_with(|| Collector::new(config.container, edge.rate, *turn, config.flag));
        }
    }
}

impl Sink for Ravatar {
    fn wants(&self) -> Wants {
        Wants {
            encoder: "pcm16",
            chunk_frames: CHUNK,
            pad: true,
            turn: TurnMode::Auto,
            overflow: Overflow::Shed,
            ..Wants::default()
        }
    }

    fn prepare(&mut self, edge: &Edge) -> Result<(), Problem> {
        let pcm = self.config.audio(edge.turn) != Some(Audio::Blob);
        if edge.rate.hz() != RATE {
            let message = format!("RAVATAR takes audio at {RATE} Hz, and this is {}", edge.rate);
            let help = format!("insert a [[node]] with type = \"resample\" and rate = {RATE} before it");
            return Err(Problem::new(Place::None, "", message).help(help));
        }
        if pcm && (edge.chunk_frames != CHUNK || !edge.pad) && !self.config.allow_nonstandard {
            let filled = if edge.pad { "padded" } else { "not padded" };
            let message = format!("RAVATAR takes chunks of {CHUNK} padded frames, not {} {filled}", edge.chunk_frames);
            let help = format!(
                "leave chunk out, write chunk = {{ frames = {CHUNK}, flush = \"pad\" }}, or set allow_nonstandard = true"
            );
            return Err(Problem::new(Place::None, "", message).help(help));
        }
        let trailing = edge.rate.frames_in_ms(self.config.trailing.as_millis() as u64);
        self.tail = Tail::new(trailing, edge.chunk_frames, edge.turn != TurnMode::Always);
        self.outbox = Outbox::new(self.config.profile != Profile::Demo, edge.waits);
        self.turn = edge.turn;
        self.edge = Some(*edge);
        Ok(())
    }

    fn run<'a>(&'a mut self, inlet: &'a mut Inlet) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(self.serve(inlet))
    }

    fn meanwhile(&mut self, inlet: &mut Inlet, item: Item) {
        match item {
            Item::Packet(packet) => match &mut self.collector {
                Some(collector) if self.outbox.lasts() => collector.take(inlet, &mut self.outbox, packet),
                _ => inlet.dropped(packet, Cause::Disconnected),
            },
            Item::Command(command) => self.outbox.put_off(inlet, command),
            Item::Halt | Item::Closed => {}
        }
    }

    fn keeps(&self) -> bool {
        !self.outbox.is_empty()
    }

    fn leave<'a>(&'a mut self, inlet: &'a mut Inlet) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.drop_unsent(inlet, Cause::Stopped);
            self.drop_turns(inlet, Cause::Stopped);
            self.end_live(inlet, crate::farewell::HASTE).await;
        })
    }

    /// Counted here and not by `attempt`: a connection that breaks right after it was opened shall
    /// not start the count anew.
    fn backoff(&self, _attempt: u32, _opened: bool) -> Option<Duration> {
        if self.over { None } else { self.reconnect.wait() }
    }
}
