//! The checked tree, ready to run: one block in, one block along every edge, every 10 ms. Pipeline
//! thread; [`Schedule::run`] is a plain function, the same for the live engine, for runs faster than
//! real time, and for tests.

use std::sync::Arc;

use glottis_core::{Block, Fault, Mark, MarkKind, Node, Rate, Span, clock};
use multiversion::multiversion;

use crate::gauge::Gauge;
use crate::outlet::Outlet;
use crate::signal::{Signal, Signals};
use crate::step::{Step, StepStats, Stopwatch};

/// Blocks over which a level is measured.
const LEVEL_BLOCKS: u32 = 10;

/// Blocks of silence that go through in one cycle: at the cost of a block, about as long as a cycle may
/// take, and sixteen times faster than time passes.
const HOLE_BLOCKS: usize = 16;

/// The most blocks that may wait while nothing goes on: a few less than the capture ring holds in memory that
/// is used all the time, and soon enough for what is only seen with a block, such as the end of the stream.
const IDLE_BLOCKS: u32 = 3;

#[derive(Default)]
struct Meter {
    blocks: u32,
    squares: f64,
    peak: f32,
    at: i64,
}

impl Meter {
    fn measure(&mut self, block: &Block, signals: &mut Signals) {
        if self.blocks == 0 {
            self.at = block.at;
        }
        let (squares, peak) = level(block.samples());
        self.squares += squares;
        self.peak = self.peak.max(peak);
        self.blocks += 1;
        if self.blocks == LEVEL_BLOCKS {
            let frames = f64::from(LEVEL_BLOCKS) * block.samples().len() as f64;
            let rms = (self.squares / frames).sqrt() as f32;
            signals.put(Signal::Level { at: self.at.max(0), rms, peak: self.peak });
            *self = Meter::default();
        }
    }
}

/// The sum of the squares, and the largest magnitude; not-a-number has none.
#[multiversion(targets("x86_64+avx2+fma", "x86_64+sse4.1"))]
fn level(samples: &[f32]) -> (f64, f32) {
    // Not `f32::max`, which looks at both sides for not-a-number.
    let larger = |peak: f32, x: f32| if x.abs() > peak { x.abs() } else { peak };
    // Eight sums side by side, so that the loop vectorises.
    let mut sums = [0.0_f32; 8];
    let mut peaks = [0.0_f32; 8];
    let (eights, rest) = samples.as_chunks::<8>();
    for eight in eights {
        for ((sum, peak), &x) in sums.iter_mut().zip(&mut peaks).zip(eight) {
            *sum += x * x;
            *peak = larger(*peak, x);
        }
    }
    let squares = f64::from(sums.iter().sum::<f32>()) + rest.iter().map(|&x| f64::from(x * x)).sum::<f64>();
    (squares, peaks.iter().chain(rest).fold(0.0, |peak, &x| larger(peak, x)))
}

/// A block that nobody else has marked yet has room for it.
fn mark_gap(block: &mut Block, lost: Span) {
    let frames = u32::try_from(lost.frames()).unwrap_or(u32::MAX);
    let _ = block.mark(Mark { at: lost.from, kind: MarkKind::Gap { frames } });
}

/// The block on edge `number`.
fn edge<'a>(source: &'a Block, written: &'a [Block], number: usize) -> &'a Block {
    match number.checked_sub(1) {
        Some(node) => &written[node],
        None => source,
    }
}

/// The graph, in the order it runs. Edge 0 is the source's; node `i` writes edge `i + 1`.
pub struct Schedule {
    /// What the nodes wrote: all edges but the source's, whose block is lent.
    written: Box<[Block]>,
    steps: Box<[Step]>,
    outlets: Box<[(usize, Outlet)]>,
    rates: Box<[Rate]>,
    watch: Stopwatch,
    meter: Meter,
    /// In a box: a schedule is moved a few times before it runs.
    gauge: Option<Box<Gauge>>,
    next: i64,
    /// The hole that silence is standing in for, as far as it is known.
    hole: Option<Span>,
}

impl Schedule {
    /// A schedule for a source of rate `source`. Each step's input is the source (0) or an earlier
    /// step (its index plus one); so is each outlet's.
    pub fn new(source: Rate, steps: Vec<Step>, outlets: Vec<(usize, Outlet)>) -> Schedule {
        let rates: Box<[Rate]> = std::iter::once(source).chain(steps.iter().map(Step::rate)).collect();
        let waits = outlets.iter().any(|(_, outlet)| outlet.waits());
        Schedule {
            written: rates[1..].iter().map(|&rate| Block::new(rate)).collect(),
            watch: Stopwatch::new(&steps, waits),
            steps: steps.into(),
            outlets: outlets.into(),
            rates,
            meter: Meter::default(),
            gauge: None,
            next: 0,
            hole: None,
        }
    }

    /// From now on tells each second what the source sounds like. Before the first block.
    pub fn gauge(&mut self) {
        self.gauge = Some(Box::new(Gauge::new(self.rates[0])));
    }

    /// Continues a stream whose next frame is `at`, a whole number of blocks, instead of beginning one
    /// at 0. Before the first block.
    pub fn begin_at(&mut self, at: i64) {
        self.next = at;
        for (edge, outlet) in &mut self.outlets {
            outlet.begin_at(self.rates[0].convert(at, self.rates[*edge]));
        }
    }

    /// Runs one block of the source through the tree. What the source lost before it, as its
    /// position shows, goes through first as silence, so that time stays contiguous; however long
    /// that is, unless [`Schedule::fill`] did it before.
    ///
    /// `taken` is when the pipeline took the block, in [`clock`] nanoseconds. Real-time safe, unless
    /// the schedule was built for a source that can wait: then it waits for room in full queues.
    ///
    /// # Errors
    /// A node that changes the rate failed, so that nothing can stand in for it.
    pub fn run(&mut self, block: &Block, taken: u64, signals: &mut Signals) -> Result<(), Fault> {
        while !self.fill(block.at, block.captured, taken, signals)? {}
        let whole = usize::from(block.valid) >= block.samples().len();
        let total = if whole { i64::MAX } else { block.at + i64::from(block.valid) };
        if block.lost.is_empty() {
            self.end_hole(signals);
            return self.run_one(block, total, taken, signals);
        }
        let mut marked = *block;
        mark_gap(&mut marked, block.lost);
        self.lose(block.lost, signals);
        self.run_one(&marked, total, taken, signals)?;
        if block.lost.to < block.at + i64::from(block.valid) {
            self.end_hole(signals);
        }
        Ok(())
    }

    /// Takes note of frames that were lost.
    fn lose(&mut self, lost: Span, signals: &mut Signals) {
        match &mut self.hole {
            Some(hole) if hole.to == lost.from => hole.to = lost.to,
            _ => {
                self.end_hole(signals);
                self.hole = Some(lost);
            }
        }
    }

    /// Silence for frames missing before `at`, captured at `captured`: as much as fits one cycle.
    /// Returns whether that was all. Otherwise as [`Schedule::run`].
    ///
    /// # Errors
    /// As for [`Schedule::run`].
    pub fn fill(&mut self, at: i64, captured: u64, taken: u64, signals: &mut Signals) -> Result<bool, Fault> {
        let size = self.rates[0].block() as i64;
        for _ in 0..HOLE_BLOCKS {
            let missing = at - self.next;
            if missing <= 0 {
                return Ok(true);
            }
            let mut silence = Block::new(self.rates[0]);
            silence.at = self.next;
            silence.lost = Span { from: self.next, to: at.min(silence.end()) };
            silence.captured = captured.saturating_sub(self.rates[0].ns(missing as u64));
            silence.pushed = taken;
            if self.hole.is_none_or(|hole| hole.to != self.next) {
                // One mark carries the whole hole.
                mark_gap(&mut silence, Span { from: self.next, to: at });
            }
            self.lose(silence.lost, signals);
            let total = if missing >= size { i64::MAX } else { at };
            self.run_one(&silence, total, taken, signals)?;
        }
        Ok(at <= self.next)
    }

    /// Tells of the hole that ends here.
    fn end_hole(&mut self, signals: &mut Signals) {
        if let Some(hole) = self.hole.take() {
            signals.put(Signal::Gap { at: hole.from, frames: hole.frames() });
        }
    }

    fn run_one(&mut self, block: &Block, total: i64, taken: u64, signals: &mut Signals) -> Result<(), Fault> {
        self.next = block.end();
        self.meter.measure(block, signals);
        if let Some(second) = self.gauge.as_mut().and_then(|gauge| gauge.take(block)) {
            signals.put(Signal::Second(second));
        }
        self.watch.start();
        for (i, step) in self.steps.iter_mut().enumerate() {
            let (before, after) = self.written.split_at_mut(i);
            let input = edge(block, before, step.input());
            step.run(i, input, &mut after[0], self.rates[0], &mut self.watch, signals)?;
        }
        for (input, outlet) in &mut self.outlets {
            let limit = if total == i64::MAX { i64::MAX } else { self.rates[0].convert(total, self.rates[*input]) };
            outlet.take(edge(block, &self.written, *input), limit, taken, signals);
        }
        Ok(())
    }

    /// Ends the stream after `total` frames of the source. Silence goes through until the nodes with
    /// delay have let go of everything; then every segment ends and every queue is closed.
    ///
    /// # Errors
    /// As for [`Schedule::run`]; the queues are closed all the same.
    pub fn finish(&mut self, total: u64, signals: &mut Signals) -> Result<(), Fault> {
        let result = self.drain(total as i64, signals);
        for (_, outlet) in &mut self.outlets {
            outlet.stop(signals);
        }
        result
    }

    fn drain(&mut self, total: i64, signals: &mut Signals) -> Result<(), Fault> {
        let taken = clock::now();
        // The last block may have found the capture ring full.
        while !self.fill(total, taken, taken, signals)? {}
        self.end_hole(signals);
        let mut silence = Block::new(self.rates[0]);
        // A second of delay is more than any node has: a node that claims more ends here.
        for _ in 0..100 {
            if self.outlets.iter().all(|(edge, o)| o.captured() >= self.rates[0].convert(total, self.rates[*edge])) {
                break;
            }
            silence.at = self.next;
            (silence.captured, silence.pushed) = (taken, taken);
            self.run_one(&silence, total, taken, signals)?;
        }
        Ok(())
    }

    /// Stops at once: segments in progress are given up and every queue is closed.
    pub fn halt(&mut self, signals: &mut Signals) {
        for (_, outlet) in &mut self.outlets {
            outlet.halt(signals);
        }
    }

    /// Wakes the sinks that have something to do: a system call, after the pipeline thread's work.
    pub fn wake(&mut self) {
        for (_, outlet) in &mut self.outlets {
            outlet.wake();
        }
    }

    /// Wakes the sinks whose queues are half full: where the source can wait, what is left may wait
    /// until this thread does.
    pub fn wake_half(&mut self) {
        for (_, outlet) in &mut self.outlets {
            outlet.wake_half();
        }
    }

    /// Blocks that may come next without anything to be decided, told or sent: who has nothing else to do need
    /// not look before one more than these is there. 0 whenever that is not certain: only while every outlet
    /// waits for voice, and nobody speaks.
    pub fn idle_blocks(&self) -> u32 {
        if self.hole.is_some() || !self.outlets.iter().all(|(_, outlet)| outlet.is_idle()) {
            return 0;
        }
        let level = LEVEL_BLOCKS - 1 - self.meter.blocks;
        let steps = self.steps.iter().map(|step| step.idle_blocks(self.rates[step.input()]));
        steps.fold(IDLE_BLOCKS.min(level), u32::min)
    }

    /// What each node has cost so far, in the order they run.
    pub fn stats(&self) -> Vec<Arc<StepStats>> {
        self.steps.iter().map(Step::stats).collect()
    }

    /// The outlet of sink `index`.
    pub fn outlet(&mut self, index: usize) -> Option<&mut Outlet> {
        self.outlets.get_mut(index).map(|(_, outlet)| outlet)
    }

    /// All outlets.
    pub fn outlets(&mut self) -> impl Iterator<Item = &mut Outlet> {
        self.outlets.iter_mut().map(|(_, outlet)| outlet)
    }

    /// Sets a live parameter of node `index`. False if the node has no such parameter.
    pub fn set(&mut self, index: usize, param: &'static str, value: f64) -> bool {
        self.steps.get_mut(index).is_some_and(|step| step.set(param, value))
    }

    /// Takes node `index` out of the way, or back in. False if its output has another rate than its
    /// input.
    pub fn bypass(&mut self, index: usize, on: bool) -> bool {
        let Some(step) = self.steps.get_mut(index) else { return false };
        let input = self.rates[step.input()];
        step.bypass(on, input)
    }

    /// Puts `node` in the place of node `index`, and the old one in its. The other nodes keep all they
    /// know. Returns the position of the first frame the new node will get, at the source's rate; `None`,
    /// with nothing changed, if there is no such node or the new one delays differently.
    ///
    /// The new node is prepared for the same input and has the same output rate. Real-time safe: nothing
    /// is freed here.
    pub fn replace(&mut self, index: usize, node: &mut Box<dyn Node>) -> Option<i64> {
        self.steps.get_mut(index)?.replace(node).then_some(self.next)
    }
}
