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

#[test]
fn keys_cross_the_border_whole() {
    let library = loaded(&build::of_crate("glottis-node-gain"));
    let linked = glottis::components();
    let of = |registry: &Registry| format!("{:?}", registry.get(ComponentKind::Node, "gain").unwrap().params);
    assert_eq!(of(&library), of(&linked));
    assert!(library.iter().all(|component| component.origin.ends_with(&build::file_name("glottis_node_gain"))));
}
