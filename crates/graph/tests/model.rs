//! Swapping nodes while audio flows, tried in every order the two threads can run in: no node is lost, none is
//! freed twice, and none on the pipeline thread, wherever the run ends. `.ci/models` runs this.

#![cfg(loom)]

use std::cell::RefCell;
use std::sync::Arc;

use glottis_core::sync::ring::{Consumer, HeapCons, HeapProd, HeapRb, Producer, Split};
use glottis_core::{Block, Fault, Node, Problem, Rate};
use glottis_graph::returns::{Retired, Returns, returns};
use glottis_graph::{Schedule, Step};
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread::ThreadId;

/// Swaps that are asked for.
const SWAPS: usize = 3;

/// Swaps that may be under way.
const MOST: usize = 2;

thread_local! {
    /// Where each node was freed. All threads of a model are one thread of the system.
    static FREED: RefCell<Vec<(usize, ThreadId)>> = const { RefCell::new(Vec::new()) };
}

struct Numbered(usize);

impl Node for Numbered {
    fn prepare(&mut self, input: Rate) -> Result<Rate, Problem> {
        Ok(input)
    }
    fn process(&mut self, _: &Block, _: &mut Block) -> Result<(), Fault> {
        Ok(())
    }
}

impl Drop for Numbered {
    fn drop(&mut self) {
        FREED.with_borrow_mut(|freed| freed.push((self.0, loom::thread::current().id())));
    }
}

/// What is wrong with a thread.
#[derive(Clone, Copy, PartialEq)]
enum Fails {
    Nobody,
    /// Control does not count what is under way.
    Control,
    /// The pipeline thread frees a node.
    Pipeline,
}

/// What belongs to the pipeline thread.
struct Pipeline {
    schedule: Schedule,
    orders: HeapCons<Box<dyn Node>>,
    returns: Returns,
}

impl Pipeline {
    /// Carries out what was ordered until it is told to stop, as between blocks.
    fn run(&mut self, halt: &AtomicBool, fails: Fails) {
        while !halt.load(Ordering::Acquire) {
            while let Some(mut node) = self.orders.try_pop() {
                assert!(self.schedule.replace(0, &mut node).is_some());
                match fails {
                    Fails::Pipeline => drop(node),
                    _ => self.returns.send(node),
                }
            }
            loom::thread::yield_now();
        }
    }
}

/// Asks for every swap for which there is room, and frees what comes back.
fn control(orders: &mut HeapProd<Box<dyn Node>>, retired: &mut Retired, fails: Fails) {
    for number in 1..=SWAPS {
        retired.free();
        if !retired.has_room_for(1) {
            continue;
        }
        let node: Box<dyn Node> = Box::new(Numbered(number));
        if orders.try_push(node).is_ok() && fails != Fails::Control {
            retired.expect();
        }
    }
}

fn swaps(fails: Fails) {
    FREED.with_borrow_mut(Vec::clear);
    let rate = Rate::new(8000).expect("a listed rate");
    let step = Step::new(Box::new(Numbered(0)), 0, rate);
    let schedule = Schedule::new(rate, vec![step], Vec::new());
    let (mut orders, order_reader) = HeapRb::new(SWAPS).split();
    let (returns, mut retired) = returns(MOST);
    let halt = Arc::new(AtomicBool::new(false));
    let mut pipeline = Pipeline { schedule, orders: order_reader, returns };
    let halted = halt.clone();
    let thread = loom::thread::Builder::new().stack_size(1 << 16);
    let thread = thread
        .spawn(move || {
            pipeline.run(&halted, fails);
            // As at the end of a run: what is left of it goes back to the control thread.
            pipeline
        })
        .expect("a thread of the model");
    control(&mut orders, &mut retired, fails);
    halt.store(true, Ordering::Release);
    let left = thread.join().expect("the pipeline");
    drop((left, orders, retired));
    let here = loom::thread::current().id();
    let mut freed = FREED.with_borrow(Vec::clone);
    assert!(freed.iter().all(|&(_, thread)| thread == here), "a node was freed on the pipeline thread");
    freed.sort_unstable_by_key(|&(number, _)| number);
    let twice = freed.windows(2).any(|pair| pair[0].0 == pair[1].0);
    assert!(!twice, "a node was freed twice");
}

fn check(fails: Fails) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(builder.preemption_bound.unwrap_or(3));
    builder.check(move || swaps(fails));
}

#[test]
fn a_swap_loses_no_node_and_frees_none_on_the_pipeline_thread() {
    check(Fails::Nobody);
}

#[test]
#[should_panic(expected = "more swaps under way than there is room for")]
fn control_that_does_not_count_is_seen() {
    check(Fails::Control);
}

#[test]
#[should_panic(expected = "a node was freed on the pipeline thread")]
fn a_pipeline_that_frees_is_seen() {
    check(Fails::Pipeline);
}
