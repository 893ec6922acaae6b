//! Denoise, limiter and earshot: what is loaded from its file does what is linked.

use std::path::Path;

use glottis::core::registry::{ComponentKind, Context};
use glottis::param::check;
use glottis::{Block, Node, Rate, Registry, Table};

use crate::build::of_crate;
use crate::support::{Project, sound};

const SENTENCE: &str = "tests/fixtures/speech/sense_and_sensibility_01_austen_64kb-0880.wav";

/// The built-in components, with those of this crate's library in the place of the linked ones.
fn with_loaded(package: &str) -> Registry {
    let mut registry = glottis::components();
    let before: Vec<&str> = registry.iter().map(|component| component.origin).collect();
    assert!(before.iter().all(|origin| *origin == "built in"));
    glottis::plugin::load(&mut registry, &of_crate(package)).unwrap_or_else(|error| panic!("{error}"));
    assert!(registry.iter().any(|component| component.origin != "built in"), "{package} takes a place");
    registry
}

fn node(registry: &Registry, kind: &str, keys: &Table, rate: Rate) -> Box<dyn Node> {
    let params = registry.get(ComponentKind::Node, kind).expect("the node").params;
    let settings = check(keys, params, "node[0]", Path::new(""), registry).expect("good keys");
    let mut node = registry.node(kind, &settings, &Context::default()).expect("a node");
    assert_eq!(node.prepare(rate), Ok(rate));
    node
}

/// The recorded sentence as samples.
fn speech() -> Vec<f32> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(SENTENCE);
    let bytes = std::fs::read(file).expect("the sentence");
    sound::samples(&bytes[44..]).into_iter().map(glottis::core::convert::i16_to_f32).collect()
}

/// Bits and marks that leave; half way a live key is set, later the node is reset.
fn through(mut node: Box<dyn Node>, rate: Rate, live: (&'static str, f64)) -> (Vec<u32>, Vec<String>) {
    let (mut input, mut output) = (Block::new(rate), Block::new(rate));
    let (mut bits, mut marks) = (vec![node.latency(), u32::from(node.hears_voice())], Vec::new());
    for (number, piece) in speech().chunks_exact(rate.block()).enumerate() {
        input.samples_mut().copy_from_slice(piece);
        match number {
            40 => node.set(live.0, live.1).expect("a live key"),
            80 => node.reset(),
            _ => {}
        }
        output.follow(&input, rate, node.latency());
        node.process(&input, &mut output).expect("a sound block");
        bits.extend(output.samples().iter().map(|s| s.to_bits()));
        marks.extend(output.marks().iter().map(|mark| format!("{mark:?}")));
        input.at = input.end();
    }
    (bits, marks)
}

/// The same node linked and loaded; gives what both do.
fn same(package: &str, kind: &str, keys: &Table, hz: u32, live: (&'static str, f64)) -> (Vec<u32>, Vec<String>) {
    let rate = Rate::new(hz).expect("a listed rate");
    let [linked, loaded] =
        [glottis::components(), with_loaded(package)].map(|from| through(node(&from, kind, keys, rate), rate, live));
    assert!(linked == loaded, "{package} at {hz} Hz");
    linked
}

#[test]
fn denoise_loaded_from_its_file_gives_the_same_bits() {
    let (bits, _) = same("glottis-node-denoise", "denoise", &Table::default(), 48_000, ("mix", 0.5));
    assert_eq!(bits[0], 480, "its delay crosses the border");
}

#[test]
fn limiter_loaded_from_its_file_gives_the_same_bits() {
    let keys = Table::default().with("target_dbfs", -16).with("ceiling_dbfs", -6);
    for hz in Rate::LIST {
        same("glottis-node-limiter", "limiter", &keys, hz, ("gain_db", 9.0));
    }
}

#[test]
fn earshot_loaded_from_its_file_gives_the_same_marks() {
    let keys = Table::default().with("detector", "earshot");
    let (_, marks) = same("glottis-detector-earshot", "vad", &keys, 16_000, ("threshold", 0.7));
    assert!(marks.iter().any(|mark| mark.contains("SpeechStart")), "{marks:?}");
}

/// All three in one pipeline of the program, from recorded speech to segments.
#[test]
fn a_front_end_of_them_finds_the_sentence() {
    let pipeline = "[source]\ntype = \"file\"\npath = \"in.wav\"\npace = \"fast\"\n\
        [[node]]\ntype = \"resample\"\nrate = 48000\n[[node]]\ntype = \"denoise\"\nmix = 0.9\n\
        [[node]]\ntype = \"resample\"\nname = \"narrow\"\nrate = 16000\n\
        [[node]]\ntype = \"limiter\"\ntarget_dbfs = -20\n[[node]]\ntype = \"vad\"\ndetector = \"earshot\"\n\
        [[sink]]\ntype = \"file\"\npath = \"out-{segment}.wav\"\nturn = { mode = \"speech\" }\n";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(SENTENCE);
    let project = Project::new(pipeline).with("in.wav", std::fs::read(file).expect("the sentence"));
    let ended = project.run(&["--json"]);
    let report = ended.exits(0).report();
    let sink = &report["sinks"][0];
    assert_eq!(sink["ledger"]["balanced"], true);
    assert!(sink["segments"]["begun"].as_u64() >= Some(1), "{sink}");
    assert!(sink["ledger"]["delivered"].as_u64() > sink["ledger"]["gated"].as_u64(), "{sink}");
}

#[test]
fn a_wrong_rate_names_the_node_to_insert() {
    let pipeline = "[source]\ntype = \"file\"\npath = \"in.wav\"\n[[node]]\ntype = \"denoise\"\n\
        [[sink]]\ntype = \"file\"\npath = \"out.wav\"\n";
    let project = Project::new(pipeline).with("in.wav", sound::wav(16_000, 1, &[0; 1_600]));
    project
        .run(&[])
        .exits(2)
        .says(&["denoise works at 48000 Hz, not at 16000 Hz", "type = \"resample\", rate = 48000"]);
}
