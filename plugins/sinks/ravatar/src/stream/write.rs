//! What goes out, in which order: texts and whole turns, a chunk that was cut, silence after a turn,
//! then the next packet.

use std::time::Duration;

use glottis_core::ledger::Settled;
use glottis_core::sink::SinkAction;
use glottis_core::{Cause, Packet, PacketKind, Reason, TurnMode, clock};
use glottis_net::socket::{Bytes, Lost, text};

use super::{Arrival, Work, Writing};
use crate::outbox::Letter;
use crate::trouble;

/// Audio older than this is not sent after a reconnect.
const STALE: Duration = Duration::from_millis(500);

impl Work<'_> {
    /// Begins to write what comes before the next packet, if anything does and can.
    pub(super) fn write_next(&mut self) -> Result<(), Lost> {
        if self.writing.is_some() {
            return Ok(());
        }
        while let Some(letter) = self.with.outbox.next() {
            if let Some((letter, message)) = self.fold(letter) {
                return self.write(Writing::Letter(letter), message);
            }
        }
        if self.pace.wait_until().is_some() {
            return Ok(());
        }
        if let Some(packet) = self.with.unsent.take() {
            return self.write_packet(packet);
        }
        if self.with.tail.is_due() {
            self.with.tail.sent();
            let message = self.envelope.pcm(&self.zeros);
            self.pace.sent(self.length(self.with.edge.chunk_frames));
            return self.write(Writing::Zeros, message);
        }
        Ok(())
    }

    pub(super) fn packet(&mut self, packet: Packet) -> Result<(), Lost> {
        if let Some(collector) = &mut self.with.collector {
            collector.take(self.with.inlet, self.with.outbox, packet);
            return Ok(());
        }
        match packet.kind {
            PacketKind::Data { .. } if self.is_stale(&packet) => {
                self.with.tail.lost();
                self.with.inlet.dropped(packet, Cause::Disconnected);
                Ok(())
            }
            PacketKind::Data { .. } => self.write_packet(packet),
            _ => {
                self.mark(packet);
                Ok(())
            }
        }
    }

    /// A begin or an end: nothing goes over the wire for them, the service hears turns by itself.
    fn mark(&mut self, packet: Packet) {
        match packet.kind {
            PacketKind::Begin => {
                self.with.tail.begin();
                self.spoken = false;
            }
            PacketKind::End { reason, voice_end, .. } => {
                self.with.tail.end(reason, packet.at, voice_end);
                // What goes on in the next segment is the same turn.
                self.goes_on = self.spoken && reason == Reason::Max;
                if self.spoken && !self.goes_on && self.with.edge.turn != TurnMode::Always {
                    self.owed.complete();
                }
            }
            PacketKind::Abort { .. } => {
                if self.spoken {
                    self.owed.settled();
                }
                self.goes_on = false;
            }
            PacketKind::Data { .. } => {}
        }
        self.with.inlet.delivered(packet);
    }

    fn is_stale(&mut self, packet: &Packet) -> bool {
        let age = Duration::from_nanos(clock::now().saturating_sub(packet.stamps.captured));
        self.stale = self.stale && age > STALE;
        self.stale
    }

    fn write_packet(&mut self, packet: Packet) -> Result<(), Lost> {
        if let PacketKind::Data { frames, padded } = packet.kind {
            self.pace.sent(self.length(frames));
            self.with.tail.chunk(padded);
        }
        // Counted at the turn's first audio: the service may answer before it has all of it.
        if !std::mem::replace(&mut self.spoken, true) && !std::mem::take(&mut self.goes_on) {
            self.owed.begun();
        }
        let message = self.envelope.pcm(&packet.body);
        self.write(Writing::Packet(packet), message)
    }

    /// The letter and its message; `None` if that is too long, which is told.
    fn fold(&mut self, letter: Letter) -> Option<(Letter, Bytes)> {
        let message = match &letter {
            Letter::Turn(blob) => self.envelope.blob(&blob.file, blob.flag),
            Letter::Text(command) => match &command.action {
                SinkAction::Text(text) => self.envelope.text(text),
                _ => Bytes::new(),
            },
        };
        let (bytes, most) = (message.len(), self.with.config.max_message);
        if bytes <= most {
            return Some((letter, message));
        }
        match letter {
            Letter::Turn(blob) => {
                self.with.inlet.warn(trouble::too_long(bytes, most));
                self.with.inlet.settle(blob.receipt, Settled::Dropped(Cause::Rejected));
            }
            Letter::Text(command) => {
                let why = format!("the text makes a message longer than max_message, {most} bytes");
                self.with.inlet.answer(&command, Err(why));
            }
        }
        None
    }

    fn write(&mut self, writing: Writing, message: Bytes) -> Result<(), Lost> {
        self.arrival = Arrival::Unknown;
        self.last = message.len();
        self.writing = Some((writing, message.len()));
        self.with.socket.send(text(message))
    }

    /// The message on its way is out.
    pub(super) fn written(&mut self) {
        let Some((writing, bytes)) = self.writing.take() else { return };
        self.with.inlet.wrote(1, bytes as u64);
        match writing {
            Writing::Packet(packet) => self.with.inlet.delivered(packet),
            Writing::Zeros => self.with.inlet.padded(u64::from(self.with.edge.chunk_frames)),
            Writing::Letter(letter) => {
                self.owed.begun();
                self.owed.complete();
                match letter {
                    Letter::Text(command) => self.with.inlet.answer(&command, Ok(())),
                    Letter::Turn(blob) => self.with.inlet.settle(blob.receipt, Settled::Delivered),
                }
            }
        }
    }

    fn length(&self, frames: u32) -> Duration {
        Duration::from_nanos(self.with.edge.rate.ns(u64::from(frames)))
    }

    /// Drops the oldest packet that waits: a live source goes on, and old audio helps nobody.
    pub(super) fn shed(&mut self) {
        let Some(packet) = self.with.inlet.try_packet() else { return };
        if matches!(packet.kind, PacketKind::Data { .. }) {
            self.with.tail.lost();
            self.with.inlet.dropped(packet, Cause::Overflow);
        } else {
            self.mark(packet);
        }
    }
}
