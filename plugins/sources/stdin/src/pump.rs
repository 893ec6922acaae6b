//! A thread that reads where reading may block for ever, and the other end of what it reads. The
//! source can stop at any time; the reading thread then stays behind in its read.

use std::io::{self, Read};

use crossbeam_channel::{Receiver, Sender, bounded, never, select};
use glottis_source_door::reel::Stop;

/// Bytes read at a time at most.
const READ: usize = 64 * 1024;

/// Reads under way.
const BUFFERS: usize = 4;

/// What the reading thread has read.
pub struct Pipe {
    full: Receiver<io::Result<Vec<u8>>>,
    empty: Sender<Vec<u8>>,
    current: Vec<u8>,
    at: usize,
    stop: Stop,
}

impl Pipe {
    /// Starts to read `input`.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn new(mut input: Box<dyn Read + Send>) -> io::Result<Pipe> {
        let (filled, full) = bounded(BUFFERS);
        let (empty, emptied) = bounded(BUFFERS);
        for _ in 0..BUFFERS - 1 {
            let _ = empty.try_send(Vec::new());
        }
        std::thread::Builder::new().name("glottis stdin".into()).spawn(move || pump(&mut *input, &filled, &emptied))?;
        Ok(Pipe { full, empty, current: Vec::new(), at: 0, stop: never() })
    }

    /// From now on the end is also reached when `stop` says so.
    pub fn stop_with(&mut self, stop: Stop) {
        self.stop = stop;
    }
}

fn pump(input: &mut dyn Read, filled: &Sender<io::Result<Vec<u8>>>, emptied: &Receiver<Vec<u8>>) {
    while let Ok(mut buffer) = emptied.recv() {
        buffer.resize(READ, 0);
        let read = loop {
            match input.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        let (over, item) = match read {
            Ok(0) => return,
            Ok(n) => {
                buffer.truncate(n);
                (false, Ok(buffer))
            }
            Err(error) => (true, Err(error)),
        };
        if filled.send(item).is_err() || over {
            return;
        }
    }
}

impl Read for Pipe {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.at == self.current.len() {
            let next = select! {
                recv(self.full) -> next => next,
                recv(self.stop) -> _ => return Ok(0),
            };
            // Disconnected: the input has ended.
            let Ok(next) = next else { return Ok(0) };
            let used = std::mem::replace(&mut self.current, next?);
            self.at = 0;
            let _ = self.empty.try_send(used);
        }
        let n = bytes.len().min(self.current.len() - self.at);
        bytes[..n].copy_from_slice(&self.current[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}
