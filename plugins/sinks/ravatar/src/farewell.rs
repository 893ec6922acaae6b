//! The way out: the live session, the socket, and what was not sent. Whatever ends a run comes
//! through here. Owned by the sink's task.

use std::time::Duration;

use futures_util::FutureExt;
use glottis_core::event::Session;
use glottis_core::inlet::{Inlet, Item, Link};
use glottis_core::{Cause, SinkError, SinkEvent};

use crate::sink::{End, Ravatar};
use crate::socket::{Lost, Socket};
use crate::trouble;

/// Failures in a row that are put up with.
const FAILURES: usize = 3;

/// How long the end of a live session is tried for.
const PATIENCE: Duration = Duration::from_secs(8);

/// The same once somebody waits for us: a process that stops has two seconds for everything.
pub(crate) const HASTE: Duration = Duration::from_millis(1000);

/// How long the service's goodbye is waited for, and the same in haste.
const GOODBYE: Duration = Duration::from_millis(1000);
const QUICK_GOODBYE: Duration = Duration::from_millis(200);

impl Ravatar {
    /// Ends a run.
    pub(crate) async fn part(&mut self, inlet: &mut Inlet, end: End, socket: Option<Socket>) -> Result<(), SinkError> {
        let cause = end.cause();
        match end {
            End::Finished | End::Halted => {
                self.finish(inlet, cause, socket).await;
                Ok(())
            }
            End::Lost(error, lost) => self.after_loss(inlet, *error, lost, socket).await,
            End::Rejected(lost) => {
                let host = &self.config.server.socket_host;
                let error = trouble::disconnected(host, &lost.why);
                self.after_loss(inlet, error, Some(lost), socket).await
            }
            End::Failed(error) => {
                self.give_up(inlet, socket).await;
                Err(*error)
            }
            End::Over(error) => {
                if self.live.take().is_some() {
                    inlet.emit(SinkEvent::Session(Session::default()));
                }
                self.give_up(inlet, socket).await;
                Err(*error)
            }
        }
    }

    async fn finish(&mut self, inlet: &mut Inlet, cause: Cause, socket: Option<Socket>) {
        self.drop_unsent(inlet, cause);
        if inlet.is_halted() {
            inlet.discard(cause);
        }
        self.end_live(inlet, PATIENCE).await;
        self.disconnected(inlet, None, socket).await;
        refuse_commands(inlet);
        inlet.emit(SinkEvent::State("done"));
    }

    /// The connection is gone; the live session is not, unless it was the last attempt.
    async fn after_loss(
        &mut self,
        inlet: &mut Inlet,
        error: SinkError,
        lost: Option<Lost>,
        socket: Option<Socket>,
    ) -> Result<(), SinkError> {
        self.failures += 1;
        let waits = self.edge.is_some_and(|edge| edge.waits);
        if self.opened {
            inlet.set_link(Link::Down);
        }
        if !waits {
            self.drop_unsent(inlet, Cause::Disconnected);
            inlet.discard(Cause::Disconnected);
        }
        self.disconnected(inlet, lost.as_ref(), socket).await;
        if self.failures > FAILURES {
            self.give_up(inlet, None).await;
        }
        Err(error)
    }

    /// Nothing more will be tried.
    async fn give_up(&mut self, inlet: &mut Inlet, socket: Option<Socket>) {
        self.over = true;
        inlet.set_link(Link::GaveUp);
        self.drop_unsent(inlet, Cause::GaveUp);
        inlet.discard(Cause::GaveUp);
        self.end_live(inlet, PATIENCE).await;
        self.disconnected(inlet, None, socket).await;
        refuse_commands(inlet);
    }

    pub(crate) fn drop_unsent(&mut self, inlet: &mut Inlet, cause: Cause) {
        if let Some(packet) = self.unsent.take() {
            inlet.dropped(packet, cause);
        }
    }

    /// Ends the live session, if one is running, and forgets it in any case. Tries for `patience`,
    /// but no longer than [`HASTE`] once a halt was asked for.
    pub(crate) async fn end_live(&mut self, inlet: &mut Inlet, patience: Duration) {
        let (Some(live), Some(service)) = (self.live.take(), &self.service) else { return };
        let halted = inlet.halted();
        let too_late = async {
            tokio::select! {
                () = tokio::time::sleep(patience) => {}
                () = async { halted.await; tokio::time::sleep(HASTE).await } => {}
            }
        };
        let why = tokio::select! {
            biased;
            ended = service.rest.end_live(&live.license) => ended.err().map(|error| error.message),
            () = too_late => Some("the service does not answer".to_owned()),
        };
        inlet.emit(SinkEvent::Session(Session::default()));
        if let Some(why) = why {
            let message = format!("the live session {} could not be ended: {why}", live.license);
            inlet.warn(trouble::leak(message));
        }
    }

    /// Closes the socket, or buries it if it was lost, and says so.
    pub(crate) async fn disconnected(&mut self, inlet: &mut Inlet, lost: Option<&Lost>, socket: Option<Socket>) {
        let Some(socket) = socket else { return };
        let quick = lost.is_some() || inlet.is_halted();
        socket.close(if quick { QUICK_GOODBYE } else { GOODBYE }).await;
        let (close_code, close_reason) = match lost {
            None => (Some(1000), None),
            Some(lost) => (lost.code, lost.reason.clone()),
        };
        inlet.emit(SinkEvent::Disconnected { close_code, close_reason });
    }
}

/// Answers what nobody will answer any more.
fn refuse_commands(inlet: &mut Inlet) {
    while let Some(item) = inlet.recv_command().now_or_never() {
        if let Item::Command(command) = item {
            inlet.answer(&command, Err("the live session is over".to_owned()));
        }
    }
}
