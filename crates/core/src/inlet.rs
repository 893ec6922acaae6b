//! The ring of packets between the pipeline thread and one sink, and all else the two share.
//!
//! Bodies travel in a circle: [`Outfeed`] takes an empty one from the return ring, the encoder fills
//! it, the packet carries it to the [`Inlet`], and settling the packet sends the body back. So
//! neither side allocates, and a queue that is full shows itself as a return ring that is empty.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Poll, Waker};

use crossbeam_channel::{Receiver, Sender};

use crate::clock;
use crate::event::SinkEvent;
use crate::ledger::{Cause, Settled};
use crate::packet::{Body, Packet, PacketKind, Receipt};
use crate::sink::{Answer, SinkCommand, SinkError, TurnMode};
pub use crate::stats::SinkStats;
use crate::sync::ring::{Consumer, HeapCons, HeapProd, HeapRb, Observer, Producer, Split};
use crate::sync::{Alarm, AtomicBool, AtomicU8, AtomicU64, Rouser, Sleeper, park_timeout};

/// Whether a sink can take audio.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Link {
    /// It has not been open yet.
    Opening = 0,
    /// It takes audio.
    Up = 1,
    /// It was open and is trying again.
    Down = 2,
    /// It will take nothing any more.
    GaveUp = 3,
}

impl Link {
    fn from_u8(raw: u8) -> Link {
        match raw {
            0 => Link::Opening,
            1 => Link::Up,
            2 => Link::Down,
            _ => Link::GaveUp,
        }
    }
}

struct Shared {
    stats: Arc<SinkStats>,
    link: AtomicU8,
    /// Times the link went down: one that is up again within a block has still been lost.
    drops: AtomicU64,
    /// The turn mode the sink chose, where the configuration leaves it to the service.
    turn: AtomicU8,
    /// The pipeline will push nothing more.
    closed: AtomicBool,
    /// Stop now: what is queued is not wanted any more.
    halted: AtomicBool,
    /// Wakes the sink's task.
    sink: Alarm,
    /// The pipeline thread, once it waits for room (only with a source that can wait).
    pipeline: Sleeper,
}

/// Makes both ends of a sink's queue, with room for `packets` packets of `body_bytes` each.
///
/// Allocates everything the two ends will ever need on the audio side.
pub fn queue(packets: usize, body_bytes: usize, emit: Emit) -> (Outfeed, Inlet, Control) {
    // Two bodies are kept for the begin and the end of a segment.
    let packets = packets.max(4);
    let (filled_in, filled_out) = HeapRb::new(packets).split();
    let (empty_in, empty_out) = HeapRb::new(packets).split();
    let stack = (0..packets).map(|_| Body::with_capacity(body_bytes)).collect();
    let (command_in, command_out) = crossbeam_channel::unbounded();
    let (sink, rouser) = Alarm::new();
    let shared = Arc::new(Shared {
        stats: Arc::default(),
        link: AtomicU8::new(Link::Opening as u8),
        drops: AtomicU64::new(0),
        turn: AtomicU8::new(TurnMode::Auto as u8),
        closed: AtomicBool::new(false),
        halted: AtomicBool::new(false),
        sink,
        pipeline: Sleeper::default(),
    });
    let outfeed = Outfeed {
        filled: filled_in,
        empty: empty_out,
        stack,
        capacity: packets,
        fresh: false,
        rouser,
        shared: shared.clone(),
    };
    let control = Control { commands: command_in, shared: shared.clone() };
    let inlet = Inlet {
        filled: filled_out,
        empty: empty_in,
        commands: command_out,
        emit,
        halt_seen: false,
        in_flight: 0,
        shared,
    };
    (outfeed, inlet, control)
}

/// Where a sink's events go. Called from the sink's task; may block briefly.
pub type Emit = Arc<dyn Fn(SinkEvent) + Send + Sync>;

/// The pipeline thread's end. Every method is real-time safe unless it says otherwise.
pub struct Outfeed {
    filled: HeapProd<Packet>,
    empty: HeapCons<Body>,
    /// Bodies at hand. The one that came back last goes out first, so that only as many are ever touched
    /// as are under way at once.
    stack: Vec<Body>,
    capacity: usize,
    fresh: bool,
    rouser: Rouser,
    shared: Arc<Shared>,
}

impl Outfeed {
    /// An empty body to fill, or `None` while the sink's queue is full.
    pub fn body(&mut self) -> Option<Body> {
        // There is room for every body there is.
        while let Some(body) = self.empty.try_pop() {
            self.stack.push(body);
        }
        let mut body = self.stack.pop()?;
        body.clear();
        Some(body)
    }

    /// Queues a packet. Its body came from [`Outfeed::body`], so there is always room.
    pub fn push(&mut self, packet: Packet) {
        self.fresh = true;
        if let Err(packet) = self.filled.try_push(packet) {
            // As many bodies exist as the ring has slots: only a foreign body can get here.
            debug_assert!(false, "a packet whose body is not from this queue");
            self.shared.stats.ledger.drop_frames(u64::from(packet.counted), Cause::Overflow);
        }
    }

    /// Wakes the sink if anything was queued since the last call: the one thing here that may make
    /// a system call, so the pipeline thread calls it after its work.
    pub fn wake(&mut self) {
        if std::mem::take(&mut self.fresh) {
            self.rouser.wake(&self.shared.sink);
        }
    }

    /// As [`Outfeed::wake`], but only once half the queue is full: with a source that can wait, nobody
    /// is late, and waking costs more than a packet does. What is left is owed a `wake`.
    pub fn wake_half(&mut self) {
        if self.room() * 2 <= self.capacity {
            self.wake();
        }
    }

    /// Packets that can be queued now.
    pub fn room(&self) -> usize {
        self.stack.len() + self.empty.occupied_len()
    }

    /// Packets that can be queued when the queue is empty.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Whether the sink takes audio.
    pub fn link(&self) -> Link {
        Link::from_u8(self.shared.link.load(Ordering::Acquire))
    }

    /// Times the sink's connection was lost.
    pub fn drops(&self) -> u64 {
        self.shared.drops.load(Ordering::Acquire)
    }

    /// The turn mode the sink chose; `Auto` while it has not.
    pub fn turn(&self) -> TurnMode {
        TurnMode::from_u8(self.shared.turn.load(Ordering::Acquire))
    }

    /// What this sink counts.
    pub fn stats(&self) -> &SinkStats {
        &self.shared.stats
    }

    /// Waits until `packets` packets fit, or for a few milliseconds: the caller looks again. Blocks:
    /// only with a source that can wait.
    pub fn wait_for_room(&mut self, packets: usize) {
        self.shared.pipeline.here();
        self.wake();
        if self.room() < packets.min(self.capacity) {
            // The sink wakes this thread when half the queue is free; a halt is seen at the next look.
            park_timeout(std::time::Duration::from_millis(5));
        }
    }

    /// Whether the sink was told to stop at once: nothing more is worth waiting for.
    pub fn is_halted(&self) -> bool {
        self.shared.halted.load(Ordering::Acquire)
    }

    /// Nothing more will come. Also done by dropping the outfeed.
    pub fn close(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        self.rouser.wake(&self.shared.sink);
    }
}

impl Drop for Outfeed {
    fn drop(&mut self) {
        self.close();
    }
}

/// The control thread's end: commands and stops. Not for the audio threads.
#[derive(Clone)]
pub struct Control {
    commands: Sender<SinkCommand>,
    shared: Arc<Shared>,
}

impl Control {
    /// Hands the sink a command. Returns it if the sink is gone.
    pub fn command(&self, command: SinkCommand) -> Result<(), SinkCommand> {
        self.commands.send(command).map_err(|refused| refused.0)?;
        self.shared.sink.wake();
        Ok(())
    }

    /// Tells the sink to stop at once: what is queued is not wanted any more.
    pub fn halt(&self) {
        self.shared.halted.store(true, Ordering::Release);
        self.shared.sink.wake();
    }

    /// Whether the sink takes audio.
    pub fn link(&self) -> Link {
        Link::from_u8(self.shared.link.load(Ordering::Acquire))
    }

    /// The turn mode the sink chose; `Auto` while it has not.
    pub fn turn(&self) -> TurnMode {
        TurnMode::from_u8(self.shared.turn.load(Ordering::Acquire))
    }

    /// What the sink counts.
    pub fn stats(&self) -> &Arc<SinkStats> {
        &self.shared.stats
    }
}

/// What an [`Inlet`] hands out.
#[derive(Debug)]
#[must_use]
pub enum Item {
    /// The next packet, to be settled.
    Packet(Packet),
    /// A command, to be answered with [`Inlet::answer`].
    Command(SinkCommand),
    /// Stop at once: end what is open on the wire within two seconds and return. Handed out once.
    Halt,
    /// The run is over and the queue is empty: finish and return.
    Closed,
}

/// The sink's end. Owned by the sink's task.
pub struct Inlet {
    filled: HeapCons<Packet>,
    empty: HeapProd<Body>,
    commands: Receiver<SinkCommand>,
    emit: Emit,
    halt_seen: bool,
    /// Counted frames of packets taken and not settled yet.
    in_flight: u64,
    shared: Arc<Shared>,
}

impl Inlet {
    /// The next thing to do, in this order: a halt, a command, a packet, the end.
    ///
    /// Cancel safe: what a dropped future did not return comes again.
    pub fn recv(&mut self) -> impl Future<Output = Item> + Send + '_ {
        std::future::poll_fn(|context| self.poll(context.waker()))
    }

    /// Like [`Inlet::recv`], but leaves packets where they are: for a sink that waits, and must not
    /// take what it cannot write.
    pub fn recv_command(&mut self) -> impl Future<Output = Item> + Send + '_ {
        std::future::poll_fn(|context| {
            self.shared.sink.register(context.waker());
            match self.look() {
                Some(item) => Poll::Ready(item),
                None => Poll::Pending,
            }
        })
    }

    /// A packet, if one is queued.
    pub fn try_packet(&mut self) -> Option<Packet> {
        let mut packet = self.filled.try_pop()?;
        packet.stamps.popped = clock::now();
        self.in_flight += u64::from(packet.counted);
        Some(packet)
    }

    /// Packets queued now.
    pub fn queued(&self) -> usize {
        self.filled.occupied_len()
    }

    /// Whether the pipeline has closed the queue and it is empty.
    pub fn is_finished(&self) -> bool {
        // The order matters: a packet pushed before the close is seen by the second look.
        self.shared.closed.load(Ordering::Acquire) && self.filled.is_empty()
    }

    /// Whether a halt was asked for.
    pub fn is_halted(&self) -> bool {
        self.shared.halted.load(Ordering::Acquire)
    }

    /// Ends when a halt is asked for. Borrows nothing, so that it can be awaited beside anything
    /// else; but one task at a time waits on an inlet.
    pub fn halted(&self) -> impl Future<Output = ()> + Send + 'static {
        let shared = self.shared.clone();
        std::future::poll_fn(move |context| {
            shared.sink.register(context.waker());
            if shared.halted.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
        })
    }

    fn look(&mut self) -> Option<Item> {
        if !self.halt_seen && self.is_halted() {
            self.halt_seen = true;
            return Some(Item::Halt);
        }
        self.commands.try_recv().ok().map(Item::Command)
    }

    fn poll(&mut self, waker: &Waker) -> Poll<Item> {
        self.shared.sink.register(waker);
        if let Some(item) = self.look() {
            return Poll::Ready(item);
        }
        // Read before the ring: a packet pushed before the close must not be missed.
        let closed = self.shared.closed.load(Ordering::Acquire);
        if let Some(packet) = self.try_packet() {
            return Poll::Ready(Item::Packet(packet));
        }
        if closed { Poll::Ready(Item::Closed) } else { Poll::Pending }
    }

    /// Sends a packet's body back and keeps its share of the ledger, to be settled later.
    pub fn hold(&mut self, packet: Packet) -> Receipt {
        let receipt = Receipt::from(&packet);
        // The return ring has a slot for every body there is.
        let _ = self.empty.try_push(packet.body);
        if self.empty.occupied_len() * 2 >= self.empty.capacity().get() {
            // Only a pipeline that waits for room is there to be woken, and for half a queue at a time.
            self.wake_pipeline();
        }
        receipt
    }

    /// Puts what became of a packet on the ledger.
    pub fn settle(&mut self, receipt: Receipt, settled: Settled) {
        let stats = &self.shared.stats;
        self.in_flight = self.in_flight.saturating_sub(receipt.counted);
        stats.ledger.settle(receipt.counted, settled);
        if settled == Settled::Delivered {
            stats.ledger.padded.fetch_add(receipt.padded, Ordering::Relaxed);
            stats.chunks.fetch_add(receipt.chunks, Ordering::Relaxed);
            stats.record(&receipt, clock::now());
        }
    }

    /// The packet was written whole.
    pub fn delivered(&mut self, packet: Packet) {
        let receipt = self.hold(packet);
        self.settle(receipt, Settled::Delivered);
    }

    /// The packet was not wanted.
    pub fn gated(&mut self, packet: Packet) {
        let receipt = self.hold(packet);
        self.settle(receipt, Settled::Gated);
    }

    /// The packet was lost.
    pub fn dropped(&mut self, packet: Packet, cause: Cause) {
        let receipt = self.hold(packet);
        self.settle(receipt, Settled::Dropped(cause));
    }

    /// Drops everything queued now, for `cause`. Returns the counted frames.
    pub fn discard(&mut self, cause: Cause) -> u64 {
        let mut frames = 0;
        while let Some(packet) = self.try_packet() {
            frames += u64::from(packet.counted);
            self.dropped(packet, cause);
        }
        frames
    }

    /// Settles what a sink took and will never settle, because it was cut off or panicked. For the
    /// engine.
    pub fn abandon(&mut self, cause: Cause) {
        let frames = std::mem::take(&mut self.in_flight);
        self.shared.stats.ledger.drop_frames(frames, cause);
    }

    /// Counts zeros the sink itself added, in frames.
    pub fn padded(&self, frames: u64) {
        self.shared.stats.ledger.padded.fetch_add(frames, Ordering::Relaxed);
    }

    /// Counts what was written to the service or the file.
    pub fn wrote(&self, messages: u64, bytes: u64) {
        self.shared.stats.messages.fetch_add(messages, Ordering::Relaxed);
        self.shared.stats.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts a message of the service that made no sense and was ignored.
    pub fn ignored(&self) {
        self.shared.stats.ignored.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an animation frame received from the service.
    pub fn animated(&self) {
        self.shared.stats.animation_frames.fetch_add(1, Ordering::Relaxed);
    }

    /// The sink takes audio from now on. Before this call the pipeline sends it none, unless the
    /// source can wait.
    pub fn open(&mut self) {
        self.shared.stats.connects.fetch_add(1, Ordering::Relaxed);
        self.set_link(Link::Up);
    }

    /// Decides the turn mode of an outlet that is set to [`TurnMode::Auto`], now that the service has
    /// said what it expects. Before [`Inlet::open`].
    pub fn choose_turn(&mut self, mode: TurnMode) {
        self.shared.turn.store(mode as u8, Ordering::Release);
    }

    /// Connections opened so far.
    pub fn connects(&self) -> u64 {
        self.shared.stats.connects.load(Ordering::Relaxed)
    }

    /// Whether the sink takes audio, for the pipeline thread to see at its next block.
    pub fn set_link(&mut self, link: Link) {
        if link == Link::Down {
            self.shared.drops.fetch_add(1, Ordering::AcqRel);
        }
        self.shared.link.store(link as u8, Ordering::Release);
        self.wake_pipeline();
    }

    fn wake_pipeline(&self) {
        self.shared.pipeline.wake();
    }

    /// Whether the sink takes audio.
    pub fn link(&self) -> Link {
        Link::from_u8(self.shared.link.load(Ordering::Acquire))
    }

    /// A way to tell the outside from where the inlet is not at hand.
    pub fn emitter(&self) -> Emit {
        self.emit.clone()
    }

    /// Tells the outside.
    pub fn emit(&self, event: SinkEvent) {
        (self.emit)(event);
    }

    /// Answers a command: `Err` names what was wrong with it.
    pub fn answer(&self, command: &SinkCommand, result: Result<(), String>) {
        (self.emit)(SinkEvent::Answer(Answer { id: command.id, name: command.action.name(), result }));
    }

    /// Reports an error that does not end the sink's run.
    pub fn warn(&self, error: SinkError) {
        (self.emit)(SinkEvent::Error { error: Box::new(error), fatal: false });
    }

    /// Whether a packet ends a segment.
    pub fn ends_segment(packet: &Packet) -> bool {
        matches!(packet.kind, PacketKind::End { .. } | PacketKind::Abort { .. })
    }
}
