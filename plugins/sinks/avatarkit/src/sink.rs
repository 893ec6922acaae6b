//! The sink itself: one run after the other, and what is kept between them. Owned by the sink's task on
//! the async runtime.

use std::collections::VecDeque;
use std::time::Duration;

use glottis_core::inlet::{Inlet, Item};
use glottis_core::param::show_duration;
use glottis_core::sink::{BoxFuture, Edge, Overflow, Wants};
use glottis_core::{Cause, Packet, PacketKind, Place, Problem, Rate, Settled, Sink, SinkError, SinkEvent, TurnMode};
use glottis_net::backoff::{doubling, jitter};
use glottis_net::secret::Veil;
use glottis_net::socket::{Lost, Socket};

use crate::animation::{Gallery, OnFrame};
use crate::backlog::Backlog;
use crate::config::Config;
use crate::login::{Confirmed, Service};
use crate::stream::Stream;

/// Pieces of a second in which speech travels.
const PIECES: u32 = 10;

/// The first wait before another attempt, the longest, and how much they vary.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
const JITTER: f64 = 0.2;

/// A connection that held for so long was a good one: the attempts are counted anew.
const GOOD: Duration = Duration::from_secs(60);

/// An AvatarKit avatar.
pub(crate) struct AvatarKit {
    pub(crate) config: Config,
    pub(crate) edge: Option<Edge>,
    pub(crate) veil: Veil,
    /// Made at the first run.
    pub(crate) service: Option<Service>,
    pub(crate) on_frame: Option<OnFrame>,
    pub(crate) gallery: Option<Gallery>,
    pub(crate) speech: Speech,
    /// Failures in a row, and whether the last of them asks to be tried again at once.
    pub(crate) failures: u32,
    pub(crate) at_once: bool,
    /// Whether the sink has been open.
    pub(crate) opened: bool,
    /// Whether nothing more shall be tried.
    pub(crate) over: bool,
}

/// What is to be said. Outlives connections.
#[derive(Default)]
pub(crate) struct Speech {
    /// Packets that were taken from the queue and not looked at.
    pub(crate) packets: VecDeque<Packet>,
    /// Audio of the segment in progress that is not known to be written.
    pub(crate) backlog: Backlog,
    /// The segment has ended: so shall the request, once the backlog is written.
    pub(crate) ending: bool,
    /// The segment in progress has had audio.
    pub(crate) spoken: bool,
    /// What is left of the segment in progress is not wanted any more.
    pub(crate) skipping: bool,
}

impl Speech {
    /// Gives everything up, for `settled`.
    pub(crate) fn give_up(&mut self, inlet: &mut Inlet, settled: Settled) {
        while let Some(receipt) = self.backlog.give_up() {
            inlet.settle(receipt, settled);
        }
        for packet in self.packets.drain(..) {
            let receipt = inlet.hold(packet);
            inlet.settle(receipt, settled);
        }
        *self = Speech::default();
    }

    /// Whether any audio waits here.
    pub(crate) fn is_empty(&self) -> bool {
        self.packets.is_empty() && self.backlog.is_empty() && !self.ending
    }
}

/// How a session ended.
pub(crate) enum End {
    /// All was said.
    Finished,
    /// A halt was asked for.
    Halted,
    /// The service closed the connection while there was nothing to say: the next word opens another.
    Resting(Lost),
    /// Anything else; with what the socket said. The error's kind says what to do.
    Lost(Box<SinkError>, Option<Lost>),
}

impl End {
    pub(crate) fn error(error: SinkError) -> End {
        End::Lost(Box::new(error), None)
    }
}

impl AvatarKit {
    pub(crate) fn new(config: Config, on_frame: Option<OnFrame>) -> AvatarKit {
        AvatarKit {
            config,
            edge: None,
            veil: Veil::default(),
            service: None,
            on_frame,
            gallery: None,
            speech: Speech::default(),
            failures: 0,
            at_once: false,
            opened: false,
            over: false,
        }
    }

    /// One run: one connection, and further ones as long as each ends without a fault.
    async fn serve(&mut self, inlet: &mut Inlet) -> Result<(), SinkError> {
        if self.gallery.is_none() {
            self.gallery = self.on_frame.clone().and_then(Gallery::open);
        }
        let mut again = false;
        loop {
            let (end, socket) = self.session(inlet, again).await;
            if socket.as_ref().is_some_and(|socket| socket.uptime() >= GOOD) {
                self.failures = 0;
            }
            let End::Resting(lost) = end else { return self.part(inlet, end, socket).await };
            self.disconnected(inlet, Some(&lost), socket).await;
            if let Some(end) = self.rest(inlet).await {
                return self.part(inlet, end, None).await;
            }
            inlet.emit(SinkEvent::State("reconnecting"));
            again = true;
        }
    }

    /// From nothing to the end of a connection. `again`: without a fault in between, so that what is in
    /// the queue is still to be said.
    async fn session(&mut self, inlet: &mut Inlet, again: bool) -> (End, Option<Socket>) {
        if inlet.is_halted() {
            return (End::Halted, None);
        }
        if self.opened && self.speech.is_empty() && inlet.is_finished() {
            return (End::Finished, None);
        }
        let Some(edge) = self.edge else { return (End::Finished, None) };
        if !self.opened {
            inlet.emit(SinkEvent::State("connecting"));
        }
        let (mut socket, confirmed) = match self.connect(inlet).await {
            Ok(connected) => connected,
            Err(end) => return (end, None),
        };
        if self.opened && !again && !edge.waits {
            self.speech.give_up(inlet, Settled::Dropped(Cause::Disconnected));
            inlet.discard(Cause::Disconnected);
        }
        self.opened = true;
        inlet.open();
        inlet.emit(SinkEvent::State("open"));
        let end = self.stream(inlet, &mut socket, &confirmed, edge).await;
        (end, Some(socket))
    }

    async fn stream(&mut self, inlet: &mut Inlet, socket: &mut Socket, confirmed: &Confirmed, edge: Edge) -> End {
        let AvatarKit { config, veil, speech, gallery, service, .. } = self;
        let host = service.as_ref().map(Service::socket_host).unwrap_or_default();
        let stream = Stream { inlet, socket, config, veil, confirmed, edge, speech, gallery: gallery.as_mut(), host };
        stream.run().await
    }

    /// Waits until there is something to say. Ends and begins of segments are no reason to connect.
    async fn rest(&mut self, inlet: &mut Inlet) -> Option<End> {
        loop {
            match inlet.recv().await {
                Item::Halt => return Some(End::Halted),
                Item::Command(command) => {
                    inlet.answer(
                        &command,
                        Err("the service has closed the connection, and nothing was said since".into()),
                    );
                }
                Item::Packet(packet) => {
                    let speech = matches!(packet.kind, PacketKind::Data { .. });
                    if speech || packet.kind == PacketKind::Begin {
                        self.speech.packets.push_back(packet);
                    } else {
                        // Nothing of it was said on a connection that is still there.
                        self.speech.give_up(inlet, Settled::Dropped(Cause::Disconnected));
                        inlet.delivered(packet);
                    }
                    if speech {
                        return None;
                    }
                }
                Item::Closed => return Some(End::Finished),
            }
        }
    }

    /// Whether the service has another rate than any edge.
    fn converts(&self) -> bool {
        self.config.audio.edge().is_none()
    }
}

impl Sink for AvatarKit {
    fn wants(&self) -> Wants {
        let rate = Rate::for_source(self.config.audio.sample_rate);
        Wants {
            encoder: "pcm16",
            chunk_frames: rate.hz() / PIECES,
            pad: false,
            turn: TurnMode::Always,
            overflow: Overflow::Shed,
            cut_on_interrupt: true,
            ..Wants::default()
        }
    }

    fn prepare(&mut self, edge: &Edge) -> Result<(), Problem> {
        let wrong = |message: String, help: String| Err(Problem::new(Place::None, "", message).help(help));
        let rate = self.config.audio.sample_rate;
        if !self.converts() && edge.rate.hz() != rate {
            let message = format!("the service is told {rate} Hz, and this is {}", edge.rate);
            let help = format!(
                "insert a [[node]] with type = \"resample\" and rate = {rate} before it, or set sample_rate = {}",
                edge.rate.hz()
            );
            return wrong(message, help);
        }
        let chunk = Duration::from_nanos(edge.rate.ns(edge.chunk_frames.into()));
        if let Some(guard) = self.config.stall_guard.filter(|guard| *guard <= chunk) {
            let (chunk, guard) = (show_duration(chunk), show_duration(guard));
            let message = format!("chunks of {chunk} come further apart than stall_guard allows, {guard}");
            return wrong(message, "use smaller chunks, or a longer stall_guard".to_owned());
        }
        self.edge = Some(*edge);
        Ok(())
    }

    fn run<'a>(&'a mut self, inlet: &'a mut Inlet) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(self.serve(inlet))
    }

    fn leave<'a>(&'a mut self, inlet: &'a mut Inlet) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.speech.give_up(inlet, Settled::Dropped(Cause::Stopped));
            self.close_gallery(inlet).await;
        })
    }

    /// Counted here and not by `attempt`: a connection that breaks right after it was opened shall not
    /// start the count anew.
    fn backoff(&self, attempt: u32, _opened: bool) -> Option<Duration> {
        if self.over {
            return None;
        }
        let failures = if self.failures == 0 { attempt } else { self.failures };
        let wait = jitter(doubling(FIRST_WAIT, LONGEST_WAIT, failures), JITTER);
        Some(if self.at_once && failures == 1 { Duration::ZERO } else { wait })
    }
}
