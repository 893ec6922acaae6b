//! A blocking sink in the engine: an async [`Sink`] on the runtime that hands each call to a thread of
//! its own and waits for the answer without blocking anybody.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_channel::oneshot;
use glottis_core::sink::{BlockingSink, BoxFuture, Edge, Wants};
use glottis_core::{Cause, Inlet, Item, Packet, Problem, Sink, SinkError, SinkErrorKind};

/// Runs a [`BlockingSink`] on a thread of its own.
///
/// ```
/// use glottis_core::sink::BlockingSink;
/// use glottis_core::{Packet, Registry, SinkError};
/// use glottis_plugin::Threaded;
///
/// struct Hole;
///
/// impl BlockingSink for Hole {
///     fn open(&mut self) -> Result<(), Box<SinkError>> {
///         Ok(())
///     }
///     fn write(&mut self, _packet: &Packet) -> Result<(), Box<SinkError>> {
///         Ok(())
///     }
/// }
///
/// pub fn register(registry: &mut Registry) {
///     registry.add_sink("hole", "Takes everything.", &[], |_, _, _| Ok(Threaded::new(Hole)));
/// }
/// ```
pub struct Threaded {
    sink: Arc<Mutex<Box<dyn BlockingSink>>>,
    /// Where the thread takes its work from; dropping it ends the thread.
    work: Option<Sender<Work>>,
    /// An `open` has succeeded and no `close` has followed.
    opened: bool,
}

enum Work {
    Open(oneshot::Sender<Result<(), Box<SinkError>>>),
    Write(Packet, oneshot::Sender<(Packet, Result<(), Box<SinkError>>)>),
    Close(oneshot::Sender<Result<(), Box<SinkError>>>),
}

impl Threaded {
    /// Wraps a sink. The thread starts with the first run.
    pub fn new(sink: impl BlockingSink + 'static) -> Threaded {
        Threaded { sink: Arc::new(Mutex::new(Box::new(sink))), work: None, opened: false }
    }

    fn lock(&self) -> MutexGuard<'_, Box<dyn BlockingSink>> {
        self.sink.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands `work` to the thread and waits for its answer.
    async fn ask<T>(&mut self, work: impl FnOnce(oneshot::Sender<T>) -> Work) -> Result<T, Box<SinkError>> {
        let (answer, answered) = oneshot::channel();
        if self.work.is_none() {
            self.work = Some(start(self.sink.clone())?);
        }
        if let Some(to) = &self.work {
            // A thread that is gone shows itself by the answer that never comes.
            let _ = to.send(work(answer));
        }
        answered.await.map_err(|_| {
            self.work = None;
            let error = SinkError::fatal("Internal", "run", "the sink panicked: this is a bug");
            error.advice("report it to its author").into()
        })
    }

    async fn pass(&mut self, inlet: &mut Inlet) -> Result<(), Box<SinkError>> {
        self.ask(Work::Open).await??;
        self.opened = true;
        inlet.open();
        loop {
            match inlet.recv().await {
                Item::Packet(packet) => self.write(packet, inlet).await?,
                Item::Command(command) => inlet.answer(&command, Err("this sink takes no commands".to_owned())),
                Item::Halt | Item::Closed => return self.close().await,
            }
        }
    }

    async fn write(&mut self, packet: Packet, inlet: &mut Inlet) -> Result<(), Box<SinkError>> {
        let bytes = packet.body.len() as u64;
        let (packet, result) = self.ask(|answer| Work::Write(packet, answer)).await?;
        match &result {
            Ok(()) => {
                inlet.wrote(u64::from(bytes > 0), bytes);
                inlet.delivered(packet);
            }
            Err(error) if error.kind == SinkErrorKind::Rejected => inlet.dropped(packet, Cause::Rejected),
            Err(_) => inlet.dropped(packet, Cause::Disconnected),
        }
        match result {
            // The connection is as good as before: the next packet may be welcome.
            Err(error) if error.kind == SinkErrorKind::Rejected => {
                inlet.warn(*error);
                Ok(())
            }
            other => other,
        }
    }

    async fn close(&mut self) -> Result<(), Box<SinkError>> {
        if !std::mem::take(&mut self.opened) {
            return Ok(());
        }
        self.ask(Work::Close).await?
    }
}

/// The thread: it ends when the sink is dropped, after the call that is on.
fn start(sink: Arc<Mutex<Box<dyn BlockingSink>>>) -> Result<Sender<Work>, Box<SinkError>> {
    let (sender, work) = channel();
    let body = move || {
        for work in work {
            let mut sink = sink.lock().unwrap_or_else(PoisonError::into_inner);
            match work {
                Work::Open(answer) => _ = answer.send(sink.open()),
                Work::Write(packet, answer) => {
                    let result = sink.write(&packet);
                    let _ = answer.send((packet, result));
                }
                Work::Close(answer) => _ = answer.send(sink.close()),
            }
        }
    };
    let thread = std::thread::Builder::new().name("glottis-sink".to_owned()).spawn(body);
    match thread {
        Ok(_) => Ok(sender),
        Err(error) => Err(SinkError::fatal("Internal", "run", format!("cannot start a thread: {error}")).into()),
    }
}

impl Sink for Threaded {
    fn wants(&self) -> Wants {
        self.lock().wants()
    }

    fn prepare(&mut self, edge: &Edge) -> Result<(), Problem> {
        self.lock().prepare(edge)
    }

    fn run<'a>(&'a mut self, inlet: &'a mut Inlet) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(async move {
            let result = self.pass(inlet).await;
            if result.is_err() {
                // What is open is closed before the next `open`; what that says is no news.
                let _ = self.close().await;
            }
            result.map_err(|error| *error)
        })
    }

    fn backoff(&self, attempt: u32, opened: bool) -> Option<Duration> {
        self.lock().backoff(attempt, opened)
    }

    fn blocking(self: Box<Self>) -> Option<Box<dyn BlockingSink>> {
        let sink = Arc::try_unwrap(self.sink).ok()?;
        Some(sink.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}
