//! What the pipeline thread tells the control thread: plain values through a ring. Formatting is
//! done on the other side.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use glottis_core::sync::Bell;
use glottis_core::{FaultCode, Reason};
use ringbuf::traits::{Consumer, Observer, Producer, Split};
use ringbuf::{HeapCons, HeapProd, HeapRb};

use crate::gauge::Second;

/// Something that happened on the pipeline thread. Positions are frames at the source's rate.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Signal {
    /// Voice began.
    SpeechStart {
        /// Its first frame.
        at: i64,
        /// The detector's confidence.
        probability: f32,
    },
    /// Voice stopped; it may go on in a moment.
    MaybeEnd {
        /// One past its last frame.
        at: i64,
        /// The detector's confidence that it goes on.
        probability: f32,
    },
    /// Voice stopped and did not go on.
    SpeechEnd {
        /// One past its last frame.
        at: i64,
        /// The detector's confidence that it goes on.
        probability: f32,
    },
    /// A segment began at a sink.
    SegmentBegin {
        /// Index of the sink.
        sink: u16,
        /// Number of the segment at this sink.
        segment: u64,
        /// Its first frame.
        at: i64,
    },
    /// A segment ended at a sink: exactly one for each begin.
    SegmentEnd {
        /// Index of the sink.
        sink: u16,
        /// Number of the segment at this sink.
        segment: u64,
        /// One past its last frame.
        at: i64,
        /// Its length, at the rate of the sink's edge.
        frames: u64,
        /// Why.
        reason: Reason,
    },
    /// The source lost frames; silence stands in for them.
    Gap {
        /// The first of them.
        at: i64,
        /// How many.
        frames: u64,
    },
    /// Level of the source over the last 100 ms.
    Level {
        /// First frame of the measurement.
        at: i64,
        /// Root mean square, full scale = 1.
        rms: f32,
        /// Largest magnitude, full scale = 1.
        peak: f32,
    },
    /// What the last second of the source was like.
    Second(Second),
    /// A component failed.
    Fault {
        /// Index of the node, or of the sink whose encoder it is.
        component: Failed,
        /// How.
        code: FaultCode,
    },
    /// A node that failed is out of the way from now on.
    Bypassed {
        /// Index of the node.
        node: u16,
    },
    /// A node that was bypassed is tried again.
    Rearmed {
        /// Index of the node.
        node: u16,
    },
    /// A new node stands in the place of an old one.
    Swapped {
        /// Index of the node.
        node: u16,
        /// The first frame it gets.
        at: i64,
    },
    /// A command took effect, or could not.
    Applied {
        /// The command's number.
        id: u64,
        /// Whether it did.
        ok: bool,
    },
}

/// Which component failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failed {
    /// The node of this index.
    Node(u16),
    /// The encoder of the sink of this index.
    Encoder(u16),
}

/// The pipeline thread's end of the ring. When it is full a signal is lost and counted, unless the
/// source can wait: then so does this.
pub struct Signals {
    ring: HeapProd<Signal>,
    lost: Arc<AtomicU64>,
    reader: Option<Bell>,
    fresh: bool,
}

/// The control thread's end of the ring.
pub struct SignalReader {
    ring: HeapCons<Signal>,
    lost: Arc<AtomicU64>,
}

/// Makes both ends, for `capacity` signals. With a `reader` the writer waits for room, and rings that bell
/// for somebody to make some.
pub fn signals(capacity: usize, reader: Option<Bell>) -> (Signals, SignalReader) {
    let (input, output) = HeapRb::new(capacity.max(1)).split();
    let lost = Arc::new(AtomicU64::new(0));
    (Signals { ring: input, lost: lost.clone(), reader, fresh: false }, SignalReader { ring: output, lost })
}

impl Signals {
    /// Sends a signal.
    #[expect(clippy::disallowed_methods, reason = "only with a source that can wait")]
    pub fn put(&mut self, signal: Signal) {
        while self.ring.try_push(signal).is_err() {
            let Some(reader) = &self.reader else {
                self.lost.fetch_add(1, Relaxed);
                return;
            };
            reader.ring();
            std::thread::sleep(Duration::from_micros(50));
        }
        self.fresh = true;
    }

    /// Whether a signal was sent since the last call: then the other side is to be told.
    pub fn take_fresh(&mut self) -> bool {
        std::mem::take(&mut self.fresh)
    }

    /// Whether half of the room is used.
    pub fn is_half_full(&self) -> bool {
        self.ring.occupied_len() * 2 >= self.ring.capacity().get()
    }
}

impl SignalReader {
    /// The next signal, if there is one.
    pub fn take(&mut self) -> Option<Signal> {
        self.ring.try_pop()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    /// Signals lost so far.
    pub fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }
}
