//! One client's socket: reads frames, does what is due, closes politely. One task per socket on the
//! simulator's thread; it owns the connection and its queue of acts.

use super::act::{Act, Planned};
use super::connection::Closed;
use super::intake;
use super::log::{Event, shown};
use super::proto::{Codec, Data, Message, ServerResponseAnimation};
use super::world::Shared;
use crate::common::client::{self, Client, End, break_off, say_goodbye};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::OnUpgrade;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data as Coded, OpCode};
use tokio_tungstenite::tungstenite::{self, Error};

/// What a socket begins with.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) number: u64,
    /// What it is asked to do.
    pub(crate) inbox: mpsc::UnboundedReceiver<Planned>,
}

/// The life of a socket, from the upgrade to the entry of its end in the log.
pub(crate) async fn run(shared: Arc<Shared>, upgrade: OnUpgrade, start: Start) {
    let Start { number, inbox } = start;
    let most = shared.config.max_message_bytes;
    let end = match client::open(&shared.clock, upgrade, false, most).await {
        Some(client) => {
            let ping = shared.config.ping;
            let next_ping = ping.map(|every| shared.clock.now().saturating_add(every));
            let planned = VecDeque::new();
            Socket { shared: &shared, number, client, inbox, planned, ping, next_ping }.run().await
        }
        None => End::lost("the client left during the upgrade"),
    };
    let End { code, reason, by } = end;
    shared.update(|state| state.dismiss(number, Closed { code, reason, by }));
}

struct Socket<'a> {
    shared: &'a Shared,
    number: u64,
    client: Client,
    inbox: mpsc::UnboundedReceiver<Planned>,
    /// In the order of `due`.
    planned: VecDeque<Planned>,
    /// How often it pings.
    ping: Option<Duration>,
    next_ping: Option<Duration>,
}

impl Socket<'_> {
    async fn run(&mut self) -> End {
        let clock = self.shared.clock.clone();
        loop {
            let due = self.planned.front().map(|planned| planned.due);
            // What is due comes first: a client that floods us still gets it.
            let step = tokio::select! {
                biased;
                planned = self.inbox.recv() => self.asked(planned).await,
                () = clock.sleep_until(due), if due.is_some() => self.work().await,
                () = clock.sleep_until(self.next_ping) => self.ping().await,
                frame = self.client.next() => self.incoming(frame).await,
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    fn record(&self, event: Event) {
        self.shared.update(|state| {
            if state.knows(self.number) {
                state.note(event);
            }
        });
    }

    async fn asked(&mut self, planned: Option<Planned>) -> Result<(), End> {
        match planned {
            // It cannot wait behind what it takes away.
            Some(Planned { act: Act::Forget { req_id, keep }, .. }) => self.forget(&req_id, keep),
            Some(planned) => {
                let at = self.planned.partition_point(|waiting| waiting.due <= planned.due);
                self.planned.insert(at, planned);
            }
            // Only a reset lets go of the sender.
            None => {
                say_goodbye(&mut self.client, 1001, "reset").await;
                return Err(End::ours(1001));
            }
        }
        Ok(())
    }

    /// Throws away the animation of a request, but for its next `keep` frames.
    fn forget(&mut self, req_id: &str, keep: u64) {
        let mut keep = keep;
        self.planned.retain_mut(|planned| match &mut planned.act {
            Act::Frames { req_id: other, count, end } if **other == *req_id => {
                *count = (*count).min(keep);
                *end = false;
                keep -= *count;
                *count > 0
            }
            _ => true,
        });
    }

    async fn incoming(&mut self, frame: Option<Result<tungstenite::Message, Error>>) -> Result<(), End> {
        let (shared, number) = (self.shared, self.number);
        match frame {
            Some(Ok(tungstenite::Message::Binary(bytes))) => {
                shared.update(|state| {
                    if state.knows(number) {
                        intake::take(state, number, bytes);
                    }
                });
                Ok(())
            }
            Some(Ok(tungstenite::Message::Text(text))) => {
                shared.update(|state| {
                    if state.knows(number) {
                        intake::take_text(state, number, text.len());
                    }
                });
                Ok(())
            }
            Some(Ok(tungstenite::Message::Ping(_))) => {
                self.record(Event::Ping { socket: number });
                Ok(())
            }
            Some(Ok(tungstenite::Message::Pong(_))) => {
                self.record(Event::Pong { socket: number });
                Ok(())
            }
            Some(Ok(tungstenite::Message::Close(frame))) => Err(client::closed(&mut self.client, frame).await),
            Some(Ok(tungstenite::Message::Frame(_))) => Ok(()),
            Some(Err(Error::Capacity(_))) => {
                shared.update(|state| intake::too_large(state, number));
                Err(self.break_off(1009, "message too big").await)
            }
            // The library answers none of them by itself, though RFC 6455 names the codes.
            Some(Err(Error::Utf8(_))) => Err(self.break_off(1007, "invalid UTF-8").await),
            Some(Err(Error::Protocol(error))) if error != ProtocolError::ResetWithoutClosingHandshake => {
                Err(self.break_off(1002, "protocol error").await)
            }
            Some(Err(_)) if self.client.get_mut().gate().is_over() => Err(End::broken()),
            Some(Err(error)) => Err(End::lost(error.to_string())),
            None => Err(End::lost("end of stream")),
        }
    }

    async fn break_off(&mut self, code: u16, reason: &str) -> End {
        break_off(&mut self.client, code, reason).await;
        End::ours(code)
    }

    /// Does everything that is due. It is flushed once, so that it may share a segment.
    async fn work(&mut self) -> Result<(), End> {
        let now = self.shared.clock.now();
        while self.planned.front().is_some_and(|planned| planned.due <= now) {
            let Some(Planned { act, .. }) = self.planned.pop_front() else { break };
            self.act(act).await?;
        }
        self.flush().await
    }

    async fn flush(&mut self) -> Result<(), End> {
        self.client.flush().await.map_err(|error| End::lost(error.to_string()))
    }

    async fn act(&mut self, act: Act) -> Result<(), End> {
        match act {
            Act::Say(message) => self.say(&message).await?,
            Act::Fragments(message, count) => self.fragments(&message, count).await?,
            Act::Frames { req_id, count, end } => self.frames(&req_id, count, end).await?,
            Act::Raw(frame) => {
                self.record(Event::Sent { socket: self.number, message: frame.shown() });
                self.feed(frame.into_frame()).await?;
            }
            Act::Close(code, reason) => return Err(self.close(code, &reason).await),
            Act::Drop { reset } => {
                if reset {
                    self.client.get_ref().stream().reset().set();
                }
                return Err(End::broken());
            }
            Act::Read(reading) => self.client.get_mut().gate().set(reading),
            Act::Keep { kind, withhold } => {
                // The filter must begin between two frames.
                self.flush().await?;
                self.client.get_mut().withhold(kind, withhold);
            }
            Act::Pieces(bytes) => self.client.get_mut().write_pieces(bytes),
            Act::PingEvery { every, since } => {
                self.ping = Some(every);
                self.next_ping = Some(since.saturating_add(every));
            }
            // Filled in when it was planned, and taken out when it was asked for.
            Act::Template(_) | Act::Forget { .. } => {}
        }
        Ok(())
    }

    async fn say(&mut self, message: &Message) -> Result<(), End> {
        // Recorded first: once the client can have it, the log has it.
        self.record(Event::Sent { socket: self.number, message: shown(message) });
        self.feed(tungstenite::Message::Binary(message.encode_to_vec().into())).await
    }

    async fn feed(&mut self, frame: tungstenite::Message) -> Result<(), End> {
        self.client.feed(frame).await.map_err(|error| End::lost(error.to_string()))
    }

    async fn fragments(&mut self, message: &Message, count: usize) -> Result<(), End> {
        self.record(Event::Sent { socket: self.number, message: shown(message) });
        let bytes = Bytes::from(message.encode_to_vec());
        let size = bytes.len().div_ceil(count).max(1);
        let pieces: Vec<_> = bytes.chunks(size).map(Bytes::copy_from_slice).collect();
        let last = pieces.len().saturating_sub(1);
        for (at, piece) in pieces.into_iter().enumerate() {
            let code = OpCode::Data(if at == 0 { Coded::Binary } else { Coded::Continue });
            let frame = Frame::message(piece, code, at == last);
            self.feed(tungstenite::Message::Frame(frame)).await?;
            self.flush().await?;
        }
        Ok(())
    }

    async fn frames(&mut self, req_id: &str, count: u64, end: bool) -> Result<(), End> {
        let size = self.shared.config.animation_bytes;
        let ids = self.shared.read(|state| {
            let connection = state.connections.get(&self.number)?;
            Some((connection.connection_id.clone().unwrap_or_default(), connection.upgrade.avatar_id.clone()))
        });
        let Some((connection_id, avatar_id)) = ids else { return Ok(()) };
        let animation = Bytes::from(vec![0x2a; size]);
        for left in (0..count).rev() {
            let frame = ServerResponseAnimation {
                connection_id: connection_id.clone(),
                req_id: req_id.into(),
                end: end && left == 0,
                animation: animation.clone(),
                avatar_id: avatar_id.clone(),
            };
            self.say(&Message::of(Data::Animation(frame))).await?;
        }
        Ok(())
    }

    async fn ping(&mut self) -> Result<(), End> {
        self.next_ping = self.ping.map(|every| self.shared.clock.now().saturating_add(every));
        self.feed(tungstenite::Message::Ping(Bytes::new())).await?;
        self.flush().await
    }

    async fn close(&mut self, code: Option<u16>, reason: &str) -> End {
        match code {
            Some(code) => {
                say_goodbye(&mut self.client, code, reason).await;
                End::ours(code)
            }
            None => {
                client::say_nothing(&mut self.client).await;
                End { code: None, ..End::ours(1005) }
            }
        }
    }
}
