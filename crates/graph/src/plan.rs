//! A configuration becomes a tree: first every name and key is checked ([`Plan`]), then, once the
//! source's rate is known, the tree is built from the source down ([`Graph`]). Control side only;
//! nothing is opened here.

use std::time::Duration;

use glottis_core::inlet::{Control, Emit};
use glottis_core::param::{Kind, Param, Table};
use glottis_core::registry::ComponentKind;
use glottis_core::sink::Edge;
use glottis_core::{Context, Inlet, Node, Problem, Rate, Registry, Settings, Sink, Source};

use crate::config::{Config, Problems};
use crate::schedule::Schedule;
use crate::turn::{self, Turn};

mod again;
mod read;
mod tree;

pub use again::{BUILT_IN, Recipe};
use read::{Reader, reads};
use tree::Tree;

/// The key at the top of a configuration that says how much a millisecond is worth.
pub const LATENCY: Param = Param::new(
    "latency",
    Kind::Choice(&["normal", "lowest"]),
    "lowest: every block wakes the pipeline thread, for one system call in the capture callback, and a run's own threads share one CPU (Linux); normal: the thread looks when the next one is due",
)
.default("\"normal\"");

/// The keys at the top of a configuration.
pub const TOP: &[Param] = &[
    Param::new("version", Kind::Int(1, 1), "version of the configuration's format").default("1"),
    Param::new("plugins", Kind::TextOrList, "libraries to load"),
    LATENCY,
    Param::new("source", Kind::Map, "where sound comes from").required(),
    Param::new("node", Kind::Map, "a processing stage; any number"),
    Param::new("sink", Kind::Map, "where sound goes; at least one").required(),
];

/// The keys every source has.
pub const SOURCE: &[Param] = &[Param::new("type", Kind::Component(ComponentKind::Source), "which source").required()];

/// The keys every node has.
pub const NODE: &[Param] = &[
    Param::new("type", Kind::Component(ComponentKind::Node), "which node").required(),
    Param::new("name", Kind::Text, "the node's name; its type where none is given"),
    Param::new("input", Kind::Text, "the node that feeds it; the one before, or the source, where none is given"),
    Param::new(
        "budget",
        Kind::ChoiceOrDuration(&["auto", "off"], 1, 10_000),
        "the longest a block may take; auto: 10ms for a node from a library with a source that cannot wait, else off",
    )
    .default("\"auto\""),
    Param::new(
        "rearm",
        Kind::ChoiceOrDuration(&["off"], 10, 86_400_000),
        "how long after it was bypassed for a failure the node is tried again",
    )
    .default("\"off\""),
];

/// The keys every sink has.
pub const SINK: &[Param] = &[
    Param::new("type", Kind::Component(ComponentKind::Sink), "which sink").required(),
    Param::new("name", Kind::Text, "the sink's name; its type where none is given"),
    Param::new("input", Kind::Text, "the node that feeds it; the last one where none is given"),
    Param::new("turn", Kind::Table(turn::PARAMS), "where a segment begins and ends"),
    Param::new("chunk", Kind::Table(CHUNK), "in which pieces a segment travels"),
    Param::new("overflow", Kind::Table(OVERFLOW), "the sink's queue, and what happens when it is full"),
];

const CHUNK: &[Param] = &[
    Param::new("frames", Kind::Int(1, 96_000), "frames of a full chunk").unit("frames"),
    Param::new(
        "flush",
        Kind::Choice(&["pad", "short"]),
        "whether the last chunk of a segment is padded with silence or sent short",
    ),
];

const OVERFLOW: &[Param] = &[
    Param::new("queue", Kind::Duration(20, 600_000), "length of the queue").default("\"2s\""),
    Param::new(
        "policy",
        Kind::Choice(&["shed", "gap"]),
        "shed: the rest of the segment is given up; gap: frames are left out and the segment goes on",
    ),
];

/// A checked configuration. Nothing in it is open, and its rates are not known yet.
pub struct Plan {
    /// Where sound comes from.
    pub source: Box<dyn Source>,
    /// The source's type.
    pub source_type: String,
    /// What the pipeline thread waits for.
    pub latency: Latency,
    nodes: Vec<NodePlan>,
    sinks: Vec<SinkPlan>,
}

/// What the pipeline thread waits for, where the source cannot wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Latency {
    /// When a block is due by the source's beat, then each millisecond. The capture callback wakes nobody.
    #[default]
    Normal,
    /// To be woken by the capture callback.
    Lowest,
}

impl Latency {
    /// What the key calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Latency::Normal => "normal",
            Latency::Lowest => "lowest",
        }
    }
}

struct NodePlan {
    name: String,
    kind: String,
    /// 0 is the source, `i + 1` node `i`.
    input: usize,
    node: Box<dyn Node>,
    settings: Settings,
    params: Vec<Param>,
    written: Table,
    context: Context,
    origins: Vec<&'static str>,
}

struct SinkPlan {
    name: String,
    kind: String,
    input: usize,
    sink: Box<dyn Sink>,
    settings: Settings,
}

/// The tree, ready to run.
pub struct Graph {
    /// Runs on the pipeline thread.
    pub schedule: Schedule,
    /// The nodes, in the order they run.
    pub nodes: Vec<NodeInfo>,
    /// The sinks, each with its end of its queue.
    pub sinks: Vec<SinkEnd>,
}

/// What the control side knows of a node.
#[derive(Clone, Debug)]
pub struct NodeInfo {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// The name of what feeds it.
    pub input: String,
    /// The rate of its output.
    pub rate: Rate,
    /// By how much it delays, at the rate of its output.
    pub latency: u32,
    /// Its keys, those of the components it names included.
    pub params: Vec<Param>,
    /// Where the components it is made of come from: `"built in"`, or the file of a library.
    pub origins: Vec<&'static str>,
    /// How to make it again.
    pub recipe: Recipe,
}

/// A sink and all that belongs to it off the pipeline thread.
pub struct SinkEnd {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// The name of what feeds it.
    pub input: String,
    /// What its outlet delivers.
    pub edge: Edge,
    /// Its turn keys.
    pub turn: Turn,
    /// Delay of the nodes upstream.
    pub latency: Duration,
    /// Packets its queue holds.
    pub queue: usize,
    /// The sink.
    pub sink: Box<dyn Sink>,
    /// Its end of the queue.
    pub inlet: Inlet,
    /// The control thread's handle on it.
    pub control: Control,
}

impl Plan {
    /// Checks `config` against what `registry` knows. `context` is handed to every component, with
    /// the component's name put in.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn new(config: &Config, registry: &Registry, context: &Context) -> Result<Plan, Problems> {
        let context = &Context { reads: reads(config), ..context.clone() };
        let mut reader = Reader { config, registry, context, problems: Vec::new() };
        let plan = reader.plan();
        match plan {
            Some(plan) if reader.problems.is_empty() => Ok(plan),
            _ => Err(config.problems(reader.problems)),
        }
    }

    /// Only the source of `config`, with its type, whatever else is in it.
    ///
    /// # Errors
    /// All that is wrong with its section.
    pub fn source(
        config: &Config,
        registry: &Registry,
        context: &Context,
    ) -> Result<(String, Box<dyn Source>), Problems> {
        let mut reader = Reader { config, registry, context, problems: Vec::new() };
        let source = reader.only_source();
        match source {
            Some(source) if reader.problems.is_empty() => Ok(source),
            _ => Err(config.problems(reader.problems)),
        }
    }

    /// The names and types of the sinks.
    pub fn sinks(&self) -> impl Iterator<Item = (&str, &str)> {
        self.sinks.iter().map(|s| (s.name.as_str(), s.kind.as_str()))
    }

    /// The keys of the sink `name`.
    pub fn sink_settings(&self, name: &str) -> Option<&Settings> {
        self.sinks.iter().find(|sink| sink.name == name).map(|sink| &sink.settings)
    }

    /// The names and types of the nodes.
    pub fn nodes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.nodes.iter().map(|n| (n.name.as_str(), n.kind.as_str()))
    }

    /// Builds the tree for a source of `rate`, from the source down. `waits` says whether the source
    /// can wait; `emit(i)` is where the events of sink `i` go. The plan's source is given back.
    ///
    /// # Errors
    /// Every mismatch of rates and every refusal of a component, with both names.
    pub fn build(
        self,
        rate: Rate,
        waits: bool,
        registry: &Registry,
        emit: &dyn Fn(usize) -> Emit,
    ) -> Result<(Graph, Box<dyn Source>), Vec<Problem>> {
        let mut tree = Tree::new(rate);
        for node in self.nodes {
            tree.grow(node, waits);
        }
        let mut outlets = Vec::new();
        let mut sinks = Vec::new();
        for (index, sink) in self.sinks.into_iter().enumerate() {
            match tree.leaf(index, sink, waits, registry, emit(index)) {
                Ok((outlet, end)) => {
                    outlets.push(outlet);
                    sinks.push(end);
                }
                Err(problems) => tree.problems.extend(problems),
            }
        }
        if !tree.problems.is_empty() {
            return Err(tree.problems);
        }
        Ok((Graph { schedule: Schedule::new(rate, tree.steps, outlets), nodes: tree.nodes, sinks }, self.source))
    }
}
