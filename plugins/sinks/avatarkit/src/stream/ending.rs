//! How a session ends, and what is left behind the loop.

use std::time::Duration;

use futures_util::FutureExt;
use glottis_core::{Cause, Settled, SinkErrorKind};
use glottis_net::socket::{Heard, How, Lost};

use super::{Grave, Work, Writing};
use crate::classify::{Phase, is_clean};
use crate::code::Code;
use crate::sink::End;
use crate::trouble;

/// How long a halt waits for the last word to be written.
const LAST_WORD: Duration = Duration::from_millis(400);

/// A connection that was closed sooner, and on which nothing was said, was none.
const SHORT: Duration = Duration::from_secs(1);

impl Work<'_> {
    /// What a lost connection means.
    pub(super) fn lost(&mut self, lost: Lost) -> End {
        let (code, mut error) = trouble::lost(Phase::Runtime, &self.with.host, &lost);
        error.connection_id = Some(self.with.confirmed.connection_id.clone());
        if lost.writing {
            error.req_id = self.requests.last().map(|request| request.id.clone());
        }
        if let Some(Grave { error: grave, told, .. }) = self.grave.take() {
            let number = lost.code.map(|code| code.to_string());
            let belongs = grave.server_code == number || code == Code::ConnectionClosed;
            if belongs {
                error = grave;
                error.told = told;
                (error.close_code, error.close_reason) = (lost.code, lost.reason.clone());
                return self.ended(error, lost);
            }
            if !told {
                self.tell(grave);
            }
        }
        if lost.how == How::Closed && (is_clean(lost.code) || code == Code::IdleTimeout) {
            return self.left(code, error, lost);
        }
        error.told = lost.code.is_some_and(|code| self.told.contains(&code.to_string()));
        self.ended(error, lost)
    }

    /// The service went without a fault, or because there was nothing to say.
    fn left(&mut self, code: Code, mut error: glottis_core::SinkError, lost: Lost) -> End {
        let idle = self.is_idle() && self.open.is_none();
        if idle && self.closed {
            return End::Finished;
        }
        let held = self.said || self.with.socket.uptime() >= SHORT;
        if code == Code::IdleTimeout {
            self.tell(error.clone());
        }
        if idle && held {
            return End::Resting(lost);
        }
        // No fault, but there is something to say: another connection, after a while.
        error.kind = SinkErrorKind::Retry;
        error.told = true;
        self.ended(error, lost)
    }

    fn ended(&mut self, error: glottis_core::SinkError, lost: Lost) -> End {
        let nothing_left = self.closed && self.is_idle() && self.open.is_none();
        if nothing_left && error.kind == SinkErrorKind::Retry {
            // Another connection would have nothing to say.
            if !error.told {
                self.with.inlet.warn(error);
            }
            return End::Finished;
        }
        End::Lost(Box::new(error), Some(lost))
    }

    /// Writing failed at once. The service may have said why before.
    pub(super) async fn after_failed_write(&mut self, lost: Lost) -> End {
        while let Some(heard) = self.with.socket.hear().now_or_never() {
            match heard {
                Heard::Binary(bytes) => self.hear(bytes),
                Heard::Lost(closed) if closed.how == How::Closed => {
                    return self.lost(Lost { writing: true, ..closed });
                }
                Heard::Lost(_) => break,
                Heard::Text(_) | Heard::Flushed | Heard::Arrived => {}
            }
        }
        self.lost(lost)
    }

    /// The run was halted: what the service has of the open request shall not be played.
    pub(super) async fn abandon_all(&mut self) {
        self.orders.clear();
        self.abandon(Settled::Dropped(Cause::Stopped));
        let word = async {
            while self.writing.is_some() || !self.orders.is_empty() {
                if self.write_next().is_err() {
                    return;
                }
                match self.with.socket.hear().await {
                    Heard::Flushed => self.written(),
                    Heard::Lost(_) => return,
                    _ => {}
                }
            }
        };
        let _ = tokio::time::timeout(LAST_WORD, word).await;
    }

    /// Nothing stays unanswered behind the loop. What was not said stays in the backlog.
    pub(super) fn settle(&mut self) {
        let writing = match self.writing.take() {
            Some((Writing::Order(command), _)) => command,
            _ => None,
        };
        let orders = self.orders.drain(..).filter_map(|order| order.command);
        for command in writing.into_iter().chain(orders) {
            self.with.inlet.answer(&command, Err("the connection ended before the service was told".to_owned()));
        }
        if let Some(Grave { error, told: false, .. }) = self.grave.take() {
            self.with.inlet.warn(error);
        }
    }
}
