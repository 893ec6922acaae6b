//! The audio threads never allocate and never free: 100,000 cycles of a whole pipeline are counted.
//!
//! The counter sits in the allocator of this test program and counts what happens on a thread while
//! that thread is guarded.

#![allow(unsafe_code)]

mod cycle;
mod shown;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use cycle::{AlsoDoes, Cycle, Does, TREE, Through};
use glottis::Node;
use glottis::core::inlet::Link;

thread_local! {
    // Constant and without a destructor: reaching it allocates nothing.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count() {
    if GUARDED.get() {
        COUNT.set(COUNT.get() + 1);
    }
}

// SAFETY: every call is handed to the system's allocator unchanged, which keeps all the promises of
// `GlobalAlloc`; counting touches two thread-local integers and nothing of the allocator's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps `alloc`'s contract, which is the system's.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count();
        // SAFETY: `pointer` came from `alloc` above, and so from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as for `dealloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// What `work` returns; allocations and frees are added to `counted`.
fn guarded<T>(counted: &mut u64, work: impl FnOnce() -> T) -> T {
    COUNT.set(0);
    GUARDED.set(true);
    let result = work();
    GUARDED.set(false);
    *counted += COUNT.get();
    result
}

#[derive(Default, PartialEq, Debug)]
struct Counted {
    device: u64,
    pipeline: u64,
    cycles: u64,
}

/// Runs `cycles` cycles, with sinks that stall, go and come back.
fn run(mut all: Cycle, cycles: u64, to_f32: impl Fn(i16) -> f32 + Copy) -> Counted {
    let mut counted = Counted::default();
    let mut segments = vec![0; all.sinks.len()];
    while counted.cycles < cycles {
        guarded(&mut counted.device, || all.device.callback(to_f32));
        while guarded(&mut counted.pipeline, || all.pipeline.cycle(counted.cycles)) {
            counted.cycles += 1;
            guarded(&mut counted.pipeline, || all.pipeline.schedule.wake());
        }
        let stalled = counted.cycles % 3000 > 2500 && !all.waits;
        for (sink, segments) in all.sinks.iter_mut().zip(&mut segments) {
            match counted.cycles % 3000 {
                1500 => sink.set_link(Link::Down),
                1540 => sink.set_link(Link::Up),
                _ => {}
            }
            while !stalled && let Some(packet) = sink.try_packet() {
                *segments += u64::from(glottis::Inlet::ends_segment(&packet));
                sink.delivered(packet);
            }
        }
        while all.reader.take().is_some() {}
    }
    let total = all.pipeline.intake.total();
    guarded(&mut counted.pipeline, || all.pipeline.schedule.finish(total, &mut all.pipeline.signals)).unwrap();
    assert!(segments.iter().all(|&n| n > cycles / 2000), "segments of each sink: {segments:?}: too quiet a test");
    counted
}

#[test]
fn a_hundred_thousand_cycles_allocate_and_free_nothing() {
    let all = Cycle::new(TREE, || Box::new(Through));
    let counted = run(all, 100_000, to_f32);
    assert_eq!(counted, Counted { device: 0, pipeline: 0, cycles: counted.cycles });
}

#[test]
fn a_node_that_allocates_is_caught() {
    let all = Cycle::new(TREE, || Box::new(Does(|| drop(std::hint::black_box(Box::new(1))))));
    let counted = run(all, 3000, to_f32);
    assert!(counted.pipeline >= 2 * counted.cycles, "one allocation and one free per block: {counted:?}");
    assert_eq!(counted.device, 0);
}

#[test]
fn a_node_that_only_frees_is_caught() {
    let all = Cycle::new(TREE, || {
        let mut hoard: Vec<Box<u8>> = (0..20_000).map(|_| Box::new(1)).collect();
        Box::new(Does(move || drop(hoard.pop())))
    });
    let counted = run(all, 3000, to_f32);
    assert!(counted.pipeline >= counted.cycles, "{counted:?}");
}

#[test]
fn a_callback_that_allocates_is_caught() {
    let all = Cycle::new(TREE, || Box::new(Through));
    let counted = run(all, 3000, |s| f32::from(*std::hint::black_box(Box::new(s))) / 32_768.0);
    assert!(counted.device > 0);
    assert_eq!(counted.pipeline, 0);
}

fn to_f32(sample: i16) -> f32 {
    f32::from(sample) / 32_768.0
}

fn shown_cycle(text: &str, spoil: impl Fn(Box<dyn Node>) -> Box<dyn Node>) -> Cycle {
    let folder = shown::laid_out(text);
    Cycle::of(text, &folder.path().join("pipeline.toml"), spoil)
}

#[test]
fn every_configuration_we_show_allocates_and_frees_nothing() {
    for (name, text) in shown::all() {
        let counted = run(shown_cycle(&text, |node| node), 6000, to_f32);
        assert_eq!(counted, Counted { device: 0, pipeline: 0, cycles: counted.cycles }, "{name}");
    }
}

#[test]
fn a_node_that_allocates_is_caught_in_every_configuration_we_show() {
    let allocates = || drop(std::hint::black_box(Box::new(1)));
    let mut caught = 0;
    for (name, text) in shown::all() {
        let counted = run(shown_cycle(&text, |node| Box::new(AlsoDoes(allocates, node))), 3000, to_f32);
        let nodes = text.matches("[[node]]").count() as u64;
        // The node stands in the tree half of the time: it changes places every thousand cycles.
        assert!(counted.pipeline >= nodes * counted.cycles * 2 / 3, "{name}: {counted:?}");
        caught += u64::from(nodes > 0);
    }
    assert!(caught >= 8, "only {caught}");
}
