//! A whole pipeline without its threads, for tests and benches that look at one cycle: a device's
//! samples in, three sinks' packets out. Include it with `mod cycle;`.

#![allow(dead_code)]

use std::path::Path;
use std::sync::Arc;

use glottis::core::inlet::Emit;
use glottis::core::registry::Context;
use glottis::core::{Block, Feed, Inlet, Intake, Node, Problem, Rate, Registry};
use glottis::{Config, Plan};
use glottis_core::feed::capture_ring;
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
    /// Changes places with the node `gain`.
    spare: Box<dyn Node>,
}

impl Cycle {
    /// The tree of `text`, with `probe` as its node of that name.
    pub fn new(text: &str, probe: impl Fn() -> Box<dyn Node> + Send + Sync + 'static) -> Cycle {
        glottis_core::clock::start();
        let mut registry = glottis::components();
        test_parts(&mut registry, probe);
        let config = Config::parse(text, Path::new("cycle.toml")).expect("the tree's text");
        let plan = Plan::new(&config, &registry, &Context::default()).unwrap_or_else(|p| panic!("{p}"));
        let rate = Rate::new(HZ).expect("a listed rate");
        let emit = |_| -> Emit { Arc::new(|_| ()) };
        let (graph, _) = plan.build(rate, false, &registry, &emit).unwrap_or_else(|p| panic!("{p:?}"));
        let mut schedule = graph.schedule;
        // As with every live source.
        schedule.gauge();
        let (feed, intake) = capture_ring(rate, 50, false);
        let (signals, reader) = signals(1024, None);
        let mut sinks: Vec<Inlet> = graph.sinks.into_iter().map(|s| s.inlet).collect();
        for sink in &mut sinks {
            sink.open();
        }
        let mut spare: Box<dyn Node> = Box::new(glottis_node_gain::Gain::new(-3.0));
        spare.prepare(Rate::new(16_000).expect("a listed rate")).expect("any rate");
        Cycle {
            device: Device { feed, sound: speech(), at: 0, calls: 0 },
            pipeline: Pipeline { intake, schedule, signals, block: Block::new(rate), spare },
            sinks,
            reader,
        }
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
        let Pipeline { intake, schedule, signals, block, spare } = self;
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
            400 => _ = schedule.set(2, "db", 3.0),
            410 => _ = schedule.bypass(2, true),
            420 => _ = schedule.bypass(2, false),
            430 => assert!(schedule.replace(2, spare).is_some()),
            _ => {}
        }
        schedule.run(block, taken, signals).is_ok()
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
