//! A simulator, a sink, and the pipeline's end of the queue between them.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use glottis::avatarkit::animation::Frame;
use glottis::core::event::Playback;
use glottis::core::inlet::{self, Control, Outfeed};
use glottis::core::ledger::LedgerFigures;
use glottis::core::packet::Stamps;
use glottis::core::param::check;
use glottis::core::registry::ComponentKind;
use glottis::core::sink::{Edge, SinkAction, SinkCommand};
use glottis::core::{Context, SinkErrorKind, clock};
use glottis::sim::avatarkit::{Config, Dialect, Rule, Simulator, Speech, State};
use glottis::{
    Cause, Inlet, Packet, PacketKind, Problem, Rate, Reason, Registry, Sink, SinkError, SinkEvent, Table, TurnMode,
};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Nothing here takes so long: a test that waits longer has failed.
pub const TOO_LONG: Duration = Duration::from_secs(30);

/// The simulator's API key, in a file of its own for every sink.
pub const API_KEY: &str = "demo-key";

/// A simulator with faults.
pub fn simulator(config: Config, faults: &[Value]) -> Simulator {
    let simulator = Simulator::start(config).expect("a free port on loopback");
    for fault in faults {
        self::fault(&simulator, fault);
    }
    simulator
}

/// A simulator as it comes.
pub fn plain() -> Simulator {
    simulator(Config::default(), &[])
}

/// Settings of a SpatialReal server.
pub fn spatialreal() -> Config {
    Config { dialect: Dialect::SpatialReal, ..Config::default() }
}

pub fn fault(simulator: &Simulator, rule: &Value) {
    let rule = Rule::try_from(rule.clone()).unwrap_or_else(|error| panic!("{error}"));
    simulator.add_fault(rule).expect("room for a rule");
}

/// Keys for a sink that talks to `simulator`; `real` in the SpatialReal dialect.
pub fn keys_for(simulator: &Simulator, real: bool) -> Table {
    Table::default()
        .with("app_id", "demo-app")
        .with("avatar_id", "demo-avatar")
        .with("dialect", if real { "spatialreal" } else { "spatius" })
        .with("console_endpoint", if real { simulator.http_url() } else { simulator.console_url() })
        .with("ingress_endpoint", simulator.ingress_url())
        .with("linger", "0ms")
}

pub fn keys(simulator: &Simulator) -> Table {
    keys_for(simulator, false)
}

/// A LiveKit room; its token is a public text that stands for a secret.
pub fn livekit() -> Table {
    Table::default()
        .with("url", "wss://lk.example")
        .with("room_name", "room-1")
        .with("publisher_id", "avatar")
        .with("api_token_env", "CARGO_PKG_DESCRIPTION")
}

/// An edge of `rate` from a live source.
pub fn edge(rate: u32) -> Edge {
    let rate = Rate::new(rate).expect("a listed rate");
    Edge { rate, chunk_frames: rate.hz() / 10, pad: false, turn: TurnMode::Always, voice: false, waits: false }
}

/// The sink of `keys`, its callback, and what keeps its key file.
pub fn sink(
    keys: &Table,
    on_frame: impl Fn(&Frame) + Send + Sync + 'static,
) -> Result<(Box<dyn Sink>, tempfile::TempDir), Vec<Problem>> {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("key");
    std::fs::write(&file, API_KEY).expect("a key file");
    let keys = keys.clone().with("api_key_file", file.to_str().expect("a plain path"));
    let mut registry = Registry::new();
    glottis::avatarkit::register_with(&mut registry, on_frame);
    let component = registry.get(ComponentKind::Sink, "avatarkit").expect("registered");
    let settings = check(&keys, component.params, "sink[0]", dir.path(), &registry)?;
    Ok((registry.sink("avatarkit", &settings, &Context::default())?, dir))
}

/// How a sink's task ended.
#[derive(Debug)]
pub struct Ended {
    pub result: Result<(), SinkError>,
    pub ledger: LedgerFigures,
    /// What `backoff` said after each run but the last.
    pub waits: Vec<Duration>,
    /// Everything the sink told.
    pub events: Vec<SinkEvent>,
}

/// A sink at work.
pub struct Rig {
    pub outfeed: Outfeed,
    pub control: Control,
    /// What the callback got.
    pub frames: Arc<Mutex<Vec<Frame>>>,
    pub chunk: usize,
    events: watch::Receiver<Vec<SinkEvent>>,
    /// Also gives back its end of the queue.
    task: JoinHandle<(Result<(), SinkError>, Vec<Duration>, Inlet)>,
    segment: u64,
    seq: u64,
    at: i64,
    commands: u64,
    _dir: tempfile::TempDir,
}

impl Rig {
    /// Runs a sink of `keys` in a task, and again after each failure, without waiting.
    pub fn start(keys: &Table, edge: Edge) -> Rig {
        Rig::with_queue(keys, edge, 64)
    }

    pub fn with_queue(keys: &Table, edge: Edge, packets: usize) -> Rig {
        let frames = Arc::new(Mutex::new(Vec::new()));
        let seen = frames.clone();
        let on_frame = move |frame: &Frame| {
            // As a test's callback may want it.
            assert_ne!(frame.req_id, "panic", "the callback panics");
            seen.lock().unwrap().push(frame.clone());
        };
        let (mut sink, dir) = sink(keys, on_frame).unwrap_or_else(|problems| panic!("{problems:?}"));
        sink.prepare(&edge).expect("a good edge");
        let chunk = edge.chunk_frames as usize;
        let (say, events) = watch::channel(Vec::new());
        let emit = Arc::new(move |event| say.send_modify(|events: &mut Vec<SinkEvent>| events.push(event)));
        let (outfeed, mut inlet, control) = inlet::queue(packets, chunk * 2, emit);
        let task = tokio::spawn(async move {
            let mut waits = Vec::new();
            loop {
                let before = inlet.connects();
                let Err(error) = sink.run(&mut inlet).await else { return (Ok(()), waits, inlet) };
                let wait = match error.kind {
                    SinkErrorKind::Retry => sink.backoff(waits.len() as u32 + 1, inlet.connects() > before),
                    _ => None,
                };
                if !error.told {
                    inlet.emit(SinkEvent::Error { error: Box::new(error.clone()), fatal: wait.is_none() });
                }
                let Some(wait) = wait else {
                    sink.leave(&mut inlet).await;
                    return (Err(error), waits, inlet);
                };
                waits.push(wait);
            }
        });
        let (segment, seq, at, commands) = (0, 0, 0, 0);
        Rig { outfeed, control, frames, chunk, events, task, segment, seq, at, commands, _dir: dir }
    }

    /// A sink of `keys` at 16 kHz that is open.
    pub async fn opened(keys: &Table) -> Rig {
        let mut rig = Rig::start(keys, edge(16_000));
        rig.state("open", 1).await;
        rig
    }

    pub fn begin(&mut self) {
        self.seq = 0;
        self.push(PacketKind::Begin, &[], 0);
    }

    /// Sends a chunk of the segment.
    pub fn chunk(&mut self, samples: &[i16]) {
        let frames = samples.len() as u32;
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        self.push(PacketKind::Data { frames, padded: 0 }, &bytes, frames);
        self.at += samples.len() as i64;
    }

    pub fn end(&mut self, reason: Reason) {
        self.push(PacketKind::End { reason, frames: 0, voice_end: self.at }, &[], 0);
        self.segment += 1;
    }

    pub fn abort(&mut self, reason: Reason) {
        self.push(PacketKind::Abort { reason }, &[], 0);
        self.segment += 1;
    }

    /// Sends `samples` as one segment.
    pub async fn say(&mut self, samples: &[i16]) {
        self.start_saying(samples).await;
        self.room(1).await;
        self.end(Reason::Commit);
    }

    /// Sends `samples` and leaves the segment open.
    pub async fn start_saying(&mut self, samples: &[i16]) {
        self.room(1).await;
        self.begin();
        self.go_on(samples).await;
    }

    pub async fn go_on(&mut self, samples: &[i16]) {
        for chunk in samples.chunks(self.chunk) {
            self.room(1).await;
            self.chunk(chunk);
        }
    }

    /// Puts a packet into the queue as the pipeline would.
    pub fn push(&mut self, kind: PacketKind, bytes: &[u8], counted: u32) {
        let mut body = self.outfeed.body().expect("room in the queue");
        body.extend(bytes).expect("room in the body");
        let stamps = Stamps { captured: clock::now(), ..Stamps::default() };
        let (segment, seq, at) = (self.segment, self.seq, self.at);
        self.outfeed.stats().ledger.captured.fetch_add(counted.into(), Ordering::Relaxed);
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
        tokio::time::timeout(TOO_LONG, wait).await.expect("the sink takes packets");
    }

    /// Gives a command and waits for its answer.
    pub async fn ask(&mut self, action: SinkAction) -> Result<(), String> {
        self.try_ask(action).await.expect("the sink is there")
    }

    /// The same where the sink may be gone.
    pub async fn try_ask(&mut self, action: SinkAction) -> Option<Result<(), String>> {
        self.commands += 1;
        let id = self.commands;
        self.control.command(SinkCommand { id, action }).ok()?;
        let answer = self.answer(id);
        tokio::select! {
            biased;
            answer = answer => Some(answer),
            // Between two runs nobody answers, and after the last nobody ever will.
            () = tokio::time::sleep(Duration::from_secs(2)) => None,
        }
    }

    async fn answer(&mut self, id: u64) -> Result<(), String> {
        self.find(|event| match event {
            SinkEvent::Answer(answer) if answer.id == id => Some(answer.result.clone()),
            _ => None,
        })
        .await
    }

    pub fn events(&self) -> Vec<SinkEvent> {
        self.events.borrow().clone()
    }

    /// Waits until the events so far satisfy `holds`.
    pub async fn wait(&mut self, what: &str, mut holds: impl FnMut(&[SinkEvent]) -> bool) {
        let look = self.events.wait_for(|events| holds(events));
        let waited = tokio::time::timeout(TOO_LONG, look).await.map(|found| found.is_ok());
        assert!(matches!(waited, Ok(true)), "never: {what}: {:#?}", self.events());
    }

    /// Waits for the first event that `pick` likes, from the beginning.
    pub async fn find<T>(&mut self, mut pick: impl FnMut(&SinkEvent) -> Option<T>) -> T {
        let mut found = None;
        self.wait("the event", |events| {
            found = events.iter().find_map(&mut pick);
            found.is_some()
        })
        .await;
        found.expect("it was found")
    }

    /// Waits until the sink has said `state` `times` times.
    pub async fn state(&mut self, state: &'static str, times: usize) {
        let is = |event: &&SinkEvent| **event == SinkEvent::State(state);
        self.wait(state, |events| events.iter().filter(is).count() >= times).await;
    }

    /// Waits for the first error told.
    pub async fn error(&mut self) -> SinkError {
        self.find(|event| match event {
            SinkEvent::Error { error, .. } => Some((**error).clone()),
            _ => None,
        })
        .await
    }

    /// Errors told so far.
    pub fn errors(&self) -> Vec<SinkError> {
        let error = |event| match event {
            SinkEvent::Error { error, .. } => Some(*error),
            _ => None,
        };
        self.events().into_iter().filter_map(error).collect()
    }

    /// What was told of playback so far.
    pub fn playback(&self) -> Vec<Playback> {
        let playback = |event| match event {
            SinkEvent::Playback(playback) => Some(playback),
            _ => None,
        };
        self.events().into_iter().filter_map(playback).collect()
    }

    /// Waits until playback was told of `count` times.
    pub async fn played(&mut self, count: usize) -> Vec<Playback> {
        let is = |event: &&SinkEvent| matches!(event, SinkEvent::Playback(_));
        self.wait("playback", |events| events.iter().filter(is).count() >= count).await;
        self.playback()
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
        let ended = tokio::time::timeout(TOO_LONG, &mut self.task).await;
        let (result, waits, mut inlet) =
            ended.unwrap_or_else(|_| panic!("the sink never ends: {:#?}", self.events())).expect("no panic");
        // As the engine does with what comes after the end.
        inlet.discard(if result.is_ok() { Cause::Stopped } else { Cause::GaveUp });
        let ledger = self.control.stats().ledger.read();
        Ended { result, waits, ledger, events: self.events() }
    }
}

/// Waits until something is true of the simulator.
pub async fn until(simulator: &Simulator, condition: impl FnMut(&State) -> bool) {
    assert!(simulator.wait_for_async(TOO_LONG, condition).await, "log: {:#?}", simulator.log());
}

/// Waits until `count` requests were ended, and gives all requests.
pub async fn spoken(simulator: &Simulator, count: usize) -> Vec<Speech> {
    until(simulator, |state| state.speeches().filter(|speech| speech.ended).count() >= count).await;
    simulator.speeches()
}

/// How the only attempt of a sink ends that meets these faults.
pub async fn failure(config: Config, faults: &[Value], change: impl FnOnce(Table) -> Table) -> SinkError {
    let real = config.dialect == Dialect::SpatialReal;
    let simulator = simulator(config, faults);
    let mut rig = Rig::start(&change(keys_for(&simulator, real)).with("tries", 1), edge(16_000));
    let error = rig.ended().await.result.expect_err("it cannot work");
    until(&simulator, |state| state.open_connections() == 0).await;
    error
}

/// Code and phase of a failure.
pub fn named(error: &SinkError) -> (&'static str, &'static str) {
    (error.code, error.phase)
}

/// Noise, different for every seed.
pub fn noise(frames: usize, seed: u32) -> Vec<i16> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 16) as i16
    };
    (0..frames).map(|_| next()).collect()
}

/// The sum of what a ledger accounts for is what was captured.
#[track_caller]
pub fn balanced(ledger: &LedgerFigures) {
    assert!(ledger.balanced(), "{ledger:?}");
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn unhex(digits: &str) -> Vec<u8> {
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex digits")).collect()
}
