//! A pipeline thread that drives many runs: each in its turn, one block at a time, and then sleeps until
//! the next block of any of them is due. A thread for each run would pay more for waking than for work.
//!
//! A turn is real time, as a run's own thread is: nothing in it allocates, frees, locks, blocks or makes a
//! system call. The sinks of all runs, and the control thread of all, are woken after the work of the turn.
//! Runs join and leave by rings with room for as many as a lane takes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use glottis_core::clock;
use glottis_core::sync::Bell;
use ringbuf::traits::{Consumer, Producer, Split};
use ringbuf::{HeapCons, HeapProd, HeapRb};

use crate::beat::LOOK;
use crate::realtime::{self, Rank};
use crate::runner::{Ended, Next, Runner};

/// Runs that one lane takes.
pub(crate) const SEATS: usize = 2048;

/// Blocks that a run which is behind may take in one turn, so that the others do not fall behind too.
const BURST: usize = 8;

/// How long signals may wait for those of other runs, in nanoseconds, so that however many there are, the
/// control thread is not woken more often than this.
const GATHER: u64 = 10_000_000;

/// A run's right to a seat. Given back by dropping it, on the control side.
pub(crate) struct Ticket {
    run: u64,
    taken: Arc<AtomicUsize>,
}

impl Ticket {
    /// Which run it is for.
    pub fn run(&self) -> u64 {
        self.run
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.taken.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A run that has left: how it ended, unless it panicked, and what is left of it, to be freed here.
pub(crate) struct Left {
    pub ticket: Ticket,
    pub ended: Option<Ended>,
    pub runner: Box<Runner>,
}

/// What is called across to the thread.
#[derive(Default)]
struct Call {
    /// There are orders, or a halt: every run is looked at.
    attention: AtomicBool,
    /// No run will join any more.
    closed: AtomicBool,
}

/// The control side's handle on the thread.
pub(crate) struct Lane {
    taken: Arc<AtomicUsize>,
    joins: Mutex<HeapProd<Seat>>,
    left: Mutex<HeapCons<Left>>,
    call: Arc<Call>,
    thread: Option<JoinHandle<()>>,
    /// Why it runs at common priority.
    refused: Option<String>,
}

impl Lane {
    /// Starts the thread, and asks for real-time priority for it. `bell`: of who controls its runs.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn start(bell: Bell) -> std::io::Result<Lane> {
        let (joins, joining) = HeapRb::new(SEATS).split();
        let (leaving, left) = HeapRb::new(SEATS).split();
        let call = Arc::new(Call::default());
        let (tell, told) = crossbeam_channel::bounded(1);
        let mut turns =
            Turns { seats: Vec::with_capacity(SEATS), joining, leaving, call: call.clone(), news: News::new(bell) };
        let body = move || {
            // Of the two only this end is left, and it is read.
            let _ = tell.send(realtime::ask(Rank::Pipeline));
            turns.run();
        };
        let thread = std::thread::Builder::new().name("glottis-pipeline".to_owned()).spawn(body)?;
        let refused = told.recv().ok().and_then(Result::err);
        let (joins, left) = (Mutex::new(joins), Mutex::new(left));
        Ok(Lane { taken: Arc::default(), joins, left, call, thread: Some(thread), refused })
    }

    /// A seat, if one is free.
    pub fn ticket(&self) -> Option<Ticket> {
        static RUNS: AtomicU64 = AtomicU64::new(0);
        let more = |taken| (taken < SEATS).then_some(taken + 1);
        self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok()?;
        Some(Ticket { run: RUNS.fetch_add(1, Ordering::Relaxed), taken: self.taken.clone() })
    }

    /// Seats that are taken.
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Acquire)
    }

    /// Why the thread runs at common priority, if it does.
    pub fn refused(&self) -> Option<&str> {
        self.refused.as_deref()
    }

    /// Lets a run begin.
    pub fn join(&self, ticket: Ticket, runner: Box<Runner>) {
        let seat = Seat { ticket, runner, due: 0, visited: false };
        let pushed = self.joins.lock().unwrap_or_else(PoisonError::into_inner).try_push(seat);
        debug_assert!(pushed.is_ok(), "more tickets than seats");
        self.wake();
    }

    /// There is something new for one of the runs.
    pub fn attention(&self) {
        self.call.attention.store(true, Ordering::Release);
        self.wake();
    }

    /// A run that has ended.
    pub fn left(&self) -> Option<Left> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).try_pop()
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Lane {
    /// Ends the thread once its last run has left, and waits for that.
    fn drop(&mut self) {
        self.call.closed.store(true, Ordering::Release);
        self.wake();
        if let Some(thread) = self.thread.take() {
            // A run that panics does not take the thread along.
            let _ = thread.join();
        }
    }
}

/// A run on the thread.
struct Seat {
    ticket: Ticket,
    runner: Box<Runner>,
    /// When it is to be looked at, in nanoseconds of the clock.
    due: u64,
    /// It was looked at in this turn: its sinks may have something to do.
    visited: bool,
}

impl Seat {
    /// Lets the run do what there is to do. Some: it has ended, by a panic if that is empty.
    fn visit(&mut self) -> Option<Option<Ended>> {
        self.visited = true;
        for _ in 0..BURST {
            match catch_unwind(AssertUnwindSafe(|| self.runner.step())) {
                Ok(Next::More) => {}
                Ok(Next::At(due)) => {
                    self.due = due;
                    return None;
                }
                Ok(Next::Ended(ended)) => return Some(Some(ended)),
                Err(_) => return Some(None),
            }
        }
        self.due = 0;
        None
    }
}

/// The thread's own side.
struct Turns {
    seats: Vec<Seat>,
    joining: HeapCons<Seat>,
    leaving: HeapProd<Left>,
    call: Arc<Call>,
    news: News,
}

/// What the control thread is to be told of.
struct News {
    bell: Bell,
    /// There is some.
    fresh: bool,
    /// When more may be told, in nanoseconds of the clock.
    due: u64,
}

impl News {
    fn new(bell: Bell) -> News {
        News { bell, fresh: false, due: 0 }
    }

    /// Rings, if there is something and the last time is long enough ago.
    fn tell(&mut self, now: u64) {
        if self.fresh && now >= self.due {
            (self.fresh, self.due) = (false, now + GATHER);
            self.bell.ring();
        }
    }
}

impl Turns {
    fn run(&mut self) {
        loop {
            let goes_on = self.turn();
            self.wake();
            if !goes_on {
                return;
            }
            self.sleep();
        }
    }

    /// Looks at every run that is due. False: there is none any more and none will come.
    fn turn(&mut self) -> bool {
        let closed = self.call.closed.load(Ordering::Acquire);
        while let Some(seat) = self.joining.try_pop() {
            seat.runner.attach();
            self.seats.push(seat);
        }
        // What is ordered after this is seen by the next turn, which comes at once.
        let all = self.call.attention.swap(false, Ordering::AcqRel);
        let now = clock::now();
        let mut i = 0;
        while let Some(seat) = self.seats.get_mut(i) {
            let wanted = all || seat.due <= now || seat.runner.is_woken();
            match if wanted { seat.visit() } else { None } {
                None => i += 1,
                Some(ended) => self.leave(i, ended),
            }
        }
        !(closed && self.seats.is_empty())
    }

    fn leave(&mut self, i: usize, ended: Option<Ended>) {
        let Seat { ticket, runner, .. } = self.seats.swap_remove(i);
        runner.leave();
        // At once: its end is waited for.
        (self.news.fresh, self.news.due) = (true, 0);
        if let Err(left) = self.leaving.try_push(Left { ticket, ended, runner }) {
            debug_assert!(false, "more runs have left than there are seats");
            // Better lost than freed on this thread.
            std::mem::forget(left);
        }
    }

    /// Wakes the sinks of all runs that were looked at, and the control thread: the only system calls but for
    /// sleeping.
    fn wake(&mut self) {
        for seat in &mut self.seats {
            if std::mem::take(&mut seat.visited) {
                self.news.fresh |= seat.runner.wake_sinks();
            }
        }
        if self.news.fresh {
            self.news.tell(clock::now());
        }
    }

    /// Sleeps until a run is due, but for a look at least: so that however many there are, a turn is for
    /// all that came in a millisecond.
    fn sleep(&self) {
        let news = self.news.fresh.then_some(self.news.due);
        match self.seats.iter().map(|seat| seat.due).chain(news).min() {
            None => std::thread::park(),
            Some(due) => {
                let ahead = Duration::from_nanos(due.saturating_sub(clock::now()));
                std::thread::park_timeout(ahead.max(LOOK));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_seat_for_each_of_so_many_and_one_given_back_is_free_again() {
        let lane = Lane::start(Bell::default()).unwrap();
        let mut tickets: Vec<Ticket> = (0..SEATS).filter_map(|_| lane.ticket()).collect();
        assert!(tickets.len() == SEATS && lane.ticket().is_none());
        assert!(tickets.windows(2).all(|pair| pair[0].run() != pair[1].run()));
        tickets.pop();
        assert!(lane.ticket().is_some());
        assert_eq!(lane.taken(), SEATS - 1);
    }
}
