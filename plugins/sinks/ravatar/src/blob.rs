//! Whole turns. The chunks of a segment are collected here, off the audio threads, and make one file
//! in one message at the segment's end. Owned by the sink's task; nothing here waits.

use std::time::Duration;

use glottis_core::inlet::Inlet;
use glottis_core::ledger::Settled;
use glottis_core::packet::Receipt;
use glottis_core::{Cause, Packet, PacketKind, Rate, Reason, TurnMode};

use crate::outbox::Outbox;
use crate::trouble;
use crate::voice::Flag;
use container::{Failed, Recording};

mod container;
mod opus;
mod wav;

pub(crate) use container::Container;

/// A turn ready to be sent.
pub(crate) struct Blob {
    /// The file.
    pub(crate) file: Vec<u8>,
    /// Its share of the ledger, to be settled once its fate is known.
    pub(crate) receipt: Receipt,
    /// Whether the message says `isPushToTalk`.
    pub(crate) flag: bool,
    /// How long it sounds.
    pub(crate) length: Duration,
}

/// Collects the segment in progress.
pub(crate) struct Collector {
    container: Container,
    rate: Rate,
    turn: TurnMode,
    flag: Flag,
    /// Longest file.
    most: usize,
    /// The segment in progress, unless it was given up.
    piece: Option<Piece>,
    /// What the rest of a segment that was given up is lost for.
    gone: Cause,
}

/// What has come of a segment since it began, or since it was cut.
struct Piece {
    recording: Box<dyn Recording>,
    frames: u64,
    /// `None` as long as nothing has come.
    receipt: Option<Receipt>,
}

impl Collector {
    /// For segments of `turn` at `rate`.
    pub(crate) fn new(container: Container, rate: Rate, turn: TurnMode, flag: Flag) -> Collector {
        Collector { container, rate, turn, flag, most: usize::MAX, piece: None, gone: Cause::Disconnected }
    }

    /// Files must not be longer than `bytes` from now on: a segment that would be is cut, between two
    /// chunks.
    pub(crate) fn fit(&mut self, bytes: usize) {
        self.most = bytes;
    }

    /// The bytes a file may need for a single chunk of `bytes` bytes: below that nothing can be sent.
    ///
    /// # Errors
    /// There can be no such file.
    pub(crate) fn least(&self, bytes: usize) -> Result<usize, Failed> {
        Ok(self.container.record(self.rate)?.most(bytes))
    }

    /// Takes the next packet. What is whole goes to `outbox`.
    pub(crate) fn take(&mut self, inlet: &mut Inlet, outbox: &mut Outbox, packet: Packet) {
        match packet.kind {
            PacketKind::Begin => {
                self.forget(inlet, Cause::Overflow);
                inlet.delivered(packet);
                self.begin(inlet);
            }
            PacketKind::Data { .. } => self.data(inlet, outbox, packet),
            PacketKind::End { reason, .. } => {
                inlet.delivered(packet);
                self.end(inlet, outbox, reason);
            }
            PacketKind::Abort { reason } => {
                inlet.delivered(packet);
                self.abort(inlet, outbox, reason);
            }
        }
    }

    fn begin(&mut self, inlet: &Inlet) {
        match self.container.record(self.rate) {
            Ok(recording) => self.piece = Some(Piece { recording, frames: 0, receipt: None }),
            Err(failed) => {
                self.gone = Cause::Fault;
                inlet.warn(trouble::recorder(&failed.to_string()));
            }
        }
    }

    fn data(&mut self, inlet: &mut Inlet, outbox: &mut Outbox, mut packet: Packet) {
        let PacketKind::Data { frames, padded } = packet.kind else { return };
        // A file needs no padding: its last chunk is as long as it is.
        let frames = frames.saturating_sub(padded);
        packet.kind = PacketKind::Data { frames, padded: 0 };
        let bytes = packet.body.len().min(frames as usize * 2);
        let full = self.piece.as_ref().is_some_and(|piece| piece.recording.most(bytes) > self.most);
        if full {
            self.end(inlet, outbox, Reason::Max);
            self.begin(inlet);
        }
        let Some(piece) = &mut self.piece else { return inlet.dropped(packet, self.gone) };
        if let Err(failed) = piece.recording.push(&packet.body[..bytes]) {
            inlet.warn(trouble::recorder(&failed.to_string()));
            self.forget(inlet, Cause::Fault);
            return inlet.dropped(packet, Cause::Fault);
        }
        piece.frames += u64::from(frames);
        let receipt = inlet.hold(packet);
        piece.receipt = Some(match piece.receipt.take() {
            Some(earlier) => earlier.merge(receipt),
            None => receipt,
        });
    }

    /// The segment is whole: what is left of it goes out.
    fn end(&mut self, inlet: &mut Inlet, outbox: &mut Outbox, reason: Reason) {
        if let Some(blob) = self.finish(inlet, reason) {
            outbox.turn(inlet, blob);
        }
    }

    /// The segment is given up. Only a lost connection leaves it worth sending.
    fn abort(&mut self, inlet: &mut Inlet, outbox: &mut Outbox, reason: Reason) {
        match reason {
            Reason::Disconnected => {
                if let Some(blob) = self.finish(inlet, reason) {
                    outbox.partial_turn(inlet, blob);
                }
            }
            Reason::Overflow => self.settle(inlet, Settled::Dropped(Cause::Overflow)),
            Reason::Gap => self.settle(inlet, Settled::Dropped(Cause::Gap)),
            Reason::Interrupt => self.settle(inlet, Settled::Dropped(Cause::Interrupted)),
            Reason::Stop => self.settle(inlet, Settled::Dropped(Cause::Stopped)),
            _ => self.settle(inlet, Settled::Gated),
        }
    }

    fn finish(&mut self, inlet: &mut Inlet, reason: Reason) -> Option<Blob> {
        let Piece { recording, frames, receipt } = self.piece.take()?;
        let receipt = receipt?;
        match recording.finish() {
            Ok(file) => {
                let length = Duration::from_nanos(self.rate.ns(frames));
                Some(Blob { file, receipt, flag: self.flag.of(self.turn, reason), length })
            }
            Err(failed) => {
                inlet.warn(trouble::recorder(&failed.to_string()));
                inlet.settle(receipt, Settled::Dropped(Cause::Fault));
                None
            }
        }
    }

    fn settle(&mut self, inlet: &mut Inlet, settled: Settled) {
        if let Some(Piece { receipt: Some(receipt), .. }) = self.piece.take() {
            inlet.settle(receipt, settled);
        }
    }

    /// Drops the segment in progress, and what may still come of it.
    pub(crate) fn forget(&mut self, inlet: &mut Inlet, cause: Cause) {
        self.gone = cause;
        self.settle(inlet, Settled::Dropped(cause));
    }
}
