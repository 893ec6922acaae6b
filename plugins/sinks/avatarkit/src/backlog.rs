//! Speech that was taken from the queue and is not known to be written: with Opus or a rate converter a
//! message carries other frames than were taken last. Owned by the sink's task; outlives connections.

use std::collections::VecDeque;

use bytes::Bytes;
use glottis_core::Receipt;

/// Bytes of a frame: mono, 16 bits.
const FRAME: usize = 2;

struct Held {
    pcm: Bytes,
    /// Frames at the front that an earlier request has carried.
    done: u64,
    /// Position of the first frame not done.
    start: u64,
    receipt: Receipt,
}

impl Held {
    fn end(&self) -> u64 {
        self.start + (self.pcm.len() / FRAME) as u64 - self.done
    }
}

/// See the module. Positions count frames of the edge from the beginning of the present request.
#[derive(Default)]
pub(crate) struct Backlog {
    held: VecDeque<Held>,
    end: u64,
    /// Handed out by [`Backlog::next`] up to here.
    fed: u64,
    /// Known to be written up to here.
    written: u64,
}

impl Backlog {
    /// Adds a packet's speech.
    pub(crate) fn push(&mut self, pcm: Bytes, receipt: Receipt) {
        let held = Held { pcm, done: 0, start: self.end, receipt };
        self.end = held.end();
        self.held.push_back(held);
    }

    /// The next frames that were not handed out, at most `most`, as little-endian samples.
    pub(crate) fn next(&mut self, most: u64) -> Option<Bytes> {
        let held = self.held.iter().find(|held| held.end() > self.fed)?;
        let from = self.fed - held.start + held.done;
        let frames = most.min(held.end() - self.fed);
        self.fed += frames;
        Some(held.pcm.slice(from as usize * FRAME..(from + frames) as usize * FRAME))
    }

    /// Whether everything was handed out.
    pub(crate) fn is_fed(&self) -> bool {
        self.fed == self.end
    }

    /// Whether anything is not known to be written.
    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Everything before `position` is written. Returns the next packet that is written whole.
    pub(crate) fn written(&mut self, position: u64) -> Option<Receipt> {
        self.written = self.written.max(position);
        let whole = self.held.front().is_some_and(|held| held.end() <= self.written);
        if whole { self.held.pop_front().map(|held| held.receipt) } else { None }
    }

    /// A new request begins: what was not written is to be handed out again, from its first frame on.
    pub(crate) fn restart(&mut self) {
        let written = self.written;
        (self.end, self.fed, self.written) = (0, 0, 0);
        for held in &mut self.held {
            held.done += written.saturating_sub(held.start);
            held.start = self.end;
            self.end = held.end();
        }
    }

    /// Gives up what is behind `position`. Returns the next packet that will not be written.
    pub(crate) fn cut(&mut self, position: u64) -> Option<Receipt> {
        if self.held.back()?.end() <= position {
            return None;
        }
        let cut = self.held.pop_back()?;
        self.end = self.held.back().map_or(self.written, Held::end);
        self.fed = self.end;
        Some(cut.receipt)
    }

    /// Gives up everything. Returns the next packet that will not be written.
    pub(crate) fn give_up(&mut self) -> Option<Receipt> {
        self.cut(0)
    }
}

#[cfg(test)]
mod tests {
    use glottis_core::packet::Stamps;
    use glottis_core::{Body, Packet, PacketKind};

    use super::*;

    /// A packet of `frames` frames, each the number of its position.
    fn packet(at: u64, frames: u64) -> (Bytes, Receipt) {
        let kind = PacketKind::Data { frames: frames as u32, padded: 0 };
        let stamps = Stamps::default();
        let body = Body::default();
        let packet = Packet { kind, segment: 0, seq: 0, at: at as i64, counted: frames as u32, stamps, body };
        let pcm = (at..at + frames).flat_map(|n| (n as i16).to_le_bytes()).collect::<Vec<_>>().into();
        (pcm, Receipt::from(&packet))
    }

    fn backlog(packets: &[u64]) -> Backlog {
        let mut backlog = Backlog::default();
        let mut at = 0;
        for frames in packets {
            let (pcm, receipt) = packet(at, *frames);
            backlog.push(pcm, receipt);
            at += frames;
        }
        backlog
    }

    fn frames(pcm: &Bytes) -> Vec<i16> {
        pcm.as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect()
    }

    fn rest(backlog: &mut Backlog, most: u64) -> Vec<Vec<i16>> {
        std::iter::from_fn(|| backlog.next(most)).map(|pcm| frames(&pcm)).collect()
    }

    #[test]
    fn speech_is_handed_out_in_order_and_in_pieces() {
        let mut backlog = backlog(&[5, 3]);
        assert_eq!(rest(&mut backlog, 4), [vec![0, 1, 2, 3], vec![4], vec![5, 6, 7]]);
        assert!(backlog.is_fed() && !backlog.is_empty());
    }

    #[test]
    fn a_packet_is_written_when_its_last_frame_is() {
        let mut backlog = backlog(&[5, 3]);
        rest(&mut backlog, 8);
        assert!(backlog.written(4).is_none());
        assert!(backlog.written(7).is_some());
        assert!(backlog.written(7).is_none());
        assert!(backlog.written(8).is_some() && backlog.is_empty());
    }

    #[test]
    fn a_new_request_goes_on_with_the_first_frame_not_written() {
        let mut backlog = backlog(&[5, 3]);
        rest(&mut backlog, 8);
        assert!(backlog.written(6).is_some());
        backlog.restart();
        assert_eq!(rest(&mut backlog, 10), [vec![6, 7]]);
        backlog.restart();
        assert_eq!(rest(&mut backlog, 1), [vec![6], vec![7]], "nothing was written in between");
        assert!(backlog.written(2).is_some() && backlog.is_empty());
    }

    #[test]
    fn what_is_cut_is_not_handed_out() {
        let mut backlog = backlog(&[5, 3, 2]);
        backlog.next(5);
        assert!(backlog.cut(5).is_some() && backlog.cut(5).is_some() && backlog.cut(5).is_none());
        assert!(backlog.is_fed() && backlog.next(9).is_none());
        assert!(backlog.written(5).is_some() && backlog.is_empty());
        let (pcm, receipt) = packet(10, 2);
        backlog.push(pcm, receipt);
        backlog.restart();
        assert_eq!(rest(&mut backlog, 9), [vec![10, 11]]);
        assert!(backlog.give_up().is_some() && backlog.give_up().is_none());
    }
}
