//! The way out: the live session, the socket, and what was not sent. Whatever ends a run comes
//! through here. Owned by the sink's task.

use std::time::Duration;

use futures_util::FutureExt;
use glottis_core::event::Session;
use glottis_core::inlet::{Inlet, Item, Link};
use glottis_core::{Cause, SinkError, SinkErrorKind, SinkEvent};
use glottis_net::socket::{Lost, Socket};

use crate::sink::{End, Ravatar};
use crate::stalls::Stalls;
use crate::trouble;

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
            End::Failed(error) => self.after_failure(inlet, *error, socket).await,
            End::Over(error) => {
                self.forget_live(inlet, error.code == "SessionExpired");
                self.after_failure(inlet, *error, socket).await
            }
        }
    }

    async fn finish(&mut self, inlet: &mut Inlet, cause: Cause, socket: Option<Socket>) {
        self.drop_unsent(inlet, cause);
        self.drop_turns(inlet, cause);
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
        self.let_go(inlet);
        self.disconnected(inlet, lost.as_ref(), socket).await;
        if !self.reconnect.is_exhausted() {
            return Err(error);
        }
        self.give_up(inlet, None).await;
        Err(if self.opened { trouble::gone(&self.config.server.socket_host, error) } else { error })
    }

    /// The live session is over, or there was none. With nobody there to start again, the sink does so
    /// by itself, if that makes sense.
    async fn after_failure(
        &mut self,
        inlet: &mut Inlet,
        error: SinkError,
        socket: Option<Socket>,
    ) -> Result<(), SinkError> {
        if self.config.unattended && error.kind == SinkErrorKind::Retry {
            if !self.waits() {
                // They belonged to the session that is over.
                self.drop_turns(inlet, Cause::Interrupted);
            }
            self.let_go(inlet);
            self.end_live(inlet, PATIENCE).await;
            self.disconnected(inlet, None, socket).await;
        } else {
            self.give_up(inlet, socket).await;
        }
        Err(error)
    }

    /// Audio has no place to go until the next attempt.
    fn let_go(&mut self, inlet: &mut Inlet) {
        self.reconnect.failed();
        self.link_down(inlet);
        if !self.waits() {
            self.drop_unsent(inlet, Cause::Disconnected);
            self.put_by(inlet);
        }
    }

    /// Lets the pipeline end what is under way.
    pub(crate) fn link_down(&mut self, inlet: &mut Inlet) {
        if inlet.link() == Link::Up {
            self.outbox.lost();
        }
        if self.opened {
            inlet.set_link(Link::Down);
        }
    }

    /// Whole turns and texts are kept for the next connection, where the profile says so; other audio
    /// is lost by name.
    fn put_by(&mut self, inlet: &mut Inlet) {
        if !self.outbox.lasts() {
            self.drop_turns(inlet, Cause::Disconnected);
        }
        match &mut self.collector {
            Some(collector) if self.outbox.lasts() => {
                while let Some(packet) = inlet.try_packet() {
                    collector.take(inlet, &mut self.outbox, packet);
                }
            }
            _ => {
                inlet.discard(Cause::Disconnected);
            }
        }
    }

    fn waits(&self) -> bool {
        self.edge.is_some_and(|edge| edge.waits)
    }

    /// Nothing more will be tried.
    async fn give_up(&mut self, inlet: &mut Inlet, socket: Option<Socket>) {
        self.over = true;
        inlet.set_link(Link::GaveUp);
        self.drop_unsent(inlet, Cause::GaveUp);
        self.drop_turns(inlet, Cause::GaveUp);
        inlet.discard(Cause::GaveUp);
        self.end_live(inlet, PATIENCE).await;
        self.disconnected(inlet, None, socket).await;
        refuse_commands(inlet);
    }

    /// Forgets the live session without ending it: it has `ended`, or cannot be ended now and stays in
    /// the journal.
    fn forget_live(&mut self, inlet: &Inlet, ended: bool) {
        self.stalls = Stalls::default();
        let Some(live) = self.live.take() else { return };
        inlet.emit(SinkEvent::Session(Session::default()));
        if ended && let Some(page) = live.page {
            page.strike();
        }
    }

    /// Loses the turn in progress, and the messages that wait.
    pub(crate) fn drop_turns(&mut self, inlet: &mut Inlet, cause: Cause) {
        if let Some(collector) = &mut self.collector {
            collector.forget(inlet, cause);
        }
        self.outbox.clear(inlet, cause);
    }

    pub(crate) fn drop_unsent(&mut self, inlet: &mut Inlet, cause: Cause) {
        if let Some(packet) = self.unsent.take() {
            inlet.dropped(packet, cause);
        }
    }

    /// Ends the live session, if one is running, and forgets it in any case. Tries for `patience`,
    /// but no longer than [`HASTE`] once a halt was asked for.
    pub(crate) async fn end_live(&mut self, inlet: &mut Inlet, patience: Duration) {
        self.stalls = Stalls::default();
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
        if why.is_none()
            && let Some(page) = live.page
        {
            page.strike();
        }
        if let Some(why) = why {
            let message = format!("the live session {} could not be ended: {why}", live.license);
            inlet.warn(trouble::leak(message));
        }
    }

    /// Closes the socket, or buries it if it was lost, and says so.
    pub(crate) async fn disconnected(&mut self, inlet: &mut Inlet, lost: Option<&Lost>, socket: Option<Socket>) {
        let Some(socket) = socket else { return };
        let quick = lost.is_some() || inlet.is_halted();
        let goodbye = socket.close(if quick { QUICK_GOODBYE } else { GOODBYE }).await;
        let (close_code, close_reason) = match lost {
            None => (goodbye.then_some(1000), None),
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
