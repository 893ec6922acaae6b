//! A simulator, a sink, and the pipeline's end of the queue between them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use glottis_core::inlet::{self, Control, Outfeed};
use glottis_core::ledger::LedgerFigures;
use glottis_core::param::{Table, check};
use glottis_core::registry::ComponentKind;
use glottis_core::sink::{Edge, SinkAction, SinkCommand};
use glottis_core::{
    Cause, Context, Packet, PacketKind, Rate, Reason, Registry, Sink, SinkError, SinkErrorKind, SinkEvent, TurnMode,
    clock,
};
use glottis_sim::avatarkit::{Config, Simulator, Speech, State};
use glottis_sink_avatarkit::animation::Frame;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Nothing here takes so long: a test that waits longer has failed.
pub const TOO_LONG: Duration = Duration::from_secs(30);

pub fn simulator(config: Config) -> Simulator {
    Simulator::start(config).expect("a free port on loopback")
}

/// Keys for a sink that talks to `simulator`. The API key lies in a file of this folder.
pub fn keys(simulator: &Simulator, folder: &Path) -> Table {
    let key = folder.join("key");
    std::fs::write(&key, "demo-key\n").expect("a file");
    Table::default()
        .with("app_id", "demo-app")
        .with("avatar_id", "demo-avatar")
        .with("api_key_file", key.to_str().expect("text"))
        .with("console_endpoint", simulator.console_url())
        .with("ingress_endpoint", simulator.ingress_url())
}

/// An edge of a live source.
pub fn edge(hz: u32) -> Edge {
    let rate = Rate::new(hz).expect("a listed rate");
    Edge { rate, chunk_frames: hz / 10, pad: false, turn: TurnMode::Speech, voice: true, waits: false }
}

/// The same of a source that can wait.
pub fn patient(hz: u32) -> Edge {
    Edge { waits: true, ..edge(hz) }
}

/// How a sink's task ended.
pub struct Ended {
    pub result: Result<(), SinkError>,
    pub ledger: LedgerFigures,
    /// What `backoff` said after each run but the last.
    pub waits: Vec<Duration>,
}

impl Ended {
    /// Frames lost for this cause.
    pub fn lost(&self, cause: Cause) -> u64 {
        self.ledger.dropped.iter().find(|(known, _)| *known == cause).map_or(0, |(_, frames)| *frames)
    }
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
        Rig::with_callback(keys, edge, |_| ())
    }

    pub fn with_callback(keys: &Table, edge: Edge, on_frame: impl Fn(&Frame) + Send + Sync + 'static) -> Rig {
        let mut registry = Registry::new();
        glottis_sink_avatarkit::register_with(&mut registry, on_frame);
        let component = registry.get(ComponentKind::Sink, "avatarkit").expect("registered");
        let context = Context { name: "avatar".to_owned(), ..Context::default() };
        let settings = check(keys, component.params, "sink[0]", Path::new(""), &registry).expect("good keys");
        let mut sink = registry.sink("avatarkit", &settings, &context).expect("good settings");
        sink.prepare(&edge).expect("a good edge");
        Rig::of(sink, edge)
    }

    fn of(mut sink: Box<dyn Sink>, edge: Edge) -> Rig {
        let (say, events) = watch::channel(Vec::new());
        let emit = Arc::new(move |event| say.send_modify(|events: &mut Vec<SinkEvent>| events.push(event)));
        let (outfeed, mut inlet, control) = inlet::queue(32, edge.chunk_frames as usize * 2, emit);
        let task = tokio::spawn(async move {
            let mut waits = Vec::new();
            loop {
                let before = inlet.connects();
                let Err(error) = sink.run(&mut inlet).await else { return (Ok(()), waits) };
                let wait = match error.kind {
                    SinkErrorKind::Retry => sink.backoff(waits.len() as u32 + 1, inlet.connects() > before),
                    _ => None,
                };
                if !error.told {
                    inlet.emit(SinkEvent::Error { error: Box::new(error.clone()), fatal: wait.is_none() });
                }
                let Some(wait) = wait else {
                    sink.leave(&mut inlet).await;
                    return (Err(error), waits);
                };
                waits.push(wait);
            }
        });
        Rig { outfeed, control, events, task, segment: 0, seq: 0, at: 0, commands: 0 }
    }

    pub fn begin(&mut self) {
        self.seq = 0;
        self.push(PacketKind::Begin, &[]);
    }

    pub fn chunk(&mut self, samples: &[i16]) {
        self.push(PacketKind::Data { frames: samples.len() as u32, padded: 0 }, samples);
        self.at += samples.len() as i64;
    }

    pub fn end(&mut self, reason: Reason) {
        self.push(PacketKind::End { reason, frames: 0, voice_end: self.at }, &[]);
        self.segment += 1;
    }

    pub fn abort(&mut self, reason: Reason) {
        self.push(PacketKind::Abort { reason }, &[]);
        self.segment += 1;
    }

    /// A segment of these samples in chunks of `size`.
    pub async fn say(&mut self, samples: &[i16], size: usize) {
        self.begin();
        for chunk in samples.chunks(size) {
            self.room(4).await;
            self.chunk(chunk);
        }
        self.end(Reason::SpeechEnd);
    }

    fn push(&mut self, kind: PacketKind, samples: &[i16]) {
        let mut body = self.outfeed.body().expect("the queue has room");
        body.extend(&bytes(samples)).expect("bodies hold a chunk");
        let stamps = glottis_core::packet::Stamps { captured: clock::now(), ..Default::default() };
        let (segment, seq, at, counted) = (self.segment, self.seq, self.at, samples.len() as u32);
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
        tokio::time::timeout(TOO_LONG, wait).await.expect("the sink takes packets");
    }

    /// Gives a command and waits for its answer.
    pub async fn ask(&mut self, action: SinkAction) -> Result<(), String> {
        self.commands += 1;
        let id = self.commands;
        self.control.command(SinkCommand { id, action }).expect("the sink is there");
        self.find(|event| match event {
            SinkEvent::Answer(answer) if answer.id == id => Some(answer.result.clone()),
            _ => None,
        })
        .await
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
        let waited = tokio::time::timeout(TOO_LONG, look).await.map(|found| found.is_ok());
        assert!(matches!(waited, Ok(true)), "waited in vain: {:#?}", self.events());
        found.expect("it was found")
    }

    /// Waits until the sink has said `state` `times` times.
    pub async fn state(&mut self, state: &'static str, times: usize) {
        let look = self
            .events
            .wait_for(|events| events.iter().filter(|event| **event == SinkEvent::State(state)).count() >= times);
        let waited = tokio::time::timeout(TOO_LONG, look).await.map(|found| found.is_ok());
        assert!(matches!(waited, Ok(true)), "not {state} {times} times: {:#?}", self.events());
    }

    pub async fn open(&mut self) {
        self.state("open", 1).await;
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
        let ended = tokio::time::timeout(TOO_LONG, &mut self.task).await.expect("the sink ends");
        let (result, waits) = ended.expect("the sink does not panic");
        Ended { result, waits, ledger: self.control.stats().ledger.read() }
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
    assert!(simulator.wait_for_async(TOO_LONG, condition).await, "{:#?}", simulator.speeches());
}

/// Waits until the first connection has ended. Returns its close code.
pub async fn closed(simulator: &Simulator) -> Option<u16> {
    let code = |state: &State| state.connections().next().and_then(|connection| connection.closed.clone());
    until(simulator, |state| code(state).is_some()).await;
    simulator.look(code).and_then(|closed| closed.code)
}

/// Waits until so many samples have arrived, over all requests.
pub async fn until_heard(simulator: &Simulator, samples: usize) {
    until(simulator, |state| state.speeches().map(|speech| speech.pcm().len()).sum::<usize>() >= samples).await;
}

/// All sound of these requests, one behind the other.
pub fn sound(speeches: &[Speech]) -> Vec<i16> {
    speeches.iter().flat_map(Speech::pcm).collect()
}

/// Audible noise, different for every seed.
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

fn bytes(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// Compares audio without printing all of it.
pub fn assert_same(heard: &[i16], sent: &[i16]) {
    let differs = heard.iter().zip(sent).position(|(heard, sent)| heard != sent);
    assert!(heard == sent, "{} frames heard, {} sent; the first difference: {differs:?}", heard.len(), sent.len());
}
