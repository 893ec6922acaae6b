//! The byte stream under a socket, where what the WebSocket library does by itself can be bent:
//! pongs and close frames are withheld, bytes leave in small pieces, reading is slow or
//! stops. Owned by the socket's task.

use super::clock::Clock;
use super::gate::Gate;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that passes everything on except, if asked, the pong or close frames we write. The
/// library answers every ping and every close on its own and offers no switch, so they are taken out
/// here. Reading passes a [`Gate`].
#[derive(Debug)]
pub(crate) struct Wire<S> {
    stream: S,
    gate: Gate,
    /// Kinds of frames withheld, one bit per opcode.
    withheld: u16,
    filter: Option<Filter>,
    /// Bytes written at once.
    piece: usize,
    /// Filtered bytes that the stream has not taken yet.
    rest: Vec<u8>,
}

impl<S> Wire<S> {
    pub(crate) fn new(stream: S, clock: Clock, withhold_pongs: bool) -> Self {
        let mut wire =
            Self { stream, gate: Gate::new(clock), withheld: 0, filter: None, piece: usize::MAX, rest: Vec::new() };
        wire.withhold(Kept::Pongs, withhold_pongs);
        wire
    }

    pub(crate) fn gate(&mut self) -> &mut Gate {
        &mut self.gate
    }

    pub(crate) fn stream(&self) -> &S {
        &self.stream
    }

    /// Withholds frames of a kind or not. Only between frames: everything written so far must be
    /// flushed.
    pub(crate) fn withhold(&mut self, kind: Kept, withhold: bool) {
        let bit = 1 << kind as u16;
        self.withheld = if withhold { self.withheld | bit } else { self.withheld & !bit };
        self.filter = (self.withheld != 0).then(|| Filter::new(self.withheld));
    }

    /// Writes at most so many bytes at once, which is a segment each where nothing is delayed.
    pub(crate) fn write_pieces(&mut self, bytes: usize) {
        self.piece = bytes.max(1);
    }
}

impl<S: AsyncWrite + Unpin> Wire<S> {
    fn poll_rest(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.rest.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, &self.rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.rest.drain(..written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.gate.poll_read(context, &mut this.stream, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_rest(context))?;
        let this = &mut *self;
        let bytes = &bytes[..bytes.len().min(this.piece)];
        let Some(filter) = &mut this.filter else {
            return Pin::new(&mut this.stream).poll_write(context, bytes);
        };
        filter.filter(bytes, &mut this.rest);
        // The bytes are ours now; what the stream does not take yet waits for the next call.
        match this.poll_rest(context) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(bytes.len())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_rest(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_rest(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Kinds of frames that can be withheld, with their opcodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    Closes = 0x8,
    Pongs = 0xA,
}

/// Follows the frames in a stream of bytes (RFC 6455, 5.2; a server's are not masked).
#[derive(Debug)]
struct Filter {
    withheld: u16,
    header: Vec<u8>,
    /// Payload bytes left of the running frame.
    left: u64,
    drop: bool,
}

impl Filter {
    fn new(withheld: u16) -> Self {
        Self { withheld, header: Vec::new(), left: 0, drop: false }
    }

    fn filter(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut at = 0;
        while at < bytes.len() {
            if self.left == 0 {
                self.header.push(bytes[at]);
                at += 1;
                self.begin(out);
                continue;
            }
            let rest = &bytes[at..];
            let take = usize::try_from(self.left).map_or(rest.len(), |left| left.min(rest.len()));
            if !self.drop {
                out.extend_from_slice(&rest[..take]);
            }
            self.left -= take as u64;
            at += take;
        }
    }

    /// Starts the payload if the header is complete.
    fn begin(&mut self, out: &mut Vec<u8>) {
        let (length_bytes, short) = match self.header.get(1).map(|byte| byte & 0x7f) {
            None => return,
            Some(126) => (2, 0),
            Some(127) => (8, 0),
            Some(short) => (0, u64::from(short)),
        };
        if self.header.len() < 2 + length_bytes {
            return;
        }
        let long = self.header[2..].iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
        self.left = if length_bytes == 0 { short } else { long };
        self.drop = self.withheld & 1 << (self.header[0] & 0x0f) != 0;
        if !self.drop {
            out.extend_from_slice(&self.header);
        }
        self.header.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::{Filter, Kept};

    #[test]
    fn only_pongs_are_taken_out_whatever_the_pieces() {
        let mut long = vec![0x81, 126, 1, 0];
        long.extend([7; 256]);
        let pong = [0x8a, 2, 1, 2];
        let empty_pong = [0x8a, 0];
        let close = [0x88, 2, 3, 232];
        let all = [&long[..], &pong, &empty_pong, &close, &pong, &[0x81, 0]].concat();
        let kept = [&long[..], &close, &[0x81, 0]].concat();
        for piece in [1, 2, 3, 100, all.len()] {
            let mut filter = Filter::new(1 << Kept::Pongs as u16);
            let mut out = Vec::new();
            all.chunks(piece).for_each(|bytes| filter.filter(bytes, &mut out));
            assert_eq!(out, kept, "pieces of {piece}");
        }
    }
}
