//! Ten thousand words begin at random, for every detector there is: the first sample of each is in the
//! output, and no sample is there twice. In simulated time, without threads.

use std::path::Path;
use std::sync::Arc;

use glottis::core::inlet::Emit;
use glottis::core::registry::{ComponentKind, Context};
use glottis::{Block, Config, PacketKind, Plan, Rate, Registry};
use glottis_graph::signals;

#[path = "cycle/ends.rs"]
mod ends;

use ends::{Bin, NoDevice};

const ONSETS: usize = 10_000;
const HZ: u32 = 16_000;

/// A recorded sentence, and where words of it are loud from their first sample on.
fn sentence() -> (Vec<f32>, Vec<usize>) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/speech/sense_and_sensibility_01_austen_64kb-0880.wav");
    let bytes = std::fs::read(file).expect("the recording");
    let frames: Vec<f32> =
        bytes[44..].chunks_exact(2).map(|b| f32::from(i16::from_le_bytes([b[0], b[1]])) / 32_768.0).collect();
    let loud = |from: usize| frames[from..from + 160].iter().map(|x| x * x).sum::<f32>() / 160.0 > 0.001;
    let starts = (0..frames.len() - 6400).step_by(160).filter(|&at| (0..20).all(|k| loud(at + 160 * k)));
    let starts: Vec<usize> = starts.collect();
    (frames, starts)
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n
    }
}

/// The stream, sample by sample: a quiet room in which words begin.
struct Room {
    sentence: Vec<f32>,
    starts: Vec<usize>,
    random: Random,
    /// Where in the sentence, and how long still; or how long it is still quiet.
    word: Option<(usize, usize)>,
    quiet: usize,
    onsets: Vec<i64>,
}

impl Room {
    fn next(&mut self, at: i64) -> f32 {
        let hiss = (self.random.below(2001) as f32 / 1000.0 - 1.0) * 1e-4;
        if self.quiet > 0 {
            self.quiet -= 1;
            return hiss;
        }
        let (from, left) = match self.word {
            Some(word) => word,
            None => {
                self.onsets.push(at);
                let start = self.starts[self.random.below(self.starts.len())];
                (start, 3200 + self.random.below(3200))
            }
        };
        self.word = (left > 1).then_some((from + 1, left - 1));
        if self.word.is_none() {
            self.quiet = 8000 + self.random.below(4000);
        }
        self.sentence[from] + hiss
    }
}

fn words_begin_with(detector: &str) {
    let mut registry: Registry = glottis::components();
    registry.add_source("nowhere", "the test itself", &[], |_, _, _| Ok(NoDevice));
    registry.add_sink("bin", "the test itself", &[], |_, _, _| Ok(Bin));
    let text = format!(
        "[source]\ntype = \"nowhere\"\n[[node]]\ntype = \"vad\"\ndetector = \"{detector}\"\n[[sink]]\ntype = \"bin\"\n\
         turn = {{ mode = \"speech\", pre_roll = \"300ms\", hangover = \"100ms\", min_speech = \"40ms\" }}\n"
    );
    let config = Config::parse(&text, Path::new("onsets.toml")).expect("the tree's text");
    let plan = Plan::new(&config, &registry, &Context::default()).unwrap_or_else(|p| panic!("{p}"));
    let rate = Rate::new(HZ).expect("a listed rate");
    let emit = |_| -> Emit { Arc::new(|_| ()) };
    let (graph, _) = plan.build(rate, false, &registry, &emit).unwrap_or_else(|p| panic!("{p:?}"));
    let (mut signals, mut reader) = signals(1024, None);
    let (mut schedule, mut inlet) = (graph.schedule, graph.sinks.into_iter().next().expect("a sink").inlet);
    inlet.open();
    let (sentence, starts) = sentence();
    let mut room = Room { sentence, starts, random: Random(5), word: None, quiet: 16_000, onsets: Vec::new() };
    let mut spans: Vec<(i64, i64)> = Vec::new();
    let mut block = Block::new(rate);
    let mut end_at = i64::MAX;
    while block.at < end_at {
        let at = block.at;
        for (i, sample) in block.samples_mut().iter_mut().enumerate() {
            *sample = room.next(at + i as i64);
        }
        if room.onsets.len() == ONSETS && end_at == i64::MAX {
            end_at = at + 16_000;
        }
        schedule.run(&block, 0, &mut signals).expect("no node fails");
        while let Some(packet) = inlet.try_packet() {
            if let PacketKind::Data { frames, .. } = packet.kind {
                spans.push((packet.at, packet.at + i64::from(frames)));
            }
            inlet.delivered(packet);
        }
        while reader.take().is_some() {}
        block.at += 160;
    }
    for pair in spans.windows(2) {
        assert!(pair[0].1 <= pair[1].0, "{detector}: twice: {pair:?}");
    }
    let missed: Vec<i64> = room
        .onsets
        .iter()
        .take(ONSETS)
        .filter(|&&onset| {
            let next = spans.partition_point(|(from, _)| *from <= onset);
            next == 0 || spans[next - 1].1 <= onset
        })
        .copied()
        .collect();
    assert!(
        missed.is_empty(),
        "{detector}: {} of {ONSETS} words lost their first sample: {:?}",
        missed.len(),
        &missed[..missed.len().min(5)]
    );
    println!("{detector}: {ONSETS} onsets in {} s of sound", block.at / i64::from(HZ));
}

#[test]
fn the_first_sample_of_every_word_is_sent_and_none_twice() {
    let registry = glottis::components();
    let detectors: Vec<&str> =
        registry.iter().filter(|c| c.kind() == ComponentKind::Detector).map(|c| c.name).collect();
    assert!(detectors.len() >= 2, "{detectors:?}");
    for detector in detectors {
        words_begin_with(detector);
    }
}
