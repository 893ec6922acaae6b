//! What the machine takes by itself for the way of a chunk: the same hand-overs and a message of the same size,
//! with nothing in between. A figure of ours says little without it: the same program is woken in 5 µs on one
//! machine and in 100 on another. Control side; blocks for a second or so.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use glottis_core::clock;

/// Messages that are sent.
const ROUNDS: usize = 100;

/// From one to the next: a block. Enough for every thread, and the processor, to go to sleep.
const PAUSE: Duration = Duration::from_millis(10);

/// How long a message of `bytes` bytes takes from a thread that has slept to another, from that to a third,
/// which writes it to a loopback socket, and to a fourth that reads it there; in nanoseconds, in order. Plain
/// threads, at the priority of the caller and where the system puts them. With `busy_poll` the fourth does not sleep
/// there.
///
/// # Errors
/// The system refuses a thread or a socket.
pub(crate) fn messages(bytes: usize, busy_poll: bool) -> io::Result<Vec<i64>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let outgoing = TcpStream::connect(listener.local_addr()?)?;
    outgoing.set_nodelay(true)?;
    let (incoming, _) = listener.accept()?;
    incoming.set_nonblocking(busy_poll)?;
    let message = vec![0; bytes.max(1)];
    let (push, pushed) = channel();
    let (queue, queued) = channel();
    let (receive, received) = channel();
    let mut took = Vec::with_capacity(ROUNDS);
    std::thread::scope(|scope| -> io::Result<()> {
        // The end of each is the end of the next: nobody waits for one that has failed.
        let (read, write) = (message.clone(), message);
        let start = |name: &str| std::thread::Builder::new().name(name.to_owned());
        start("bench-relay").spawn_scoped(scope, || relay(pushed, queue))?;
        start("bench-writer").spawn_scoped(scope, || writes(queued, outgoing, write))?;
        start("bench-reader").spawn_scoped(scope, || reads(incoming, read, receive))?;
        for _ in 0..ROUNDS {
            std::thread::sleep(PAUSE);
            let began = clock::now();
            let over = push.send(()).ok().and_then(|()| received.recv().ok());
            took.push(over.ok_or(io::ErrorKind::BrokenPipe)?.saturating_sub(began) as i64);
        }
        drop(push);
        Ok(())
    })?;
    Ok(took)
}

fn relay(from: Receiver<()>, to: Sender<()>) {
    while from.recv().is_ok() && to.send(()).is_ok() {}
}

fn writes(from: Receiver<()>, mut to: TcpStream, message: Vec<u8>) {
    while from.recv().is_ok() && to.write_all(&message).is_ok() {}
}

fn reads(mut from: TcpStream, mut message: Vec<u8>, to: Sender<u64>) {
    while read(&mut from, &mut message).is_ok() && to.send(clock::now()).is_ok() {}
}

/// Fills the buffer; looks again and again where the socket does not wait.
fn read(from: &mut TcpStream, mut message: &mut [u8]) -> io::Result<()> {
    while !message.is_empty() {
        match from.read(message) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => message = &mut message[n..],
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_arrives_and_takes_some_time() {
        for (bytes, busy_poll) in [(0, false), (1_000, true), (300_000, false), (300_000, true)] {
            let took = messages(bytes, busy_poll).expect("loopback");
            assert!(took.len() == ROUNDS && took.iter().all(|&ns| ns > 0), "{took:?}");
        }
    }
}
