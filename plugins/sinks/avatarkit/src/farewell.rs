//! The way out: the socket, and what was not said. Whatever ends a run comes through here. Owned by the
//! sink's task.

use std::time::Duration;

use futures_util::FutureExt;
use glottis_core::inlet::{Inlet, Item, Link};
use glottis_core::{Cause, Settled, SinkError, SinkErrorKind, SinkEvent};
use glottis_net::socket::{Lost, Socket};

use crate::sink::{AvatarKit, End};
use crate::trouble;

/// How long the service's goodbye is waited for, and the same when there is no time or no hope.
const GOODBYE: Duration = Duration::from_millis(1000);
pub(crate) const QUICK_GOODBYE: Duration = Duration::from_millis(300);

impl AvatarKit {
    /// Ends a run.
    pub(crate) async fn part(&mut self, inlet: &mut Inlet, end: End, socket: Option<Socket>) -> Result<(), SinkError> {
        match end {
            End::Finished | End::Halted | End::Resting(_) => {
                self.finish(inlet, socket).await;
                Ok(())
            }
            End::Lost(error, lost) => self.after_loss(inlet, *error, lost, socket).await,
        }
    }

    async fn finish(&mut self, inlet: &mut Inlet, socket: Option<Socket>) {
        self.speech.give_up(inlet, Settled::Dropped(Cause::Stopped));
        if inlet.is_halted() {
            inlet.discard(Cause::Stopped);
        }
        self.disconnected(inlet, None, socket).await;
        self.close_gallery(inlet).await;
        refuse_commands(inlet);
        inlet.emit(SinkEvent::State("done"));
    }

    async fn after_loss(
        &mut self,
        inlet: &mut Inlet,
        mut error: SinkError,
        lost: Option<Lost>,
        socket: Option<Socket>,
    ) -> Result<(), SinkError> {
        self.failures += 1;
        self.at_once = trouble::is_at_once(&error);
        let give_up = error.kind != SinkErrorKind::Retry || self.failures >= self.config.tries;
        if give_up {
            self.over = true;
            inlet.set_link(Link::GaveUp);
            self.drop_speech(inlet, Cause::GaveUp);
            // An end without a fault is one after all if the sink gives up over it.
            error.told &= error.kind != SinkErrorKind::Retry;
        } else {
            if self.opened {
                inlet.set_link(Link::Down);
            }
            if !self.edge.is_some_and(|edge| edge.waits) {
                self.drop_speech(inlet, Cause::Disconnected);
            }
        }
        self.disconnected(inlet, lost.as_ref(), socket).await;
        if give_up {
            refuse_commands(inlet);
        }
        Err(error)
    }

    fn drop_speech(&mut self, inlet: &mut Inlet, cause: Cause) {
        self.speech.give_up(inlet, Settled::Dropped(cause));
        inlet.discard(cause);
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

    /// Lets the callback take what waits for it.
    pub(crate) async fn close_gallery(&mut self, inlet: &mut Inlet) {
        let Some(gallery) = self.gallery.take() else { return };
        let lost = gallery.close().await;
        if lost > 0 {
            let words = format!("{lost} animation frames were lost: the callback is too slow");
            inlet.emit(SinkEvent::Notice(words));
        }
    }
}

/// Answers what nobody will answer any more.
fn refuse_commands(inlet: &mut Inlet) {
    while let Some(item) = inlet.recv_command().now_or_never() {
        if let Item::Command(command) = item {
            inlet.answer(&command, Err("the session is over".to_owned()));
        }
    }
}
