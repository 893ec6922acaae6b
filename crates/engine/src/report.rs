//! The account of a run. Control thread.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;

use glottis_core::Cause;
use glottis_core::feed::FeedStats;
use glottis_core::histogram::{Counts, Quantiles};
use glottis_core::inlet::SinkStats;
use glottis_graph::StepStats;
use serde::Serialize;

/// The account of a run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Seconds from the start of the run to this account.
    #[serde(skip)]
    pub t: f64,
    /// The exit code of the run; absent while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit: Option<u8>,
    /// Whether every captured frame is accounted for at every sink. While a run is on, what is in a
    /// queue is not.
    pub balanced: bool,
    /// The source's account.
    pub source: SourceReport,
    /// Each sink's account.
    pub sinks: Vec<SinkReport>,
    /// What each node cost.
    pub nodes: Vec<NodeReport>,
    /// Events that found their ring full.
    pub events_lost: u64,
    /// CPU time of the process, in seconds.
    pub cpu_s: f64,
    /// The most memory the process has held, in bytes; 0 where the system does not tell.
    pub peak_rss_bytes: u64,
    /// The longest call of the source into its ring, in microseconds.
    pub callback_max_us: u64,
    /// The longest cycle of the pipeline thread, in microseconds.
    pub cycle_max_us: u64,
}

/// The source's account, in frames at its rate.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SourceReport {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its rate, in Hz.
    pub rate: u32,
    /// Frames it delivered, lost ones included.
    pub captured: u64,
    /// Frames lost before the graph, by cause: `overrun`, `device`, `stopped`.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Holes in the stream.
    pub gaps: u64,
    /// Overruns the device reported.
    pub xruns: u64,
    /// By how many millionths the device's clock is fast (or slow, if negative) against the system's;
    /// absent while that is not known, and for a source that is no device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift_ppm: Option<f64>,
}

/// A node's cost.
#[derive(Clone, Debug, Default, Serialize)]
pub struct NodeReport {
    /// Its name.
    pub name: String,
    /// Blocks it processed.
    pub blocks: u64,
    /// Mean time for a block, in nanoseconds. Of a source that can wait one block in seven is timed, unless
    /// a node has a budget.
    pub mean_ns: u64,
    /// The longest, in nanoseconds.
    pub max_ns: u64,
    /// Times it failed: an error, a panic, or too often late.
    pub faults: u64,
    /// Blocks that took longer than its budget.
    pub overruns: u64,
    /// Times it was tried again after it had been bypassed.
    pub rearmed: u64,
    /// Times a new version took its place.
    pub swaps: u64,
}

/// A sink's account.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SinkReport {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Rate of its edge, in Hz.
    pub rate: u32,
    /// Where every frame went.
    pub ledger: LedgerReport,
    /// Its segments.
    pub segments: Segments,
    /// Data packets delivered.
    pub chunks: u64,
    /// Messages written.
    pub messages: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Messages of the service that made no sense and were ignored.
    pub ignored: u64,
    /// Connections opened.
    pub connects: u64,
    /// Of these, after the first.
    pub reconnects: u64,
    /// Animation frames received; absent where there were none.
    #[serde(skip_serializing_if = "is_zero")]
    pub animation_frames: u64,
    /// Errors by code.
    pub errors: BTreeMap<String, u64>,
    /// How late it got through.
    pub latency_us: Latency,
}

/// Where a sink's frames went, in frames at the rate of its edge.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LedgerReport {
    /// What reached the outlet.
    pub captured: u64,
    /// Written whole to an open socket or file.
    pub delivered: u64,
    /// Not speech, muted, paused, too short or cancelled.
    pub gated: u64,
    /// Lost, by cause.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Zeros added; outside the sum.
    pub padded: u64,
    /// Whether `captured = delivered + gated + Σ dropped`.
    pub balanced: bool,
}

/// A sink's segments.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Segments {
    /// Begun.
    pub begun: u64,
    /// Ended, aborted ones included.
    pub ended: u64,
    /// Given up.
    pub aborted: u64,
    /// Onsets too short to become one.
    pub misfires: u64,
}

/// Latency of a sink's packets, in microseconds.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Latency {
    /// From capture to delivery.
    pub total: Quantiles,
    /// Its parts.
    pub stages: BTreeMap<&'static str, Quantiles>,
    /// From the source's push of a packet's last frame to delivery: the total without what the source itself
    /// took, a device's buffer for one.
    pub added: Quantiles,
    /// All that was counted, by stage and for the `total`: to look at several sinks as one.
    #[serde(skip)]
    pub counts: BTreeMap<&'static str, Counts>,
}

impl NodeReport {
    pub(crate) fn read(name: &str, stats: &StepStats) -> NodeReport {
        NodeReport {
            name: name.to_owned(),
            blocks: stats.blocks.load(Relaxed),
            mean_ns: stats.mean_ns(),
            max_ns: stats.max_ns.load(Relaxed),
            faults: stats.faults.load(Relaxed),
            overruns: stats.overruns.load(Relaxed),
            rearmed: stats.rearmed.load(Relaxed),
            swaps: stats.swaps.load(Relaxed),
        }
    }
}

impl SourceReport {
    pub(crate) fn read(kind: &str, rate: u32, stats: &FeedStats, gaps: u64, stopped: u64) -> SourceReport {
        let mut dropped = BTreeMap::new();
        for (cause, frames) in
            [("overrun", stats.overrun.load(Relaxed)), ("device", stats.lost.load(Relaxed)), ("stopped", stopped)]
        {
            if frames > 0 {
                dropped.insert(cause, frames);
            }
        }
        SourceReport {
            kind: kind.to_owned(),
            rate,
            captured: stats.captured.load(Relaxed),
            dropped,
            gaps,
            xruns: stats.xruns.load(Relaxed),
            drift_ppm: None,
        }
    }
}

impl SinkReport {
    pub(crate) fn read(
        name: &str,
        kind: &str,
        rate: u32,
        stats: &SinkStats,
        errors: &BTreeMap<String, u64>,
    ) -> SinkReport {
        let figures = stats.ledger.read();
        // The two every user looks for are always there.
        let shown = |cause: Cause, n: u64| n > 0 || matches!(cause, Cause::Disconnected | Cause::Overflow);
        let dropped = figures.dropped.iter().filter(|(c, n)| shown(*c, *n)).map(|(c, n)| (c.name(), *n)).collect();
        let counts = stats.latency();
        let [(_, total), stages @ ..] = counts.each_ref().map(|(name, counts)| (*name, counts.quantiles()));
        let connects = stats.connects.load(Relaxed);
        SinkReport {
            name: name.to_owned(),
            kind: kind.to_owned(),
            rate,
            ledger: LedgerReport {
                captured: figures.captured,
                delivered: figures.delivered,
                gated: figures.gated,
                dropped,
                padded: figures.padded,
                balanced: figures.balanced(),
            },
            segments: Segments {
                begun: stats.begun.load(Relaxed),
                ended: stats.ended.load(Relaxed),
                aborted: stats.aborted.load(Relaxed),
                misfires: stats.misfires.load(Relaxed),
            },
            chunks: stats.chunks.load(Relaxed),
            messages: stats.messages.load(Relaxed),
            bytes: stats.bytes.load(Relaxed),
            ignored: stats.ignored.load(Relaxed),
            connects,
            reconnects: connects.saturating_sub(1),
            animation_frames: stats.animation_frames.load(Relaxed),
            errors: errors.clone(),
            latency_us: Latency {
                total,
                stages: stages.into_iter().collect(),
                added: stats.added().quantiles(),
                counts: counts.into_iter().collect(),
            },
        }
    }
}

/// For a figure few sinks have.
fn is_zero(figure: &u64) -> bool {
    *figure == 0
}

/// CPU time of the process so far, in seconds; 0 where the system does not tell.
#[cfg(unix)]
pub(crate) fn cpu_seconds() -> f64 {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 * 1e-9
}

#[cfg(not(unix))]
pub(crate) fn cpu_seconds() -> f64 {
    0.0
}

/// The most memory the process has held, in bytes; 0 where the system does not tell.
pub(crate) fn peak_rss() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|l| l.trim().trim_end_matches("kB").trim().parse::<u64>().ok()).map_or(0, |kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_one_block_in_seven_is_timed_the_mean_is_of_those() {
        let stats = StepStats::default();
        for (figure, value) in [(&stats.blocks, 70), (&stats.timed, 10), (&stats.total_ns, 5_000)] {
            figure.store(value, Relaxed);
        }
        assert_eq!(NodeReport::read("vad", &stats).mean_ns, 500);
    }
}
