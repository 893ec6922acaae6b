//! By how much each node delays what goes through it: exact, and the same every time. The tree is run once
//! without its sinks, as fast as it goes, with a tap at every edge. Control side.

use std::collections::BTreeMap;
use std::path::Path;

use glottis_core::param::{Located, Table, Value};
use glottis_core::{Rate, Registry};
use glottis_engine::Pipeline;
use glottis_graph::{Config, Graph};
use serde::Serialize;

use crate::burst::Burst;
use crate::correlate::Correlator;
use crate::refused::Refused;
use crate::sound;
use crate::tap::{self, Tape, Tapes};
use crate::train::Train;

/// The delay of one node.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NodeDelay {
    /// Its name.
    pub name: String,
    /// The rate of its output, in Hz.
    pub hz: u32,
    /// What it says it delays, in frames of its output. The engine shifts positions for it.
    pub declared: u32,
    /// What it was found to delay beyond that, by correlation, in frames of its output; a fraction of a frame
    /// for a resampler whose delay is no whole number of them.
    pub beyond: f64,
    /// Both together.
    pub frames: f64,
    /// The same in microseconds.
    pub us: f64,
}

/// The way from the source to a sink.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    /// The nodes, from the source on.
    pub(crate) nodes: Vec<NodeDelay>,
    /// The rate of its last edge, in Hz.
    pub(crate) hz: u32,
    /// Position of that edge's first block.
    pub(crate) phase: i64,
}

impl Way {
    /// What its nodes declare, in nanoseconds.
    pub(crate) fn declared_ns(&self) -> i64 {
        self.nodes.iter().map(|node| ns(f64::from(node.declared), node.hz)).sum()
    }

    /// What its nodes delay beyond that, in seconds.
    pub(crate) fn beyond(&self) -> f64 {
        self.nodes.iter().map(|node| node.beyond / f64::from(node.hz)).sum()
    }
}

pub(crate) fn ns(frames: f64, hz: u32) -> i64 {
    (frames * 1e9 / f64::from(hz.max(1))).round() as i64
}

/// The names on the way to the edge `last`, from the source on, the source left out.
fn names(graph: &Graph, last: &str) -> Vec<usize> {
    let mut way = Vec::new();
    let mut at = last;
    while let Some(index) = graph.nodes.iter().position(|node| node.name == at) {
        way.push(index);
        at = &graph.nodes[index].input;
    }
    way.reverse();
    way
}

/// The ways of a tree whose source has `rate`, each by the name of its last edge.
pub(crate) fn ways(
    config: &Config,
    registry: &Registry,
    graph: &Graph,
    rate: Rate,
    train: &Train,
    folder: &Path,
) -> Result<BTreeMap<String, Way>, Refused> {
    let file = folder.join("edges.wav");
    sound::write_wav(&file, &train.samples(rate.hz()), rate.hz(), 1).map_err(Refused::Failed)?;
    let source = Table::default().with("type", "file").with("path", &*file.to_string_lossy()).with("pace", "fast");
    let taps =
        |edge: &str| Table::default().with("type", tap::TYPE).with("name", format!("tap-{edge}")).with("input", edge);
    let edges = || graph.nodes.iter().map(|node| node.name.as_str()).chain(["source"]);
    let tapes = Tapes::default();
    let mut nodes = config.table().clone();
    // What else is there is about real time, and there is none here.
    nodes.entries.retain(|entry| entry.key == "node");
    let table = assemble(nodes, source, edges().map(taps).collect());
    let pipeline = Pipeline::new(&Config::new(table, config.base()), &tapes.known_to(registry))
        .map_err(|problems| Refused::Failed(format!("the tree cannot be measured by itself: {problems}")))?;
    let report = pipeline.start(|_| {}).map_err(|error| Refused::Failed(error.to_string()))?.wait();
    if report.exit != Some(0) {
        return Err(Refused::Failed("the tree cannot be measured by itself: a node failed".to_owned()));
    }
    let places: BTreeMap<&str, Vec<Option<f64>>> =
        edges().map(|edge| (edge, find_all(&tapes.take(&format!("tap-{edge}")), train))).collect();
    let mut found = BTreeMap::new();
    for sink in &graph.sinks {
        found.insert(sink.input.clone(), way(graph, &sink.input, rate, &places)?);
    }
    Ok(found)
}

/// A configuration with another source and other sinks. Libraries are loaded already, and not named again.
pub(crate) fn assemble(mut table: Table, source: Table, sinks: Vec<Table>) -> Table {
    table.remove("plugins");
    let sinks = sinks.into_iter().map(|sink| Located::new(Value::Table(sink))).collect();
    table.set("source", Located::new(Value::Table(source)));
    table.set("sink", Located::new(Value::List(sinks)));
    table
}

/// When each burst came by, in seconds of the edge's own count.
fn find_all(tape: &Tape, train: &Train) -> Vec<Option<f64>> {
    let hz = tape.hz.max(1);
    let mut search = Search::new(train);
    (0..train.starts.len()).map(|number| search.next(&tape.samples, hz, number).map(|at| at / f64::from(hz))).collect()
}

fn way(graph: &Graph, last: &str, source: Rate, places: &BTreeMap<&str, Vec<Option<f64>>>) -> Result<Way, Refused> {
    let mut way = Way { nodes: Vec::new(), hz: source.hz(), phase: 0 };
    let mut rate = source;
    for index in names(graph, last) {
        let node = &graph.nodes[index];
        let (before, after) = (&places[node.input.as_str()], &places[node.name.as_str()]);
        let both = before.iter().zip(after).filter_map(|(before, after)| Some((*after)? - (*before)?));
        let hz = f64::from(node.rate.hz());
        let Some(beyond) = median(both.map(|seconds| seconds * hz).collect()) else {
            return Err(Refused::Usage(format!(
                "node \"{name}\" lets none of the bursts through that are looked for (noise from 312 to 3390 Hz): \
                 take it out of the measured pipeline, or have the sink's `input` name the node before it, \
                 --set sink.NAME.input={input}",
                name = node.name,
                input = node.input,
            )));
        };
        let frames = f64::from(node.latency) + beyond;
        way.nodes.push(NodeDelay {
            name: node.name.clone(),
            hz: node.rate.hz(),
            declared: node.latency,
            beyond,
            frames,
            us: frames * 1e6 / hz,
        });
        way.phase = rate.convert(way.phase, node.rate) - i64::from(node.latency);
        way.hz = node.rate.hz();
        rate = node.rate;
    }
    Ok(way)
}

pub(crate) fn median(mut all: Vec<f64>) -> Option<f64> {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied()
}

/// Looks for the bursts of a train one after the other: each behind the one before. The first that is found
/// may be anywhere, since a loudspeaker takes its time to begin.
pub(crate) struct Search {
    /// Where the last one was found.
    last: Option<f64>,
    /// How many were not, since.
    lost: f64,
    period: f64,
}

/// A burst may be this much later behind the one before than it was put in, in seconds.
const LATE: f64 = 2.5;

impl Search {
    pub(crate) fn new(train: &Train) -> Search {
        Search { last: None, lost: 0.0, period: train.period }
    }

    /// Where burst `number` begins in `sound`, in samples.
    pub(crate) fn next(&mut self, sound: &[f32], hz: u32, number: usize) -> Option<f64> {
        let frame = |seconds: f64| ((seconds * f64::from(hz)) as usize).min(sound.len());
        let begin = self.last.map_or(0, frame);
        let end = self.last.map_or(sound.len(), |last| frame(last + LATE + (self.lost + 2.0) * self.period));
        let place = Correlator::new(Burst::new(number as u64).samples(hz)).find(&sound[begin..end]);
        match place {
            Some(place) => {
                let at = begin as f64 + place.at;
                (self.last, self.lost) = (Some(at / f64::from(hz)), 0.0);
                Some(at)
            }
            None => {
                self.lost += 1.0;
                None
            }
        }
    }
}
