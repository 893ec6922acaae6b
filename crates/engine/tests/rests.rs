//! What a source that sleeps is told of the blocks nobody needs.

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use glottis_core::param::Table;
use glottis_core::source::{Capture, SourceFormat};
use glottis_core::*;
use support::*;

/// Answers of the feed, after each block of a source.
type Answers = Arc<(Mutex<Vec<u32>>, Condvar)>;

/// Silence without end, in real time.
struct Asks(Answers);

impl Source for Asks {
    fn format(&mut self, _look: bool) -> Result<Option<SourceFormat>, SourceError> {
        Ok(Some(SourceFormat { rate: Rate::for_source(16_000), native_hz: 16_000, channels: 1, waits: false }))
    }

    fn device(&self) -> String {
        "silence".into()
    }

    fn live(&self) -> bool {
        false
    }

    fn start(&mut self, mut feed: Feed) -> Result<Box<dyn Capture>, SourceError> {
        let answers = self.0.clone();
        let goes = Arc::new(AtomicBool::new(false));
        let gone = goes.clone();
        std::thread::spawn(move || {
            while !gone.load(Ordering::Acquire) && feed.push_mono(&[0.0; 160], clock::now()) {
                std::thread::park_timeout(Duration::from_millis(10));
                answers.0.lock().unwrap().push(feed.needed_in());
                answers.1.notify_all();
            }
        });
        Ok(Box::new(Goes(goes)))
    }
}

/// Ends the stream when it is dropped.
struct Goes(Arc<AtomicBool>);

impl Drop for Goes {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Capture for Goes {
    fn poll(&mut self) -> Result<(), SourceError> {
        Ok(())
    }
}

/// Hears no voice, in windows of 20 ms.
#[derive(Default)]
struct Windows {
    filled: usize,
}

impl Node for Windows {
    fn prepare(&mut self, rate: Rate) -> Result<Rate, Problem> {
        Ok(rate)
    }

    fn process(&mut self, input: &Block, output: &mut Block) -> Result<(), Fault> {
        self.filled = (self.filled + input.samples().len()) % 320;
        output.samples_mut().copy_from_slice(input.samples());
        Ok(())
    }

    fn hears_voice(&self) -> bool {
        true
    }

    fn needs(&self) -> usize {
        320 - self.filled
    }
}

/// What the source was told in its first second, or as soon as `enough` say so.
fn told(top: Table, turn: &str, enough: impl Fn(&[u32]) -> bool) -> Vec<u32> {
    let answers = Answers::default();
    let source = answers.clone();
    let tree = top
        .with("source", table("type", "asks"))
        .with("node", vec![table("type", "windows")])
        .with("sink", vec![table("type", "collect").with("turn", table("mode", turn))]);
    let more = |registry: &mut Registry| {
        registry.add_source("asks", "silence", &[], move |_, _, _| Ok(Asks(source.clone())));
        registry.add_node("windows", "hears nothing", &[], |_, _, _| Ok(Windows::default()));
    };
    let run = run(tree, more, |pipeline, told| pipeline.start(told).unwrap());
    let few = |answers: &mut Vec<u32>| answers.len() < 100 && !enough(answers);
    let all = answers.1.wait_while(answers.0.lock().unwrap(), few).unwrap().clone();
    run.running.stop();
    assert!(run.running.wait().balanced);
    all
}

#[test]
fn in_silence_each_second_block_is_enough() {
    let told = told(Table::default(), "speech", |told| told.contains(&2));
    assert!(told.contains(&2), "{told:?}");
    assert!(told.iter().all(|&blocks| blocks <= 2), "{told:?}");
}

#[test]
fn every_block_matters_where_all_is_sent_and_where_every_one_wakes_the_pipeline() {
    let lowest = table("latency", "lowest");
    for (top, turn) in [(Table::default(), "always"), (lowest, "speech")] {
        let told = told(top, turn, |_| false);
        assert!(told.iter().all(|&blocks| blocks == 1), "{turn}: {told:?}");
    }
}
