//! Builds the tree once the source's rate is known, from the source down: every edge gets its
//! format, every mismatch is reported with both names.

use std::time::Duration;

use glottis_core::inlet::{Emit, queue};
use glottis_core::param;
use glottis_core::registry::ComponentKind;
use glottis_core::sink::{Edge, Overflow, Wants};
use glottis_core::{Context, Place, Problem, Rate, Registry, Settings, TurnMode};

use super::{BUILT_IN, NodeInfo, NodePlan, Recipe, SinkEnd, SinkPlan};
use crate::chunker::Pieces;
use crate::outlet::{Outlet, OutletParts};
use crate::step::{Guard, Step};
use crate::turn::Turn;

/// An edge while the tree is built.
#[derive(Clone)]
struct TreeEdge {
    name: String,
    rate: Rate,
    voice: bool,
    latency_ns: u64,
    /// A node upstream refused its input: what hangs on it is not reported again.
    broken: bool,
}

impl TreeEdge {
    fn source(rate: Rate) -> TreeEdge {
        TreeEdge { name: "source".to_owned(), rate, voice: false, latency_ns: 0, broken: false }
    }
}

/// A tree that grows: its edges, the source's first.
pub(super) struct Tree {
    edges: Vec<TreeEdge>,
    pub(super) steps: Vec<Step>,
    pub(super) nodes: Vec<NodeInfo>,
    pub(super) problems: Vec<Problem>,
}

impl Tree {
    /// A tree with the source's edge.
    pub(super) fn new(source: Rate) -> Tree {
        Tree { edges: vec![TreeEdge::source(source)], steps: Vec::new(), nodes: Vec::new(), problems: Vec::new() }
    }

    /// Prepares a node on its input's rate and adds its edge.
    pub(super) fn grow(&mut self, mut plan: NodePlan, waits: bool) {
        let input = self.edges[plan.input].clone();
        let rate = match plan.node.prepare(input.rate) {
            Ok(rate) => rate,
            Err(problem) => {
                if !input.broken {
                    let who = format!("node \"{}\", fed by \"{}\" at {}", plan.name, input.name, input.rate);
                    self.problems.push(located(problem, &plan.settings, &who));
                }
                self.edges.push(TreeEdge { name: plan.name, broken: true, ..input });
                return;
            }
        };
        let latency = plan.node.latency();
        let guard = guard(&plan, waits);
        self.edges.push(TreeEdge {
            name: plan.name.clone(),
            rate,
            voice: input.voice || plan.node.hears_voice(),
            latency_ns: input.latency_ns + rate.ns(u64::from(latency)),
            broken: input.broken,
        });
        self.nodes.push(NodeInfo {
            name: plan.name,
            kind: plan.kind,
            input: input.name,
            rate,
            latency,
            params: plan.params,
            origins: plan.origins,
            recipe: Recipe {
                written: plan.written,
                path: plan.settings.path_of("type").trim_end_matches(".type").to_owned(),
                base: plan.settings.base().to_owned(),
                context: plan.context,
                input: input.rate,
                hears_voice: plan.node.hears_voice(),
            },
        });
        self.steps.push(Step::new(plan.node, plan.input, rate).guarded(guard));
    }

    /// Makes the outlet and the queue of a sink.
    pub(super) fn leaf(
        &self,
        index: usize,
        mut plan: SinkPlan,
        waits: bool,
        registry: &Registry,
        emit: Emit,
    ) -> Result<((usize, Outlet), SinkEnd), Vec<Problem>> {
        let input = &self.edges[plan.input];
        if input.broken {
            return Err(Vec::new());
        }
        let who = format!("sink \"{}\", fed by \"{}\" at {}", plan.name, input.name, input.rate);
        let at_home = |problem: Problem| vec![located(problem, &plan.settings, &who)];

        let wants = plan.sink.wants();
        let turn = Turn::new(&plan.settings.table("turn"), wants.turn);
        let edge = edge(&plan.settings, &wants, input, turn.mode, waits);
        if turn.mode == TurnMode::Speech && !input.voice {
            return Err(at_home(
                plan.settings
                    .table("turn")
                    .problem("mode", "mode \"speech\" needs a voice detector upstream")
                    .help("add a node of type \"vad\" and let the sink's `input` name it"),
            ));
        }
        plan.sink.prepare(&edge).map_err(at_home)?;

        let component = registry.get(ComponentKind::Encoder, wants.encoder);
        let params = component.map_or(&[][..], |c| c.params);
        let encoder_settings =
            param::check(&wants.encoder_settings, params, "encoder", plan.settings.base(), registry)?;
        let mut encoder = registry.encoder(wants.encoder, &encoder_settings, &Context::default())?;
        let bytes = encoder.prepare(edge.rate, edge.chunk_frames as usize).map_err(at_home)?;

        let overflow = plan.settings.table("overflow");
        let pieces = Pieces {
            chunk: edge.chunk_frames,
            pad: edge.pad,
            overflow: match overflow.opt_text("policy") {
                Some("gap") => Overflow::Gap,
                Some(_) => Overflow::Shed,
                None => wants.overflow,
            },
        };
        let packets = packets(overflow.duration("queue"), &turn, &edge);
        let (outfeed, inlet, control) = queue(packets, bytes, emit);
        let outlet = Outlet::new(OutletParts {
            sink: index as u16,
            rate: edge.rate,
            source_rate: self.edges[0].rate,
            turn,
            pieces,
            encoder,
            outfeed,
            waits,
            cut_on_interrupt: wants.cut_on_interrupt,
        });
        let end = SinkEnd {
            name: plan.name,
            kind: plan.kind,
            input: input.name.clone(),
            edge,
            turn,
            latency: Duration::from_nanos(input.latency_ns),
            queue: packets,
            sink: plan.sink,
            inlet,
            control,
        };
        Ok(((plan.input, outlet), end))
    }
}

/// How long a node from a library may take for a block where the configuration does not say: as long as
/// the block lasts.
const BUDGET: Duration = Duration::from_millis(10);

/// What is done with a node that fails or is late. Where the source can wait there is no late.
fn guard(plan: &NodePlan, waits: bool) -> Guard {
    let loaded = plan.origins.iter().any(|origin| *origin != BUILT_IN);
    let budget = match plan.settings.text("budget") {
        "auto" => (loaded && !waits).then_some(BUDGET),
        _ => plan.settings.opt_duration("budget"),
    };
    Guard {
        budget_ns: budget.map(|budget| budget.as_nanos() as u64),
        rearm_blocks: plan.settings.opt_duration("rearm").map(|wait| (wait.as_millis() / 10) as u32),
    }
}

fn edge(settings: &Settings, wants: &Wants, input: &TreeEdge, turn: TurnMode, waits: bool) -> Edge {
    let chunk = settings.table("chunk");
    Edge {
        rate: input.rate,
        chunk_frames: chunk.opt_int("frames").map_or(wants.chunk_frames, |frames| frames as u32),
        pad: chunk.opt_text("flush").map_or(wants.pad, |flush| flush == "pad"),
        turn,
        voice: input.voice,
        waits,
    }
}

/// Packets for a queue of that length, and for all that a segment's begin lets loose at once.
fn packets(queue: Duration, turn: &Turn, edge: &Edge) -> usize {
    let frames = queue.as_millis() as usize * edge.rate.hz() as usize / 1000;
    let burst = turn.frames(edge.rate).history() + edge.rate.block();
    (frames + burst).div_ceil(edge.chunk_frames as usize) + 4
}

/// Puts a component's problem where the component stands.
fn located(mut problem: Problem, settings: &Settings, who: &str) -> Problem {
    if problem.place == Place::None {
        problem.place = settings.place("type");
    }
    if problem.path.is_empty() {
        problem.path = settings.path_of("type").trim_end_matches(".type").to_owned();
    }
    problem.message = format!("{who}: {}", problem.message);
    problem
}
