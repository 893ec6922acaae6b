//! The report of every run names its worst callback and its worst cycle: one slow block in a hundred shows.

mod support;

use std::cell::Cell;
use std::time::Duration;

use glottis_core::source::{Capture, SourceFormat};
use glottis_core::*;
use glottis_engine::Pipeline;
use glottis_graph::Config;
use support::{Collected, registry, table};

const NODE: Duration = Duration::from_millis(30);
const CALLBACK: Duration = Duration::from_millis(20);

/// Forty blocks of a live source, one callback of which takes its time.
struct Stumbles;

struct Fed;

impl Source for Stumbles {
    fn format(&mut self, _look: bool) -> Result<Option<SourceFormat>, SourceError> {
        let rate = Rate::for_source(16_000);
        Ok(Some(SourceFormat { rate, native_hz: 16_000, channels: 1, waits: false }))
    }
    fn device(&self) -> String {
        "stumbles".into()
    }
    fn live(&self) -> bool {
        true
    }
    fn start(&mut self, mut feed: Feed) -> Result<Box<dyn Capture>, SourceError> {
        for block in 0..40 {
            let late = Cell::new((block == 20).then_some(CALLBACK));
            feed.push(&[0.25; 160], 1, clock::now(), |x| {
                late.take().into_iter().for_each(std::thread::sleep);
                x
            });
        }
        Ok(Box::new(Fed))
    }
}

impl Capture for Fed {
    fn poll(&mut self) -> Result<(), SourceError> {
        Ok(())
    }
}

/// Takes its time with one block.
struct Slow(u32);

impl Node for Slow {
    fn prepare(&mut self, input: Rate) -> Result<Rate, Problem> {
        Ok(input)
    }
    fn process(&mut self, input: &Block, output: &mut Block) -> Result<(), Fault> {
        self.0 += 1;
        if self.0 == 10 {
            std::thread::sleep(NODE);
        }
        output.samples_mut().copy_from_slice(input.samples());
        Ok(())
    }
}

#[test]
fn one_slow_block_and_one_slow_callback_are_in_the_report() {
    let collected = Collected::default();
    let mut registry = registry(&collected);
    registry.add_source("stumbles", "one slow callback", &[], |_, _, _| Ok(Stumbles));
    registry.add_node("slow", "one slow block", &[], |_, _, _| Ok(Slow(0)));
    let config = table("source", table("type", "stumbles"))
        .with("node", vec![table("type", "slow")])
        .with("sink", vec![table("type", "collect")]);
    let pipeline = Pipeline::new(&Config::new(config, "".as_ref()), &registry).unwrap();
    let report = pipeline.start(|_| ()).unwrap_or_else(|error| panic!("{error}")).wait();
    let us = |time: Duration| time.as_micros() as u64;
    assert!(report.callback_max_us >= us(CALLBACK), "{report:#?}");
    assert!(report.cycle_max_us >= us(NODE), "{report:#?}");
    let longest = Duration::from_nanos(report.nodes[0].max_ns);
    assert!(longest >= NODE && report.cycle_max_us >= us(longest), "{report:#?}");
}
