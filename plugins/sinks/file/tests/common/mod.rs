//! The other side of the sink: the tests play the pipeline.

#![allow(dead_code, missing_docs)]

use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use glottis_core::inlet::{Control, Outfeed, queue};
use glottis_core::ledger::LedgerFigures;
use glottis_core::packet::{Reason, Stamps};
use glottis_core::param::{Table, check};
use glottis_core::registry::{ComponentKind, Context};
use glottis_core::sink::{Edge, Wants};
use glottis_core::{Cause, Packet, PacketKind, Problem, Rate, Registry, Sink, SinkError, SinkEvent, TurnMode};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// The sink of `keys`, relative paths from `base`.
pub fn build(keys: Table, base: &Path) -> Result<Box<dyn Sink>, Vec<Problem>> {
    let mut registry = Registry::new();
    glottis_sink_file::register(&mut registry);
    let params = registry.get(ComponentKind::Sink, "file").unwrap().params;
    let settings = check(&keys, params, "sink[0]", base, &registry)?;
    let context = Context { name: "take".into(), started: 1_795_361_825, ..Context::default() };
    registry.sink("file", &settings, &context)
}

/// The one problem of `keys`, as a user reads it.
pub fn problem(keys: Table) -> String {
    let problems = build(keys, Path::new("/base")).err().expect("the keys are refused");
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems[0].to_string()
}

pub fn keys(path: &str) -> Table {
    Table::default().with("path", path)
}

/// A sink at work, and the pipeline's end of its queue.
pub struct Rig {
    pub out: Outfeed,
    pub control: Control,
    pub events: Receiver<SinkEvent>,
    pub wants: Wants,
    task: JoinHandle<Result<(), SinkError>>,
    runtime: Runtime,
    segment: u64,
    seq: u64,
    at: i64,
    frames: u64,
    captured: u64,
}

/// What a run left behind.
pub struct Outcome {
    pub result: Result<(), SinkError>,
    pub events: Vec<SinkEvent>,
    pub ledger: LedgerFigures,
    pub bytes: u64,
    pub messages: u64,
}

impl Rig {
    pub fn start(keys: Table, base: &Path, turn: TurnMode) -> Rig {
        Rig::at_rate(keys, base, turn, 16_000)
    }

    pub fn at_rate(keys: Table, base: &Path, turn: TurnMode, rate: u32) -> Rig {
        let mut sink = build(keys, base).expect("the keys are good");
        let wants = sink.wants();
        let rate = Rate::new(rate).unwrap();
        let edge = Edge { rate, chunk_frames: 1600, pad: false, turn, voice: false, waits: true };
        sink.prepare(&edge).unwrap();
        let (send, events) = channel();
        let send = Mutex::new(send);
        let emit = Arc::new(move |event| {
            let _ = send.lock().unwrap().send(event);
        });
        let (out, mut inlet, control) = queue(16, 64 * 1024, emit);
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let task = runtime.spawn(async move {
            let result = sink.run(&mut inlet).await;
            // As the engine does with what comes too late.
            let cause = if result.is_err() { Cause::GaveUp } else { Cause::Stopped };
            while !inlet.is_finished() {
                inlet.discard(cause);
                tokio::task::yield_now().await;
            }
            result
        });
        Rig { out, control, events, wants, task, runtime, segment: 0, seq: 0, at: 0, frames: 0, captured: 0 }
    }

    pub fn push(&mut self, kind: PacketKind, at: i64, counted: u32, bytes: &[u8]) {
        let mut body = loop {
            match self.out.body() {
                Some(body) => break body,
                None => self.out.wait_for_room(1),
            }
        };
        body.extend(bytes).unwrap();
        self.captured += u64::from(counted);
        let (segment, seq) = (self.segment, self.seq);
        self.out.push(Packet { kind, segment, seq, at, counted, stamps: Stamps::default(), body });
        self.out.wake();
        self.seq += 1;
    }

    /// The next segment's number.
    pub fn number_from(&mut self, segment: u64) {
        self.segment = segment;
    }

    pub fn begin(&mut self, at: i64) {
        self.seq = 0;
        self.at = at;
        self.frames = 0;
        self.push(PacketKind::Begin, at, 0, &[]);
    }

    /// A chunk of `bytes`, `frames` frames long.
    pub fn bytes(&mut self, bytes: &[u8], frames: usize) {
        let frames = frames as u32;
        self.push(PacketKind::Data { frames, padded: 0 }, self.at, frames, bytes);
        self.skip(u64::from(frames));
    }

    pub fn s16(&mut self, samples: &[i16]) {
        self.bytes(&s16le(samples), samples.len());
    }

    pub fn f32(&mut self, samples: &[f32]) {
        let bytes: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
        self.bytes(&bytes, samples.len());
    }

    /// Frames that were lost on the way.
    pub fn skip(&mut self, frames: u64) {
        self.at += frames as i64;
        self.frames += frames;
    }

    pub fn end(&mut self) {
        let kind = PacketKind::End { reason: Reason::Stop, frames: self.frames, voice_end: self.at };
        self.push(kind, self.at, 0, &[]);
        self.segment += 1;
    }

    pub fn abort(&mut self, reason: Reason) {
        self.push(PacketKind::Abort { reason }, self.at, 0, &[]);
        self.segment += 1;
    }

    pub fn delivered(&self) -> u64 {
        self.out.stats().ledger.read().delivered
    }

    /// Waits for the first event that `wanted` accepts.
    pub fn event(&self, wanted: impl Fn(&SinkEvent) -> bool) -> SinkEvent {
        loop {
            let event = self.events.recv_timeout(Duration::from_secs(30)).expect("the event comes");
            if wanted(&event) {
                return event;
            }
        }
    }

    pub fn until(&self, done: impl Fn(&Rig) -> bool) {
        let started = Instant::now();
        while !done(self) {
            assert!(started.elapsed() < Duration::from_secs(30), "it never happened");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Closes the queue and waits for the sink to end.
    pub fn finish(mut self) -> Outcome {
        self.out.close();
        let result = self.runtime.block_on(self.task).expect("no panic");
        let stats = self.out.stats();
        let mut ledger = stats.ledger.read();
        ledger.captured = self.captured;
        let count = |n: &std::sync::atomic::AtomicU64| n.load(std::sync::atomic::Ordering::Relaxed);
        let (bytes, messages) = (count(&stats.bytes), count(&stats.messages));
        Outcome { result, events: self.events.try_iter().collect(), ledger, bytes, messages }
    }
}

impl Outcome {
    pub fn error(&self) -> &SinkError {
        self.result.as_ref().expect_err("the sink failed")
    }

    /// The run went well, and the books agree with the disk.
    #[track_caller]
    pub fn is_clean(&self, files: &[&Path]) {
        self.result.as_ref().expect("the sink is content");
        assert!(self.ledger.balanced(), "{:?}", self.ledger);
        assert_eq!(self.ledger.dropped_total(), 0);
        assert_eq!(self.bytes, files.iter().map(|f| f.metadata().unwrap().len()).sum::<u64>());
    }

    pub fn notices(&self) -> Vec<&str> {
        self.events
            .iter()
            .filter_map(|event| match event {
                SinkEvent::Notice(text) => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }
}

/// A voice-like sound: tones and a little noise, never silent, the same every time.
pub fn sound(frames: usize) -> Vec<i16> {
    let mut noise = 1_u32;
    (0..frames)
        .map(|i| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let tone = (i as f32 * 0.05).sin() * 9000.0 + (i as f32 * 0.31).sin() * 2000.0;
            tone as i16 + (noise >> 26) as i16 + 1
        })
        .collect()
}

pub fn s16le(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|s| s.to_le_bytes()).collect()
}

/// The samples of a 16-bit WAV file, by an independent reader.
pub fn read_wav(path: &Path) -> Vec<i16> {
    let reader = hound::WavReader::open(path).expect("a valid WAV file");
    assert_eq!((reader.spec().channels, reader.spec().bits_per_sample), (1, 16));
    reader.into_samples().map(|s| s.expect("every frame the header tells of")).collect()
}

pub fn is_open(event: &SinkEvent) -> bool {
    *event == SinkEvent::State("open")
}
