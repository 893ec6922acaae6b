//! Commands while the session is up.

use std::collections::VecDeque;

use glottis_core::sink::{SinkAction, SinkCommand};
use glottis_core::{Cause, Packet, PacketKind, Reason, Settled};

use super::say::interrupt;
use super::{Order, Work};
use crate::wire::{self, ClientPause, ClientResume, Data};

const NOTHING_SAID: &str = "nothing was said on this connection yet";

impl Work<'_> {
    /// Answered once it is written; at once if it is refused.
    pub(super) fn command(&mut self, command: SinkCommand) {
        let message = match &command.action {
            SinkAction::Interrupt => self.interrupt(),
            SinkAction::Pause(on) => self.pause(*on),
            SinkAction::Text(_) | SinkAction::StreamingUrl => {
                Err(format!("AvatarKit has no message for {}", command.action.name()))
            }
        };
        match message {
            Ok(message) => self.orders.push_back(Order { message, command: Some(command) }),
            Err(why) => self.with.inlet.answer(&command, Err(why)),
        }
    }

    /// Stops the latest request, also one that was sent whole, and drops what was to be said before the
    /// interrupt.
    fn interrupt(&mut self) -> Result<bytes::Bytes, String> {
        self.drop_request(Settled::Dropped(Cause::Interrupted));
        if !std::mem::take(&mut self.cut_seen) {
            self.drop_queued();
        }
        let request = self.requests.last().ok_or(NOTHING_SAID)?;
        (request.over, request.interrupted) = (true, true);
        Ok(interrupt(request.id.clone()))
    }

    /// Drops the packets from before the interrupt. The pipeline has cut the segment in progress by
    /// now: what is behind the cut, or behind the last whole segment if there was nothing to cut, came
    /// later.
    fn drop_queued(&mut self) {
        let mut packets: VecDeque<Packet> = std::mem::take(&mut self.with.speech.packets);
        packets.extend(std::iter::from_fn(|| self.with.inlet.try_packet()));
        let cut = |packet: &Packet| packet.kind == PacketKind::Abort { reason: Reason::Interrupt };
        let over = |packet: &Packet| matches!(packet.kind, PacketKind::End { .. } | PacketKind::Abort { .. });
        let before = packets.iter().rposition(cut).or_else(|| packets.iter().rposition(over));
        let kept = packets.split_off(before.map_or(0, |last| last + 1));
        for packet in packets {
            self.with.inlet.dropped(packet, Cause::Interrupted);
        }
        if before.is_some() {
            self.with.speech.skipping = false;
        }
        self.with.speech.packets = kept;
    }

    /// Pauses or resumes the service's playback. Speech goes on meanwhile: the service takes it in.
    fn pause(&mut self, on: bool) -> Result<bytes::Bytes, String> {
        if !self.with.confirmed.can("playback_control") {
            return Err("unsupported: the service does not offer playback control on this connection".to_owned());
        }
        let id = self.requests.last().ok_or(NOTHING_SAID)?.id.clone();
        if !on && self.playback.timed_out(&id) {
            return Err("the pause lasted too long for the service, and what was paused is over".to_owned());
        }
        Ok(wire::encode(match on {
            true => Data::ClientPause(ClientPause { req_id: id }),
            false => Data::ClientResume(ClientResume { req_id: id }),
        }))
    }
}
