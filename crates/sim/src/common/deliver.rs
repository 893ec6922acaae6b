//! Sending a reply the way a fault wants it: late, in pieces, in part, or not at all. Runs in the
//! task of the connection, on the simulator's thread.

use super::clock::Clock;
use super::line::Reset;
use super::shared::{Shared, World};
use super::web::{Body, Ending, Reply, full};
use bytes::Bytes;
use futures_util::stream;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use std::io;
use std::time::Duration;

/// Sends a reply. An `Err` closes the connection without one.
pub(crate) async fn send<S: World>(shared: &Shared<S>, reply: Reply, reset: &Reset) -> io::Result<Response<Body>> {
    if reply.manner.due.is_some() {
        shared.clock.sleep_until(reply.manner.due).await;
    }
    let ending = reply.manner.ending.clone();
    match ending {
        Ending::Whole => Ok(reply.into_response()),
        Ending::Hang => {
            hang(shared, reply.manner.epoch).await;
            Err(io::Error::other("a fault let the call hang"))
        }
        Ending::Drop { reset: hard } => {
            if hard {
                reset.set();
            }
            Err(io::Error::other("a fault closed the connection"))
        }
        Ending::DropAt(size) => Ok(with_body(reply, |body| broken(body, size, reset.clone()))),
        Ending::Trickle { bytes, every } => {
            Ok(with_body(reply, |body| trickled(body, bytes, every, shared.clock.clone())))
        }
    }
}

/// Waits until the rules of that epoch are cleared. A client that gives up ends this too, because its
/// connection's task is dropped.
pub(crate) async fn hang<S: World>(shared: &Shared<S>, epoch: u64) {
    shared.happens(|state| state.faults().epoch != epoch).await;
}

fn with_body(reply: Reply, body: impl FnOnce(Bytes) -> Body) -> Response<Body> {
    let (mut head, bytes) = reply.into_parts();
    // The whole length, so that a client can tell that something is missing.
    head.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    head.map(|()| body(bytes))
}

/// The first `size` bytes, then a reset.
fn broken(body: Bytes, size: usize, reset: Reset) -> Body {
    let first = body.slice(..size.min(body.len()));
    let body = stream::unfold(Some(first), move |first| {
        let reset = reset.clone();
        async move {
            match first {
                Some(first) => Some((Ok(Frame::data(first)), None)),
                None => {
                    // hyper writes what it has before it asks again, if it has to wait in between.
                    tokio::task::yield_now().await;
                    reset.set();
                    Some((Err(io::Error::other("a fault broke the body")), None))
                }
            }
        }
    });
    StreamBody::new(body).boxed_unsync()
}

/// Pieces of `size` bytes, one every `every`, the first at once.
fn trickled(body: Bytes, size: usize, every: Duration, clock: Clock) -> Body {
    if body.is_empty() {
        return full(body);
    }
    let start = clock.now();
    let body = stream::unfold((body, start), move |(mut rest, due)| {
        let clock = clock.clone();
        async move {
            if rest.is_empty() {
                return None;
            }
            clock.sleep_until(Some(due)).await;
            let piece = rest.split_to(size.min(rest.len()));
            Some((Ok(Frame::data(piece)), (rest, due.saturating_add(every))))
        }
    });
    StreamBody::new(body).boxed_unsync()
}
