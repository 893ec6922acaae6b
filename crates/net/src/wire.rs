//! The TCP connection under a socket: a small send buffer, so that a service that does not read is
//! felt soon, and a count of what went out, so that slow can be told from stuck. Owned by a sink's
//! task.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tower_service::Service;

use crate::http::root;

/// Bytes asked of the system for what is sent and not confirmed yet (Linux takes twice as many). It
/// carries 300 kB/s over a way of 400 ms, several times what PCM needs; left to itself the system lets
/// megabytes pile up, a minute of speech that nobody hears.
const SEND_BUFFER: usize = 64 << 10;

/// A TCP connection whose outgoing bytes are counted.
pub(crate) struct Wire {
    stream: TcpStream,
    written: Arc<AtomicU64>,
}

impl Wire {
    /// Connects to the host of `uri`, whose addresses share `limit`.
    ///
    /// # Errors
    /// The system's words for why none of them answers.
    pub(crate) async fn dial(uri: Uri, limit: Duration) -> Result<Wire, String> {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_send_buffer_size(Some(SEND_BUFFER));
        connector.set_connect_timeout(Some(limit));
        let connect = async {
            std::future::poll_fn(|context| connector.poll_ready(context)).await?;
            connector.call(uri).await
        };
        let stream = connect.await.map_err(|error| root(&error))?;
        Ok(Wire { stream: stream.into_inner(), written: Arc::default() })
    }

    /// Bytes the system has taken so far; goes on counting.
    pub(crate) fn written(&self) -> Arc<AtomicU64> {
        self.written.clone()
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let n = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        self.written.fetch_add(n as u64, Ordering::Relaxed);
        Poll::Ready(Ok(n))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
