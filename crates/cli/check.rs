//! `glottis check`: the tree, the format of every edge, the latency budget.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use glottis::core::source::SourceFormat;
use glottis::{Graph, Latency, Pipeline, Rate, SourceError, TurnMode};
use serde_json::{Value, json};

use crate::args::Common;
use crate::explain;
use crate::run::read;

/// The rate a source is taken to have where it cannot tell without being opened.
const ASSUMED: u32 = 48_000;

/// Checks a pipeline.
pub fn check(file: &Path, common: &Common) -> ExitCode {
    let (registry, config) = match read(file, common) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let checked = Pipeline::new(&config, &registry).and_then(|pipeline| {
        let kind = config.section("source").first().and_then(|s| s.text("type")).unwrap_or_default().to_owned();
        let latency = pipeline.latency();
        pipeline.tree(Rate::for_source(ASSUMED)).map(|(graph, format)| (kind, latency, graph, format))
    });
    let (kind, latency, graph, format) = match checked {
        Ok(checked) => checked,
        Err(problems) => return explain::problems(&problems),
    };
    if common.json {
        println!("{}", tree_json(&kind, latency, &graph, &format));
    } else {
        print_tree(&kind, &graph, &format);
        println!("latency profile: {}", profile(latency));
    }
    if let Err(error) = format {
        // The configuration is right, and that is what was asked; running it now would fail.
        eprintln!("glottis: warning: {error}");
    }
    ExitCode::SUCCESS
}

fn print_tree(kind: &str, graph: &Graph, format: &Result<Option<SourceFormat>, SourceError>) {
    let (rate, note) = source_rate(format);
    println!("source  {kind}  {rate} Hz mono, blocks of 10 ms{note}");
    print_below("source", graph, 1);
    println!();
    for sink in &graph.sinks {
        let chunk = chunk_time(sink.edge.chunk_frames, sink.edge.rate);
        let total = Duration::from_millis(10) + sink.latency + chunk;
        println!(
            "latency to {}: block 10 ms + nodes {:.1} ms + chunk {:.1} ms = {:.1} ms, and the way to the service; queue of {} packets",
            sink.name,
            ms(sink.latency),
            ms(chunk),
            ms(total),
            sink.queue
        );
    }
}

/// The nodes and sinks fed by `parent`, and what hangs on them.
fn print_below(parent: &str, graph: &Graph, depth: usize) {
    let indent = "  ".repeat(depth);
    for node in graph.nodes.iter().filter(|n| n.input == parent) {
        let delay = node.rate.ns(u64::from(node.latency)) as f64 / 1e6;
        println!("{indent}└ {}  {}  {} Hz, delay {delay:.1} ms", node.name, node.kind, node.rate.hz());
        print_below(&node.name, graph, depth + 1);
    }
    for sink in graph.sinks.iter().filter(|s| s.input == parent) {
        let flush = if sink.edge.pad { "padded" } else { "short" };
        let turn = turn(sink.edge.turn);
        let frames = sink.edge.chunk_frames;
        println!("{indent}→ {}  {}  turn {turn}, chunks of {frames} frames, the last {flush}", sink.name, sink.kind);
    }
}

fn profile(latency: Latency) -> String {
    let what = match latency {
        Latency::Normal => "the pipeline looks for a block each millisecond once it is due",
        Latency::Lowest => "every block wakes the pipeline, by a system call in the capture callback",
    };
    format!("{}, {what}", latency.name())
}

fn tree_json(kind: &str, latency: Latency, graph: &Graph, format: &Result<Option<SourceFormat>, SourceError>) -> Value {
    let (rate, note) = source_rate(format);
    let nodes: Vec<Value> = graph
        .nodes
        .iter()
        .map(|n| json!({ "name": n.name, "type": n.kind, "input": n.input, "rate": n.rate.hz(), "latency_frames": n.latency }))
        .collect();
    let sinks: Vec<Value> = graph
        .sinks
        .iter()
        .map(|s| {
            let chunk = chunk_time(s.edge.chunk_frames, s.edge.rate);
            json!({
                "name": s.name, "type": s.kind, "input": s.input, "rate": s.edge.rate.hz(),
                "turn": turn(s.edge.turn), "chunk_frames": s.edge.chunk_frames, "pad": s.edge.pad, "queue_packets": s.queue,
                "latency_ms": { "block": 10.0, "nodes": ms(s.latency), "chunk": ms(chunk), "total": 10.0 + ms(s.latency) + ms(chunk) },
            })
        })
        .collect();
    json!({ "source": { "type": kind, "rate": rate, "assumed": !note.is_empty() }, "latency": latency.name(), "nodes": nodes, "sinks": sinks })
}

fn source_rate(format: &Result<Option<SourceFormat>, SourceError>) -> (u32, &'static str) {
    match format {
        Ok(Some(format)) => (format.rate.hz(), ""),
        _ => (ASSUMED, " (assumed: the source tells when it is opened)"),
    }
}

fn chunk_time(frames: u32, rate: Rate) -> Duration {
    Duration::from_nanos(rate.ns(u64::from(frames)))
}

fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e5).round() / 100.0
}

fn turn(mode: TurnMode) -> &'static str {
    match mode {
        TurnMode::Auto => "auto",
        TurnMode::Always => "always",
        TurnMode::Speech => "speech",
        TurnMode::PushToTalk => "push-to-talk",
    }
}
