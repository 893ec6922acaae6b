//! What the border costs: a node linked into this program beside the same node loaded from its file, per
//! block of 10 ms. One thread.
//!
//! `cargo build --release -p glottis-node-gain --features export && cargo bench --bench plugin`

use std::hint::black_box;
use std::path::{Path, PathBuf};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use glottis::core::registry::{ComponentKind, Context};
use glottis::param::check;
use glottis::{Block, Node, Rate, Registry, Table};

/// The library beside this program: benches lie in `release/deps`.
fn library() -> PathBuf {
    let program = std::env::current_exe().expect("this program");
    let folder = program.ancestors().nth(2).expect("the folder of the build");
    folder.join(format!("{}glottis_node_gain{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX))
}

fn node(registry: &Registry, rate: Rate) -> Box<dyn Node> {
    let params = registry.get(ComponentKind::Node, "gain").expect("the node").params;
    let keys = Table::default().with("db", -6.0);
    let settings = check(&keys, params, "node[0]", Path::new(""), registry).expect("good keys");
    let mut node = registry.node("gain", &settings, &Context::default()).expect("a node");
    node.prepare(rate).expect("any rate");
    node
}

fn process(c: &mut Criterion) {
    let mut loaded = Registry::new();
    if let Err(error) = glottis::plugin::load(&mut loaded, &library()) {
        eprintln!("skipped: {error}; build it with --release --features export first");
        return;
    }
    let linked = glottis::components();
    for hz in [16_000, 48_000] {
        let rate = Rate::new(hz).expect("a listed rate");
        for (name, registry) in [("linked", &linked), ("loaded", &loaded)] {
            let mut node = node(registry, rate);
            let (mut input, mut output) = (Block::new(rate), Block::new(rate));
            input.samples_mut().fill(0.25);
            output.follow(&input, rate, 0);
            c.benchmark_group("process of gain").bench_function(BenchmarkId::new(name, hz), |b| {
                b.iter(|| node.process(black_box(&input), black_box(&mut output)).expect("a sound block"));
            });
        }
    }
}

criterion_group!(benches, process);
criterion_main!(benches);
