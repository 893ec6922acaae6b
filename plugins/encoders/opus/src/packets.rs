//! Sound of any length to packets of even length, each with its place in the stream. Any thread; no
//! allocation after creation.

use crate::encoder::{MAX_PACKET, OpusEncoder};
use crate::{OpusError, OpusSettings, Sample};

/// A packet, and when it is heard. Times are samples at 48 kHz since the first packet began: the
/// sound itself begins a pre-skip later.
pub(crate) struct Packet<'a> {
    pub(crate) bytes: &'a [u8],
    /// Where it begins.
    pub(crate) start: u64,
    /// Where its sound ends. Of the last packet this may be before the packet's own end.
    pub(crate) end: u64,
    /// What of the packet lies behind the sound.
    pub(crate) padding: u64,
    /// Whether no more follow.
    pub(crate) is_last: bool,
}

/// Cuts sound into frames and encodes them.
///
/// A packet is handed out when the next one is begun, because only then it is known not to be the last.
pub(crate) struct Packets {
    encoder: OpusEncoder,
    /// The frame that is not full yet.
    open: Vec<i16>,
    /// The packet that waits for the next one; none if `held` is 0.
    packet: Box<[u8; MAX_PACKET]>,
    held: usize,
    /// Samples that came.
    taken: u64,
    /// Samples of all packets.
    encoded: u64,
}

impl Packets {
    pub(crate) fn new(rate: u32, settings: &OpusSettings) -> Result<Packets, OpusError> {
        let encoder = OpusEncoder::new(rate, settings)?;
        let open = Vec::with_capacity(encoder.frame_len());
        Ok(Packets { encoder, open, packet: Box::new([0; MAX_PACKET]), held: 0, taken: 0, encoded: 0 })
    }

    pub(crate) fn encoder(&self) -> &OpusEncoder {
        &self.encoder
    }

    /// Samples that came so far.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// Whether `samples` more samples complete a frame.
    pub(crate) fn completes(&self, samples: usize) -> bool {
        self.open.len() + samples >= self.encoder.frame_len()
    }

    /// Takes `samples` and hands out the packets that are certain not to be the last.
    pub(crate) fn push<S: Sample>(
        &mut self,
        mut samples: &[S],
        mut each: impl FnMut(Packet<'_>),
    ) -> Result<(), OpusError> {
        while !samples.is_empty() {
            let (now, later) = samples.split_at(samples.len().min(self.encoder.frame_len() - self.open.len()));
            self.open.extend(now.iter().map(|sample| sample.to_i16()));
            self.taken += now.len() as u64;
            samples = later;
            if self.open.len() == self.encoder.frame_len() {
                self.encode(&mut each)?;
            }
        }
        Ok(())
    }

    /// Hands out the rest: silence follows the sound until all of it has passed the encoder.
    pub(crate) fn finish(mut self, mut each: impl FnMut(Packet<'_>)) -> Result<(), OpusError> {
        let end = self.taken + self.encoder.lookahead() as u64;
        while self.encoded < end {
            self.open.resize(self.encoder.frame_len(), 0);
            self.encode(&mut each)?;
        }
        self.hand_out(Some(end), &mut each);
        Ok(())
    }

    /// Encodes the open frame, which is full.
    fn encode(&mut self, each: &mut impl FnMut(Packet<'_>)) -> Result<(), OpusError> {
        if self.held > 0 {
            self.hand_out(None, each);
        }
        self.held = self.encoder.encode(&self.open, &mut self.packet[..])?;
        self.encoded += self.open.len() as u64;
        self.open.clear();
        Ok(())
    }

    /// Hands out the packet that waits; it is the last if the sound ends at `end`.
    fn hand_out(&mut self, end: Option<u64>, each: &mut impl FnMut(Packet<'_>)) {
        let scale = self.encoder.scale();
        let start = self.encoded - self.encoder.frame_len() as u64;
        let heard = end.unwrap_or(self.encoded);
        each(Packet {
            bytes: &self.packet[..self.held],
            start: start * scale,
            end: heard * scale,
            padding: (self.encoded - heard) * scale,
            is_last: end.is_some(),
        });
        self.held = 0;
    }
}
