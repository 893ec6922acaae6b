//! Runs a sink as the engine does: again after each failure, with what comes meanwhile, to its end.

use std::task::Poll;
use std::time::Duration;

use glottis_core::inlet::{Inlet, Item};
use glottis_core::{Cause, Sink, SinkError, SinkErrorKind, SinkEvent};

/// Runs a sink until it is done, is given up, or the run is over while it waits.
pub async fn run(
    sink: &mut dyn Sink,
    inlet: &mut Inlet,
    waits_of: Option<bool>,
) -> (Result<(), SinkError>, Vec<Duration>) {
    let mut waits = Vec::new();
    loop {
        let before = inlet.connects();
        let Err(error) = sink.run(inlet).await else { return (Ok(()), waits) };
        let wait = match error.kind {
            SinkErrorKind::Retry => sink.backoff(waits.len() as u32 + 1, inlet.connects() > before),
            _ => None,
        };
        inlet.emit(SinkEvent::Error { error: Box::new(error.clone()), fatal: wait.is_none() });
        let Some(wait) = wait else {
            sink.leave(inlet).await;
            return (Err(error), waits);
        };
        waits.push(wait);
        if let Some(patient) = waits_of
            && !wait_out(sink, inlet, wait, patient).await
        {
            sink.leave(inlet).await;
            return (Ok(()), waits);
        }
    }
}

/// What came too late is lost by name, and commands are refused, as the engine does it.
pub fn swallow(inlet: &mut Inlet) {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        let polled = std::pin::pin!(inlet.recv()).poll(&mut context);
        match polled {
            Poll::Ready(Item::Packet(packet)) => inlet.dropped(packet, Cause::GaveUp),
            Poll::Ready(Item::Command(command)) => inlet.answer(&command, Err("the sink is over".to_owned())),
            Poll::Ready(Item::Halt) => {}
            Poll::Ready(Item::Closed) | Poll::Pending => return,
        }
    }
}

/// Waits as the engine does between two runs. False: the run is over.
async fn wait_out(sink: &mut dyn Sink, inlet: &mut Inlet, wait: Duration, mut stays: bool) -> bool {
    let mut over = std::pin::pin!(tokio::time::sleep(wait));
    loop {
        let item = async { if stays { inlet.recv_command().await } else { inlet.recv().await } };
        let item = tokio::select! {
            () = &mut over => return true,
            item = item => item,
        };
        match item {
            Item::Halt => return false,
            Item::Closed if sink.keeps() => stays = true,
            Item::Closed => return false,
            item => sink.meanwhile(inlet, item),
        }
    }
}
