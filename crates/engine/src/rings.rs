//! Whatever control waits for rings its bell. In the tests of this crate it does not look by itself before an
//! hour has passed, so here nothing would be told that nobody rings for.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use glottis_core::param::Table;
use glottis_core::source::{Capture, Nudge, SourceEvent, SourceFormat};
use glottis_core::{Feed, Rate, Registry, Source, SourceError};

use crate::{Command, Host};

#[path = "../tests/support/mod.rs"]
mod support;
use support::*;

/// Starts a tree with components of its own, on threads of its own or on a host's.
fn begin(host: Option<&Host>, table: Table, add: impl FnOnce(&mut Registry)) -> Run {
    run(table, add, |pipeline, told| match host {
        Some(host) => pipeline.start_on(host, told).unwrap(),
        None => pipeline.start(told).unwrap(),
    })
}

/// Tries with threads of the run's own, and with a host's.
fn both(test: impl Fn(Option<&Host>)) {
    test(None);
    test(Some(&Host::new().unwrap()));
}

fn live() -> Table {
    tree(table("waits", false).with("endless", true), vec![Table::default()])
}

fn is(kind: &'static str) -> impl Fn(&serde_json::Value) -> bool {
    move |event| event["event"] == kind
}

#[test]
fn what_the_pipeline_tells_rings() {
    both(|host| {
        let run = begin(host, live(), |_| {});
        // Levels come one after the other.
        for count in 1..4 {
            let seen = std::cell::Cell::new(0);
            run.events.wait_for(|event| {
                seen.set(if event["event"] == "ready" {
                    0
                } else {
                    seen.get() + usize::from(event["event"] == "level")
                });
                seen.get() >= count
            });
        }
        run.running.command(Command::Mute { sink: None, on: true });
        run.events.wait_for(|event| event["event"] == "segment_end" && event["reason"] == "cancel");
        run.events.wait_for(|event| event["event"] == "done" && event["do"] == "mute");
        run.running.stop();
        run.events.wait_for(is("report"));
        assert!(run.running.wait().balanced);
    });
}

#[test]
fn a_sink_that_fails_and_comes_back_rings() {
    both(|host| {
        let sinks = vec![table("fail", "drop"), table("fail", "connect")];
        let run = begin(host, tree(table("waits", false).with("endless", true), sinks), |_| {});
        run.events.wait_for(is("retry"));
        run.events.wait_for(|event| event["state"] == "gave_up");
        run.events.wait_for(|event| event["event"] == "segment_begin" && event["segment"] == 1);
        run.running.halt();
        run.events.wait_for(is("report"));
    });
}

#[test]
fn a_run_ends_when_its_time_has_come() {
    both(|host| {
        let run = begin(host, live(), |_| {});
        run.events.wait_for(is("level"));
        run.running.stop_after(Duration::from_millis(1));
        run.events.wait_for(is("report"));
    });
}

#[test]
fn a_source_that_can_wait_comes_to_its_end() {
    let sinks = vec![Table::default(), table("fail", "drop")];
    let run = begin(None, tree(table("frames", 1_600_000), sinks), |_| {});
    run.events.wait_for(is("report"));
    assert_eq!(of(&run.events.all(), "level").len(), 1000);
}

/// What a source is to tell.
type Script = Arc<Mutex<Option<Receiver<SourceEvent>>>>;

/// A device that is not there at first, and tells what it is told to tell.
struct Late(Script);

struct Telling {
    script: Option<Receiver<SourceEvent>>,
    events: Arc<Mutex<VecDeque<SourceEvent>>>,
    _feed: Feed,
}

impl Source for Late {
    fn format(&mut self, _look: bool) -> Result<Option<SourceFormat>, SourceError> {
        if self.0.lock().unwrap().is_none() {
            return Ok(Some(SourceFormat {
                rate: Rate::for_source(16_000),
                native_hz: 16_000,
                channels: 1,
                waits: false,
            }));
        }
        Err(SourceError::new("no_specified_media_found", "not yet", "wait").worth_a_retry())
    }

    fn device(&self) -> String {
        "late".into()
    }

    fn live(&self) -> bool {
        true
    }

    fn start(&mut self, feed: Feed) -> Result<Box<dyn Capture>, SourceError> {
        Ok(Box::new(Telling { script: self.0.lock().unwrap().take(), events: Arc::default(), _feed: feed }))
    }
}

impl Capture for Telling {
    fn poll(&mut self) -> Result<(), SourceError> {
        Ok(())
    }

    fn event(&mut self) -> Option<SourceEvent> {
        self.events.lock().unwrap().pop_front()
    }

    fn opens_later(&self) -> bool {
        true
    }

    fn nudge_with(&mut self, nudge: Nudge) {
        let (events, script) = (self.events.clone(), self.script.take());
        std::thread::spawn(move || {
            for event in script.into_iter().flatten() {
                events.lock().unwrap().push_back(event);
                nudge();
            }
        });
    }
}

fn state(state: &'static str) -> SourceEvent {
    SourceEvent::State { state, device: None }
}

fn late(script: &Script) -> impl FnOnce(&mut Registry) + use<> {
    let script = script.clone();
    move |registry| registry.add_source("late", "a late device", &[], move |_, _, _| Ok(Late(script.clone())))
}

#[test]
fn what_a_source_tells_rings_and_a_device_that_is_found_lets_the_sinks_begin() {
    both(|host| {
        let (tell, script): (Sender<SourceEvent>, _) = channel();
        let script = Arc::new(Mutex::new(Some(script)));
        let tree =
            table("source", table("type", "late")).with("sink", vec![table("type", "collect").with("fail", "first")]);
        let run = begin(host, tree, late(&script));
        run.events.wait_for(is("error"));
        tell.send(state("searching")).unwrap();
        run.events.wait_for(|event| event["state"] == "searching");
        assert!(of(&run.events.all(), "retry").is_empty());
        tell.send(state("open")).unwrap();
        run.events.wait_for(is("retry"));
        tell.send(state("lost")).unwrap();
        run.events.wait_for(|event| event["state"] == "lost");
        run.running.stop();
        run.events.wait_for(is("report"));
    });
}
