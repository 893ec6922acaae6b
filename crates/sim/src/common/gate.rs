//! How a socket reads: as fast as it comes, slowly, not for a while, or only so much. Owned by the
//! socket's task.

use super::clock::Clock;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, ReadBuf};

/// How a socket reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Not at all for that long, counted from `since` on the simulator's clock.
    Stall { time: Duration, since: Duration },
    /// At most so many bytes per second.
    Rate(u64),
    /// The connection breaks behind so many more bytes.
    Until(u64),
}

/// Sits before a stream and lets its bytes through as it was told.
pub(crate) struct Gate {
    clock: Clock,
    /// Bytes per second.
    rate: Option<u64>,
    /// Bytes until the connection breaks.
    left: Option<u64>,
    /// Reading goes on when this is over.
    pause: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("rate", &self.rate).field("left", &self.left).finish_non_exhaustive()
    }
}

impl Gate {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, rate: None, left: None, pause: None }
    }

    pub(crate) fn set(&mut self, reading: Reading) {
        match reading {
            Reading::Stall { time, since } => self.pause_until(since.saturating_add(time)),
            Reading::Rate(rate) => self.rate = Some(rate),
            Reading::Until(bytes) => self.left = Some(bytes),
        }
    }

    /// Reads freely again, for the end of the socket.
    pub(crate) fn open(&mut self) {
        *self = Self::new(self.clock.clone());
    }

    /// Whether the connection is to break now.
    pub(crate) fn is_over(&self) -> bool {
        self.left == Some(0)
    }

    fn pause_until(&mut self, until: Duration) {
        let clock = self.clock.clone();
        self.pause = Some(Box::pin(async move { clock.sleep_until(Some(until)).await }));
    }

    pub(crate) fn poll_read<S: AsyncRead + Unpin>(
        &mut self,
        context: &mut Context<'_>,
        stream: &mut S,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(context));
            self.pause = None;
        }
        if self.rate.is_none() && self.left.is_none() {
            return Pin::new(stream).poll_read(context, buffer);
        }
        if self.is_over() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        // At a rate, a twentieth of a second at a time, so that it looks like a slow reader.
        let slice = self.rate.map_or(u64::MAX, |rate| (rate / 20).max(1));
        let most = slice.min(self.left.unwrap_or(u64::MAX));
        let most = usize::try_from(most).map_or(buffer.remaining(), |most| most.min(buffer.remaining()));
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(most));
        ready!(Pin::new(stream).poll_read(context, &mut part))?;
        let read = part.filled().len();
        buffer.advance(read);
        self.left = self.left.map(|left| left - read as u64);
        if let Some(rate) = self.rate {
            let time = Duration::from_secs_f64(read as f64 / rate as f64);
            self.pause_until(self.clock.now().saturating_add(time));
        }
        Poll::Ready(Ok(()))
    }
}
