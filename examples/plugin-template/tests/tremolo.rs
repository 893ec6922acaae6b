//! The node as a pipeline sees it, linked: no file is loaded here.

use glottis_core::param::{Table, check};
use glottis_core::registry::{ComponentKind, Context};
use glottis_core::{Block, Rate, Registry};

#[test]
fn the_loudness_swings_between_all_and_what_the_depth_leaves() {
    let mut registry = Registry::new();
    tremolo::register(&mut registry);
    let params = registry.get(ComponentKind::Node, "tremolo").unwrap().params;
    let keys = Table::default().with("depth", 0.25);
    let settings = check(&keys, params, "node[0]", "".as_ref(), &registry).unwrap();
    let mut node = registry.node("tremolo", &settings, &Context::default()).unwrap();

    let rate = Rate::new(16_000).unwrap();
    node.prepare(rate).unwrap();
    let (mut input, mut output) = (Block::new(rate), Block::new(rate));
    input.samples_mut().fill(1.0);
    let mut heard = Vec::new();
    for _ in 0..100 {
        node.process(&input, &mut output).unwrap();
        heard.extend_from_slice(output.samples());
    }
    let least = heard.iter().copied().fold(1.0, f32::min);
    let most = heard.iter().copied().fold(0.0, f32::max);
    assert!((least - 0.75).abs() < 1e-3 && (most - 1.0).abs() < 1e-3, "{least} to {most}");
}
