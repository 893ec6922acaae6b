//! A piece of a segment on its way to a sink. Written by the pipeline thread, read by one sink task;
//! bodies travel back to be filled again, so neither side allocates.

use crate::fault::{Fault, FaultCode};

/// Encoded bytes with a capacity fixed when the pipeline was built.
///
/// Real-time safe: writing past the capacity is an error, never an allocation.
#[derive(Default)]
pub struct Body(Vec<u8>);

impl Body {
    /// An empty body for up to `bytes` bytes. Allocates.
    pub fn with_capacity(bytes: usize) -> Body {
        Body(Vec::with_capacity(bytes))
    }

    /// Bytes that still fit.
    pub fn room(&self) -> usize {
        self.0.capacity() - self.0.len()
    }

    /// Appends `bytes`, or nothing if they do not all fit.
    ///
    /// # Errors
    /// [`FaultCode::BodyFull`]: the encoder wrote more than its `max_bytes` announced.
    pub fn extend(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if bytes.len() > self.room() {
            return Err(Fault::new(FaultCode::BodyFull));
        }
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    /// Appends `bytes` zero bytes and hands them out to be written.
    ///
    /// # Errors
    /// [`FaultCode::BodyFull`], as for [`Body::extend`].
    pub fn grow(&mut self, bytes: usize) -> Result<&mut [u8], Fault> {
        if bytes > self.room() {
            return Err(Fault::new(FaultCode::BodyFull));
        }
        let start = self.0.len();
        self.0.resize(start + bytes, 0);
        Ok(&mut self.0[start..])
    }

    /// Empties the body and keeps its storage.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl std::ops::Deref for Body {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Body {
    // The bytes are somebody's voice: not for logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Body({} bytes)", self.0.len())
    }
}

/// Why a segment ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Silence for the hangover.
    SpeechEnd,
    /// The push-to-talk key was let go.
    Release,
    /// `commit`: sent now.
    Commit,
    /// The longest length was reached; the next segment goes on without a gap.
    Max,
    /// `cancel` or mute: dropped.
    Cancel,
    /// `interrupt`.
    Interrupt,
    /// Too short to be speech.
    Misfire,
    /// The source lost frames and the sink takes no holes.
    Gap,
    /// The sink's queue was full.
    Overflow,
    /// The sink's connection was lost.
    Disconnected,
    /// The run ended.
    Stop,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Reason; 11] = [
        Reason::SpeechEnd,
        Reason::Release,
        Reason::Commit,
        Reason::Max,
        Reason::Cancel,
        Reason::Interrupt,
        Reason::Misfire,
        Reason::Gap,
        Reason::Overflow,
        Reason::Disconnected,
        Reason::Stop,
    ];

    /// The name events carry.
    pub const fn name(self) -> &'static str {
        match self {
            Reason::SpeechEnd => "speech_end",
            Reason::Release => "release",
            Reason::Commit => "commit",
            Reason::Max => "max",
            Reason::Cancel => "cancel",
            Reason::Interrupt => "interrupt",
            Reason::Misfire => "misfire",
            Reason::Gap => "gap",
            Reason::Overflow => "overflow",
            Reason::Disconnected => "disconnected",
            Reason::Stop => "stop",
        }
    }
}

/// What a [`Packet`] is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PacketKind {
    /// A segment begins. The body is what the encoder writes before the first frame.
    Begin,
    /// The next frames of the segment.
    Data {
        /// Frames the body stands for, padding included.
        frames: u32,
        /// Of these, zeros added at the end to fill the chunk.
        padded: u32,
    },
    /// The segment is whole. The body is what the encoder writes after the last frame.
    End {
        /// Why.
        reason: Reason,
        /// Frames of the segment, padding not counted.
        frames: u64,
        /// One past the last frame known to be voice, at the edge's rate; the segment's end where
        /// nobody listens for voice.
        voice_end: i64,
    },
    /// The segment was given up; what was sent of it stays sent, the rest never comes.
    Abort {
        /// Why.
        reason: Reason,
    },
}

/// When a packet's first frame passed each border, in [`crate::clock`] nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stamps {
    /// The last frame of the packet was captured: before that nothing could have been sent.
    pub captured: u64,
    /// The source began to push the block with that frame: from here on the time is ours. Of a packet that
    /// waited for a decision as much before the block that brought it as its last block lies back.
    pub pushed: u64,
    /// The pipeline took up the block that completed the packet.
    pub taken: u64,
    /// The packet was encoded and queued for its sink.
    pub encoded: u64,
    /// The sink took it out of its queue.
    pub popped: u64,
}

/// A piece of a segment: its begin, some of its frames, or its end.
///
/// A packet is taken from an [`crate::Inlet`] and must be given back to it settled:
/// `delivered`, `gated` or `dropped` with a cause. A packet that is not makes the ledger of the run
/// unbalanced, which is an internal error.
#[derive(Debug)]
#[must_use = "settle it with the inlet it came from"]
pub struct Packet {
    /// What it is.
    pub kind: PacketKind,
    /// Number of the segment at this sink, from 0.
    pub segment: u64,
    /// Number of the packet within its segment, from 0.
    pub seq: u64,
    /// Position of its first frame at the edge's rate (of the segment's end for `End`, `Abort`).
    pub at: i64,
    /// Frames of the ledger's sum it carries: without padding and without silence that stands in
    /// for lost frames.
    pub counted: u32,
    /// When it passed each border.
    pub stamps: Stamps,
    /// Encoded bytes.
    pub body: Body,
}

impl Packet {
    /// Frames the packet stands for, padding included; 0 unless it is `Data`.
    pub fn frames(&self) -> u32 {
        match self.kind {
            PacketKind::Data { frames, .. } => frames,
            _ => 0,
        }
    }
}

/// What is left of a packet once its body is on the way back: its share of the ledger.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "settle it with the inlet it came from"]
pub struct Receipt {
    pub(crate) kind: Settling,
    /// Positions of its first frame and of one past its last, padding left out.
    pub(crate) at: i64,
    pub(crate) end: i64,
    pub(crate) counted: u64,
    pub(crate) padded: u64,
    pub(crate) bytes: u64,
    pub(crate) chunks: u64,
    /// Time stamps of the packet (of the latest one, when merged).
    pub stamps: Stamps,
}

impl Receipt {
    /// One receipt for both: for a sink that writes several packets as one message.
    pub fn merge(self, later: Receipt) -> Receipt {
        Receipt {
            kind: later.kind,
            at: self.at.min(later.at),
            end: self.end.max(later.end),
            counted: self.counted + later.counted,
            padded: self.padded + later.padded,
            bytes: self.bytes + later.bytes,
            chunks: self.chunks + later.chunks,
            stamps: later.stamps,
        }
    }
}

impl From<&Packet> for Receipt {
    fn from(packet: &Packet) -> Receipt {
        let (kind, padded) = match packet.kind {
            PacketKind::Data { padded, .. } => (Settling::Frames, padded),
            PacketKind::End { reason, .. } => (Settling::End(reason), 0),
            PacketKind::Begin | PacketKind::Abort { .. } => (Settling::Other, 0),
        };
        Receipt {
            kind,
            at: packet.at,
            end: packet.at + i64::from(packet.frames().saturating_sub(padded)),
            counted: u64::from(packet.counted),
            padded: u64::from(padded),
            bytes: packet.body.len() as u64,
            chunks: u64::from(matches!(packet.kind, PacketKind::Data { .. })),
            stamps: packet.stamps,
        }
    }
}

/// What a receipt stands for; of several that were merged, the last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Settling {
    Frames,
    End(Reason),
    Other,
}

/// A packet that was delivered, or several that a sink wrote as one: which frames, and when they passed
/// each border, in [`crate::clock`] nanoseconds. For measurements; see [`crate::inlet::SinkStats::watch`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Passage {
    /// Position of its first frame, at the rate of the sink's edge.
    pub at: i64,
    /// One past its last frame, padding left out.
    pub end: i64,
    /// Why the segment ended, if this is the end of one; then there are no frames.
    pub ended: Option<Reason>,
    /// When it passed each border, up to the sink.
    pub stamps: Stamps,
    /// When the sink had written it.
    pub written: u64,
}

impl Passage {
    pub(crate) fn new(receipt: &Receipt, written: u64) -> Option<Passage> {
        let ended = match receipt.kind {
            Settling::Frames => None,
            Settling::End(reason) => Some(reason),
            Settling::Other => return None,
        };
        Some(Passage { at: receipt.at, end: receipt.end, ended, stamps: receipt.stamps, written })
    }
}
