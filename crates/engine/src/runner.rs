//! One run on the pipeline thread: takes blocks from the capture ring and runs the schedule, a block at a
//! time. Who drives it decides when: a thread of its own ([`Runner::run`]), or one that drives many
//! (`lane`).
//!
//! Nothing here allocates, locks, blocks, logs or makes a system call; the sinks, and the control thread where
//! there are signals for it, are woken after the work of a cycle. Only with a source that can wait does the
//! thread wait for full queues.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use glottis_core::feed::Taken;
use glottis_core::sync::Bell;
use glottis_core::{Block, Fault, Intake, Node, clock};
use glottis_graph::returns::Returns;
use glottis_graph::{Outlet, Schedule, Signal, Signals, StepStats};
use ringbuf::HeapCons;
use ringbuf::traits::Consumer;

use crate::beat::{Beat, LOOK, LOOK_NS};

/// An order for the pipeline thread, carried out between blocks and answered by
/// [`Signal::Applied`].
pub(crate) struct Order {
    pub id: u64,
    /// The sink it is for; `None` for all.
    pub sink: Option<u16>,
    pub action: Action,
}

pub(crate) enum Action {
    Talk(bool),
    Mute(bool),
    Pause(bool),
    Commit,
    Cancel,
    Interrupt,
    /// The device is lost.
    Lose,
    Set {
        node: u16,
        param: &'static str,
        value: f64,
    },
    /// A new node for the place of an old one, which goes back to be freed.
    Swap {
        node: u16,
        new: Box<dyn Node>,
    },
}

/// Swaps that may be under way.
pub(crate) const RETIRED: usize = 64;

/// What the control thread and the pipeline thread share.
#[derive(Default)]
pub(crate) struct Shared {
    /// Stop at once.
    pub halt: AtomicBool,
    /// The longest cycle, in nanoseconds.
    pub cycle_max_ns: AtomicU64,
}

/// How the run ended on the pipeline thread.
pub(crate) struct Ended {
    pub result: Result<(), Fault>,
    /// Frames of the source that went through the schedule.
    pub processed: u64,
}

/// What a step leaves to be done.
pub(crate) enum Next {
    /// There may be more to do now.
    More,
    /// Nothing before this time, in nanoseconds of the clock.
    At(u64),
    /// Nothing any more.
    Ended(Ended),
}

pub(crate) struct Runner {
    schedule: Schedule,
    signals: Signals,
    orders: HeapCons<Order>,
    returns: Returns,
    shared: Arc<Shared>,
    intake: Intake,
    /// Whether the source wakes this thread for every block.
    woken: bool,
    block: Block,
    /// The block waits until the hole before it is filled.
    held: bool,
    processed: u64,
    beat: Beat,
}

/// What a runner is made from.
pub(crate) struct RunnerParts {
    pub schedule: Schedule,
    pub signals: Signals,
    pub orders: HeapCons<Order>,
    pub returns: Returns,
    pub shared: Arc<Shared>,
    pub intake: Intake,
    pub woken: bool,
}

/// How long nobody looks where every block wakes the thread.
const IDLE: u64 = 100_000_000;

impl Runner {
    pub fn new(parts: RunnerParts) -> Runner {
        let RunnerParts { schedule, signals, orders, returns, shared, intake, woken } = parts;
        let block = Block::new(intake.rate());
        Runner {
            schedule,
            signals,
            orders,
            returns,
            shared,
            intake,
            woken,
            block,
            held: false,
            processed: 0,
            beat: Beat::default(),
        }
    }

    /// What each node costs.
    pub fn stats(&self) -> Vec<Arc<StepStats>> {
        self.schedule.stats()
    }

    /// Whether the source wakes this thread for every block.
    pub fn is_woken(&self) -> bool {
        self.woken
    }

    /// This thread is the one that runs it. Before the first step.
    pub fn attach(&self) {
        if self.woken {
            self.intake.attach();
        }
    }

    /// Nothing more is taken from the source, which may wait for room. What is left is freed on the control
    /// side.
    pub fn leave(&self) {
        self.intake.leave();
    }

    /// Runs until the source ends or a halt is asked for, on a thread of its own. `bell`: the control's.
    pub fn run(&mut self, bell: &Bell) -> Ended {
        self.attach();
        loop {
            match self.step() {
                Next::More if self.intake.waits() => self.wake_half(bell),
                Next::More => self.wake_all(bell),
                Next::At(due) => {
                    self.wake_all(bell);
                    self.sleep(due);
                }
                Next::Ended(ended) => return ended,
            }
        }
    }

    /// Carries out what was ordered, and runs a block if there is one, without waking anybody.
    pub fn step(&mut self) -> Next {
        self.obey();
        if self.shared.halt.load(Ordering::Acquire) {
            return self.end(Ok(()));
        }
        if !self.held {
            match self.intake.take(&mut self.block) {
                Taken::Block => {}
                Taken::Ended => return self.finish(),
                Taken::Empty => return Next::At(self.next_look()),
            }
        }
        let taken = clock::now();
        if !self.held {
            self.processed = (self.block.at + i64::from(self.block.valid)).max(0) as u64;
        }
        match self.cycle(taken) {
            Ok(()) if self.held => Next::At(taken + LOOK_NS),
            Ok(()) => {
                if !self.intake.waits() {
                    let idle = self.schedule.idle_blocks();
                    self.beat.took(self.intake.pushed(), idle);
                    if !self.woken {
                        self.intake.rest(self.block.end(), idle);
                    }
                }
                Next::More
            }
            Err(fault) => self.end(Err(fault)),
        }
    }

    /// Runs the block, or a piece of what was lost before it: a long hole goes through in several cycles,
    /// each as short as any, and between them the sinks get time to take what they were given.
    fn cycle(&mut self, taken: u64) -> Result<(), Fault> {
        let Runner { schedule, signals, block, .. } = self;
        let filled = schedule.fill(block.at, block.captured, taken, signals)?;
        if filled {
            schedule.run(block, taken, signals)?;
        }
        self.held = !filled;
        if !self.intake.waits() {
            let took = clock::now().saturating_sub(taken);
            self.shared.cycle_max_ns.fetch_max(took, Ordering::Relaxed);
        }
        Ok(())
    }

    /// The stream has ended. What is missing at its end goes through as a hole does.
    fn finish(&mut self) -> Next {
        let (total, now) = (self.intake.total(), clock::now());
        if let Ok(false) = self.schedule.fill(total as i64, now, now, &mut self.signals) {
            return Next::At(now + LOOK_NS);
        }
        let result = self.schedule.finish(total, &mut self.signals);
        Next::Ended(Ended { result, processed: total })
    }

    fn end(&mut self, result: Result<(), Fault>) -> Next {
        self.schedule.halt(&mut self.signals);
        Next::Ended(Ended { result, processed: self.processed })
    }

    /// Wakes the sinks that have something to do: after the work. True: there are signals, too, of which the
    /// control is to be told.
    pub fn wake_sinks(&mut self) -> bool {
        self.schedule.wake();
        self.signals.take_fresh()
    }

    fn wake_all(&mut self, bell: &Bell) {
        if self.wake_sinks() {
            bell.ring();
        }
    }

    /// Wakes those that have much to do: where nobody is late, waking costs more than a block does.
    fn wake_half(&mut self, bell: &Bell) {
        self.schedule.wake_half();
        if self.signals.is_half_full() {
            bell.ring();
        }
    }

    /// When to look for the next block that may matter.
    fn next_look(&self) -> u64 {
        let now = clock::now();
        if self.woken { now + IDLE } else { self.beat.next_look(now) }
    }

    /// Sleeps until `due`, unless somebody wakes this thread: a source that can wait does.
    fn sleep(&self, due: u64) {
        if self.intake.waits() && !self.held {
            // A slow one, a program that speaks into stdin, is not kept waiting for half a ring.
            return self.intake.wait(LOOK * 2);
        }
        std::thread::park_timeout(Duration::from_nanos(due.saturating_sub(clock::now())));
    }

    fn obey(&mut self) {
        while let Some(Order { id, sink, action }) = self.orders.try_pop() {
            let ok = self.carry_out(sink, action);
            self.signals.put(Signal::Applied { id, ok });
        }
    }

    fn carry_out(&mut self, sink: Option<u16>, action: Action) -> bool {
        let action = match action {
            Action::Set { node, param, value } => return self.schedule.set(usize::from(node), param, value),
            Action::Swap { node, new } => return self.swap(node, new),
            action => action,
        };
        let Runner { schedule, signals, .. } = self;
        match sink {
            Some(sink) => schedule.outlet(usize::from(sink)).is_some_and(|outlet| tell(outlet, &action, signals)),
            None => {
                // All that understand it: one is enough.
                let mut any = false;
                for outlet in schedule.outlets() {
                    any |= tell(outlet, &action, signals);
                }
                any
            }
        }
    }

    /// Puts a node in the place of another. The one that is not needed goes back, whichever it is.
    fn swap(&mut self, node: u16, mut new: Box<dyn Node>) -> bool {
        let swapped = self.schedule.replace(usize::from(node), &mut new);
        self.returns.send(new);
        if let Some(at) = swapped {
            self.signals.put(Signal::Swapped { node, at });
        }
        swapped.is_some()
    }
}

fn tell(outlet: &mut Outlet, action: &Action, signals: &mut Signals) -> bool {
    match *action {
        Action::Talk(on) => return outlet.talk(on, signals),
        Action::Mute(on) => outlet.mute(on),
        Action::Pause(on) => outlet.pause(on),
        Action::Commit => outlet.commit(signals),
        Action::Cancel => return outlet.cancel(signals),
        Action::Interrupt => return outlet.interrupt(signals),
        Action::Lose => outlet.lose(signals),
        Action::Set { .. } | Action::Swap { .. } => return false,
    }
    true
}
