//! How a host shares its pipeline threads out: each run has one of them, and its turn.

mod support;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;

use glottis_core::param::Table;
use glottis_core::source::{Capture, SourceFormat};
use glottis_core::{Block, Fault, Feed, Node, Problem, Rate, Registry, Source, SourceError, clock};
use glottis_engine::Host;
use support::*;

/// A node that tells which thread it runs on.
struct Tells(Arc<Mutex<Vec<ThreadId>>>);

impl Node for Tells {
    fn prepare(&mut self, rate: Rate) -> Result<Rate, Problem> {
        Ok(rate)
    }

    fn process(&mut self, input: &Block, output: &mut Block) -> Result<(), Fault> {
        self.0.lock().unwrap().push(std::thread::current().id());
        output.samples_mut().copy_from_slice(input.samples());
        Ok(())
    }
}

#[test]
fn a_host_with_several_pipeline_threads_spreads_its_runs_over_them() {
    let host = Host::with_threads(std::num::NonZeroUsize::new(2).unwrap()).unwrap();
    let mut of_thread: HashMap<ThreadId, u32> = HashMap::new();
    let runs: Vec<Run> = (0..6)
        .map(|_| {
            let seen = Arc::new(Mutex::new(Vec::new()));
            let told = seen.clone();
            let add = |registry: &mut Registry| {
                registry.add_node("tells", "tells its thread", &[], move |_, _, _| Ok(Tells(told.clone())));
            };
            let table = tree(table("waits", false).with("endless", true), vec![Table::default()])
                .with("node", vec![table("type", "tells")]);
            let run = run(table, add, |pipeline, told| pipeline.start_on(&host, told).unwrap());
            run.events.wait_for(|e| e["event"] == "level");
            let seen = seen.lock().unwrap();
            assert!(seen.iter().all(|thread| *thread == seen[0]), "one run, one thread");
            *of_thread.entry(seen[0]).or_default() += 1;
            drop(seen);
            run
        })
        .collect();
    assert_eq!(of_thread.values().collect::<Vec<_>>(), [&3, &3]);
    for run in runs {
        run.running.stop();
        assert!(run.running.wait().balanced);
    }
}

/// A source that is four tenths of a second ahead of the pipeline, and ends.
struct Ahead(Arc<AtomicUsize>);

struct Over;

const BLOCKS: usize = 40;

impl Source for Ahead {
    fn format(&mut self, _look: bool) -> Result<Option<SourceFormat>, SourceError> {
        let rate = Rate::for_source(16_000);
        Ok(Some(SourceFormat { rate, native_hz: 16_000, channels: 1, waits: false }))
    }

    fn device(&self) -> String {
        "ahead".into()
    }

    fn live(&self) -> bool {
        true
    }

    fn start(&mut self, mut feed: Feed) -> Result<Box<dyn Capture>, SourceError> {
        feed.push_mono(&[0.25; 160 * BLOCKS], clock::now());
        self.0.fetch_add(1, Ordering::AcqRel);
        Ok(Box::new(Over))
    }
}

impl Capture for Over {
    fn poll(&mut self) -> Result<(), SourceError> {
        Ok(())
    }
}

/// A node that tells which run's block it has, once there are two.
struct Counts {
    run: usize,
    runs: Arc<AtomicUsize>,
    order: Arc<Mutex<Vec<usize>>>,
}

impl Node for Counts {
    fn prepare(&mut self, rate: Rate) -> Result<Rate, Problem> {
        Ok(rate)
    }

    fn process(&mut self, _input: &Block, _output: &mut Block) -> Result<(), Fault> {
        while self.runs.load(Ordering::Acquire) < 2 {
            std::thread::yield_now();
        }
        self.order.lock().unwrap().push(self.run);
        Ok(())
    }
}

#[test]
fn a_run_that_is_behind_lets_the_others_have_their_turns() {
    let (host, started, order) =
        (Host::new().unwrap(), Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
    let runs = [0, 1].map(|number| {
        let (started, order) = (started.clone(), order.clone());
        let add = |registry: &mut Registry| {
            let runs = started.clone();
            registry.add_source("ahead", "has much to say", &[], move |_, _, _| Ok(Ahead(started.clone())));
            registry.add_node("counts", "counts", &[], move |_, _, _| {
                Ok(Counts { run: number, runs: runs.clone(), order: order.clone() })
            });
        };
        let table = Table::default()
            .with("source", table("type", "ahead"))
            .with("node", vec![table("type", "counts")])
            .with("sink", vec![table("type", "collect")]);
        run(table, add, |pipeline, told| pipeline.start_on(&host, told).unwrap())
    });
    for run in runs {
        assert!(run.running.wait().balanced);
    }
    let order = order.lock().unwrap();
    let before = |run: usize| order.iter().position(|&it| it == run).expect("every run has its turn");
    assert_eq!(order.len(), 2 * BLOCKS);
    assert!(before(0).max(before(1)) <= BLOCKS / 2, "{order:?}");
}
