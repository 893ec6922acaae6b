//! One accepted connection, plain or TLS. Owned by the connection's task; its switch may be held by the task
//! that answers on it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A connection that can be told to end with a reset instead of an orderly close, wherever it is
/// dropped.
#[derive(Debug)]
pub(crate) struct Line {
    stream: Option<Stream>,
    reset: Reset,
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// The switch for that.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reset(Arc<AtomicBool>);

impl Reset {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Line {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { stream: Some(Stream::Plain(stream)), reset: Reset::default() }
    }

    /// Goes on in TLS; an error ends the connection.
    pub(crate) async fn secure(&mut self, acceptor: &TlsAcceptor) -> io::Result<()> {
        if let Some(Stream::Plain(stream)) = self.stream.take() {
            let secured = acceptor.accept(stream).await?;
            self.stream = Some(Stream::Tls(Box::new(secured)));
        }
        Ok(())
    }

    pub(crate) fn reset(&self) -> Reset {
        self.reset.clone()
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if !self.reset.0.load(Ordering::Relaxed) {
            return;
        }
        // If it fails the client sees an orderly close, which is a break as well.
        let _ = match &self.stream {
            Some(Stream::Plain(stream)) => stream.set_zero_linger(),
            Some(Stream::Tls(stream)) => stream.get_ref().0.set_zero_linger(),
            None => Ok(()),
        };
    }
}

/// Calls a method of whichever stream there is.
macro_rules! passed_on {
    ($line:ident, $method:ident, $($argument:expr),*) => {
        match &mut $line.stream {
            Some(Stream::Plain(stream)) => Pin::new(stream).$method($($argument),*),
            Some(Stream::Tls(stream)) => Pin::new(stream).$method($($argument),*),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    };
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        passed_on!(self, poll_read, context, buffer)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        passed_on!(self, poll_write, context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        passed_on!(self, poll_flush, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        passed_on!(self, poll_shutdown, context)
    }
}
