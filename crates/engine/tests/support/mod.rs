//! A source that plays a list of samples, a sink that collects, and an encoder that keeps floats:
//! the smallest real components, so that these tests are about the engine alone.
#![allow(dead_code)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use glottis_core::feed::Feed;
use glottis_core::param::{Kind, Param, Table, Value};
use glottis_core::sink::{BoxFuture, Edge, SinkAction, Wants};
use glottis_core::source::{Capture, SourceFormat};
use glottis_core::*;
use glottis_engine::{Event, Pipeline, Running};
use glottis_graph::Config;

pub type Collected = Arc<Mutex<Vec<(String, Vec<f32>)>>>;

/// The events told so far, and a way to wait for one.
#[derive(Clone, Default)]
pub struct Events(Arc<(Mutex<Vec<serde_json::Value>>, Condvar)>);

impl Events {
    pub fn all(&self) -> MutexGuard<'_, Vec<serde_json::Value>> {
        self.0.0.lock().unwrap()
    }

    fn put(&self, event: &Event) {
        self.all().push(serde_json::from_str(&event.to_json()).unwrap());
        self.0.1.notify_all();
    }

    /// Waits until an event is as wanted.
    pub fn wait_for(&self, wanted: impl Fn(&serde_json::Value) -> bool) {
        let missing = |events: &mut Vec<serde_json::Value>| !events.iter().any(&wanted);
        let (events, late) = self.0.1.wait_timeout_while(self.all(), Duration::from_secs(20), missing).unwrap();
        assert!(!late.timed_out(), "not told: {:#?}", events.last());
    }
}

const SOURCE: &[Param] = &[
    Param::new("frames", Kind::Int(0, 1 << 40), "length of the ramp").default("16000"),
    Param::new("waits", Kind::Bool, "can wait").default("true"),
    Param::new("broken", Kind::Bool, "cannot be opened").default("false"),
    Param::new("endless", Kind::Bool, "goes on until it is stopped").default("false"),
    Param::new("breaks", Kind::Bool, "fails once it has played something").default("false"),
    Param::new("paces", Kind::Bool, "is no device, but keeps to real time").default("false"),
];

struct Ramp {
    frames: u64,
    waits: bool,
    broken: bool,
    endless: bool,
    breaks: bool,
    paces: bool,
}

struct Playing {
    stop: Arc<AtomicBool>,
    breaks: bool,
    polls: u32,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Source for Ramp {
    fn format(&mut self, _look: bool) -> Result<Option<SourceFormat>, SourceError> {
        if self.broken {
            return Err(SourceError::new("no_specified_media_found", "there is no ramp", "build one"));
        }
        let rate = Rate::for_source(16_000);
        Ok(Some(SourceFormat { rate, native_hz: 16_000, channels: 1, waits: self.waits }))
    }

    fn device(&self) -> String {
        "ramp".into()
    }

    fn live(&self) -> bool {
        !self.waits && !self.paces
    }

    fn start(&mut self, mut feed: Feed) -> Result<Box<dyn Capture>, SourceError> {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, frames, endless) = (stop.clone(), self.frames, self.endless);
        let thread = std::thread::spawn(move || {
            let mut next = 0;
            while (endless || next < frames) && !stopped.load(Ordering::Acquire) {
                let n = if endless { 160 } else { (frames - next).min(100) };
                let samples: Vec<f32> = (next..next + n).map(|i| ramp(i as i64)).collect();
                next += n;
                if !feed.push_mono(&samples, clock::now()) {
                    break;
                }
                if !feed.waits() {
                    std::thread::park_timeout(Duration::from_millis(10));
                }
            }
        });
        Ok(Box::new(Playing { stop, breaks: self.breaks, polls: 0, thread: Some(thread) }))
    }
}

impl Capture for Playing {
    fn poll(&mut self) -> Result<(), SourceError> {
        self.polls += 1;
        if self.breaks && self.polls == 5 {
            return Err(SourceError::new("File", "the ramp broke", "mend it"));
        }
        Ok(())
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

/// The sample at position `i`: exact in 16 bits, and different from its neighbours.
pub fn ramp(i: i64) -> f32 {
    (i % 20_011) as f32 / 32_768.0
}

struct Floats;

impl Encoder for Floats {
    fn prepare(&mut self, _rate: Rate, frames: usize) -> Result<usize, Problem> {
        Ok(frames * 4)
    }

    fn encode(&mut self, frames: &[f32], body: &mut Body) -> Result<(), Fault> {
        frames.iter().try_for_each(|x| body.extend(&x.to_le_bytes()))
    }
}

const SINK: &[Param] = &[
    Param::new("fail", Kind::Text, "how it fails"),
    Param::new("slow", Kind::Bool, "takes its time").default("false"),
    Param::new("cut", Kind::Bool, "an interrupt cuts its segment").default("false"),
];

struct Collector {
    name: String,
    fail: Option<String>,
    slow: bool,
    cut: bool,
    runs: u32,
    left: bool,
    collected: Collected,
}

impl Sink for Collector {
    fn wants(&self) -> Wants {
        Wants { encoder: "floats", chunk_frames: 160, cut_on_interrupt: self.cut, ..Wants::default() }
    }

    fn prepare(&mut self, _edge: &Edge) -> Result<(), Problem> {
        Ok(())
    }

    fn run<'a>(&'a mut self, inlet: &'a mut Inlet) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(async move {
            self.runs += 1;
            let fail = self.fail.clone().unwrap_or_default();
            if fail == "connect" || (fail == "first" && self.runs == 1) {
                return Err(SinkError::retry("Network", "connect", "nobody there"));
            }
            inlet.open();
            let mut packets = 0;
            loop {
                match inlet.recv().await {
                    Item::Packet(packet) => {
                        packets += 1;
                        if fail == "panic" && packets == 3 {
                            panic!("as the test wants it");
                        }
                        if fail == "drop" && packets == 5 && self.runs == 1 {
                            inlet.dropped(packet, Cause::Disconnected);
                            return Err(SinkError::retry("Disconnected", "stream", "lost"));
                        }
                        if self.slow {
                            tokio::time::sleep(Duration::from_millis(1)).await;
                        }
                        let samples = packet.body.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
                        self.collected.lock().unwrap().push((self.name.clone(), samples));
                        inlet.delivered(packet);
                    }
                    Item::Command(command) => {
                        let known = match command.action {
                            SinkAction::Text(_) => true,
                            SinkAction::Interrupt => self.cut,
                            _ => false,
                        };
                        inlet.answer(&command, if known { Ok(()) } else { Err("a collector cannot".into()) });
                    }
                    Item::Halt if fail == "hang" => std::future::pending().await,
                    Item::Halt | Item::Closed => return Ok(()),
                }
            }
        })
    }

    fn leave<'a>(&'a mut self, _inlet: &'a mut Inlet) -> BoxFuture<'a, ()> {
        self.left = true;
        Box::pin(std::future::ready(()))
    }

    fn backoff(&self, attempt: u32, _opened: bool) -> Option<Duration> {
        (attempt <= 2).then_some(Duration::from_millis(5))
    }
}

/// A registry with the components above.
pub fn registry(collected: &Collected) -> Registry {
    let mut registry = Registry::new();
    registry.add_source("ramp", "a ramp", SOURCE, |s, _, _| {
        Ok(Ramp {
            frames: s.int("frames") as u64,
            waits: s.bool("waits"),
            broken: s.bool("broken"),
            endless: s.bool("endless"),
            breaks: s.bool("breaks"),
            paces: s.bool("paces"),
        })
    });
    registry.add_encoder("floats", "floats", &[], |_, _, _| Ok(Floats));
    let collected = collected.clone();
    registry.add_sink("collect", "collects", SINK, move |s, context, _| {
        Ok(Collector {
            name: context.name.clone(),
            fail: s.opt_text("fail").map(str::to_owned),
            slow: s.bool("slow"),
            cut: s.bool("cut"),
            runs: 0,
            left: false,
            collected: collected.clone(),
        })
    });
    registry
}

pub struct Run {
    pub running: Running,
    pub collected: Collected,
    pub events: Events,
}

/// Starts a pipeline of a ramp with the given source keys and sinks.
pub fn start(source: Table, sinks: Vec<Table>) -> Run {
    let table = tree(source, sinks);
    run(table, |_| {}, |pipeline, told| pipeline.start(told).unwrap())
}

/// The configuration of a ramp with the given source keys and sinks.
pub fn tree(source: Table, sinks: Vec<Table>) -> Table {
    Table::default()
        .with("source", source.with("type", "ramp"))
        .with("sink", sinks.into_iter().map(|s| s.with("type", "collect")).collect::<Vec<Table>>())
}

/// Runs a configuration, with the components above and `more`.
pub fn run(
    table: Table,
    more: impl FnOnce(&mut Registry),
    start: impl FnOnce(Pipeline, Box<dyn FnMut(&Event) + Send>) -> Running,
) -> Run {
    let collected = Collected::default();
    let events = Events::default();
    let mut registry = registry(&collected);
    more(&mut registry);
    let pipeline = Pipeline::new(&Config::new(table, "".as_ref()), &registry).unwrap();
    let told = events.clone();
    let running = start(pipeline, Box::new(move |event: &Event| told.put(event)));
    Run { running, collected, events }
}

impl Run {
    pub fn heard(collected: &Collected, sink: &str) -> Vec<f32> {
        collected.lock().unwrap().iter().filter(|(name, _)| name == sink).flat_map(|(_, s)| s.clone()).collect()
    }
}

/// A table with one entry.
pub fn table(key: &str, value: impl Into<Value>) -> Table {
    Table::default().with(key, value)
}

/// The events of a kind.
pub fn of<'a>(events: &'a [serde_json::Value], kind: &str) -> Vec<&'a serde_json::Value> {
    events.iter().filter(|e| e["event"] == kind).collect()
}
