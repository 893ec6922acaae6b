//! Components the tests put into the tree: each does one thing wrong, or one thing visibly.

use glottis_core::param::{Kind, Param};
use glottis_core::sink::{BoxFuture, Edge, Wants};
use glottis_core::source::{Capture, SourceFormat};
use glottis_core::{
    Block, Body, Encoder, Fault, Feed, Inlet, Mark, MarkKind, Node, Place, Problem, Rate, Registry, Sink, SinkError,
    Source, SourceError, TurnMode,
};

/// A mark, and the block that carries it: the one that holds frame `carried`.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    pub carried: i64,
    pub mark: Mark,
}

/// Speech from `at`, known in the block that holds `at`.
pub fn start(at: i64) -> Heard {
    late_start(at, at)
}

/// Silence from `at`, known in the block that holds `at`.
pub fn end(at: i64) -> Heard {
    late_end(at, at)
}

/// Speech from `at`, known only in the block that holds `carried`.
pub fn late_start(at: i64, carried: i64) -> Heard {
    Heard { carried, mark: Mark { at, kind: MarkKind::SpeechStart { probability: 0.75 } } }
}

/// Silence from `at`, known only in the block that holds `carried`.
pub fn late_end(at: i64, carried: i64) -> Heard {
    Heard { carried, mark: Mark { at, kind: MarkKind::SpeechEnd { probability: 0.25 } } }
}

/// A voice detector that says what it was told to say.
pub struct Script(pub Vec<Heard>);

impl Node for Script {
    fn prepare(&mut self, input: Rate) -> Result<Rate, Problem> {
        Ok(input)
    }
    fn process(&mut self, input: &Block, output: &mut Block) -> Result<(), Fault> {
        output.samples_mut().copy_from_slice(input.samples());
        for heard in &self.0 {
            if (input.at..input.end()).contains(&heard.carried) && !output.mark(heard.mark) {
                return Err(Fault::too_many_marks());
            }
        }
        Ok(())
    }
    fn hears_voice(&self) -> bool {
        true
    }
}

/// A detector that hears voice in every third half second, and knows it a window at a time.
pub struct Windows {
    pub window: usize,
    pub filled: usize,
    pub speaking: bool,
}

impl Node for Windows {
    fn prepare(&mut self, input: Rate) -> Result<Rate, Problem> {
        Ok(input)
    }
    fn process(&mut self, input: &Block, output: &mut Block) -> Result<(), Fault> {
        output.samples_mut().copy_from_slice(input.samples());
        for end in input.at + 1..=input.end() {
            self.filled += 1;
            if self.filled < self.window {
                continue;
            }
            self.filled = 0;
            let voice = (end - 1) / (input.rate().hz() as i64 / 2) % 3 == 1;
            if std::mem::replace(&mut self.speaking, voice) != voice {
                let at = end - self.window as i64;
                let marked = output.mark(if voice { start(at).mark } else { self::end(at).mark });
                assert!(marked);
            }
        }
        Ok(())
    }
    fn hears_voice(&self) -> bool {
        true
    }
    fn needs(&self) -> usize {
        self.window - self.filled
    }
}

/// A filter with delay and no other effect.
pub struct Delay {
    frames: usize,
    line: std::collections::VecDeque<f32>,
}

impl Delay {
    pub fn new(frames: usize) -> Delay {
        Delay { frames, line: vec![0.0; frames].into() }
    }
}

impl Node for Delay {
    fn prepare(&mut self, input: Rate) -> Result<Rate, Problem> {
        Ok(input)
    }
    fn process(&mut self, input: &Block, output: &mut Block) -> Result<(), Fault> {
        self.line.extend(input.samples());
        for sample in output.samples_mut() {
            *sample = self.line.pop_front().unwrap_or(f32::NAN);
        }
        Ok(())
    }
    fn latency(&self) -> u32 {
        self.frames as u32
    }
}

/// Doubles the rate by saying everything twice. Fails from block `fails` on.
pub struct Twice {
    pub fails: i64,
    pub blocks: i64,
}

impl Node for Twice {
    fn prepare(&mut self, input: Rate) -> Result<Rate, Problem> {
        Rate::new(input.hz() * 2)
            .ok_or_else(|| Problem::new(Place::None, "", "no such rate").help("feed it half of a rate there is"))
    }
    fn process(&mut self, input: &Block, output: &mut Block) -> Result<(), Fault> {
        self.blocks += 1;
        if self.blocks > self.fails {
            return Err(Fault::failed());
        }
        for (pair, &sample) in output.samples_mut().chunks_mut(2).zip(input.samples()) {
            pair.fill(sample);
        }
        Ok(())
    }
}

/// Turns the sound upside down, times a live factor. Fails from block `fails` on, half way through.
pub struct Flip {
    pub factor: f32,
    pub fails: i64,
    pub blocks: i64,
}

impl Node for Flip {
    fn prepare(&mut self, input: Rate) -> Result<Rate, Problem> {
        Ok(input)
    }
    fn process(&mut self, input: &Block, output: &mut Block) -> Result<(), Fault> {
        self.blocks += 1;
        let fails = self.blocks > self.fails;
        let whole = input.samples().len();
        let n = if fails { whole / 2 } else { whole };
        for (out, x) in output.samples_mut().iter_mut().zip(input.samples()).take(n) {
            *out = -x * self.factor;
        }
        if fails { Err(Fault::failed()) } else { Ok(()) }
    }
    fn set(&mut self, param: &'static str, value: f64) -> Result<(), Fault> {
        if param != "factor" {
            return Err(Fault::new(glottis_core::FaultCode::BadParameter));
        }
        self.factor = value as f32;
        Ok(())
    }
}

/// A node that takes no rate.
struct Refuses;

impl Node for Refuses {
    fn prepare(&mut self, _input: Rate) -> Result<Rate, Problem> {
        Err(Problem::new(Place::None, "", "needs 12345 Hz").help("insert a node before it"))
    }
    fn process(&mut self, _input: &Block, _output: &mut Block) -> Result<(), Fault> {
        Err(Fault::failed())
    }
}

/// The samples themselves as bytes, between a `<` and a `>`. Fails on the sample `poison`.
pub struct Raw {
    pub poison: f32,
}

impl Encoder for Raw {
    fn prepare(&mut self, _rate: Rate, frames: usize) -> Result<usize, Problem> {
        Ok(4 * frames)
    }
    fn begin(&mut self, body: &mut Body) -> Result<(), Fault> {
        body.extend(b"<")
    }
    fn encode(&mut self, frames: &[f32], body: &mut Body) -> Result<(), Fault> {
        for sample in frames {
            if *sample == self.poison {
                return Err(Fault::failed());
            }
            body.extend(&sample.to_le_bytes())?;
        }
        Ok(())
    }
    fn finish(&mut self, body: &mut Body) -> Result<(), Fault> {
        body.extend(b">")
    }
}

/// A source that is never started: the tests feed the schedule themselves.
struct Still;

impl Source for Still {
    fn format(&mut self, _look: bool) -> Result<Option<SourceFormat>, SourceError> {
        Ok(None)
    }
    fn device(&self) -> String {
        "still".to_owned()
    }
    fn live(&self) -> bool {
        false
    }
    fn start(&mut self, _feed: Feed) -> Result<Box<dyn Capture>, SourceError> {
        Err(SourceError::new("Input", "never started", ""))
    }
}

/// A sink that is never run: the tests take the packets themselves.
struct Bin {
    encoder: &'static str,
    rate: Option<i64>,
    mode: TurnMode,
}

impl Sink for Bin {
    fn wants(&self) -> Wants {
        Wants { encoder: self.encoder, turn: self.mode, cut_on_interrupt: true, ..Wants::default() }
    }
    fn prepare(&mut self, edge: &Edge) -> Result<(), Problem> {
        match self.rate {
            Some(hz) if hz != i64::from(edge.rate.hz()) => {
                Err(Problem::new(Place::None, "", format!("needs {hz} Hz")).help("insert a resampler"))
            }
            _ => Ok(()),
        }
    }
    fn run<'a>(&'a mut self, _inlet: &'a mut Inlet) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

const BIN: &[Param] = &[
    Param::new("encoder", Kind::Choice(&["raw", "poisoned"]), "the encoder").default("\"raw\""),
    Param::new("rate", Kind::Int(1, 1_000_000), "the only rate it takes"),
    Param::new("default_turn", Kind::Choice(&["always", "auto"]), "the turn mode it wants").default("\"always\""),
];

const FAILS: Param = Param::new("fails", Kind::Int(0, 1_000_000), "blocks until it fails").default("1000000");

/// A registry of all of these; its `script` nodes say `heard`.
pub fn registry(heard: &[Heard]) -> Registry {
    const FLIP: &[Param] = &[FAILS, Param::new("factor", Kind::Float(0.0, 9.0), "how much").default("1.0").live()];
    let heard = heard.to_vec();
    let mut registry = Registry::new();
    registry.add_source("still", "never starts", &[], |_, _, _| Ok(Still));
    registry.add_node("script", "a detector", &[], move |_, _, _| Ok(Script(heard.clone())));
    registry.add_node(
        "windows",
        "a detector",
        const { &[Param::new("frames", Kind::Int(1, 100_000), "of a window").required()] },
        |settings, _, _| Ok(Windows { window: settings.int("frames") as usize, filled: 0, speaking: false }),
    );
    registry.add_node(
        "delay",
        "a delay",
        const { &[Param::new("frames", Kind::Int(0, 100_000), "by how much").required()] },
        |settings, _, _| Ok(Delay::new(settings.int("frames") as usize)),
    );
    registry.add_node("twice", "doubles the rate", const { &[FAILS] }, |settings, _, _| {
        Ok(Twice { fails: settings.int("fails"), blocks: 0 })
    });
    registry.add_node("flip", "turns upside down", FLIP, |settings, _, _| {
        Ok(Flip { factor: settings.float("factor") as f32, fails: settings.int("fails"), blocks: 0 })
    });
    registry.add_node("refuses", "takes nothing", &[], |_, _, _| Ok(Refuses));
    registry.add_encoder("raw", "samples", &[], |_, _, _| Ok(Raw { poison: f32::INFINITY }));
    registry
        .add_encoder("poisoned", "fails at frame 1000", &[], |_, _, _| Ok(Raw { poison: crate::rig::sample(1000) }));
    registry.add_sink("bin", "keeps nothing", BIN, |settings, _, _| {
        Ok(Bin {
            encoder: match settings.text("encoder") {
                "poisoned" => "poisoned",
                _ => "raw",
            },
            rate: settings.opt_int("rate"),
            mode: if settings.text("default_turn") == "auto" { TurnMode::Auto } else { TurnMode::Always },
        })
    });
    registry
}
