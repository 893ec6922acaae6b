//! The pipeline thread of a host allocates and frees nothing, whatever joins it and leaves it.
//!
//! A node arms a guard on the thread it runs on, and leaves it armed: from then on every allocation of that
//! thread counts, also those between two blocks.

#![allow(unsafe_code)]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use glottis_core::param::Table;
use glottis_core::{Block, Fault, Node, Problem, Rate, Registry};
use glottis_engine::{Command, Host};
use support::*;

#[global_allocator]
static COUNTING: Counting = Counting;

thread_local! {
    static ARMED: Cell<bool> = const { Cell::new(false) };
}

static COUNT: AtomicU64 = AtomicU64::new(0);

/// One test at a time: they share the count.
static TURN: Mutex<()> = Mutex::new(());

struct Counting;

fn count() {
    if ARMED.get() {
        COUNT.fetch_add(1, Ordering::Relaxed);
    }
}

// SAFETY: every call goes on to the system's allocator with what it was called with.
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
}

/// Arms the guard at its first block; may also allocate at every block.
struct Arms {
    allocates: bool,
}

impl Node for Arms {
    fn prepare(&mut self, rate: Rate) -> Result<Rate, Problem> {
        Ok(rate)
    }

    fn process(&mut self, input: &Block, output: &mut Block) -> Result<(), Fault> {
        ARMED.set(true);
        if self.allocates {
            drop(std::hint::black_box(Box::new(1)));
        }
        output.samples_mut().copy_from_slice(input.samples());
        Ok(())
    }
}

fn start_on(host: &Host, node: &str, sink: Table) -> Run {
    let source = table("waits", false).with("endless", true);
    let nodes = vec![table("type", node)];
    let add = |registry: &mut Registry| {
        registry.add_node("arms", "arms the guard", &[], |_, _, _| Ok(Arms { allocates: false }));
        registry.add_node("allocates", "does what it must not", &[], |_, _, _| Ok(Arms { allocates: true }));
    };
    let run = run(tree(source, vec![sink]).with("node", nodes), add, |p, told| p.start_on(host, told).unwrap());
    // A sink that panics may end its run before there is a level.
    run.events.wait_for(|e| e["event"] == "level" || e["event"] == "report");
    run
}

/// Allocations of the pipeline thread while runs come and go.
fn allocations(node: &str) -> u64 {
    let _turn = TURN.lock();
    let host = Host::new().unwrap();
    let stays = start_on(&host, node, Table::default());
    COUNT.store(0, Ordering::Relaxed);
    for sink in [Table::default(), table("slow", true), table("fail", "drop"), table("fail", "panic")] {
        let run = start_on(&host, node, sink);
        run.running.command(Command::Commit { sink: None });
        run.running.command(Command::Mute { sink: None, on: true });
        run.events.wait_for(|e| e["event"] == "done" || e["event"] == "report");
        run.running.stop();
        assert!(run.running.wait().balanced);
    }
    start_on(&host, node, Table::default()).running.halt();
    let found = COUNT.load(Ordering::Relaxed);
    stays.running.stop();
    assert_eq!(stays.running.wait().exit, Some(0));
    found
}

#[test]
fn runs_that_come_and_go_cost_the_pipeline_thread_no_allocation() {
    assert_eq!(allocations("arms"), 0);
}

#[test]
fn a_node_that_allocates_is_caught() {
    assert!(allocations("allocates") > 10);
}
