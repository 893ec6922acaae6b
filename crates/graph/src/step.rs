//! A node in its place in the tree: what it costs, what is done when it fails or is late, and what it
//! hears. Pipeline thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use glottis_core::{Block, Fault, FaultCode, Mark, MarkKind, Node, Rate, clock};

use crate::signal::{Failed, Signal, Signals};

/// Voice that goes on within this time had not ended.
const HUSH_MS: u64 = 300;

/// A node is late when it overran its budget on three of so many blocks. One late block may be the
/// machine's fault, three are the node's.
const LATE_WITHIN: u64 = 100;

/// What is done with a node that does not do its part.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Guard {
    /// The longest a block may take, in nanoseconds; `None`: as long as it likes.
    pub budget_ns: Option<u64>,
    /// After so many blocks a node that was bypassed is reset and tried again; `None`: never.
    pub rearm_blocks: Option<u32>,
}

/// Of so many blocks one is timed where nobody is late: reading the clock costs a tenth of what a light node
/// does. No multiple of two or three, for a detector works on every second or third block only.
const TIMED_OF: u32 = 7;

/// Times the steps of a block: the clock is read once between two of them, so that a step's time holds
/// what is done around its node, too.
pub(crate) struct Stopwatch {
    every: u32,
    left: u32,
    since: Option<u64>,
}

impl Stopwatch {
    /// For these steps; `waits`: the source can wait, so that no block is late.
    pub(crate) fn new(steps: &[Step], waits: bool) -> Stopwatch {
        let judged = steps.iter().any(|step| step.guard.budget_ns.is_some());
        Stopwatch { every: if waits && !judged { TIMED_OF } else { 1 }, left: 0, since: None }
    }

    /// A block begins.
    pub(crate) fn start(&mut self) {
        let timed = self.left == 0;
        self.left = if timed { self.every - 1 } else { self.left - 1 };
        self.since = timed.then(clock::now);
    }

    /// Nanoseconds since the last lap, or the start; `None` in a block that is not timed.
    fn lap(&mut self) -> Option<u64> {
        let since = self.since.as_mut()?;
        let now = clock::now();
        Some(now.saturating_sub(std::mem::replace(since, now)))
    }
}

/// A node of the tree, and what it costs. Its times have one writer; anyone may read.
pub struct Step {
    node: Box<dyn Node>,
    input: usize,
    rate: Rate,
    latency: u32,
    guard: Guard,
    bypassed: bool,
    /// Blocks until it is tried again, while it is bypassed because it failed.
    rearm: Option<u32>,
    /// The last two blocks that were late.
    late: [Option<u64>; 2],
    /// A voice that was heard to begin would never end: its node is gone, or out of the way.
    owes_end: bool,
    hearing: Hearing,
    stats: Arc<StepStats>,
}

/// What a node has cost so far.
#[derive(Default, Debug)]
pub struct StepStats {
    /// Blocks processed.
    pub blocks: AtomicU64,
    /// Of these, blocks that were timed: all of a live source's.
    pub timed: AtomicU64,
    /// Time spent on those, in nanoseconds.
    pub total_ns: AtomicU64,
    /// The longest of them, in nanoseconds.
    pub max_ns: AtomicU64,
    /// Times it failed: an error, a panic, or too often late.
    pub faults: AtomicU64,
    /// Blocks that took longer than its budget.
    pub overruns: AtomicU64,
    /// Times it was tried again after it had been bypassed.
    pub rearmed: AtomicU64,
    /// Times another node took its place.
    pub swaps: AtomicU64,
}

impl StepStats {
    /// Counts a block, and its time if it was taken. Returns how many came before it.
    fn count(&self, took: Option<u64>) -> u64 {
        if let Some(took) = took {
            self.timed.fetch_add(1, Relaxed);
            self.total_ns.fetch_add(took, Relaxed);
            self.max_ns.fetch_max(took, Relaxed);
        }
        self.blocks.fetch_add(1, Relaxed)
    }

    /// Nanoseconds for a block, on average; 0 if none was timed.
    pub fn mean_ns(&self) -> u64 {
        self.total_ns.load(Relaxed).checked_div(self.timed.load(Relaxed)).unwrap_or(0)
    }
}

impl Step {
    /// A prepared node fed by edge `input`, whose output has `rate`. Without a guard it may take as long
    /// as it likes, and is not tried again once it has failed.
    pub fn new(node: Box<dyn Node>, input: usize, rate: Rate) -> Step {
        let latency = node.latency();
        Step {
            node,
            input,
            rate,
            latency,
            guard: Guard::default(),
            bypassed: false,
            rearm: None,
            late: [None; 2],
            owes_end: false,
            hearing: Hearing::default(),
            stats: Arc::default(),
        }
    }

    /// The same step with a guard.
    #[must_use]
    pub fn guarded(mut self, guard: Guard) -> Step {
        self.guard = guard;
        self
    }

    pub(crate) fn input(&self) -> usize {
        self.input
    }

    pub(crate) fn rate(&self) -> Rate {
        self.rate
    }

    pub(crate) fn stats(&self) -> Arc<StepStats> {
        self.stats.clone()
    }

    pub(crate) fn set(&mut self, param: &'static str, value: f64) -> bool {
        self.node.set(param, value).is_ok()
    }

    /// Blocks that will pass through without anything being marked or told.
    pub(crate) fn idle_blocks(&self, input: Rate) -> u32 {
        if self.bypassed || self.owes_end || self.hearing.is_pausing() {
            return 0;
        }
        if !self.node.hears_voice() {
            return u32::MAX;
        }
        (self.node.needs().saturating_sub(1) / input.block()) as u32
    }

    /// Takes the node out of the way, or back in. False if nothing can stand in for it.
    pub(crate) fn bypass(&mut self, on: bool, input: Rate) -> bool {
        if input != self.rate {
            return false;
        }
        self.bypassed = on;
        self.rearm = None;
        self.owes_end |= on && self.hearing.is_open();
        true
    }

    /// Changes places with `node`. False, with nothing changed, if that one delays differently.
    pub(crate) fn replace(&mut self, node: &mut Box<dyn Node>) -> bool {
        if node.latency() != self.latency {
            return false;
        }
        std::mem::swap(&mut self.node, node);
        // What the old one did wrong is not the new one's fault.
        (self.bypassed, self.rearm, self.late) = (false, None, [None; 2]);
        self.owes_end = self.hearing.is_open();
        self.stats.swaps.fetch_add(1, Relaxed);
        true
    }

    /// Runs the node on one block. `source` is the rate of the positions that are told.
    pub(crate) fn run(
        &mut self,
        index: usize,
        input: &Block,
        output: &mut Block,
        source: Rate,
        watch: &mut Stopwatch,
        signals: &mut Signals,
    ) -> Result<(), Fault> {
        output.follow(input, self.rate, self.latency);
        self.try_again(index, signals);
        if std::mem::take(&mut self.owes_end) {
            let at = output.at.max(0);
            // A block that full of marks has an end among them, or the next one has.
            let _ = output.mark(Mark { at, kind: MarkKind::SpeechEnd { probability: 0.0 } });
        }
        if self.bypassed {
            output.samples_mut().copy_from_slice(input.samples());
        } else {
            self.process(index, input, output, watch, signals)?;
        }
        self.hearing.hear(output, input.marks().len(), source, signals);
        Ok(())
    }

    fn process(
        &mut self,
        index: usize,
        input: &Block,
        output: &mut Block,
        watch: &mut Stopwatch,
        signals: &mut Signals,
    ) -> Result<(), Fault> {
        let result = self.node.process(input, output);
        let took = watch.lap();
        let block = self.stats.count(took);
        let can_stand_in = input.rate() == self.rate;
        if let Err(fault) = result {
            self.fail(index, fault.code, can_stand_in, signals);
            if !can_stand_in {
                return Err(fault);
            }
            // Half a block of output is worse than none of the effect.
            output.follow(input, self.rate, self.latency);
            output.samples_mut().copy_from_slice(input.samples());
        } else if self.guard.budget_ns.zip(took).is_some_and(|(budget, took)| took > budget) {
            self.stats.overruns.fetch_add(1, Relaxed);
            if self.is_late(block) {
                // What it made of this block is sound; it only came late.
                self.fail(index, FaultCode::DeadlineMissed, can_stand_in, signals);
            }
        }
        Ok(())
    }

    /// Takes note of a late block. True for the third within a second.
    fn is_late(&mut self, block: u64) -> bool {
        let third = self.late[0].is_some_and(|first| block - first < LATE_WITHIN);
        self.late = if third { [None; 2] } else { [self.late[1], Some(block)] };
        third
    }

    fn fail(&mut self, index: usize, code: FaultCode, can_stand_in: bool, signals: &mut Signals) {
        self.stats.faults.fetch_add(1, Relaxed);
        signals.put(Signal::Fault { component: Failed::Node(index as u16), code });
        if can_stand_in {
            self.bypassed = true;
            self.rearm = self.guard.rearm_blocks;
            self.owes_end = self.hearing.is_open();
            signals.put(Signal::Bypassed { node: index as u16 });
        }
    }

    /// Counts down to the next try of a node that failed.
    fn try_again(&mut self, index: usize, signals: &mut Signals) {
        let Some(left) = &mut self.rearm else { return };
        *left = left.saturating_sub(1);
        if *left > 0 {
            return;
        }
        (self.bypassed, self.rearm) = (false, None);
        self.node.reset();
        self.stats.rearmed.fetch_add(1, Relaxed);
        signals.put(Signal::Rearmed { node: index as u16 });
    }
}

/// Turns a detector's raw marks into events for people: a pause between words is no end of speech.
#[derive(Default)]
struct Hearing {
    speaking: bool,
    ended: Option<(i64, f32)>,
}

impl Hearing {
    /// Whether the last mark said that voice began.
    fn is_open(&self) -> bool {
        self.speaking && self.ended.is_none()
    }

    /// Whether voice has stopped and may still go on.
    fn is_pausing(&self) -> bool {
        self.ended.is_some()
    }

    fn hear(&mut self, block: &Block, new: usize, source: Rate, signals: &mut Signals) {
        let rate = block.rate();
        let at = |at: i64| rate.convert(at, source).max(0);
        for mark in &block.marks()[new.min(block.marks().len())..] {
            match mark.kind {
                MarkKind::SpeechStart { probability } => {
                    self.end_before(mark.at, rate, source, signals);
                    self.ended = None;
                    if !std::mem::replace(&mut self.speaking, true) {
                        signals.put(Signal::SpeechStart { at: at(mark.at), probability });
                    }
                }
                MarkKind::SpeechEnd { probability } => {
                    self.ended = Some((mark.at, probability));
                    signals.put(Signal::MaybeEnd { at: at(mark.at), probability });
                }
                MarkKind::Gap { .. } => {}
            }
        }
        self.end_before(block.end(), rate, source, signals);
    }

    fn end_before(&mut self, position: i64, rate: Rate, source: Rate, signals: &mut Signals) {
        if let Some((ended, probability)) = self.ended
            && position - ended >= rate.frames_in_ms(HUSH_MS) as i64
        {
            self.ended = None;
            self.speaking = false;
            signals.put(Signal::SpeechEnd { at: rate.convert(ended, source).max(0), probability });
        }
    }
}
