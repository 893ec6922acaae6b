//! The TCP connection under the socket: a small send buffer, so that a service that does not read is
//! felt soon, and a count of what went out, so that slow can be told from stuck. Owned by the sink's
//! task.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream, lookup_host};

/// Bytes asked of the system for what is sent and not confirmed yet (Linux takes twice as many). It
/// carries 300 kB/s over a way of 400 ms, seven times what PCM needs; left to itself the system lets
/// megabytes pile up, a minute of speech that nobody hears.
const SEND_BUFFER: u32 = 64 << 10;

/// A TCP connection whose outgoing bytes are counted.
pub(crate) struct Wire {
    stream: TcpStream,
    written: Arc<AtomicU64>,
}

impl Wire {
    /// Connects to the first address of `host` that answers.
    pub(crate) async fn dial(host: &str, port: u16) -> io::Result<Wire> {
        let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in lookup_host((host, port)).await? {
            let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            socket.set_send_buffer_size(SEND_BUFFER)?;
            match socket.connect(address).await {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(Wire { stream, written: Arc::default() });
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
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
