//! Pipelines to measure, and a node whose delay is known.

use std::path::{Path, PathBuf};
use std::time::Duration;

use glottis_core::param::{Kind, Param};
use glottis_core::{Block, Fault, Node, Problem, Rate, Registry};
use glottis_graph::Config;
use glottis_measure::{Carrier, Latency, Measured, Refused, SinkLatency};

/// Every component a test here names.
pub fn registry() -> Registry {
    let mut registry = Registry::new();
    glottis_encoder_pcm::register(&mut registry);
    glottis_node_limiter::register(&mut registry);
    glottis_node_resample::register(&mut registry);
    glottis_node_vad::register(&mut registry);
    glottis_sink_avatarkit::register(&mut registry);
    glottis_sink_file::register(&mut registry);
    glottis_sink_ravatar::register(&mut registry);
    glottis_source_file::register(&mut registry);
    glottis_source_stdin::register(&mut registry);
    registry.add_node("delay", "plays what it hears later", DELAY, |settings, _, _| {
        let frames = settings.int("frames") as usize;
        Ok(Delay { announced: settings.bool("announced"), line: vec![0.0; frames], at: 0 })
    });
    registry.add_node("mute", "silence", &[], |_, _, _| Ok(Mute));
    registry
}

const DELAY: &[Param] = &[
    Param::new("frames", Kind::Int(1, 100_000), "by how much"),
    Param::new("announced", Kind::Bool, "whether it says so").default("true"),
];

/// Delays by a number of frames, and says so or not.
struct Delay {
    announced: bool,
    line: Vec<f32>,
    at: usize,
}

impl Node for Delay {
    fn prepare(&mut self, input: Rate) -> Result<Rate, Problem> {
        Ok(input)
    }

    fn process(&mut self, input: &Block, output: &mut Block) -> Result<(), Fault> {
        for (out, sample) in output.samples_mut().iter_mut().zip(input.samples()) {
            *out = std::mem::replace(&mut self.line[self.at], *sample);
            self.at = (self.at + 1) % self.line.len();
        }
        Ok(())
    }

    fn latency(&self) -> u32 {
        if self.announced { self.line.len() as u32 } else { 0 }
    }
}

/// Lets nothing through.
struct Mute;

impl Node for Mute {
    fn prepare(&mut self, input: Rate) -> Result<Rate, Problem> {
        Ok(input)
    }

    fn process(&mut self, _: &Block, output: &mut Block) -> Result<(), Fault> {
        output.samples_mut().fill(0.0);
        Ok(())
    }
}

/// Speech of the tests, for a pipeline that sends only speech.
pub fn carrier() -> Carrier {
    let file: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures/speech/sense_and_sensibility_01_austen_64kb-0880.wav");
    let wav = std::fs::read(file).expect("a fixture");
    let samples = wav[44..].chunks_exact(2).map(|b| f32::from(i16::from_le_bytes([b[0], b[1]])) / 32_768.0);
    Carrier { hz: 16_000, speech: samples.skip(4_800).take(32_000).collect() }
}

/// A few bursts, close together.
pub fn few() -> Latency {
    Latency { bursts: 4, period: Duration::from_millis(250), carrier: Some(carrier()), ..Latency::default() }
}

/// Measures the pipeline of `text`, whose `in.wav` is a recording at `hz` in two channels.
pub fn try_measure(latency: Latency, hz: u32, text: &str) -> Result<Measured, Refused> {
    let folder = tempfile::tempdir().expect("a folder");
    let spec =
        hound::WavSpec { channels: 2, sample_rate: hz, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut wav = hound::WavWriter::create(folder.path().join("in.wav"), spec).expect("a file");
    (0..hz / 5).for_each(|_| wav.write_sample(0_i16).expect("a sample"));
    wav.finalize().expect("a file");
    let config = Config::parse(text, &folder.path().join("pipeline.toml")).expect("TOML");
    latency.measure(&config, &registry())
}

/// The one sink of a pipeline, all of whose bursts must be found; its books are in order.
#[track_caller]
pub fn measure(latency: Latency, hz: u32, text: &str) -> SinkLatency {
    let measured = try_measure(latency, hz, text).unwrap_or_else(|refused| panic!("{refused}\n{text}"));
    assert!(measured.report.balanced);
    let [sink] = &measured.sinks[..] else { panic!("one sink: {:?}", measured.sinks) };
    assert_eq!((sink.found, sink.lost), (measured.bursts, 0), "{sink:?}");
    adds_up(sink);
    sink.clone()
}

/// Parts add up to the whole, for each burst to the nanosecond, and so do the shares; nothing of note is
/// left over, and no stage took less than no time.
#[track_caller]
pub fn adds_up(sink: &SinkLatency) {
    for burst in &sink.bursts {
        assert_eq!(burst.stages_ns.iter().sum::<i64>(), burst.total_ns, "{burst:?}");
        assert_eq!(burst.stages_ns.len(), sink.stages.len());
        let rest = burst.stages_ns[burst.stages_ns.len() - 1];
        // What rounding to whole nanoseconds leaves of a dozen figures.
        assert!(rest.abs() < 1_000, "{rest} ns unaccounted for: {burst:?}");
        // A source that paces itself stamps what it should have been given, and the bench may be late: `input`.
        for (stage, ns) in sink.stages.iter().zip(&burst.stages_ns).skip(1) {
            // A position between two samples is known to a fraction of one, and so is the stage it bounds.
            assert!(*ns > -100_000, "{} took {ns} ns: {burst:?}", stage.name);
            // Between two readings of one clock.
            assert!(stage.name != "take" || *ns >= 0, "taken {ns} ns after it was pushed: {burst:?}");
        }
    }
    let shares: f64 = sink.stages.iter().map(|stage| stage.share).sum();
    assert!((shares - 1.0).abs() < 1e-9, "{shares}");
}

/// Stage `name` of a sink.
#[track_caller]
pub fn stage<'a>(sink: &'a SinkLatency, name: &str) -> &'a glottis_measure::Stage {
    sink.stages.iter().find(|stage| stage.name == name).unwrap_or_else(|| panic!("no {name}: {:?}", sink.stages))
}
