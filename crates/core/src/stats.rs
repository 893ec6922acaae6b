//! What one sink counts: written by its outlet on the pipeline thread and by its task, read by anyone.

use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;

use crate::histogram::{Counts, Histogram};
use crate::ledger::Ledger;
use crate::packet::{Passage, Receipt};

type Watcher = Box<dyn Fn(&Passage) + Send + Sync>;

/// What one sink counts. Each figure has one writer; anyone may read.
#[derive(Default)]
pub struct SinkStats {
    /// The sink's side of the ledger.
    pub ledger: Ledger,
    /// Segments begun, by the outlet.
    pub begun: AtomicU64,
    /// Segments ended, aborted ones included, by the outlet.
    pub ended: AtomicU64,
    /// Segments aborted, by the outlet.
    pub aborted: AtomicU64,
    /// Onsets too short to become a segment, by the outlet.
    pub misfires: AtomicU64,
    /// Data packets delivered.
    pub chunks: AtomicU64,
    /// Messages written to the service.
    pub messages: AtomicU64,
    /// Bytes written to the service or file.
    pub bytes: AtomicU64,
    /// Messages of the service that made no sense and were ignored.
    pub ignored: AtomicU64,
    /// Connections opened.
    pub connects: AtomicU64,
    /// Animation frames received from the service.
    pub animation_frames: AtomicU64,
    latency: [Histogram; 5],
    added: Histogram,
    watcher: OnceLock<Watcher>,
}

impl SinkStats {
    /// Latency by stage, in microseconds: total, capture, encode, queue, write. The stages of one
    /// packet add up to its total.
    pub fn latency(&self) -> [(&'static str, Counts); 5] {
        let names = ["total", "capture", "encode", "queue", "write"];
        std::array::from_fn(|i| (names[i], self.latency[i].counts()))
    }

    /// What every packet took from the source's push of its last frame until it was written, in
    /// microseconds: its total without what the source itself took.
    pub fn added(&self) -> Counts {
        self.added.counts()
    }

    /// Has `watcher` called with every packet that is delivered, ends of segments included, on the sink's
    /// task: for a measurement that wants each and not the quantiles of all. The first one stays.
    pub fn watch(&self, watcher: impl Fn(&Passage) + Send + Sync + 'static) {
        // A second one has no place: two measurements of one run would disturb each other.
        let _ = self.watcher.set(Box::new(watcher));
    }

    pub(crate) fn record(&self, receipt: &Receipt, written: u64) {
        if let (Some(watcher), Some(passage)) = (self.watcher.get(), Passage::new(receipt, written)) {
            watcher(&passage);
        }
        if receipt.chunks == 0 {
            return;
        }
        let s = receipt.stamps;
        let borders = [s.captured, s.taken, s.encoded, s.popped, written];
        self.latency[0].record(written.saturating_sub(s.captured) / 1000);
        self.added.record(written.saturating_sub(s.pushed) / 1000);
        for (stage, pair) in self.latency[1..].iter().zip(borders.windows(2)) {
            stage.record(pair[1].saturating_sub(pair[0]) / 1000);
        }
    }
}
