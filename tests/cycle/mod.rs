//! A whole pipeline without its threads, for tests and benches that look at one cycle: a device's
//! samples in, the sinks' packets out. Include it with `mod cycle;`.

#![allow(dead_code)]

use std::path::Path;
use std::sync::Arc;

use glottis::core::inlet::Emit;
use glottis::core::registry::Context;
use glottis::core::{Block, Feed, Inlet, Intake, Node, Problem, Rate, Registry, TurnMode};
use glottis::param::Kind;
use glottis::{Config, Plan};
use glottis_core::feed::capture_ring;
use glottis_graph::plan::{NodeInfo, SinkEnd};
use glottis_graph::{Schedule, SignalReader, Signals, signals};

mod ends;

use ends::{Bin, NoDevice};

/// The device: 48 kHz, stereo, 16 bits.
pub const HZ: u32 = 48_000;

/// The tree of a voice front end, and a sink for every turn mode.
pub const TREE: &str = r#"
[source]
type = "device"
[[node]]
type = "high-pass"
[[node]]
type = "resample"
rate = 16000
[[node]]
type = "gain"
[[node]]
type = "vad"
[[node]]
type = "probe"
[[sink]]
name = "speech"
type = "bin"
turn = { mode = "speech", max = "2s" }
chunk = { frames = 4096, flush = "pad" }
overflow = { queue = "500ms" }
[[sink]]
name = "always"
type = "bin"
input = "source"
chunk = { frames = 480 }
overflow = { queue = "500ms" }
[[sink]]
name = "push-to-talk"
type = "bin"
turn = { mode = "push-to-talk" }
overflow = { queue = "500ms", policy = "gap" }
"#;

/// The pipeline's parts, each for the thread it belongs to.
pub struct Cycle {
    pub device: Device,
    pub pipeline: Pipeline,
    pub sinks: Vec<Inlet>,
    pub reader: SignalReader,
    /// The pipeline waits for a sink whose queue is full: it must be emptied.
    pub waits: bool,
}

/// What belongs to the device's thread.
pub struct Device {
    pub feed: Feed,
    sound: Vec<i16>,
    at: usize,
    calls: u64,
}

/// What belongs to the pipeline's thread.
pub struct Pipeline {
    pub intake: Intake,
    pub schedule: Schedule,
    pub signals: Signals,
    block: Block,
    /// Nodes that change places with those in the tree now and then, each with its index.
    spares: Vec<(usize, Box<dyn Node>)>,
    /// Parameters that are set now and then, each with the index of its node.
    live: Vec<(usize, &'static str, f64)>,
}

impl Cycle {
    /// The tree of `text`, with `probe` as its node of that name. In [`TREE`] the node `gain` is set,
    /// bypassed and swapped.
    pub fn new(text: &str, probe: impl Fn() -> Box<dyn Node> + Send + Sync + 'static) -> Cycle {
        let mut registry = glottis::components();
        test_parts(&mut registry, probe);
        let rate = Rate::new(HZ).expect("a listed rate");
        let (mut cycle, _) = Cycle::assemble(plan(text, Path::new("cycle.toml"), &registry), rate, false, &registry);
        let mut gain: Box<dyn Node> = Box::new(glottis_node_gain::Gain::new(-3.0));
        gain.prepare(Rate::new(16_000).expect("a listed rate")).expect("any rate");
        cycle.pipeline.spares.push((2, gain));
        cycle.pipeline.live.push((2, "db", 3.0));
        cycle
    }

    /// The configuration of `file`, whose text is `text`, with this device in the place of its source,
    /// which says at what rate and whether it can wait. Every node is set, bypassed and swapped, where
    /// it can be; `spoil` may make something else of the node that is swapped in.
    pub fn of(text: &str, file: &Path, spoil: impl Fn(Box<dyn Node>) -> Box<dyn Node>) -> Cycle {
        let registry = glottis::components();
        let mut plan = plan(text, file, &registry);
        let format = match plan.source.live() {
            true => None,
            false => plan.source.format(true).expect("a source that can be looked at"),
        };
        let (hz, waits) = format.map_or((HZ, false), |format| (format.rate.hz(), format.waits));
        let rate = Rate::new(hz).expect("a listed rate");
        let (mut cycle, nodes) = Cycle::assemble(plan, rate, waits, &registry);
        for (index, info) in nodes.iter().enumerate() {
            cycle.pipeline.spares.push((index, spoil(info.again(&registry).expect("the same node"))));
            let live = info.params.iter().filter(|param| param.live);
            cycle.pipeline.live.extend(live.map(|param| (index, param.name, middle(param.kind))));
        }
        cycle
    }

    fn assemble(plan: Plan, rate: Rate, waits: bool, registry: &Registry) -> (Cycle, Vec<NodeInfo>) {
        glottis_core::clock::start();
        let emit = |_| -> Emit { Arc::new(|_| ()) };
        let (graph, _) = plan.build(rate, waits, registry, &emit).unwrap_or_else(|p| panic!("{p:?}"));
        let mut schedule = graph.schedule;
        if !waits {
            // As with every live source.
            schedule.gauge();
        }
        let (feed, intake) = capture_ring(rate, 50, waits);
        let (signals, reader) = signals(1024, None);
        let cycle = Cycle {
            device: Device { feed, sound: speech(), at: 0, calls: 0 },
            pipeline: Pipeline {
                intake,
                schedule,
                signals,
                block: Block::new(rate),
                spares: Vec::new(),
                live: Vec::new(),
            },
            sinks: graph.sinks.into_iter().map(opened).collect(),
            reader,
            waits,
        };
        (cycle, graph.nodes)
    }
}

fn plan(text: &str, file: &Path, registry: &Registry) -> Plan {
    let config = Config::parse(text, file).unwrap_or_else(|p| panic!("{p}"));
    Plan::new(&config, registry, &Context::default()).unwrap_or_else(|p| panic!("{p}"))
}

/// The sink's end of its queue, as a sink that is connected leaves it.
fn opened(sink: SinkEnd) -> Inlet {
    let mut inlet = sink.inlet;
    // Where the service chooses.
    inlet.choose_turn(if sink.edge.voice { TurnMode::Speech } else { TurnMode::PushToTalk });
    inlet.open();
    inlet
}

/// A value that a parameter can have.
fn middle(kind: Kind) -> f64 {
    match kind {
        Kind::Int(min, max) => ((min + max) / 2) as f64,
        Kind::Float(min, max) => f64::midpoint(min, max),
        _ => 1.0,
    }
}

/// A recording of speech as the device delivers it.
fn speech() -> Vec<i16> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/speech/sense_and_sensibility_01_austen_64kb-0880.wav");
    let bytes = std::fs::read(file).expect("the recording");
    // 16 kHz mono, after a header of 44 bytes. Repeating frames is no good resampling, but it is speech.
    let frames = bytes[44..].chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]]));
    let silence = std::iter::repeat_n(0, 32_000);
    frames.chain(silence).flat_map(|x| [x; 6]).collect()
}

impl Device {
    /// One callback. Devices hand over what they like: the sizes differ from call to call.
    pub fn callback(&mut self, to_f32: impl Fn(i16) -> f32) {
        const SIZES: [usize; 6] = [480, 441, 512, 1024, 37, 386];
        self.calls += 1;
        let frames = SIZES[(self.calls % 6) as usize];
        let at = self.at;
        let piece = &self.sound[at..(at + 2 * frames).min(self.sound.len())];
        self.at = if at + 2 * frames >= self.sound.len() { 0 } else { at + 2 * frames };
        self.feed.push(piece, 2, glottis_core::clock::now(), to_f32);
        match self.calls % 5000 {
            1000 => self.feed.gap(700),
            2000 => self.feed.xrun(),
            _ => {}
        }
    }
}

impl Pipeline {
    /// One cycle: a block through the tree, and now and then a command before it. False: there was
    /// no block.
    pub fn cycle(&mut self, number: u64) -> bool {
        let Pipeline { intake, schedule, signals, block, spares, live } = self;
        if !matches!(intake.take(block), glottis_core::feed::Taken::Block) {
            return false;
        }
        let taken = glottis_core::clock::now();
        for outlet in schedule.outlets() {
            match number % 1000 {
                100 | 600 => _ = outlet.talk(true, signals),
                500 | 605 => _ = outlet.talk(false, signals),
                300 => outlet.commit(signals),
                700 => _ = outlet.cancel(signals),
                800 => outlet.mute(true),
                820 => outlet.mute(false),
                900 => _ = outlet.interrupt(signals),
                _ => {}
            }
        }
        match number % 1000 {
            400 => live.iter().for_each(|&(node, param, value)| _ = schedule.set(node, param, value)),
            410 => spares.iter().for_each(|&(node, _)| _ = schedule.bypass(node, true)),
            420 => spares.iter().for_each(|&(node, _)| _ = schedule.bypass(node, false)),
            430 => {
                for (node, spare) in spares {
                    assert!(schedule.replace(*node, spare).is_some(), "node {node} cannot be swapped");
                }
            }
            _ => {}
        }
        let done = schedule.run(block, taken, signals).is_ok();
        // As the thread asks after each.
        std::hint::black_box(schedule.idle_blocks());
        done
    }
}

/// A probe that lets everything through.
pub struct Through;

impl Node for Through {
    fn prepare(&mut self, input: Rate) -> Result<Rate, Problem> {
        Ok(input)
    }
    fn process(&mut self, input: &Block, output: &mut Block) -> Result<(), glottis::Fault> {
        output.samples_mut().copy_from_slice(input.samples());
        Ok(())
    }
}

/// A probe that does something to every block besides letting it through.
pub struct Does<F>(pub F);

/// A node that does something to every block besides its own work.
pub struct AlsoDoes<F>(pub F, pub Box<dyn Node>);

impl<F: FnMut() + Send> Node for AlsoDoes<F> {
    fn prepare(&mut self, input: Rate) -> Result<Rate, Problem> {
        self.1.prepare(input)
    }
    fn latency(&self) -> u32 {
        self.1.latency()
    }
    fn process(&mut self, input: &Block, output: &mut Block) -> Result<(), glottis::Fault> {
        self.0();
        self.1.process(input, output)
    }
}

impl<F: FnMut() + Send> Node for Does<F> {
    fn prepare(&mut self, input: Rate) -> Result<Rate, Problem> {
        Ok(input)
    }
    fn process(&mut self, input: &Block, output: &mut Block) -> Result<(), glottis::Fault> {
        self.0();
        Through.process(input, output)
    }
}

/// The probe, passed on by the registry.
struct Probe(Box<dyn Node>);

impl Node for Probe {
    fn prepare(&mut self, input: Rate) -> Result<Rate, Problem> {
        self.0.prepare(input)
    }
    fn process(&mut self, input: &Block, output: &mut Block) -> Result<(), glottis::Fault> {
        self.0.process(input, output)
    }
}

fn test_parts(registry: &mut Registry, probe: impl Fn() -> Box<dyn Node> + Send + Sync + 'static) {
    registry.add_source("device", "the test itself", &[], |_, _, _| Ok(NoDevice));
    registry.add_node("probe", "what the test puts here", &[], move |_, _, _| Ok(Probe(probe())));
    registry.add_sink("bin", "the test itself", &[], |_, _, _| Ok(Bin));
}
