//! A component is the same whether it was linked or loaded from its file.

use std::path::Path;

use glottis::core::registry::{ComponentKind, Context};
use glottis::param::check;
use glottis::{Block, Node, Rate, Registry, Table};

use crate::build;

/// A registry with nothing but the library at `path`.
pub fn loaded(path: &Path) -> Registry {
    let mut registry = Registry::new();
    glottis::plugin::load(&mut registry, path).unwrap_or_else(|error| panic!("{error}"));
    registry
}

/// A prepared node of `registry`.
pub fn node(registry: &Registry, kind: &str, keys: &Table, rate: Rate) -> Box<dyn Node> {
    let params = registry.get(ComponentKind::Node, kind).expect("the node").params;
    let settings = check(keys, params, "node[0]", Path::new(""), registry).expect("good keys");
    let mut node = registry.node(kind, &settings, &Context::default()).expect("a node");
    assert_eq!(node.prepare(rate), Ok(rate));
    node
}

/// Noise, block after block, through a node; `before` is called with the number of each block.
pub fn through(mut node: Box<dyn Node>, rate: Rate, mut before: impl FnMut(usize, &mut dyn Node)) -> Vec<u32> {
    let (mut input, mut output) = (Block::new(rate), Block::new(rate));
    let mut state = 1_u32;
    let mut heard = Vec::new();
    for number in 0..200 {
        for sample in input.samples_mut() {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *sample = (state as i32) as f32 / 2.0_f32.powi(31);
        }
        before(number, node.as_mut());
        output.follow(&input, rate, node.latency());
        node.process(&input, &mut output).expect("a sound block");
        heard.extend(output.samples().iter().map(|s| s.to_bits()));
        input.at = input.end();
    }
    heard
}

#[test]
fn gain_loaded_from_its_file_gives_the_same_bits() {
    let library = loaded(&build::of_crate("glottis-node-gain"));
    let linked = glottis::components();
    let turn = |number: usize, node: &mut dyn Node| match number {
        50 => node.set("db", -12.0).expect("a live key"),
        100 => node.reset(),
        150 => assert!(node.set("db", 99.0).is_err() && node.set("bd", 0.0).is_err()),
        _ => {}
    };
    for hz in Rate::LIST {
        let rate = Rate::new(hz).unwrap();
        let keys = Table::default().with("db", 3.7);
        let outputs = [&linked, &library].map(|from| through(node(from, "gain", &keys, rate), rate, turn));
        assert!(outputs[0] == outputs[1], "at {rate}");
    }
}

/// Noise through a node that may change the rate.
fn converted(registry: &Registry, kind: &str, keys: &Table, from: Rate) -> Vec<u32> {
    let params = registry.get(ComponentKind::Node, kind).expect("the node").params;
    let settings = check(keys, params, "node[0]", Path::new(""), registry).expect("good keys");
    let mut node = registry.node(kind, &settings, &Context::default()).expect("a node");
    let to = node.prepare(from).expect("a rate it takes");
    let (mut input, mut output) = (Block::new(from), Block::new(to));
    let noise = crate::support::sound::noise(100 * from.block(), 2);
    let mut heard = vec![node.latency(), u32::from(node.hears_voice())];
    for piece in noise.chunks(from.block()) {
        for (sample, &x) in input.samples_mut().iter_mut().zip(piece) {
            // Loud and soft in turns, for those who listen.
            *sample = f32::from(x) / 32_768.0 * if input_is_loud(heard.len()) { 1.0 } else { 0.001 };
        }
        output.follow(&input, to, node.latency());
        node.process(&input, &mut output).expect("a sound block");
        heard.extend(output.samples().iter().map(|s| s.to_bits()));
        heard.extend(format!("{:?}", output.marks()).bytes().map(u32::from));
        input.at = input.end();
    }
    heard
}

fn input_is_loud(heard: usize) -> bool {
    (heard / 5000).is_multiple_of(2)
}

#[test]
fn filters_converters_and_detectors_give_the_same_bits_and_marks() {
    let linked = glottis::components();
    let rate = |hz| Rate::new(hz).unwrap();
    for (package, kind, keys, from) in [
        ("glottis-node-high-pass", "high-pass", Table::default(), 48_000),
        ("glottis-node-resample", "resample", Table::default().with("rate", 16_000), 44_100),
        ("glottis-node-resample", "resample", Table::default().with("rate", 48_000).with("quality", "fast"), 16_000),
        ("glottis-node-vad", "vad", Table::default().with("detector", "energy"), 16_000),
        ("glottis-node-vad", "vad", Table::default().with("detector", "webrtc").with("aggressiveness", 1), 48_000),
    ] {
        let library = loaded(&build::of_crate(package));
        let from = rate(from);
        let outputs = [&linked, &library].map(|registry| converted(registry, kind, &keys, from));
        assert!(outputs[0] == outputs[1], "{kind} {keys:?}");
        // The linked node with the library's detector.
        if kind == "vad" {
            let mut mixed = glottis::components();
            library.iter().filter(|c| c.kind() == ComponentKind::Detector).for_each(|c| mixed.add(c.clone()));
            assert!(converted(&mixed, kind, &keys, from) == outputs[0], "{keys:?}");
        }
    }
}

#[test]
fn encoders_give_the_same_bytes() {
    let library = loaded(&build::of_crate("glottis-encoder-pcm"));
    let linked = glottis::components();
    let noise: Vec<f32> = crate::support::sound::noise(4096, 4).iter().map(|&x| f32::from(x) / 30_000.0).collect();
    for (kind, keys) in [
        ("pcm16", Table::default()),
        ("pcm16", Table::default().with("dither", true)),
        ("f32", Table::default()),
        ("wav", Table::default()),
    ] {
        let bytes = [&linked, &library].map(|registry| {
            let params = registry.get(ComponentKind::Encoder, kind).expect("the encoder").params;
            let settings = check(&keys, params, "encoder", Path::new(""), registry).expect("good keys");
            let mut encoder = registry.encoder(kind, &settings, &Context::default()).expect("an encoder");
            let most = encoder.prepare(Rate::new(24_000).unwrap(), noise.len()).expect("a rate it takes");
            let mut written = most.to_le_bytes().to_vec();
            for _ in 0..2 {
                let mut body = glottis::Body::with_capacity(most + 44);
                encoder.begin(&mut body).expect("room");
                noise.chunks(999).for_each(|piece| encoder.encode(piece, &mut body).expect("room"));
                encoder.finish(&mut body).expect("room");
                written.extend_from_slice(&body);
            }
            written
        });
        assert!(bytes[0] == bytes[1], "{kind} {keys:?}");
        let mut small = glottis::Body::with_capacity(7);
        let settings =
            check(&keys, library.get(ComponentKind::Encoder, kind).unwrap().params, "", Path::new(""), &library);
        let mut encoder = library.encoder(kind, &settings.unwrap(), &Context::default()).unwrap();
        encoder.prepare(Rate::new(24_000).unwrap(), 4096).unwrap();
        assert!(encoder.encode(&noise, &mut small).is_err() && small.is_empty(), "what has no room is a fault");
    }
}

#[test]
fn keys_cross_the_border_whole() {
    let library = loaded(&build::of_crate("glottis-node-gain"));
    let linked = glottis::components();
    let of = |registry: &Registry| format!("{:?}", registry.get(ComponentKind::Node, "gain").unwrap().params);
    assert_eq!(of(&library), of(&linked));
    assert!(library.iter().all(|component| component.origin.ends_with(&build::file_name("glottis_node_gain"))));
}
