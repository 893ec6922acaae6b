//! A loaded component allocates and frees nothing on the pipeline thread, on either side of the border.
//!
//! A library in Rust has an allocator of its own, and one in C uses none of Rust's, so the counter sits
//! where both end: this program brings its own `malloc` and `free`, which the system's loader then gives
//! to the libraries too. Linux with the GNU C library only, which lets a program do that and offers its own
//! functions under a second name.

#![cfg(all(target_os = "linux", target_env = "gnu"))]
#![allow(unsafe_code)]

#[path = "plugins/build.rs"]
mod build;

use std::cell::Cell;
use std::ffi::c_void;
use std::path::Path;

use glottis::core::registry::{ComponentKind, Context};
use glottis::param::check;
use glottis::{Block, Body, Rate, Registry, Table};

thread_local! {
    // Constant and without a destructor: reaching it allocates nothing.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    if GUARDED.get() {
        COUNT.set(COUNT.get() + 1);
    }
}

unsafe extern "C" {
    fn __libc_malloc(size: usize) -> *mut c_void;
    fn __libc_calloc(count: usize, size: usize) -> *mut c_void;
    fn __libc_realloc(pointer: *mut c_void, size: usize) -> *mut c_void;
    fn __libc_free(pointer: *mut c_void);
}

// SAFETY of all four: the C library's own function under its second name does the work; counting touches
// two thread-local integers. The names take the place of the C library's, as it allows.
#[unsafe(no_mangle)]
unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    count();
    // SAFETY: as above.
    unsafe { __libc_malloc(size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn calloc(number: usize, size: usize) -> *mut c_void {
    count();
    // SAFETY: as above.
    unsafe { __libc_calloc(number, size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn realloc(pointer: *mut c_void, size: usize) -> *mut c_void {
    count();
    // SAFETY: as above.
    unsafe { __libc_realloc(pointer, size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn free(pointer: *mut c_void) {
    count();
    // SAFETY: as above.
    unsafe { __libc_free(pointer) }
}

/// Allocations and frees while `work` runs.
fn counted(work: impl FnOnce()) -> u64 {
    COUNT.set(0);
    GUARDED.set(true);
    work();
    GUARDED.set(false);
    COUNT.get()
}

fn loaded(library: &Path) -> Registry {
    let mut registry = Registry::new();
    glottis::plugin::load(&mut registry, library).unwrap_or_else(|error| panic!("{error}"));
    registry
}

/// Allocations of a node in 2000 blocks of 16 kHz, with a parameter set now and then.
fn of_node(registry: &Registry, kind: &str, keys: &Table, live: &'static str) -> u64 {
    of_node_at(16_000, registry, kind, keys, live)
}

/// The same at another rate.
fn of_node_at(hz: u32, registry: &Registry, kind: &str, keys: &Table, live: &'static str) -> u64 {
    let params = registry.get(ComponentKind::Node, kind).expect("the node").params;
    let settings = check(keys, params, "node[0]", Path::new(""), registry).expect("good keys");
    let mut node = registry.node(kind, &settings, &Context::default()).expect("a node");
    let from = Rate::new(hz).unwrap();
    let to = node.prepare(from).expect("a rate it takes");
    let (mut input, mut output) = (Block::new(from), Block::new(to));
    counted(|| {
        for number in 0..2000_u32 {
            let loud = if number % 40 < 20 { 0.3 } else { 0.0 };
            for (i, sample) in input.samples_mut().iter_mut().enumerate() {
                *sample = (i as f32 * 0.7).sin() * loud;
            }
            output.follow(&input, to, node.latency());
            let _ = node.process(&input, &mut output);
            if number % 100 == 50 {
                let _ = node.set(live, 3.0);
            }
            if number % 500 == 250 {
                node.reset();
            }
            input.at = input.end();
        }
    })
}

#[test]
fn loaded_nodes_and_detectors_allocate_nothing() {
    for (package, kind, keys, live) in [
        ("glottis-node-gain", "gain", Table::default().with("db", -3.0), "db"),
        ("glottis-node-high-pass", "high-pass", Table::default(), "cutoff"),
        ("glottis-node-limiter", "limiter", Table::default().with("gain_db", 20.0), "gain_db"),
        ("glottis-node-resample", "resample", Table::default().with("rate", 48_000), "none"),
        ("glottis-node-vad", "vad", Table::default(), "aggressiveness"),
        ("glottis-node-vad", "vad", Table::default().with("detector", "energy"), "threshold_dbfs"),
    ] {
        let registry = loaded(&build::of_crate(package));
        assert_eq!(of_node(&registry, kind, &keys, live), 0, "{kind}");
    }
    let registry = loaded(&build::of_crate("glottis-node-denoise"));
    assert_eq!(of_node_at(48_000, &registry, "denoise", &Table::default(), "mix"), 0);
    let registry = loaded(&build::of_c("lowpass", &[]));
    assert_eq!(of_node(&registry, "lowpass", &Table::default(), "cutoff"), 0);
}

/// A detector from a library in the node that is built in.
#[test]
fn a_loaded_detector_allocates_nothing() {
    let mut registry = loaded(&build::of_crate("glottis-detector-earshot"));
    glottis_node_vad::register(&mut registry);
    let keys = Table::default().with("detector", "earshot");
    assert_eq!(of_node(&registry, "vad", &keys, "threshold"), 0);
}

/// An effect is a library too, with another ABI.
#[test]
fn a_ladspa_effect_allocates_nothing() {
    let library = build::folder().join(build::file_name("effects"));
    build::compile(&build::root().join("plugins/nodes/ladspa/tests/effects.c"), &[], &library);
    let keys = Table::default().with("plugin", library.to_str().unwrap()).with("label", "louder");
    let keys = keys.with("controls", Table::default().with("Gain", 0.5));
    assert_eq!(of_node(&glottis::components(), "ladspa", &keys, "none"), 0);
}

#[test]
fn loaded_encoders_allocate_nothing() {
    let registry = loaded(&build::of_crate("glottis-encoder-pcm"));
    for kind in ["pcm16", "f32", "wav"] {
        let mut encoder = registry.encoder(kind, &defaults(&registry, kind), &Context::default()).expect("an encoder");
        let most = encoder.prepare(Rate::new(16_000).unwrap(), 4096).expect("a rate it takes");
        let mut body = Body::with_capacity(most);
        let samples = [0.25; 4096];
        let allocations = counted(|| {
            for _ in 0..100 {
                let _ = encoder.begin(&mut body);
                body.clear();
                samples.chunks(1000).for_each(|piece| _ = encoder.encode(piece, &mut body));
                body.clear();
                let _ = encoder.finish(&mut body);
            }
        });
        assert_eq!(allocations, 0, "{kind}");
    }
}

fn defaults(registry: &Registry, kind: &str) -> glottis::Settings {
    let params = registry.get(ComponentKind::Encoder, kind).expect("the encoder").params;
    check(&Table::default(), params, "encoder", Path::new(""), registry).expect("good keys")
}

/// The guard sees what a library does, in C and in Rust.
#[test]
fn a_library_that_allocates_is_caught() {
    let registry = loaded(&build::of_c("nasty", &["PROCESS_MALLOC"]));
    assert!(of_node(&registry, "nasty", &Table::default(), "none") >= 2 * 1990, "an allocation and a free per block");
    let registry = loaded(&build::rusty());
    let keys = Table::default().with("when", "allocates");
    assert!(of_node(&registry, "panicky", &keys, "none") >= 2 * 1990);
}
