//! The report as a person reads it, on stderr.

use std::collections::BTreeMap;

use glottis::Report;

/// Prints the report.
pub fn print(report: &Report) {
    let s = &report.source;
    let seconds = if s.rate > 0 { s.captured as f64 / f64::from(s.rate) } else { 0.0 };
    eprintln!();
    eprintln!(
        "source {}: {} frames at {} Hz ({seconds:.2} s), {} gaps{}",
        s.kind,
        s.captured,
        s.rate,
        s.gaps,
        causes(&s.dropped)
    );
    let width = report.sinks.iter().map(|sink| sink.name.len()).max().unwrap_or(0).max(4);
    eprintln!();
    eprintln!(
        "{:width$}  {:>10} {:>10} {:>10} {:>9} {:>8}  {:>8} {:>8}  {:>9} {:>9}  ledger",
        "sink", "captured", "delivered", "gated", "dropped", "padded", "segments", "chunks", "p50 ms", "p99 ms"
    );
    for sink in &report.sinks {
        let l = &sink.ledger;
        eprintln!(
            "{:width$}  {:>10} {:>10} {:>10} {:>9} {:>8}  {:>8} {:>8}  {:>9.2} {:>9.2}  {}{}",
            sink.name,
            l.captured,
            l.delivered,
            l.gated,
            l.dropped.values().sum::<u64>(),
            l.padded,
            sink.segments.ended,
            sink.chunks,
            sink.latency_us.total.p50 as f64 / 1000.0,
            sink.latency_us.total.p99 as f64 / 1000.0,
            if l.balanced { "balanced" } else { "NOT BALANCED" },
            causes(&l.dropped),
        );
    }
    eprintln!();
    for sink in report.sinks.iter().filter(|sink| !sink.errors.is_empty()) {
        let errors: Vec<String> = sink.errors.iter().map(|(code, n)| format!("{code} × {n}")).collect();
        eprintln!("{}: {}", sink.name, errors.join(", "));
    }
    eprintln!(
        "{} after {:.2} s: {:.2} s CPU, {:.1} MiB at most, longest cycle {} µs, longest callback {} µs",
        if report.balanced { "balanced" } else { "NOT BALANCED: a bug, please report it" },
        report.t,
        report.cpu_s,
        report.peak_rss_bytes as f64 / (1024.0 * 1024.0),
        report.cycle_max_us,
        report.callback_max_us,
    );
}

fn causes(dropped: &BTreeMap<&'static str, u64>) -> String {
    let list: Vec<String> = dropped.iter().filter(|(_, n)| **n > 0).map(|(cause, n)| format!("{n} {cause}")).collect();
    if list.is_empty() { String::new() } else { format!(" ({})", list.join(", ")) }
}
