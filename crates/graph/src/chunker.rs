//! In which pieces a segment travels. Pipeline thread; no allocation after it was made.
//!
//! The chunker takes the frames of a segment as the segmenter releases them, has them encoded
//! straight into the body of a packet, and queues the packet when a chunk is full. The end of a
//! segment flushes at once. When the sink's queue is full it sheds, by name.

use std::sync::atomic::Ordering::Relaxed;

use glottis_core::ledger::Settled;
use glottis_core::packet::Stamps;
use glottis_core::sink::Overflow;
use glottis_core::{Block, Body, Cause, Encoder, Fault, Outfeed, Packet, PacketKind, Rate, Reason, clock};

use crate::segmenter::Cut;
use crate::signal::{Failed, Signal, Signals};

/// Bodies only a segment's begin and end may take, so that a queue full of audio still learns how
/// its segment ended.
const RESERVE: usize = 2;

const SILENCE: [f32; 256] = [0.0; 256];

/// Cuts segments into packets and queues them. See the module.
pub struct Chunker {
    sink: u16,
    rate: Rate,
    source_rate: Rate,
    chunk: u32,
    pad: bool,
    overflow: Overflow,
    waits: bool,
    encoder: Box<dyn Encoder>,
    outfeed: Outfeed,
    spare: Option<Body>,
    next_segment: u64,
    segment: Option<Segment>,
    current: Option<Chunk>,
    /// How a segment ended, for a sink that had no room to be told.
    owed: Option<(u64, i64, Reason)>,
    gate_as: Settled,
    /// The position `captured_at` was captured at, in frames of the edge and in nanoseconds.
    reference: (i64, u64),
    /// One past the newest block's last frame, and when that block was pushed.
    pushed: (i64, u64),
    taken: u64,
}

struct Segment {
    number: u64,
    begin: i64,
    seq: u64,
    /// The sink was told of the begin.
    announced: bool,
    /// The rest of the segment is dropped; its end was told.
    shed: bool,
}

struct Chunk {
    body: Body,
    at: i64,
    frames: u32,
    counted: u32,
}

/// How a [`Chunker`] cuts.
#[derive(Clone, Copy, Debug)]
pub struct Pieces {
    /// Frames of a full chunk.
    pub chunk: u32,
    /// Whether the last chunk of a segment is padded to full length.
    pub pad: bool,
    /// What happens when the queue is full.
    pub overflow: Overflow,
}

impl Chunker {
    pub(crate) fn new(
        sink: u16,
        (rate, source_rate): (Rate, Rate),
        pieces: Pieces,
        encoder: Box<dyn Encoder>,
        outfeed: Outfeed,
        waits: bool,
    ) -> Chunker {
        Chunker {
            sink,
            rate,
            source_rate,
            chunk: pieces.chunk.max(1),
            pad: pieces.pad,
            overflow: pieces.overflow,
            waits,
            encoder,
            outfeed,
            spare: None,
            next_segment: 0,
            segment: None,
            current: None,
            owed: None,
            gate_as: Settled::Gated,
            reference: (0, 0),
            pushed: (0, 0),
            taken: 0,
        }
    }

    /// The next segment's number.
    pub(crate) fn number_from(&mut self, first: u64) {
        self.next_segment = first;
    }

    pub(crate) fn outfeed(&mut self) -> &mut Outfeed {
        &mut self.outfeed
    }

    /// What gated frames count as from now on.
    pub(crate) fn gate_as(&mut self, settled: Settled) {
        self.gate_as = settled;
    }

    /// The packets to come are due to `block`, which the pipeline took at `taken`.
    pub(crate) fn stamp(&mut self, block: &Block, taken: u64) {
        self.reference = (block.at, block.captured);
        self.pushed = (block.end(), block.pushed);
        self.taken = taken;
    }

    /// Whether the rest of the segment is being shed.
    pub(crate) fn is_shedding(&self) -> bool {
        self.segment.as_ref().is_some_and(|s| s.shed)
    }

    /// Whether the sink has yet to be told how an earlier segment ended.
    pub(crate) fn is_owing(&self) -> bool {
        self.owed.is_some()
    }

    /// Tells the sink how an earlier segment ended, if that is owed and there is room by now.
    pub(crate) fn pay(&mut self) {
        if let Some((segment, at, reason)) = self.owed
            && let Some(body) = self.body(0)
        {
            self.owed = None;
            self.push(PacketKind::Abort { reason }, segment, 0, at, 0, body);
        }
    }

    fn body(&mut self, reserve: usize) -> Option<Body> {
        if let Some(mut body) = self.spare.take() {
            body.clear();
            return Some(body);
        }
        while self.waits && self.outfeed.room() <= reserve && !self.outfeed.is_halted() {
            self.outfeed.wait_for_room(reserve + 1);
        }
        if self.outfeed.room() <= reserve { None } else { self.outfeed.body() }
    }

    fn push(&mut self, kind: PacketKind, segment: u64, seq: u64, at: i64, counted: u32, body: Body) {
        let frames = match kind {
            PacketKind::Data { frames, padded } => frames - padded,
            _ => 0,
        };
        let end = at + i64::from(frames);
        let stamps = Stamps {
            captured: self.captured(end),
            pushed: self.pushed(end),
            taken: self.taken,
            encoded: clock::now(),
            popped: 0,
        };
        self.outfeed.push(Packet { kind, segment, seq, at, counted, stamps, body });
    }

    fn captured(&self, at: i64) -> u64 {
        let (position, captured) = self.reference;
        let ns = self.rate.ns(at.abs_diff(position));
        if at >= position { captured + ns } else { captured.saturating_sub(ns) }
    }

    /// When the block was pushed that ends with the edge's position `end`, or has it inside: sources push a
    /// block every 10 ms.
    fn pushed(&self, end: i64) -> u64 {
        let (newest, pushed) = self.pushed;
        let block = self.rate.block() as u64;
        let back = newest.saturating_sub(end).max(0) as u64 / block;
        pushed.saturating_sub(self.rate.ns(back * block))
    }

    fn next_seq(&mut self) -> (u64, u64) {
        match &mut self.segment {
            Some(segment) => {
                segment.seq += 1;
                (segment.number, segment.seq - 1)
            }
            None => (self.next_segment, 0),
        }
    }

    fn lost(&self) -> Cause {
        if self.outfeed.is_halted() { Cause::Stopped } else { Cause::Overflow }
    }

    fn drop_frames(&mut self, frames: u32, cause: Cause) {
        self.outfeed.stats().ledger.drop_frames(u64::from(frames), cause);
    }

    /// Takes the chunk being filled away; its body waits for the next.
    fn drop_chunk(&mut self) -> u32 {
        let Some(chunk) = self.current.take() else { return 0 };
        self.spare = Some(chunk.body);
        chunk.counted
    }

    fn queue_chunk(&mut self, padded: u32) {
        let Some(chunk) = self.current.take() else { return };
        let (segment, seq) = self.next_seq();
        let kind = PacketKind::Data { frames: chunk.frames + padded, padded };
        self.push(kind, segment, seq, chunk.at, chunk.counted, chunk.body);
    }

    fn flush(&mut self) -> Result<(), Fault> {
        let Some(chunk) = &mut self.current else { return Ok(()) };
        let mut padded = 0;
        if self.pad {
            let missing = self.chunk - chunk.frames;
            while padded < missing {
                let n = (missing - padded).min(SILENCE.len() as u32);
                self.encoder.encode(&SILENCE[..n as usize], &mut chunk.body)?;
                padded += n;
            }
        }
        self.queue_chunk(padded);
        Ok(())
    }
}

/// A chunker at work, with where its signals go.
pub(crate) struct Work<'a> {
    pub chunker: &'a mut Chunker,
    pub signals: &'a mut Signals,
}

impl Work<'_> {
    fn source_at(&self, at: i64) -> i64 {
        self.chunker.rate.convert(at, self.chunker.source_rate).max(0)
    }

    fn told_end(&mut self, at: i64, reason: Reason, aborted: bool) {
        let Some(segment) = &self.chunker.segment else { return };
        let (number, frames) = (segment.number, (at - segment.begin).max(0) as u64);
        let stats = self.chunker.outfeed.stats();
        stats.ended.fetch_add(1, Relaxed);
        if aborted {
            stats.aborted.fetch_add(1, Relaxed);
        }
        let at = self.source_at(at);
        self.signals.put(Signal::SegmentEnd { sink: self.chunker.sink, segment: number, at, frames, reason });
    }

    /// Drops what is left of the segment: there is no room for it.
    fn shed(&mut self, at: i64) {
        let cause = self.chunker.lost();
        let frames = self.chunker.drop_chunk();
        self.chunker.drop_frames(frames, cause);
        let reason = if cause == Cause::Stopped { Reason::Stop } else { Reason::Overflow };
        self.told_end(at, reason, true);
        if let Some(segment) = &mut self.chunker.segment {
            segment.shed = true;
        }
    }

    fn fault(&mut self, fault: Fault) {
        let frames = self.chunker.drop_chunk();
        self.chunker.drop_frames(frames, Cause::Fault);
        self.signals.put(Signal::Fault { component: Failed::Encoder(self.chunker.sink), code: fault.code });
    }

    /// Tells the sink that its segment is given up, now or as soon as there is room.
    fn tell_abort(&mut self, at: i64, reason: Reason) {
        let Some(segment) = self.chunker.segment.take() else { return };
        if !segment.announced {
            return;
        }
        match self.chunker.body(0) {
            Some(body) => self.chunker.push(PacketKind::Abort { reason }, segment.number, segment.seq, at, 0, body),
            None => self.chunker.owed = Some((segment.number, at, reason)),
        }
    }

    /// Makes sure there is a chunk to fill. False: no room.
    fn chunk(&mut self, at: i64) -> bool {
        if self.chunker.current.is_none() {
            let Some(body) = self.chunker.body(RESERVE) else { return false };
            self.chunker.current = Some(Chunk { body, at, frames: 0, counted: 0 });
        }
        true
    }
}

impl Cut for Work<'_> {
    fn begin(&mut self, at: i64) {
        let chunker = &mut *self.chunker;
        let number = chunker.next_segment;
        chunker.next_segment += 1;
        chunker.outfeed.stats().begun.fetch_add(1, Relaxed);
        chunker.pay();
        chunker.segment = Some(Segment { number, begin: at, seq: 0, announced: false, shed: false });
        let source_at = self.source_at(at);
        self.signals.put(Signal::SegmentBegin { sink: self.chunker.sink, segment: number, at: source_at });
        // While the sink does not know how the last segment ended it cannot be told of the next.
        let body = if self.chunker.owed.is_some() { None } else { self.chunker.body(1) };
        let Some(mut body) = body else { return self.shed(at) };
        let begun = self.chunker.encoder.begin(&mut body);
        let (segment, seq) = self.chunker.next_seq();
        self.chunker.push(PacketKind::Begin, segment, seq, at, 0, body);
        if let Some(segment) = &mut self.chunker.segment {
            segment.announced = true;
        }
        if let Err(fault) = begun {
            self.fault(fault);
        }
    }

    fn audio(&mut self, mut at: i64, mut frames: &[f32], mut counted: u32) {
        while !frames.is_empty() {
            if self.chunker.is_shedding() {
                return self.chunker.drop_frames(counted, self.chunker.lost());
            }
            if !self.chunk(at) {
                if self.chunker.overflow == Overflow::Shed || self.chunker.outfeed.is_halted() {
                    self.shed(at);
                    continue;
                }
                return self.chunker.drop_frames(counted, Cause::Overflow);
            }
            let Some(chunk) = &mut self.chunker.current else { return };
            let n = frames.len().min((self.chunker.chunk - chunk.frames) as usize);
            let (piece, rest) = frames.split_at(n);
            let share = counted.min(n as u32);
            counted -= share;
            chunk.counted += share;
            chunk.frames += n as u32;
            let full = chunk.frames == self.chunker.chunk;
            match self.chunker.encoder.encode(piece, &mut chunk.body) {
                Err(fault) => self.fault(fault),
                Ok(()) if full => self.chunker.queue_chunk(0),
                Ok(()) => {}
            }
            at += n as i64;
            frames = rest;
        }
    }

    fn end(&mut self, at: i64, reason: Reason, voice_end: i64) {
        if self.chunker.is_shedding() {
            return self.tell_abort(at, Reason::Overflow);
        }
        if let Err(fault) = self.chunker.flush() {
            self.fault(fault);
        }
        self.told_end(at, reason, false);
        let Some(mut body) = self.chunker.body(0) else { return self.tell_abort(at, Reason::Overflow) };
        if let Err(fault) = self.chunker.encoder.finish(&mut body) {
            self.fault(fault);
        }
        let Some(segment) = self.chunker.segment.take() else { return };
        let frames = (at - segment.begin).max(0) as u64;
        let kind = PacketKind::End { reason, frames, voice_end };
        self.chunker.push(kind, segment.number, segment.seq, at, 0, body);
    }

    fn abort(&mut self, at: i64, reason: Reason) {
        if self.chunker.is_shedding() {
            return self.tell_abort(at, Reason::Overflow);
        }
        if reason == Reason::Disconnected {
            // What was heard before the loss is the sink's: it may keep the turn for its next connection.
            if let Err(fault) = self.chunker.flush() {
                self.fault(fault);
            }
        }
        let frames = self.chunker.drop_chunk();
        self.skip(u64::from(frames), reason);
        self.told_end(at, reason, true);
        self.tell_abort(at, reason);
    }

    fn gate(&mut self, frames: u64) {
        self.chunker.outfeed.stats().ledger.settle(frames, self.chunker.gate_as);
    }

    fn skip(&mut self, frames: u64, reason: Reason) {
        let settled = match reason {
            Reason::Interrupt => Settled::Dropped(Cause::Interrupted),
            Reason::Disconnected => Settled::Dropped(Cause::Disconnected),
            Reason::Overflow => Settled::Dropped(Cause::Overflow),
            Reason::Stop => Settled::Dropped(Cause::Stopped),
            _ => Settled::Gated,
        };
        self.chunker.outfeed.stats().ledger.settle(frames, settled);
    }

    fn misfire(&mut self) {
        self.chunker.outfeed.stats().misfires.fetch_add(1, Relaxed);
    }
}
