//! Where every captured frame went. Counters are atomics: each has one writer, anyone may read.
//!
//! The law of the ledger: `captured = delivered + gated + Σ dropped`, per sink, at every stop.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Why frames that were wanted did not get through.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Cause {
    /// The source lost them: silence stands in for them.
    Gap,
    /// The sink's queue was full.
    Overflow,
    /// The sink's connection was lost, or not there.
    Disconnected,
    /// The run was stopped before they got through.
    Stopped,
    /// The service or the user interrupted the segment.
    Interrupted,
    /// The service refused them.
    Rejected,
    /// The sink had given up.
    GaveUp,
    /// The encoder failed on them.
    Fault,
}

impl Cause {
    /// Every cause, in the order of a report.
    pub const ALL: [Cause; 8] = [
        Cause::Gap,
        Cause::Overflow,
        Cause::Disconnected,
        Cause::Stopped,
        Cause::Interrupted,
        Cause::Rejected,
        Cause::GaveUp,
        Cause::Fault,
    ];

    /// The name reports carry.
    pub const fn name(self) -> &'static str {
        match self {
            Cause::Gap => "gap",
            Cause::Overflow => "overflow",
            Cause::Disconnected => "disconnected",
            Cause::Stopped => "stopped",
            Cause::Interrupted => "interrupted",
            Cause::Rejected => "rejected",
            Cause::GaveUp => "gave_up",
            Cause::Fault => "fault",
        }
    }
}

/// What became of a packet's frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Settled {
    /// Written whole to an open socket or file.
    Delivered,
    /// Not wanted: the turn was cancelled, or was none.
    Gated,
    /// Wanted, and lost.
    Dropped(Cause),
}

/// A sink's side of the ledger, in frames at the rate of its edge.
#[derive(Default, Debug)]
pub struct Ledger {
    /// What reached the outlet.
    pub captured: AtomicU64,
    /// Written whole to an open socket or file.
    pub delivered: AtomicU64,
    /// Not speech, muted, paused, too short or cancelled.
    pub gated: AtomicU64,
    /// Zeros added; outside the sum.
    pub padded: AtomicU64,
    dropped: [AtomicU64; Cause::ALL.len()],
}

impl Ledger {
    /// Counts `frames` that did not get through because of `cause`. Real-time safe.
    pub fn drop_frames(&self, frames: u64, cause: Cause) {
        self.dropped[cause as usize].fetch_add(frames, Relaxed);
    }

    /// Counts `frames` by what became of them. Real-time safe.
    pub fn settle(&self, frames: u64, settled: Settled) {
        match settled {
            Settled::Delivered => {
                self.delivered.fetch_add(frames, Relaxed);
            }
            Settled::Gated => {
                self.gated.fetch_add(frames, Relaxed);
            }
            Settled::Dropped(cause) => self.drop_frames(frames, cause),
        }
    }

    /// The figures now. They sum up once pipeline and sink have stopped.
    pub fn read(&self) -> LedgerFigures {
        LedgerFigures {
            captured: self.captured.load(Relaxed),
            delivered: self.delivered.load(Relaxed),
            gated: self.gated.load(Relaxed),
            padded: self.padded.load(Relaxed),
            dropped: Cause::ALL.map(|cause| (cause, self.dropped[cause as usize].load(Relaxed))),
        }
    }
}

/// A [`Ledger`] at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LedgerFigures {
    /// What reached the outlet.
    pub captured: u64,
    /// Written whole to an open socket or file.
    pub delivered: u64,
    /// Not speech, muted, paused, too short or cancelled.
    pub gated: u64,
    /// Zeros added; outside the sum.
    pub padded: u64,
    /// Lost, by cause.
    pub dropped: [(Cause, u64); Cause::ALL.len()],
}

impl LedgerFigures {
    /// Frames lost for any cause.
    pub fn dropped_total(&self) -> u64 {
        self.dropped.iter().map(|(_, frames)| frames).sum()
    }

    /// Frames lost because of `cause`.
    pub fn dropped_by(&self, cause: Cause) -> u64 {
        self.dropped[cause as usize].1
    }

    /// Whether every captured frame is accounted for.
    pub fn balanced(&self) -> bool {
        self.captured == self.delivered + self.gated + self.dropped_total()
    }
}
