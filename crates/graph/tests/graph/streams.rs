//! The laws of an outlet, on streams nobody would think of: random marks (several per block, up to
//! 150 ms late), commands between blocks, gaps, sinks that come, go and stall, and an end at any
//! moment.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use glottis_core::inlet::{Link, queue};
use glottis_core::packet::PacketKind;
use glottis_core::sink::Overflow;
use glottis_core::{Cause, Encoder, Item, Mark, MarkKind, Node, Rate, TurnMode};
use glottis_graph::{Outlet, OutletParts, Pieces, Schedule, Signal, Step, Turn, signals};
use proptest::prelude::*;

use crate::parts::{Delay, Heard, Raw, Script};
use crate::rig::{Ending, Leaf, block, read, segments, told};

#[derive(Clone, Debug)]
enum Move {
    /// The source loses so many frames, then a block comes, with marks so many frames before its
    /// end.
    Block {
        lost: i64,
        marks: Vec<(i64, bool)>,
    },
    Talk(bool),
    Commit,
    Cancel,
    Interrupt,
    Mute(bool),
    Pause(bool),
    Link(Link),
    /// The sink takes so many packets.
    Take(usize),
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Stop {
    Drain,
    Halt,
}

#[derive(Clone, Debug)]
struct Case {
    rate: Rate,
    turn: Turn,
    /// The mode an `auto` outlet learns from its sink.
    chosen: TurnMode,
    pieces: Pieces,
    queue: usize,
    waits: bool,
    /// Frames of delay before and behind the detector.
    delays: [usize; 2],
    moves: Vec<Move>,
    /// Frames of the last block that are sound.
    last: i64,
    stop: Stop,
}

fn mode() -> impl Strategy<Value = TurnMode> {
    prop::sample::select(vec![TurnMode::Always, TurnMode::Speech, TurnMode::Speech, TurnMode::PushToTalk])
}

fn turn() -> impl Strategy<Value = Turn> {
    let ms = std::time::Duration::from_millis;
    let mode = prop_oneof![5 => mode(), 1 => Just(TurnMode::Auto)];
    (mode, 0..400u64, 0..500u64, 0..200u64, 100..2000u64, 0..200u64, 0..300u64).prop_map(
        move |(mode, pre_roll, hangover, min_speech, max, min_hold, release_tail)| Turn {
            mode,
            pre_roll: ms(pre_roll),
            hangover: ms(hangover),
            min_speech: ms(min_speech),
            max: ms(max),
            at_once: false,
            min_hold: ms(min_hold),
            release_tail: ms(release_tail),
        },
    )
}

fn pieces() -> impl Strategy<Value = Pieces> {
    let chunk = prop_oneof![1..50u32, 1..2000u32, 1..20_000u32];
    (chunk, any::<bool>(), any::<bool>()).prop_map(|(chunk, pad, gap)| Pieces {
        chunk,
        pad,
        overflow: if gap { Overflow::Gap } else { Overflow::Shed },
    })
}

/// Moves of a block at 8 kHz, 80 frames, in which 1200 frames are 150 ms.
fn moves() -> impl Strategy<Value = Vec<Move>> {
    let link = prop::sample::select(vec![Link::Opening, Link::Up, Link::Up, Link::Up, Link::Down, Link::GaveUp]);
    let lost = prop_oneof![20 => Just(0), 1 => (1..20i64).prop_map(|n| n * 80), 1 => 1..1000i64];
    let marks = prop_oneof![
        8 => Just(Vec::new()),
        4 => prop::collection::vec((0..80i64, any::<bool>()), 1..2),
        1 => prop::collection::vec((0..1200i64, any::<bool>()), 1..4),
    ];
    let one = prop_oneof![
        20 => (lost, marks).prop_map(|(lost, marks)| Move::Block { lost, marks }),
        2 => any::<bool>().prop_map(Move::Talk),
        1 => Just(Move::Commit),
        1 => Just(Move::Cancel),
        1 => Just(Move::Interrupt),
        1 => any::<bool>().prop_map(Move::Mute),
        1 => any::<bool>().prop_map(Move::Pause),
        2 => link.prop_map(Move::Link),
        12 => (0..30usize).prop_map(Move::Take),
    ];
    prop::collection::vec(one, 1..300)
}

prop_compose! {
    fn case()(
        turn in turn(),
        chosen in mode(),
        pieces in pieces(),
        queue in prop_oneof![4..12usize, 4..400usize],
        delays in prop_oneof![2 => Just([0, 0]), 1 => [0..300usize, 0..300usize]],
        moves in moves(),
        last in 1..=80i64,
        stop in prop_oneof![2 => Just(Stop::Drain), 1 => Just(Stop::Halt)],
    ) -> Case {
        let rate = Rate::new(8000).unwrap();
        let mut moves = moves;
        if delays != [0, 0] {
            // A feed loses whole blocks; only without a filter does a ragged hole keep its length.
            for one in &mut moves {
                if let Move::Block { lost, .. } = one {
                    *lost = *lost / 80 * 80;
                }
            }
        }
        Case { rate, turn, chosen, pieces, queue, waits: false, delays, moves, last, stop }
    }
}

/// What became of a [`Case`].
struct Outcome {
    leaf: Leaf,
    signals: Vec<Signal>,
    /// The whole stream, silence where frames were lost.
    input: Vec<f32>,
    lost: u64,
}

impl Case {
    fn marks(&self) -> Vec<Heard> {
        let mut heard = Vec::new();
        let mut at = 0;
        for one in &self.moves {
            let Move::Block { lost, marks } = one else { continue };
            at += lost;
            let end = at + self.rate.block() as i64;
            for &(back, starts) in marks {
                let kind = if starts {
                    MarkKind::SpeechStart { probability: 1.0 }
                } else {
                    MarkKind::SpeechEnd { probability: 0.0 }
                };
                heard.push(Heard { carried: at, mark: Mark { at: (end - back).max(0), kind } });
            }
            at = end;
        }
        heard
    }

    fn schedule(&self) -> (Schedule, Leaf) {
        let rate = self.rate;
        let step = |mut node: Box<dyn Node>, input| {
            node.prepare(rate).unwrap();
            Step::new(node, input, rate)
        };
        let steps = vec![
            step(Box::new(Delay::new(self.delays[0])), 0),
            step(Box::new(Script(self.marks())), 1),
            step(Box::new(Delay::new(self.delays[1])), 2),
        ];
        let mut encoder = Raw { poison: f32::INFINITY };
        let bytes = encoder.prepare(rate, self.pieces.chunk as usize).unwrap();
        let (outfeed, mut inlet, control) = queue(self.queue, bytes, Arc::new(|_| ()));
        inlet.choose_turn(self.chosen);
        inlet.set_link(Link::Up);
        let outlet = Outlet::new(OutletParts {
            sink: 0,
            rate,
            source_rate: rate,
            turn: self.turn,
            pieces: self.pieces,
            encoder: Box::new(encoder),
            outfeed,
            waits: self.waits,
            cut_on_interrupt: true,
        });
        (Schedule::new(rate, steps, vec![(3, outlet)]), Leaf::new(inlet, control))
    }

    fn run(&self) -> Outcome {
        let (mut schedule, leaf) = self.schedule();
        let (mut signals, mut reader) = signals(100_000, None);
        let drain = if self.waits { Drain::start(leaf) } else { Drain::Here(Box::new(leaf)) };
        let mut drain = drain;
        let (mut at, mut lost_in_all, mut total) = (0, 0, 0);
        let mut input = Vec::new();
        let last_block = self.moves.iter().rposition(|m| matches!(m, Move::Block { .. }));
        for (i, one) in self.moves.iter().enumerate() {
            let outlet = schedule.outlet(0).unwrap();
            match one {
                Move::Block { lost, .. } => {
                    at += lost;
                    lost_in_all += *lost as u64;
                    input.resize(at as usize, 0.0);
                    let mut block = block(self.rate, at);
                    if Some(i) == last_block {
                        block.valid = self.last as u16;
                        block.samples_mut()[self.last as usize..].fill(0.0);
                    }
                    input.extend(&block.samples()[..usize::from(block.valid)]);
                    total = input.len();
                    at = block.end();
                    schedule.run(&block, block.captured, &mut signals).unwrap();
                    schedule.wake();
                }
                Move::Talk(on) => _ = outlet.talk(*on, &mut signals),
                Move::Commit => outlet.commit(&mut signals),
                Move::Cancel => _ = outlet.cancel(&mut signals),
                Move::Interrupt => _ = outlet.interrupt(&mut signals),
                Move::Mute(on) => outlet.mute(*on),
                Move::Pause(on) => outlet.pause(*on),
                Move::Link(link) => drain.set_link(*link),
                Move::Take(n) => drain.take(*n),
            }
        }
        match self.stop {
            Stop::Drain => schedule.finish(total as u64, &mut signals).unwrap(),
            Stop::Halt => {
                input.truncate(schedule.outlet(0).unwrap().captured() as usize);
                schedule.halt(&mut signals);
            }
        }
        let leaf = drain.finish();
        let signals = std::iter::from_fn(|| reader.take()).collect();
        assert_eq!(reader.lost(), 0);
        Outcome { leaf, signals, input, lost: lost_in_all }
    }
}

/// Who takes the packets: the test itself, or a thread, as a source that waits needs one.
enum Drain {
    Here(Box<Leaf>),
    There(std::thread::JoinHandle<Leaf>),
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl Drain {
    // On a thread of its own, as a sink's task.
    #[allow(clippy::disallowed_methods)]
    fn start(mut leaf: Leaf) -> Drain {
        Drain::There(std::thread::spawn(move || {
            let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
            let mut context = Context::from_waker(&waker);
            loop {
                let item = match std::pin::pin!(leaf.inlet.recv()).poll(&mut context) {
                    Poll::Ready(item) => item,
                    Poll::Pending => {
                        std::thread::park();
                        continue;
                    }
                };
                match item {
                    Item::Packet(packet) => {
                        leaf.got.push(read(&packet));
                        leaf.inlet.delivered(packet);
                    }
                    Item::Closed => return leaf,
                    Item::Command(_) | Item::Halt => unreachable!(),
                }
            }
        }))
    }

    fn take(&mut self, n: usize) {
        if let Drain::Here(leaf) = self {
            leaf.take(n);
        }
    }

    fn set_link(&mut self, link: Link) {
        if let Drain::Here(leaf) = self {
            leaf.inlet.set_link(link);
        }
    }

    fn finish(self) -> Leaf {
        match self {
            Drain::Here(mut leaf) => {
                leaf.take(usize::MAX);
                *leaf
            }
            Drain::There(thread) => thread.join().unwrap(),
        }
    }
}

impl Outcome {
    /// What holds for every stream.
    fn check(&self, case: &Case) -> Result<(), TestCaseError> {
        prop_assert!(self.leaf.inlet.is_finished(), "the queue was not closed");
        self.check_ledger()?;
        self.check_audio(case)?;
        self.check_signals()
    }

    fn check_ledger(&self) -> Result<(), TestCaseError> {
        let ledger = self.leaf.ledger();
        prop_assert!(ledger.balanced(), "{:?}", ledger);
        prop_assert_eq!(ledger.captured, self.input.len() as u64);
        prop_assert!(ledger.dropped_by(Cause::Gap) <= self.lost);
        let counted: u64 = self.leaf.got.iter().map(|g| u64::from(g.counted)).sum();
        prop_assert_eq!(ledger.delivered, counted);
        let padded = |g: &crate::rig::Got| match g.kind {
            PacketKind::Data { padded, .. } => u64::from(padded),
            _ => 0,
        };
        prop_assert_eq!(ledger.padded, self.leaf.got.iter().map(padded).sum::<u64>());
        Ok(())
    }

    /// Every piece is the input at its position; no frame comes twice; only a sink that takes holes
    /// has any.
    fn check_audio(&self, case: &Case) -> Result<(), TestCaseError> {
        let holes = case.pieces.overflow == Overflow::Gap;
        let mut free = 0;
        for segment in segments(&self.leaf.got) {
            prop_assert!(segment.begin >= free, "a segment reaches back into the one before");
            free = segment.begin;
            let last = segment.pieces.len().saturating_sub(1);
            for (i, piece) in segment.pieces.iter().enumerate() {
                let size = piece.samples.len() as u32 + piece.padded;
                prop_assert!(piece.at == free || holes && piece.at > free, "a hole in a segment");
                prop_assert!(size == case.pieces.chunk || i == last && !case.pieces.pad, "a piece of {size}");
                prop_assert!(piece.padded == 0 || i == last && case.pieces.pad);
                let at = piece.at as usize;
                free = piece.at + piece.samples.len() as i64;
                prop_assert!(free as usize <= self.input.len(), "frames that were never captured");
                prop_assert!(piece.samples == self.input[at..free as usize], "not the input at {at}");
            }
            match segment.ending {
                Some(Ending::End { at, frames, voice_end, .. }) => {
                    prop_assert!(at == free || holes && at > free, "frames are missing at the end");
                    prop_assert_eq!(frames as i64, at - segment.begin);
                    prop_assert!(voice_end <= at);
                    free = at;
                }
                Some(Ending::Abort { at, .. }) => free = free.max(at.min(self.input.len() as i64)),
                None => prop_assert!(false, "a segment without an end"),
            }
        }
        Ok(())
    }

    /// One end for each begin; the sink hears of no segment that was not signalled.
    fn check_signals(&self) -> Result<(), TestCaseError> {
        let told = told(&self.signals, 0);
        let mut free = 0;
        for &(number, begin, end) in &told {
            let Some((end, frames, _)) = end else {
                return Err(TestCaseError::fail(format!("segment {number} has no end")));
            };
            prop_assert!(begin >= free && end >= begin && frames as i64 == end - begin, "{told:?}");
            free = end;
        }
        for segment in segments(&self.leaf.got) {
            prop_assert_eq!(told[segment.number as usize].1, segment.begin);
            if let Some(Ending::End { at, reason, frames, .. }) = segment.ending {
                prop_assert_eq!(told[segment.number as usize].2, Some((at, frames, reason)));
            }
        }
        let stats = self.leaf.control.stats();
        let count = |c: &std::sync::atomic::AtomicU64| c.load(std::sync::atomic::Ordering::Relaxed);
        prop_assert_eq!((count(&stats.begun), count(&stats.ended)), (told.len() as u64, told.len() as u64));
        let aborts = self.leaf.got.iter().filter(|g| matches!(g.kind, PacketKind::Abort { .. })).count() as u64;
        prop_assert!(count(&stats.aborted) >= aborts);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn every_frame_is_sent_once_or_accounted_for(case in case()) {
        case.run().check(&case)?;
    }

    #[test]
    fn a_clean_run_drops_nothing(mut case in case()) {
        case.queue = 50_000_usize.div_ceil(case.pieces.chunk as usize) + 700;
        case.stop = Stop::Drain;
        case.moves.retain(|m| !matches!(m, Move::Link(_) | Move::Interrupt | Move::Take(_)));
        for one in &mut case.moves {
            if let Move::Block { lost, .. } = one {
                *lost = 0;
            }
        }
        let outcome = case.run();
        outcome.check(&case)?;
        prop_assert_eq!(outcome.leaf.ledger().dropped_total(), 0);
        let cancelled = case.moves.iter().any(|m| matches!(m, Move::Cancel | Move::Mute(true) | Move::Pause(true)));
        let ended = segments(&outcome.leaf.got).iter().all(|s| matches!(s.ending, Some(Ending::End { .. })));
        prop_assert!(cancelled || ended);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn with_a_source_that_waits_nothing_is_dropped(mut case in case()) {
        case.waits = true;
        case.stop = Stop::Drain;
        case.moves.retain(|m| !matches!(m, Move::Interrupt));
        for one in &mut case.moves {
            if let Move::Block { lost, .. } = one {
                *lost = 0;
            }
        }
        let outcome = case.run();
        outcome.check(&case)?;
        prop_assert_eq!(outcome.leaf.ledger().dropped_total(), 0);
    }
}
