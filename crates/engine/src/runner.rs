//! The pipeline thread: takes blocks from the capture ring, runs the schedule, wakes the sinks.
//!
//! Between taking a block and queueing its packets nothing here allocates, locks, blocks, logs or
//! makes a system call; the sinks are woken after the work of a cycle. Only with a source that can
//! wait does the thread wait for full queues.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use glottis_core::feed::Taken;
use glottis_core::{Block, Fault, Intake, Node, clock};
use glottis_graph::returns::Returns;
use glottis_graph::{Outlet, Schedule, Signal, Signals};
use ringbuf::HeapCons;
use ringbuf::traits::Consumer;

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

/// How the pipeline thread ended.
pub(crate) struct Ended {
    pub result: Result<(), Fault>,
    /// Frames of the source that went through the schedule.
    pub processed: u64,
}

pub(crate) struct Runner {
    pub schedule: Schedule,
    pub signals: Signals,
    pub orders: HeapCons<Order>,
    pub returns: Returns,
    pub shared: Arc<Shared>,
}

/// How often the thread looks for a block that is due.
const LOOK: Duration = Duration::from_millis(1);

/// From taking one block to the first look for the next, in nanoseconds: a look less than a block, so
/// that a block taken late does not make all that follow late too.
const NEXT_LOOK: u64 = 9_000_000;

impl Runner {
    /// Runs until the source ends or a halt is asked for. What is left is freed on the control side; but the
    /// end of `intake` is told from here, since a source that waits for room may be all that side waits for.
    pub fn run(&mut self, mut intake: Intake) -> Ended {
        let mut block = Block::new(intake.rate());
        let mut processed = 0;
        let mut due = clock::now();
        loop {
            self.obey();
            if self.shared.halt.load(Ordering::Acquire) {
                self.schedule.halt(&mut self.signals);
                return Ended { result: Ok(()), processed };
            }
            match intake.take(&mut block) {
                Taken::Block => {
                    let taken = clock::now();
                    due = taken + NEXT_LOOK;
                    processed = (block.at + i64::from(block.valid)).max(0) as u64;
                    if let Err(fault) = self.cycle(&block, taken, intake.waits()) {
                        self.schedule.halt(&mut self.signals);
                        return Ended { result: Err(fault), processed };
                    }
                }
                Taken::Ended => {
                    let total = intake.total();
                    let result = self.schedule.finish(total, &mut self.signals);
                    return Ended { result, processed: total };
                }
                Taken::Empty => {
                    if intake.waits() {
                        self.schedule.wake();
                    }
                    wait(&intake, due);
                }
            }
        }
    }

    /// Runs a block, and what was lost before it: a long hole in several cycles, each as short as any,
    /// and between them the sinks get time to take what they were given.
    fn cycle(&mut self, block: &Block, mut taken: u64, waits: bool) -> Result<(), Fault> {
        loop {
            let filled = self.schedule.fill(block.at, block.captured, taken, &mut self.signals)?;
            if filled {
                self.schedule.run(block, taken, &mut self.signals)?;
            }
            if waits {
                self.schedule.wake_half();
            } else {
                let took = clock::now().saturating_sub(taken);
                self.schedule.wake();
                self.shared.cycle_max_ns.fetch_max(took, Ordering::Relaxed);
            }
            if filled || self.shared.halt.load(Ordering::Acquire) {
                return Ok(());
            }
            self.obey();
            std::thread::park_timeout(LOOK);
            taken = clock::now();
        }
    }

    fn obey(&mut self) {
        while let Some(Order { id, sink, action }) = self.orders.try_pop() {
            let ok = self.carry_out(sink, action);
            self.signals.put(Signal::Applied { id, ok });
            self.schedule.wake();
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

/// Sleeps until the next block is due, then looks each millisecond. A source that can wait wakes this
/// thread itself.
fn wait(intake: &Intake, due: u64) {
    if intake.waits() {
        // A slow one, a program that speaks into stdin, is not kept waiting for half a ring.
        return intake.wait(LOOK * 2);
    }
    let ahead = Duration::from_nanos(due.saturating_sub(clock::now()));
    std::thread::park_timeout(ahead.max(LOOK));
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
