//! The pipeline thread: takes blocks from the capture ring, runs the schedule, wakes the sinks.
//!
//! Between taking a block and queueing its packets nothing here allocates, locks, blocks, logs or
//! makes a system call; the sinks are woken after the work of a cycle. Only with a source that can
//! wait does the thread wait for full queues.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use glottis_core::feed::Taken;
use glottis_core::{Block, Fault, Intake, clock};
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
    Set { node: u16, param: &'static str, value: f64 },
}

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
    pub intake: Intake,
    pub schedule: Schedule,
    pub signals: Signals,
    pub orders: HeapCons<Order>,
    pub shared: Arc<Shared>,
}

/// How often the thread looks for a block that is due.
const LOOK: Duration = Duration::from_millis(1);

/// From taking one block to the first look for the next, in nanoseconds: a look less than a block, so
/// that a block taken late does not make all that follow late too.
const NEXT_LOOK: u64 = 9_000_000;

impl Runner {
    /// Runs until the source ends or a halt is asked for.
    pub fn run(mut self) -> Ended {
        let mut block = Block::new(self.intake.rate());
        let mut processed = 0;
        let mut due = clock::now();
        loop {
            self.obey();
            if self.shared.halt.load(Ordering::Acquire) {
                self.schedule.halt(&mut self.signals);
                return Ended { result: Ok(()), processed };
            }
            match self.intake.take(&mut block) {
                Taken::Block => {
                    let taken = clock::now();
                    due = taken + NEXT_LOOK;
                    processed = (block.at + i64::from(block.valid)).max(0) as u64;
                    if let Err(fault) = self.schedule.run(&block, taken, &mut self.signals) {
                        self.schedule.halt(&mut self.signals);
                        return Ended { result: Err(fault), processed };
                    }
                    let took = clock::now().saturating_sub(taken);
                    self.schedule.wake();
                    if !self.intake.waits() {
                        self.shared.cycle_max_ns.fetch_max(took, Ordering::Relaxed);
                    }
                }
                Taken::Ended => {
                    let total = self.intake.total();
                    let result = self.schedule.finish(total, &mut self.signals);
                    return Ended { result, processed: total };
                }
                Taken::Empty => self.wait(due),
            }
        }
    }

    /// Sleeps until the next block is due, then looks each millisecond. A source that can wait wakes
    /// this thread itself.
    fn wait(&self, due: u64) {
        if self.intake.waits() {
            // A slow one, a program that speaks into stdin, is not kept waiting for half a ring.
            return self.intake.wait(LOOK * 2);
        }
        let ahead = Duration::from_nanos(due.saturating_sub(clock::now()));
        std::thread::park_timeout(ahead.max(LOOK));
    }

    fn obey(&mut self) {
        while let Some(order) = self.orders.try_pop() {
            let ok = self.carry_out(&order);
            self.signals.put(Signal::Applied { id: order.id, ok });
            self.schedule.wake();
        }
    }

    fn carry_out(&mut self, order: &Order) -> bool {
        if let Action::Set { node, param, value } = order.action {
            return self.schedule.set(usize::from(node), param, value);
        }
        let Runner { schedule, signals, .. } = self;
        match order.sink {
            Some(sink) => schedule.outlet(usize::from(sink)).is_some_and(|outlet| tell(outlet, &order.action, signals)),
            None => {
                // All that understand it: one is enough.
                let mut any = false;
                for outlet in schedule.outlets() {
                    any |= tell(outlet, &order.action, signals);
                }
                any
            }
        }
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
        Action::Set { .. } => return false,
    }
    true
}
