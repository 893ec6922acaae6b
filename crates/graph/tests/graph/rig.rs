//! A tree with a test at both ends: it feeds blocks whose every frame is known, and takes what
//! reaches the sinks.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use glottis_core::inlet::Control;
use glottis_core::ledger::LedgerFigures;
use glottis_core::{Block, Context, Fault, Inlet, Packet, PacketKind, Rate, Reason, Receipt, Settled};
use glottis_graph::config::Problems;
use glottis_graph::{Config, Graph, Outlet, Plan, Schedule, Signal, SignalReader, Signals, signals};

use crate::parts::{Heard, registry};

/// The sample of frame `at`: each frame has its own, all are exact, none is silence.
pub fn sample(at: i64) -> f32 {
    (at.rem_euclid(1 << 23) + 1) as f32
}

/// The samples of frames `from..to`.
pub fn samples(from: i64, to: i64) -> Vec<f32> {
    (from..to).map(sample).collect()
}

/// The block at `at`, as a source would feed it.
pub fn block(rate: Rate, at: i64) -> Block {
    let mut block = Block::new(rate);
    block.at = at;
    block.captured = rate.ns(at as u64);
    block.pushed = rate.ns(block.end() as u64);
    for (i, out) in block.samples_mut().iter_mut().enumerate() {
        *out = sample(at + i as i64);
    }
    block
}

/// What came out of a queue.
#[derive(Clone, Debug, PartialEq)]
pub struct Got {
    pub kind: PacketKind,
    pub segment: u64,
    pub seq: u64,
    pub at: i64,
    pub counted: u32,
    pub samples: Vec<f32>,
}

/// Reads a packet of the `raw` encoder.
pub fn read(packet: &Packet) -> Got {
    let body: &[u8] = &packet.body;
    let samples = match packet.kind {
        PacketKind::Data { .. } => {
            assert_eq!(body.len() % 4, 0);
            body.chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
        }
        PacketKind::Begin => {
            assert_eq!(body, b"<");
            Vec::new()
        }
        PacketKind::End { .. } => {
            assert_eq!(body, b">");
            Vec::new()
        }
        PacketKind::Abort { .. } => {
            assert!(body.is_empty());
            Vec::new()
        }
    };
    Got { kind: packet.kind, segment: packet.segment, seq: packet.seq, at: packet.at, counted: packet.counted, samples }
}

/// A piece of a segment.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    pub at: i64,
    /// Padding not included.
    pub samples: Vec<f32>,
    pub padded: u32,
}

/// How a segment ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ending {
    End { at: i64, reason: Reason, frames: u64, voice_end: i64 },
    Abort { at: i64, reason: Reason },
}

/// A segment as a sink sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    pub number: u64,
    pub begin: i64,
    pub pieces: Vec<Piece>,
    pub ending: Option<Ending>,
}

impl Segment {
    /// Its audio, padding left out.
    pub fn samples(&self) -> Vec<f32> {
        self.pieces.iter().flat_map(|p| p.samples.clone()).collect()
    }

    /// Frames of each piece, padding included.
    pub fn sizes(&self) -> Vec<u32> {
        self.pieces.iter().map(|p| p.samples.len() as u32 + p.padded).collect()
    }

    /// `(begin, end, reason)` of a segment that was not aborted and whose audio is exactly what lay
    /// between.
    #[track_caller]
    pub fn whole(&self) -> (i64, i64, Reason) {
        let Some(Ending::End { at, reason, frames, .. }) = self.ending else { panic!("no end: {:?}", self.ending) };
        assert_eq!(frames as i64, at - self.begin, "the segment's length");
        assert!(self.samples() == samples(self.begin, at), "the segment's audio is not what was said");
        (self.begin, at, reason)
    }
}

/// Puts packets together, and insists on the protocol between outlet and sink: one `Begin`, any
/// number of `Data` one after the other, one `End` or `Abort`; numbers without a hole.
pub fn segments(got: &[Got]) -> Vec<Segment> {
    let mut all: Vec<Segment> = Vec::new();
    let mut open = false;
    let mut seq = 0;
    for packet in got {
        if packet.kind == PacketKind::Begin {
            assert!(!open, "a segment begins in another");
            assert!(all.last().is_none_or(|s| s.number < packet.segment), "segments out of order");
            all.push(Segment { number: packet.segment, begin: packet.at, pieces: Vec::new(), ending: None });
            (open, seq) = (true, 0);
        }
        assert!(open, "{:?} outside of a segment", packet.kind);
        let segment = all.last_mut().unwrap();
        assert_eq!(segment.number, packet.segment);
        let owed = matches!(packet.kind, PacketKind::Abort { .. }) && packet.seq == 0;
        assert!(owed || packet.seq == seq, "packet {} where {seq} was due", packet.seq);
        seq += 1;
        match packet.kind {
            PacketKind::Begin => {}
            PacketKind::Data { frames, padded } => {
                assert_eq!(packet.samples.len(), frames as usize);
                let (real, zeros) = packet.samples.split_at((frames - padded) as usize);
                assert!(zeros.iter().all(|&z| z == 0.0), "padding is silence");
                assert!(segment.pieces.last().is_none_or(|p| p.padded == 0), "padding inside a segment");
                segment.pieces.push(Piece { at: packet.at, samples: real.to_vec(), padded });
            }
            PacketKind::End { reason, frames, voice_end } => {
                segment.ending = Some(Ending::End { at: packet.at, reason, frames, voice_end });
                open = false;
            }
            PacketKind::Abort { reason } => {
                segment.ending = Some(Ending::Abort { at: packet.at, reason });
                open = false;
            }
        }
    }
    all
}

/// One sink's end of its queue.
pub struct Leaf {
    pub inlet: Inlet,
    pub control: Control,
    pub got: Vec<Got>,
}

impl Leaf {
    pub fn new(inlet: Inlet, control: Control) -> Leaf {
        Leaf { inlet, control, got: Vec::new() }
    }

    /// Takes up to `n` packets and delivers them.
    pub fn take(&mut self, n: usize) {
        for _ in 0..n {
            let Some(packet) = self.inlet.try_packet() else { return };
            self.got.push(read(&packet));
            let receipt: Receipt = self.inlet.hold(packet);
            self.inlet.settle(receipt, Settled::Delivered);
        }
    }

    pub fn ledger(&self) -> LedgerFigures {
        self.control.stats().ledger.read()
    }

    pub fn misfires(&self) -> u64 {
        self.control.stats().misfires.load(Relaxed)
    }
}

/// A tree built from a configuration, whose source is the test.
pub struct Rig {
    pub schedule: Schedule,
    pub signals: Signals,
    pub reader: SignalReader,
    pub leaves: Vec<Leaf>,
    pub rate: Rate,
    /// The source's next frame.
    pub at: i64,
    pub heard: Vec<Signal>,
}

/// The source line of every configuration here.
pub const SOURCE: &str = "[source]\ntype = \"still\"\n";

/// Checks and builds `text`, for a source of 16 kHz that cannot wait.
pub fn build(text: &str, hz: u32, waits: bool, heard: &[Heard]) -> Result<Graph, Problems> {
    let registry = registry(heard);
    let config = Config::parse(&format!("{SOURCE}{text}"), "p.toml".as_ref())?;
    let plan = Plan::new(&config, &registry, &Context::default())?;
    let emit = |_| -> glottis_core::inlet::Emit { Arc::new(|_| ()) };
    let built = plan.build(Rate::new(hz).unwrap(), waits, &registry, &emit);
    built.map(|(graph, _)| graph).map_err(|list| config.problems(list))
}

impl Rig {
    /// A tree of 16 kHz with every sink open.
    pub fn new(text: &str, heard: &[Heard]) -> Rig {
        Rig::with(text, 16_000, false, heard)
    }

    /// A tree with every sink open.
    #[track_caller]
    pub fn with(text: &str, hz: u32, waits: bool, heard: &[Heard]) -> Rig {
        let graph = build(text, hz, waits, heard).unwrap_or_else(|problems| panic!("{problems}"));
        let (signals, reader) = signals(100_000, None);
        let mut leaves: Vec<Leaf> = graph.sinks.into_iter().map(|s| Leaf::new(s.inlet, s.control)).collect();
        for leaf in &mut leaves {
            leaf.inlet.open();
        }
        let rate = Rate::new(hz).unwrap();
        Rig { schedule: graph.schedule, signals, reader, leaves, rate, at: 0, heard: Vec::new() }
    }

    /// Feeds the next block; every sink takes what it is given.
    pub fn block(&mut self) -> Result<(), Fault> {
        self.block_untaken()?;
        self.take();
        Ok(())
    }

    /// Feeds the next block; the sinks take nothing.
    pub fn block_untaken(&mut self) -> Result<(), Fault> {
        let block = block(self.rate, self.at);
        self.at = block.end();
        self.schedule.run(&block, block.captured, &mut self.signals)
    }

    /// Feeds `n` blocks.
    #[track_caller]
    pub fn blocks(&mut self, n: usize) {
        for _ in 0..n {
            self.block().unwrap();
        }
    }

    /// Feeds blocks until frame `at` was fed.
    #[track_caller]
    pub fn until(&mut self, at: i64) {
        while self.at < at {
            self.block().unwrap();
        }
    }

    /// The source loses `n` blocks.
    pub fn lose(&mut self, n: usize) {
        self.at += (n * self.rate.block()) as i64;
    }

    pub fn take(&mut self) {
        for leaf in &mut self.leaves {
            leaf.take(usize::MAX);
        }
    }

    pub fn outlet(&mut self) -> (&mut Outlet, &mut Signals) {
        (self.schedule.outlet(0).unwrap(), &mut self.signals)
    }

    pub fn talk(&mut self, on: bool) -> bool {
        let (outlet, signals) = self.outlet();
        outlet.talk(on, signals)
    }

    pub fn commit(&mut self) {
        let (outlet, signals) = self.outlet();
        outlet.commit(signals);
    }

    pub fn cancel(&mut self) -> bool {
        let (outlet, signals) = self.outlet();
        outlet.cancel(signals)
    }

    /// Ends the stream; every sink takes the rest. The ledgers must balance.
    #[track_caller]
    pub fn finish(&mut self) {
        self.schedule.finish(self.at as u64, &mut self.signals).unwrap();
        self.take();
        self.settled();
    }

    /// All is over: the ledgers balance, and every segment was told of twice.
    #[track_caller]
    pub fn settled(&mut self) {
        for leaf in &self.leaves {
            assert!(leaf.inlet.is_finished());
            assert!(leaf.ledger().balanced(), "{:?}", leaf.ledger());
        }
        for sink in 0..self.leaves.len() {
            let told = self.told(sink as u16);
            assert!(told.iter().all(|t| t.2.is_some()), "a segment without an end: {told:?}");
        }
    }

    /// The signals so far.
    pub fn signals(&mut self) -> &[Signal] {
        while let Some(signal) = self.reader.take() {
            self.heard.push(signal);
        }
        assert_eq!(self.reader.lost(), 0);
        &self.heard
    }

    /// The segments of a sink as signalled. Insists on exactly one end for each begin, before the
    /// next.
    #[track_caller]
    pub fn told(&mut self, sink: u16) -> Vec<Told> {
        told(self.signals(), sink)
    }

    /// What sink 0 has got so far.
    pub fn segments(&mut self) -> Vec<Segment> {
        self.take();
        segments(&self.leaves[0].got)
    }

    /// `(begin, end, reason)` of every segment sink 0 has got, all of them whole.
    #[track_caller]
    pub fn whole(&mut self) -> Vec<(i64, i64, Reason)> {
        self.segments().iter().map(Segment::whole).collect()
    }

    pub fn ledger(&self) -> LedgerFigures {
        self.leaves[0].ledger()
    }
}

/// A segment as signalled: its number, its begin, and once it has ended where, how long and why.
pub type Told = (u64, i64, Option<(i64, u64, Reason)>);

/// See [`Rig::told`].
#[track_caller]
pub fn told(signals: &[Signal], sink: u16) -> Vec<Told> {
    let mut all: Vec<Told> = Vec::new();
    for signal in signals {
        match *signal {
            Signal::SegmentBegin { sink: s, segment, at } if s == sink => {
                let due = all.last().map_or(segment, |last| last.0 + 1);
                assert_eq!(segment, due, "segments are numbered");
                assert!(all.last().is_none_or(|last| last.2.is_some()), "a segment begins in another");
                all.push((segment, at, None));
            }
            Signal::SegmentEnd { sink: s, segment, at, frames, reason } if s == sink => {
                let last = all.last_mut().expect("an end without a begin");
                assert_eq!(last.0, segment);
                assert_eq!(last.2, None, "a segment ends twice");
                last.2 = Some((at, frames, reason));
            }
            _ => {}
        }
    }
    all
}
