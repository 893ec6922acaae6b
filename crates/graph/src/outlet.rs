//! A leaf of the tree: segmenter, chunker and encoder in front of one sink's queue. Pipeline thread;
//! no allocation after it was made.

use std::sync::atomic::Ordering::Relaxed;

use glottis_core::inlet::Link;
use glottis_core::ledger::Settled;
use glottis_core::{Block, Cause, Encoder, Outfeed, Rate, Reason, TurnMode};

use crate::chunker::{Chunker, Pieces, Work};
use crate::segmenter::Segmenter;
use crate::signal::Signals;
use crate::turn::Turn;

/// The way from an edge of the graph to one sink. See the module.
pub struct Outlet {
    segmenter: Segmenter,
    chunker: Chunker,
    /// One past the last frame that has reached this outlet.
    captured: i64,
    auto: bool,
    muted: bool,
    paused: bool,
    waits: bool,
    cut_on_interrupt: bool,
    /// Losses of the connection that have been acted on.
    drops: u64,
}

/// What an outlet is made from.
pub struct OutletParts {
    /// Index of the sink.
    pub sink: u16,
    /// Rate of the edge.
    pub rate: Rate,
    /// Rate of the source, for the positions of signals.
    pub source_rate: Rate,
    /// Where segments begin and end.
    pub turn: Turn,
    /// In which pieces they travel.
    pub pieces: Pieces,
    /// Makes the pieces' bytes; prepared.
    pub encoder: Box<dyn Encoder>,
    /// The sink's queue.
    pub outfeed: Outfeed,
    /// Whether the source can wait, so that nothing is dropped here.
    pub waits: bool,
    /// Whether [`Outlet::interrupt`] cuts the running segment.
    pub cut_on_interrupt: bool,
}

impl Outlet {
    /// Makes an outlet. Allocates all it will need.
    pub fn new(parts: OutletParts) -> Outlet {
        let rates = (parts.rate, parts.source_rate);
        Outlet {
            segmenter: Segmenter::new(&parts.turn, parts.rate),
            chunker: Chunker::new(parts.sink, rates, parts.pieces, parts.encoder, parts.outfeed, parts.waits),
            captured: 0,
            auto: parts.turn.mode == TurnMode::Auto,
            muted: false,
            paused: false,
            waits: parts.waits,
            cut_on_interrupt: parts.cut_on_interrupt,
            drops: 0,
        }
    }

    /// One past the last frame that has reached this outlet.
    pub fn captured(&self) -> i64 {
        self.captured
    }

    /// Whether nothing comes out before voice is heard.
    pub(crate) fn is_idle(&self) -> bool {
        self.segmenter.is_idle() && !self.chunker.is_owing()
    }

    /// Whether the source can wait, so that nothing is dropped here.
    pub(crate) fn waits(&self) -> bool {
        self.waits
    }

    /// Continues a stream whose next frame is `at`. Before the first block.
    pub(crate) fn begin_at(&mut self, at: i64) {
        self.captured = at;
        self.segmenter.begin_at(at);
    }

    /// Numbers its segments from `first` on instead of 0, for a stream that continues another. Before the
    /// first block.
    pub fn number_from(&mut self, first: u64) {
        self.chunker.number_from(first);
    }

    /// Takes a block of the edge, up to position `limit`: what lies beyond is padding.
    pub fn take(&mut self, block: &Block, limit: i64, taken: u64, signals: &mut Signals) {
        let samples = block.samples();
        // Frames before the stream began are the warm-up of the filters upstream.
        let skip = (self.captured - block.at).clamp(0, samples.len() as i64) as usize;
        let take = limit.saturating_sub(block.at).clamp(skip as i64, samples.len() as i64) as usize;
        let frames = &samples[skip..take];
        self.captured += frames.len() as i64;
        let ledger = &self.chunker.outfeed().stats().ledger;
        ledger.captured.fetch_add(frames.len() as u64, Relaxed);
        ledger.drop_frames(self.segmenter.lose(block.lost, frames.len()), Cause::Gap);
        self.chunker.stamp(block, taken);
        self.chunker.pay();
        self.follow_sink(signals);
        let Outlet { segmenter, chunker, .. } = self;
        segmenter.take(frames, block.marks(), &mut Work { chunker, signals });
        self.end_shedding(signals);
    }

    /// Opens and closes with the sink's connection, and learns the turn mode it chose.
    fn follow_sink(&mut self, signals: &mut Signals) {
        if self.auto {
            let mode = self.chunker.outfeed().turn();
            self.auto = mode == TurnMode::Auto;
            self.segmenter.set_mode(mode);
        }
        let link = match self.chunker.outfeed().link() {
            Link::Opening | Link::Down if self.waits => Link::Up,
            link => link,
        };
        let wanted = self.segmenter.wanted();
        let silenced = self.muted || self.paused;
        let closed = match link {
            Link::Up if silenced => Some((Reason::Cancel, Settled::Gated)),
            Link::Up => None,
            Link::Opening => Some((Reason::Cancel, Settled::Gated)),
            Link::Down if wanted && !silenced => Some((Reason::Disconnected, Settled::Dropped(Cause::Disconnected))),
            Link::GaveUp if wanted && !silenced => Some((Reason::Disconnected, Settled::Dropped(Cause::GaveUp))),
            Link::Down | Link::GaveUp => Some((Reason::Disconnected, Settled::Gated)),
        };
        let drops = self.chunker.outfeed().drops();
        let dropped = std::mem::replace(&mut self.drops, drops) != drops && !self.waits;
        match closed {
            None => {
                if dropped {
                    // Lost and back within one block.
                    let Outlet { segmenter, chunker, .. } = self;
                    segmenter.close_gate(Reason::Disconnected, &mut Work { chunker, signals });
                }
                self.chunker.gate_as(Settled::Gated);
                self.segmenter.open_gate();
            }
            Some((reason, settled)) => {
                self.chunker.gate_as(settled);
                let Outlet { segmenter, chunker, .. } = self;
                segmenter.close_gate(reason, &mut Work { chunker, signals });
            }
        }
    }

    /// A segment without an end begins anew once half the queue is free again.
    fn end_shedding(&mut self, signals: &mut Signals) {
        let Outlet { segmenter, chunker, .. } = self;
        if chunker.is_shedding() && segmenter.mode() == TurnMode::Always {
            let outfeed = chunker.outfeed();
            if outfeed.room() * 2 >= outfeed.capacity() && !outfeed.is_halted() {
                segmenter.abort(Reason::Overflow, &mut Work { chunker, signals });
            }
        }
    }

    /// The push-to-talk key went down or up. False in other modes.
    pub fn talk(&mut self, on: bool, signals: &mut Signals) -> bool {
        let Outlet { segmenter, chunker, .. } = self;
        if segmenter.mode() != TurnMode::PushToTalk {
            return false;
        }
        segmenter.talk(on, &mut Work { chunker, signals });
        true
    }

    /// Nothing is sent while muted; the segment in progress is cancelled at the next block.
    pub fn mute(&mut self, on: bool) {
        self.muted = on;
    }

    /// The same for a source that cannot pause itself.
    pub fn pause(&mut self, on: bool) {
        self.paused = on;
    }

    /// Ends the running segment now and sends it.
    pub fn commit(&mut self, signals: &mut Signals) {
        let Outlet { segmenter, chunker, .. } = self;
        segmenter.commit(&mut Work { chunker, signals });
    }

    /// Drops the running segment. False in `always`, where there is no turn to drop.
    pub fn cancel(&mut self, signals: &mut Signals) -> bool {
        let Outlet { segmenter, chunker, .. } = self;
        if segmenter.mode() == TurnMode::Always {
            return false;
        }
        segmenter.abort(Reason::Cancel, &mut Work { chunker, signals });
        true
    }

    /// Gives the running segment up because the user interrupts. False where the sink wants it to go
    /// on.
    pub fn interrupt(&mut self, signals: &mut Signals) -> bool {
        let Outlet { segmenter, chunker, .. } = self;
        if self.cut_on_interrupt {
            segmenter.abort(Reason::Interrupt, &mut Work { chunker, signals });
        }
        self.cut_on_interrupt
    }

    /// The device is lost: a turn in progress is given up, since half a sentence is not what was said.
    /// A segment that is not a turn goes on, with silence.
    pub fn lose(&mut self, signals: &mut Signals) {
        let Outlet { segmenter, chunker, .. } = self;
        if segmenter.mode() != TurnMode::Always {
            segmenter.abort(Reason::Gap, &mut Work { chunker, signals });
        }
    }

    /// The stream has ended: what is open ends and is queued, and the queue is closed.
    pub fn stop(&mut self, signals: &mut Signals) {
        let Outlet { segmenter, chunker, .. } = self;
        segmenter.stop(&mut Work { chunker, signals });
        self.chunker.outfeed().close();
    }

    /// Stops at once: the segment in progress is given up, and the queue is closed.
    pub fn halt(&mut self, signals: &mut Signals) {
        let Outlet { segmenter, chunker, .. } = self;
        segmenter.close_gate(Reason::Stop, &mut Work { chunker, signals });
        self.chunker.outfeed().close();
    }

    /// Wakes the sink if it has something to do.
    pub fn wake(&mut self) {
        self.chunker.outfeed().wake();
    }

    /// Wakes the sink if it has much to do.
    pub fn wake_half(&mut self) {
        self.chunker.outfeed().wake_half();
    }
}
