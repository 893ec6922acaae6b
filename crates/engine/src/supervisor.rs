//! One sink's task: runs the sink, waits after a failure, runs it again, gives it up. On the async
//! runtime.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::Duration;

use futures_util::FutureExt;
use glottis_core::inlet::{Control, Link};
use glottis_core::{Cause, Inlet, Item, Sink, SinkError, SinkErrorKind, SinkEvent};

use crate::control::Inbox;
use crate::post::Post;

/// How long a sink may take to end what it has open once a halt was asked for.
const GRACE: Duration = Duration::from_millis(2_000);

/// How a sink's task ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// All was delivered, or what was not is on the ledger.
    Done,
    /// The sink was given up.
    GaveUp,
    /// The sink panicked: a bug.
    Panicked,
}

pub(crate) struct Supervisor {
    pub index: usize,
    pub sink: Box<dyn Sink>,
    pub inlet: Inlet,
    pub waits: bool,
    pub inbox: Post,
    /// The control side of the sink's queue.
    pub control: Control,
}

enum Attempt {
    Finished(Result<(), Box<SinkError>>),
    CutOff,
    Panicked,
}

impl Supervisor {
    /// Runs the sink to its end. Afterwards every packet that was queued is settled.
    pub async fn run(mut self) {
        let outcome = self.run_sink().await;
        self.inlet.abandon(Cause::Stopped);
        if outcome == Outcome::Done {
            self.inlet.discard(Cause::Stopped);
        } else {
            self.swallow().await;
        }
        // The control thread outlives every task: it waits for this message.
        self.inbox.send(Inbox::SinkDone(self.index, outcome));
    }

    async fn run_sink(&mut self) -> Outcome {
        let mut attempt = 0;
        loop {
            let connects = self.connects();
            let error = match self.attempt().await {
                Attempt::Finished(Ok(())) => return Outcome::Done,
                Attempt::CutOff => return Outcome::Done,
                Attempt::Panicked => {
                    let error = SinkError::fatal("Internal", "run", "the sink panicked: this is a bug")
                        .advice("please report it with what was printed on stderr");
                    self.emit_error(error, true);
                    return Outcome::Panicked;
                }
                Attempt::Finished(Err(error)) => error,
            };
            let opened = self.connects() > connects;
            if opened {
                attempt = 0;
            }
            attempt += 1;
            let backoff = match error.kind {
                SinkErrorKind::Retry => self.sink.backoff(attempt, opened),
                SinkErrorKind::Rejected => Some(Duration::ZERO),
                SinkErrorKind::Fatal => None,
            };
            let why = error.code;
            if !error.told {
                self.emit_error(*error, backoff.is_none());
            }
            let Some(backoff) = backoff else {
                self.leave().await;
                return Outcome::GaveUp;
            };
            self.inlet.set_link(if self.connects() > 0 { Link::Down } else { Link::Opening });
            self.inlet.emit(SinkEvent::State("reconnecting"));
            let in_ms = backoff.as_millis() as u64;
            self.inbox.send(Inbox::Retry { sink: self.index, attempt, in_ms, why });
            if !self.wait(backoff).await {
                self.leave().await;
                return Outcome::Done;
            }
        }
    }

    fn connects(&self) -> u64 {
        self.inlet.connects()
    }

    fn emit_error(&self, error: SinkError, fatal: bool) {
        self.inlet.emit(SinkEvent::Error { error: Box::new(error), fatal });
    }

    async fn attempt(&mut self) -> Attempt {
        let halted = self.inlet.halted();
        let (control, inbox, index) = (&self.control, &self.inbox, self.index);
        let mut run = pin!(AssertUnwindSafe(self.sink.run(&mut self.inlet)).catch_unwind());
        let mut opened = false;
        let run = std::future::poll_fn(|context| {
            let polled = run.as_mut().poll(context);
            if !opened && control.link() == Link::Up {
                opened = true;
                // Behind what the sink itself said when it opened: so events come in the same order in
                // every run.
                inbox.send(Inbox::SinkOpened(index));
            }
            polled
        });
        let cut_off = async {
            halted.await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            biased;
            result = run => match result {
                Ok(result) => Attempt::Finished(result.map_err(Box::new)),
                Err(_) => Attempt::Panicked,
            },
            () = cut_off => Attempt::CutOff,
        }
    }

    /// Waits out a backoff. False: the run is over.
    async fn wait(&mut self, backoff: Duration) -> bool {
        let sleep = tokio::time::sleep(backoff);
        tokio::pin!(sleep);
        // What a source that can wait has queued stays queued until the sink is back.
        let mut stays = self.waits;
        loop {
            let item = tokio::select! {
                () = &mut sleep => return true,
                item = self.item(stays) => item,
            };
            match item {
                Item::Halt => return false,
                Item::Closed if self.sink.keeps() => stays = true,
                Item::Closed => return false,
                item => self.sink.meanwhile(&mut self.inlet, item),
            }
        }
    }

    async fn item(&mut self, stays: bool) -> Item {
        if stays { self.inlet.recv_command().await } else { self.inlet.recv().await }
    }

    async fn leave(&mut self) {
        let leave = AssertUnwindSafe(self.sink.leave(&mut self.inlet)).catch_unwind();
        let _ = tokio::time::timeout(GRACE, leave).await;
    }

    /// The sink is no more: what still comes for it is dropped by name until the run ends.
    async fn swallow(&mut self) {
        self.inlet.set_link(Link::GaveUp);
        self.inlet.emit(SinkEvent::State("gave_up"));
        self.inbox.send(Inbox::SinkGaveUp(self.index));
        loop {
            match self.inlet.recv().await {
                Item::Packet(packet) => self.inlet.dropped(packet, Cause::GaveUp),
                Item::Command(command) => {
                    self.inlet.answer(&command, Err("the sink has given up".to_owned()));
                }
                Item::Halt => {}
                Item::Closed => return,
            }
        }
    }
}
