//! Connections: accepts, greets, begins TLS where asked for, hands requests on. Runs on a
//! simulator's thread, one task per connection.

use super::deliver;
use super::line::Line;
use super::port;
use super::shared::{Greeting, Shared, World};
use super::web::Ending;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

/// Longest request body that is read.
const BODY_LIMIT: usize = 1 << 20;
/// Connections served at once; more wait in the system's queue.
const CONNECTIONS: usize = 1024;

/// Serves until it is dropped.
pub(crate) async fn run<S: World>(listener: TcpListener, shared: &Arc<Shared<S>>) -> Infallible {
    let watched = shared.clone();
    tokio::spawn(async move { watched.watch_clock().await });
    let free = Arc::new(Semaphore::new(CONNECTIONS));
    let (leave, left) = watch::channel(0_u64);
    let mut listener = listener;
    loop {
        tokio::select! {
            biased;
            () = shared.happens(|state| state.port_closed().is_some()) => {
                leave.send_modify(|times| *times += 1);
                listener = port::stay_closed(listener, shared).await;
            }
            () = accept(&listener, &free, shared, &left) => {}
        }
    }
}

/// Accepts one connection and spawns its task. May be dropped while it waits.
async fn accept<S: World>(
    listener: &TcpListener,
    free: &Arc<Semaphore>,
    shared: &Arc<Shared<S>>,
    left: &watch::Receiver<u64>,
) {
    // The semaphore is never closed, so there is always a permit to come.
    let permit = free.clone().acquire_owned().await;
    let Ok((stream, _)) = listener.accept().await else {
        // Out of file descriptors, most likely: wait for some to come back.
        tokio::time::sleep(Duration::from_millis(20)).await;
        return;
    };
    let mut left = left.clone();
    left.mark_unchanged();
    let shared = shared.clone();
    tokio::spawn(async move {
        serve(stream, shared, left).await;
        drop(permit);
    });
}

/// The address a local client can connect to: `0.0.0.0` is none.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        return SocketAddr::from((Ipv4Addr::LOCALHOST, address.port()));
    }
    address
}

/// Serves one connection to its end. When the port is closed, `left` changes and the connection
/// ends behind the request it is at.
async fn serve<S: World>(stream: TcpStream, shared: Arc<Shared<S>>, mut left: watch::Receiver<u64>) {
    // Answers are small and awaited; a failure to say so only costs time.
    let _ = stream.set_nodelay(true);
    let mut line = Line::new(stream);
    if !greet(&shared, &mut line).await {
        return;
    }
    if let Some(tls) = &shared.tls {
        // A client that refuses our certificate is gone; there is nobody to tell.
        let Ok(()) = line.secure(&TlsAcceptor::from(tls.clone())).await else { return };
    }
    let reset = line.reset();
    let service = service_fn(move |request| S::answer(shared.clone(), request, reset.clone()));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(line), service);
    let mut connection = pin!(connection.with_upgrades());
    // An error here is a client that went away or spoke no HTTP; there is nobody to tell.
    tokio::select! {
        _ = connection.as_mut() => return,
        Ok(()) = left.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// What a fault does to a connection before anything is read. False if that was its end.
async fn greet<S: World>(shared: &Shared<S>, line: &mut Line) -> bool {
    let Some(Greeting { due, ending, epoch }) = shared.update(S::greet) else { return true };
    if due.is_some() {
        shared.clock.sleep_until(due).await;
    }
    match ending {
        Ending::Drop { reset } => {
            if reset {
                line.reset().set();
            }
            false
        }
        Ending::Hang => {
            let mut waste = [0; 4096];
            let gone = async { while let Ok(1..) = line.read(&mut waste).await {} };
            tokio::select! {
                () = deliver::hang(shared, epoch) => {}
                () = gone => {}
            }
            false
        }
        _ => true,
    }
}

/// The whole body, or `None` if it is too long.
pub(crate) async fn read(body: Incoming) -> io::Result<Option<Bytes>> {
    match Limited::new(body, BODY_LIMIT).collect().await {
        Ok(body) => Ok(Some(body.to_bytes())),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Ok(None),
        Err(error) => Err(io::Error::other(error)),
    }
}
