//! A simulator, a sink, and the pipeline's end of the queue between them.
//!
//! Include it with `#[path = "wire_ravatar/rig.rs"] mod rig;`.

#![allow(dead_code)]

#[path = "drive.rs"]
mod drive;
#[path = "sound.rs"]
mod sound;

pub use sound::*;

use std::path::Path;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use glottis_core::event::Reply;
use glottis_core::inlet::{self, Control, Link, Outfeed};
use glottis_core::ledger::LedgerFigures;
use glottis_core::param::{Settings, Table, check};
use glottis_core::registry::ComponentKind;
use glottis_core::sink::{Edge, SinkAction, SinkCommand};
use glottis_core::{
    Context, Packet, PacketKind, Problem, Rate, Reason, Registry, Sink, SinkError, SinkEvent, TurnMode, clock,
};
use glottis_sim::ravatar::{Config, Rules, Simulator, State};
use glottis_sink_ravatar::Account;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Frames of a chunk.
pub const CHUNK: usize = 4096;

/// Nothing here takes so long: a test that waits longer has failed. Real time.
pub const TOO_LONG: Duration = Duration::from_secs(30);

/// Waits for `work`, but no longer than [`TOO_LONG`] of real time, whatever tokio's clock does.
pub async fn in_time<T>(work: impl Future<Output = T>) -> Option<T> {
    let (done, wait) = std::sync::mpsc::channel::<()>();
    let (alarm, too_late) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        if wait.recv_timeout(TOO_LONG) == Err(RecvTimeoutError::Timeout) {
            let _ = alarm.send(());
        }
    });
    let result = tokio::select! {
        result = work => Some(result),
        _ = too_late => None,
    };
    drop(done);
    result
}

/// A simulator that takes audio as fast as it comes: how fast it seems to come depends on how busy the
/// machine is. Pace is measured by [`crate::proxy`] where it is meant.
pub fn simulator(config: Config) -> Simulator {
    Simulator::start(Config { pace_limit: 0.0, ..config }).expect("a free port on loopback")
}

/// Keys for a sink that talks to `endpoint`.
pub fn keys(endpoint: &str) -> Table {
    Table::default().with("endpoint", endpoint).with("project_id", "demo-project").with("user_id", "tester")
}

/// An edge as the sink wants it, from a live microphone.
pub fn edge(turn: TurnMode) -> Edge {
    let rate = Rate::new(16_000).expect("a listed rate");
    Edge { rate, chunk_frames: CHUNK as u32, pad: true, turn, voice: true, waits: false }
}

/// The same from a file.
pub fn patient(turn: TurnMode) -> Edge {
    Edge { waits: true, ..edge(turn) }
}

/// The sink of `keys`, with `state_dir` for what it keeps.
pub fn sink(keys: &Table, edge: &Edge, state_dir: Option<&Path>) -> Box<dyn Sink> {
    let mut sink = build(keys, state_dir).unwrap_or_else(|problems| panic!("good keys: {problems:?}"));
    sink.prepare(edge).expect("a good edge");
    sink
}

/// The sink of `keys`, or what is wrong with them.
pub fn build(keys: &Table, state_dir: Option<&Path>) -> Result<Box<dyn Sink>, Vec<Problem>> {
    let mut registry = Registry::new();
    glottis_sink_ravatar::register(&mut registry);
    let (settings, context) = settings(keys, state_dir, &registry)?;
    registry.sink("ravatar", &settings, &context)
}

/// The account of the same keys.
pub fn account(keys: &Table, state_dir: Option<&Path>) -> Account {
    let mut registry = Registry::new();
    glottis_sink_ravatar::register(&mut registry);
    let (settings, context) = settings(keys, state_dir, &registry).expect("good keys");
    Account::new(&settings, &context).expect("good keys")
}

fn settings(keys: &Table, state_dir: Option<&Path>, registry: &Registry) -> Result<(Settings, Context), Vec<Problem>> {
    let params = registry.get(ComponentKind::Sink, "ravatar").expect("registered").params;
    let context = Context { state_dir: state_dir.map(Path::to_owned), ..Context::default() };
    Ok((check(keys, params, "sink[0]", Path::new(""), registry)?, context))
}

/// How a sink's task ended.
pub struct Ended {
    pub result: Result<(), SinkError>,
    pub ledger: LedgerFigures,
    /// What `backoff` said after each run but the last.
    pub waits: Vec<Duration>,
}

/// A sink at work.
pub struct Rig {
    pub outfeed: Outfeed,
    pub control: Control,
    events: watch::Receiver<Vec<SinkEvent>>,
    task: JoinHandle<(Result<(), SinkError>, Vec<Duration>)>,
    segment: u64,
    seq: u64,
    at: i64,
    commands: u64,
}

impl Rig {
    /// Runs a sink of `keys` in a task, and again after each failure, without waiting.
    pub fn start(keys: &Table, edge: Edge) -> Rig {
        Rig::with_queue(keys, edge, 16)
    }

    /// The same with room for `packets` packets in its queue.
    pub fn with_queue(keys: &Table, edge: Edge, packets: usize) -> Rig {
        Rig::of(sink(keys, &edge, None), packets)
    }

    /// Runs `sink`, and again after each failure, without waiting.
    pub fn of(sink: Box<dyn Sink>, packets: usize) -> Rig {
        Rig::running(sink, packets, None)
    }

    /// Runs the sink of `keys`, and again after each failure, once it has waited as long as it wants
    /// to, as the engine does.
    pub fn unhurried(keys: &Table, edge: Edge) -> Rig {
        Rig::running(sink(keys, &edge, None), 16, Some(edge.waits))
    }

    /// With `waits`, waits out what the sink wants to wait, and says whether the source does so too.
    fn running(mut sink: Box<dyn Sink>, packets: usize, waits_of: Option<bool>) -> Rig {
        let (say, events) = watch::channel(Vec::new());
        let emit = Arc::new(move |event| say.send_modify(|events: &mut Vec<SinkEvent>| events.push(event)));
        let (outfeed, mut inlet, control) = inlet::queue(packets, CHUNK * 2, emit);
        let task = tokio::spawn(async move {
            let ended = drive::run(sink.as_mut(), &mut inlet, waits_of).await;
            drive::swallow(&mut inlet);
            ended
        });
        Rig { outfeed, control, events, task, segment: 0, seq: 0, at: 0, commands: 0 }
    }

    /// Begins a segment.
    pub fn begin(&mut self) {
        self.seq = 0;
        self.push(PacketKind::Begin, &[], 0);
    }

    /// Sends a chunk of the segment, padded to its full length.
    pub fn chunk(&mut self, samples: &[i16]) {
        let mut padded = samples.to_vec();
        padded.resize(CHUNK, 0);
        let kind = PacketKind::Data { frames: CHUNK as u32, padded: (CHUNK - samples.len()) as u32 };
        self.push(kind, &padded, samples.len() as u32);
        self.at += samples.len() as i64;
    }

    /// Sends a chunk of the segment as it is, however short.
    pub fn piece(&mut self, samples: &[i16]) {
        let frames = samples.len() as u32;
        self.push(PacketKind::Data { frames, padded: 0 }, samples, frames);
        self.at += i64::from(frames);
    }

    /// Ends the segment, the last `silence` frames of which were no voice.
    pub fn end(&mut self, reason: Reason, silence: i64) {
        let kind = PacketKind::End { reason, frames: 0, voice_end: self.at - silence };
        self.push(kind, &[], 0);
        self.segment += 1;
    }

    /// Gives the segment up.
    pub fn abort(&mut self, reason: Reason) {
        self.push(PacketKind::Abort { reason }, &[], 0);
        self.segment += 1;
    }

    /// Sends `samples` as one segment.
    pub async fn say(&mut self, samples: &[i16], reason: Reason, silence: i64) {
        self.room(1).await;
        self.begin();
        for chunk in samples.chunks(CHUNK) {
            self.room(1).await;
            self.chunk(chunk);
        }
        self.room(1).await;
        self.end(reason, silence);
    }

    fn push(&mut self, kind: PacketKind, samples: &[i16], counted: u32) {
        let mut body = self.outfeed.body().expect("room in the queue");
        for sample in samples {
            body.extend(&sample.to_le_bytes()).expect("room in the body");
        }
        let stamps = glottis_core::packet::Stamps { captured: clock::now(), ..Default::default() };
        let (segment, seq, at) = (self.segment, self.seq, self.at);
        self.outfeed.stats().ledger.captured.fetch_add(counted.into(), std::sync::atomic::Ordering::Relaxed);
        self.outfeed.push(Packet { kind, segment, seq, at, counted, stamps, body });
        self.outfeed.wake();
        self.seq += 1;
    }

    /// Waits until the queue has room.
    pub async fn room(&self, packets: usize) {
        let wait = async {
            while self.outfeed.room() < packets {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        in_time(wait).await.expect("the sink takes packets");
    }

    /// The same for as long as `patience` of tokio's time lasts; false if there is none by then, or the
    /// sink is over.
    pub async fn room_within(&self, packets: usize, patience: Duration) -> bool {
        let wait = async {
            while self.outfeed.room() < packets && !self.is_over() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(patience, wait).await.is_ok() && !self.is_over()
    }

    /// Whether the sink is done, or has given up.
    pub fn is_over(&self) -> bool {
        self.task.is_finished()
    }

    /// Gives the sink a command; returns its number.
    pub fn command(&mut self, action: SinkAction) -> u64 {
        self.commands += 1;
        self.control.command(SinkCommand { id: self.commands, action }).expect("the sink is there");
        self.commands
    }

    /// Gives a command and waits for its answer.
    pub async fn ask(&mut self, action: SinkAction) -> Result<(), String> {
        let id = self.command(action);
        let answer = |event: &SinkEvent| match event {
            SinkEvent::Answer(answer) if answer.id == id => Some(answer.result.clone()),
            _ => None,
        };
        self.find(answer).await
    }

    /// Everything the sink has told so far.
    pub fn events(&self) -> Vec<SinkEvent> {
        self.events.borrow().clone()
    }

    /// Waits for the first event that `pick` likes, from the beginning.
    pub async fn find<T>(&mut self, mut pick: impl FnMut(&SinkEvent) -> Option<T>) -> T {
        let mut found = None;
        let look = self.events.wait_for(|events| {
            found = events.iter().find_map(&mut pick);
            found.is_some()
        });
        // Dropped here, because it holds the events locked.
        let waited = in_time(look).await.map(|found| found.is_ok());
        assert!(matches!(waited, Some(true)), "waited in vain: {:#?}", self.events());
        found.expect("it was found")
    }

    /// Waits until the sink has told something more than the last look showed.
    pub async fn changed(&mut self) {
        let told = in_time(self.events.changed()).await;
        assert!(matches!(told, Some(Ok(()))), "waited in vain: {:#?}", self.events());
    }

    /// Waits until the sink has said `state` `times` times.
    pub async fn state(&mut self, state: &'static str, times: usize) {
        let mut seen = 0;
        let look = self.events.wait_for(|events| {
            seen = events.iter().filter(|event| **event == SinkEvent::State(state)).count();
            seen >= times
        });
        let waited = in_time(look).await.map(|found| found.is_ok());
        assert!(matches!(waited, Some(true)), "{state} only {seen} times: {:#?}", self.events());
    }

    /// Waits until the sink takes audio.
    pub async fn open(&mut self) {
        self.state("open", 1).await;
        assert_eq!(self.outfeed.link(), Link::Up);
    }

    /// The run is over: waits for the sink to finish.
    pub async fn finish(mut self) -> Ended {
        self.outfeed.close();
        self.ended().await
    }

    /// The run is stopped: waits for the sink to let go.
    pub async fn halt(mut self) -> Ended {
        self.control.halt();
        self.outfeed.close();
        self.ended().await
    }

    /// Waits for the sink to end by itself.
    pub async fn ended(&mut self) -> Ended {
        let ended = in_time(&mut self.task).await.expect("the sink ends");
        let (result, waits) = ended.expect("the sink does not panic");
        Ended { result, waits, ledger: self.control.stats().ledger.read() }
    }

    /// Answers the sink has told.
    pub fn replies(&self) -> Vec<Reply> {
        let reply = |event| match event {
            SinkEvent::Reply(reply) => Some(reply),
            _ => None,
        };
        self.events().into_iter().filter_map(reply).collect()
    }

    /// Notices the sink has told.
    pub fn notices(&self) -> Vec<String> {
        let notice = |event| match event {
            SinkEvent::Notice(words) => Some(words),
            _ => None,
        };
        self.events().into_iter().filter_map(notice).collect()
    }

    /// Waits of the retries the sink has told, within its runs.
    pub fn retries(&self) -> Vec<Duration> {
        let retry = |event| match event {
            SinkEvent::Retry { in_ms, .. } => Some(Duration::from_millis(in_ms)),
            _ => None,
        };
        self.events().into_iter().filter_map(retry).collect()
    }

    /// Errors the sink has told, with whether they were fatal.
    pub fn errors(&self) -> Vec<(SinkError, bool)> {
        let error = |event| match event {
            SinkEvent::Error { error, fatal } => Some((*error, fatal)),
            _ => None,
        };
        self.events().into_iter().filter_map(error).collect()
    }
}

/// Waits until something is true of the simulator.
pub async fn until(simulator: &Simulator, condition: impl FnMut(&State) -> bool) {
    // The limit is that of `in_time`.
    let found = in_time(simulator.wait_for_async(Duration::from_secs(3600 * 1000), condition)).await;
    assert_eq!(found, Some(true), "log: {:#?}", simulator.log());
}

/// The names of all requests, in order.
pub fn requests(simulator: &Simulator) -> Vec<String> {
    simulator.log().requests("").map(|request| format!("{} {}", request.method, request.path)).collect()
}

/// How often a call was made.
pub fn count(simulator: &Simulator, call: &str) -> usize {
    simulator.log().requests(call).count()
}

/// The only licence given out.
pub fn license(simulator: &Simulator) -> String {
    let licenses = simulator.licenses();
    assert_eq!(licenses.len(), 1, "{licenses:?}");
    licenses[0].id.clone()
}

/// A simulator that misbehaves by these rules from the start.
pub fn faulty(rules: serde_json::Value) -> Simulator {
    simulator(Config { faults: faults(rules), ..Config::default() })
}

/// Fault rules, as they are written for the simulator.
pub fn faults(rules: serde_json::Value) -> Rules {
    Rules::parse_json(&rules.to_string()).expect("good rules")
}

/// Waits between runs, each within the fifth that they may be shorter or longer.
#[track_caller]
pub fn assert_waits(waits: &[Duration], seconds: &[u64]) {
    let about = |(wait, wanted): (&Duration, &u64)| (wait.as_secs_f64() / *wanted as f64 - 1.0).abs() <= 0.2;
    assert!(waits.len() == seconds.len() && waits.iter().zip(seconds).all(about), "{waits:?} instead of {seconds:?} s");
}

/// Something shared with a test's own server.
pub type Shared<T> = Arc<Mutex<T>>;
