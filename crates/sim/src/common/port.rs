//! The port while a fault keeps it closed. Runs on the simulator's thread, in the task that accepts.

use super::shared::{Shared, World};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};

/// Closes the port until the time is over or the rules are cleared; clients get "connection
/// refused". The address stays ours meanwhile: a bound socket that does not listen holds it.
pub(crate) async fn stay_closed<S: World>(listener: TcpListener, shared: &Shared<S>) -> TcpListener {
    drop(listener);
    let mut bound = keep(shared.address).await;
    note(shared, "port closed");
    loop {
        let until = shared.read(|state| state.port_closed());
        if until.is_none() {
            match bound.listen(1024) {
                Ok(listener) => {
                    note(shared, "port open");
                    return listener;
                }
                Err(_) => bound = keep(shared.address).await,
            }
            continue;
        }
        tokio::select! {
            () = shared.clock.sleep_until(until) => {}
            () = shared.happens(|state| state.port_closed() != until) => {}
        }
    }
}

/// Binds the address, however long that takes: it was ours a moment ago and nobody else should
/// want it.
async fn keep(address: SocketAddr) -> TcpSocket {
    loop {
        match bind(address) {
            Ok(bound) => return bound,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if cfg!(unix) {
        // Connections of the old listener may still be there. Elsewhere the option means more.
        socket.set_reuseaddr(true)?;
    }
    socket.bind(address)?;
    Ok(socket)
}

fn note<S: World>(shared: &Shared<S>, what: &str) {
    shared.update(|state| state.steered(what.into()));
}
