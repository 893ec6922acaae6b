//! What goes out, in which order: orders to the service, then speech, then the end of its request.

use bytes::Bytes;
use glottis_core::{Cause, Packet, PacketKind, Reason, Settled};
use tokio::time::Instant;

use super::{Broken, Open, Order, Work, Writing};
use crate::classify::Phase;
use crate::requests::new_id;
use crate::trouble;
use crate::voice::Voice;
use crate::wire::{self, ClientAudioInput, ClientInterrupt, Data, TraceContext};

/// Messages of a second: each carries at most a tenth of one.
const PIECES: u64 = 10;

impl Work<'_> {
    /// Begins to write what is next, if anything is and nothing is being written.
    pub(super) fn write_next(&mut self) -> Result<(), Broken> {
        while self.writing.is_none() {
            if let Some(Order { message, command }) = self.orders.pop_front() {
                self.send(Writing::Order(command), message)?;
            } else if !self.with.speech.backlog.is_fed() {
                self.say()?;
            } else if self.with.speech.ending {
                self.with.speech.ending = false;
                self.end()?;
            } else if let Some(packet) = self.with.speech.packets.pop_front() {
                self.packet(packet);
            } else {
                break;
            }
        }
        Ok(())
    }

    /// Gives the next piece of speech to the request, and writes what it makes of it.
    fn say(&mut self) -> Result<(), Broken> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.begin()?,
        };
        let mut audio = Vec::new();
        let most = u64::from(self.with.edge.rate.hz()) / PIECES;
        if let Some(piece) = self.with.speech.backlog.next(most) {
            open.voice.take(&piece, &mut audio).map_err(|error| broken(error.to_string()))?;
        }
        open.heard = Instant::now();
        let written = if audio.is_empty() { Ok(()) } else { self.send_audio(&open, audio, false) };
        self.open = Some(open);
        Ok(written?)
    }

    /// Opens a request.
    fn begin(&mut self) -> Result<Open, Broken> {
        let id = new_id().map_err(|error| broken(format!("the system gives no random numbers: {error}")))?;
        let voice = Voice::new(&self.with.config.audio, self.with.edge.rate).map_err(broken)?;
        self.requests.open(id.clone());
        self.with.speech.backlog.restart();
        Ok(Open { id, voice, heard: Instant::now() })
    }

    /// Ends the open request. A segment without any audio has a request without any.
    fn end(&mut self) -> Result<(), Broken> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None if !self.with.speech.spoken => self.begin()?,
            None => return Ok(()),
        };
        let mut audio = Vec::new();
        open.voice.finish(&mut audio).map_err(|error| broken(error.to_string()))?;
        Ok(self.send_audio(&open, audio, true)?)
    }

    fn send_audio(&mut self, open: &Open, audio: Vec<u8>, end: bool) -> Result<(), glottis_net::socket::Lost> {
        let mut first = false;
        if let Some(request) = self.requests.meant(&open.id) {
            first = !std::mem::replace(&mut request.sent, true);
        }
        self.said = true;
        let trace = self.with.config.trace.as_ref().filter(|_| first);
        let trace_context = trace.map(|(traceparent, tracestate)| TraceContext {
            traceparent: traceparent.clone(),
            tracestate: tracestate.clone(),
        });
        let input = ClientAudioInput { req_id: open.id.clone(), end, audio: audio.into(), trace_context };
        let covers = open.voice.covered();
        self.send(Writing::Speech { covers }, wire::encode(Data::ClientAudioInput(input)))
    }

    /// The message on its way is out.
    pub(super) fn written(&mut self) {
        let Some((writing, bytes)) = self.writing.take() else { return };
        self.with.inlet.wrote(1, bytes as u64);
        match writing {
            Writing::Speech { covers } => {
                while let Some(receipt) = self.with.speech.backlog.written(covers) {
                    self.with.inlet.settle(receipt, Settled::Delivered);
                }
            }
            Writing::Order(Some(command)) => self.with.inlet.answer(&command, Ok(())),
            Writing::Order(None) => {}
        }
    }

    fn packet(&mut self, packet: Packet) {
        let speech = &mut *self.with.speech;
        match packet.kind {
            PacketKind::Data { .. } if speech.skipping => self.with.inlet.dropped(packet, Cause::Interrupted),
            PacketKind::Data { .. } => {
                speech.spoken = true;
                let pcm = Bytes::copy_from_slice(&packet.body);
                let receipt = self.with.inlet.hold(packet);
                speech.backlog.push(pcm, receipt);
            }
            PacketKind::Begin => {
                (speech.spoken, speech.skipping) = (false, false);
                self.with.inlet.delivered(packet);
            }
            PacketKind::End { .. } => {
                speech.ending = !std::mem::take(&mut speech.skipping);
                self.with.inlet.delivered(packet);
            }
            PacketKind::Abort { reason } => {
                speech.skipping = false;
                self.with.inlet.delivered(packet);
                self.given_up(reason);
            }
        }
    }

    /// The segment was given up on this side.
    fn given_up(&mut self, reason: Reason) {
        match reason {
            Reason::Interrupt => {
                // The command comes behind its cut, and tells the service.
                self.cut_seen = true;
                self.drop_request(Settled::Dropped(Cause::Interrupted));
            }
            Reason::Disconnected => _ = self.drop_request(Settled::Dropped(Cause::Disconnected)),
            Reason::Cancel => self.abandon(Settled::Gated),
            Reason::Overflow => self.abandon(Settled::Dropped(Cause::Overflow)),
            _ => self.abandon(Settled::Dropped(Cause::Stopped)),
        }
    }

    /// Gives up the open request, and says so if the service has heard of it: what it has of it shall
    /// not be played.
    pub(super) fn abandon(&mut self, settled: Settled) {
        if let Some(id) = self.drop_request(settled)
            && self.requests.meant(&id).is_some_and(|request| request.sent)
        {
            self.orders.push_back(Order { message: interrupt(id), command: None });
        }
    }

    /// Forgets the open request, and what is not written of it. Returns its id.
    pub(super) fn drop_request(&mut self, settled: Settled) -> Option<String> {
        let covers = match self.writing {
            Some((Writing::Speech { covers }, _)) => covers,
            _ => 0,
        };
        while let Some(receipt) = self.with.speech.backlog.cut(covers) {
            self.with.inlet.settle(receipt, settled);
        }
        self.with.speech.ending = false;
        let id = self.open.take()?.id;
        if let Some(request) = self.requests.meant(&id) {
            (request.over, request.interrupted) = (true, true);
        }
        Some(id)
    }
}

/// Something that no service and no setting can cause.
fn broken(why: String) -> Broken {
    let advice = "this should not happen; please report it";
    Broken::Here(Box::new(trouble::setting(Phase::Send, why, advice)))
}

pub(super) fn interrupt(req_id: String) -> Bytes {
    wire::encode(Data::ClientInterrupt(ClientInterrupt { req_id }))
}
