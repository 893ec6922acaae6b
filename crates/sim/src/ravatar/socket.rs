//! One client's socket: reads frames, sends what is due, closes politely. One task per socket on
//! the simulator's thread; it owns the connection and its queue of planned answers.

use super::check;
use super::findings::{Code, Findings};
use super::intake::{self, Planned};
use super::log::{Event, summarise};
use super::outgoing::Outgoing;
use super::shared::Shared;
use super::wire::Kept;
pub(crate) use crate::common::client::say_goodbye;
use crate::common::client::{self, Client, End, break_off};
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::OnUpgrade;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

/// Answers a socket may owe; a client that provokes more loses them.
const PLANNED: usize = 256;

/// Whose socket it is.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    /// Number of the socket, from 1.
    pub(crate) number: u64,
    /// The token's user.
    pub(crate) user: String,
    /// When it was admitted, on the simulator's clock.
    pub(crate) since: Duration,
}

/// What a socket begins with.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) who: Who,
    /// What it is asked to do from outside.
    pub(crate) inbox: mpsc::Receiver<Outgoing>,
    /// What it has to do anyhow.
    pub(crate) planned: Vec<Planned>,
}

/// Waits for the upgrade; `None` if the client is gone.
pub(crate) async fn open(shared: &Shared, upgrade: OnUpgrade) -> Option<Client> {
    let config = &shared.config;
    client::open(&shared.clock, upgrade, config.ignore_pings, config.hard_message_bytes).await
}

/// The life of a socket, from the upgrade to the entry of its end in the log.
pub(crate) async fn run(shared: Arc<Shared>, upgrade: OnUpgrade, start: Start) {
    let Start { who, inbox, planned } = start;
    let end = match open(&shared, upgrade).await {
        Some(client) => {
            let next_ping = shared.config.ping.map(|every| who.since.saturating_add(every));
            let ping = shared.config.ping;
            let queue = VecDeque::new();
            let mut socket = Socket { shared: &shared, who: &who, client, inbox, planned: queue, ping, next_ping };
            socket.plan(planned);
            socket.run().await
        }
        None => End::lost("the client left during the handshake"),
    };
    let End { code, reason, by } = end;
    shared.update(|state| {
        if state.knows(who.number) {
            state.dismiss(who.number);
            state.note(Event::SocketClosed { socket: who.number, code, reason, by });
        }
    });
}

struct Socket<'a> {
    shared: &'a Shared,
    who: &'a Who,
    client: Client,
    inbox: mpsc::Receiver<Outgoing>,
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
            // Answers that are due come first: a client that floods us still gets them.
            let step = tokio::select! {
                biased;
                () = clock.sleep_until(due), if due.is_some() => self.answer().await,
                outgoing = self.inbox.recv() => self.outgoing(outgoing).await,
                () = clock.sleep_until(self.next_ping) => self.ping().await,
                frame = self.client.next() => self.incoming(frame).await,
            };
            if let Err(end) = step {
                self.undelivered();
                return end;
            }
        }
    }

    /// Records the answers that the client will only find in the history.
    fn undelivered(&self) {
        let socket = self.who.number;
        let lost = self.planned.iter().filter(|planned| planned.speaks()).count();
        self.record(|| vec![Event::Undelivered { socket }; lost]);
    }

    fn record(&self, events: impl FnOnce() -> Vec<Event>) {
        self.shared.update(|state| {
            if state.knows(self.who.number) {
                events().into_iter().for_each(|event| state.note(event));
            }
        });
    }

    async fn incoming(&mut self, frame: Option<Result<Message, Error>>) -> Result<(), End> {
        let socket = self.who.number;
        match frame {
            Some(Ok(Message::Text(text))) => self.text(text.as_str()).await,
            Some(Ok(Message::Binary(bytes))) => self.binary(bytes.len()).await,
            Some(Ok(Message::Ping(_))) => {
                self.record(|| vec![Event::Ping { socket }]);
                Ok(())
            }
            Some(Ok(Message::Pong(_))) => {
                self.record(|| vec![Event::Pong { socket }]);
                Ok(())
            }
            Some(Ok(Message::Close(frame))) => Err(self.closed(frame).await),
            Some(Ok(Message::Frame(_))) => Ok(()),
            Some(Err(Error::Capacity(_))) => {
                let limit = self.shared.config.hard_message_bytes;
                self.blame(Code::TooLarge, format!("more than {limit} bytes"), None);
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

    async fn text(&mut self, text: &str) -> Result<(), End> {
        let shared = self.shared;
        let frame = intake::Frame { bytes: text.len(), arrived: shared.clock.now() };
        let checked = check::check(&shared.config, &self.who.user, text);
        let planned = shared.update(|state| match state.knows(self.who.number) {
            true => intake::take(state, self.who, frame, checked),
            false => Vec::new(),
        });
        let too_large = text.len() > shared.config.max_message_bytes;
        if too_large && shared.config.strict() {
            return Err(self.close(1009, "message too big").await);
        }
        self.plan(planned);
        Ok(())
    }

    fn plan(&mut self, planned: Vec<Planned>) {
        let room = PLANNED.saturating_sub(self.planned.len());
        let lost = planned.len().saturating_sub(room);
        for planned in planned.into_iter().take(room) {
            // Notices are due at once and overtake the answers that still wait.
            let at = self.planned.partition_point(|waiting| waiting.due <= planned.due);
            self.planned.insert(at, planned);
        }
        if lost > 0 {
            let socket = self.who.number;
            self.record(|| vec![Event::Undelivered { socket }; lost]);
        }
    }

    async fn binary(&mut self, bytes: usize) -> Result<(), End> {
        let detail = format!("{bytes} bytes");
        let refused = serde_json::json!({
            "type": "system", "status": 400, "error": Code::BinaryFrame.name(),
            "content": "Refused: binary frame",
        });
        self.blame(Code::BinaryFrame, detail, Some(bytes));
        if self.shared.config.strict() { self.say(refused).await } else { Ok(()) }
    }

    /// Records a frame that never became a message.
    fn blame(&self, code: Code, detail: String, bytes: Option<usize>) {
        let mut findings = Findings::default();
        findings.violation(code, detail);
        let place = format!("socket {}", self.who.number);
        self.shared.update(|state| {
            if state.knows(self.who.number) {
                let now = state.clock.now();
                let event = Event::BadFrame { socket: self.who.number, bytes, findings: vec![code] };
                let entry = state.log.add(now, event);
                state.log.blame(entry, now, &place, findings);
            }
        });
    }

    /// Does what is due. What a break leaves undone stays planned, to be recorded as undelivered.
    async fn answer(&mut self) -> Result<(), End> {
        while let Some(act) = self.planned.front_mut().and_then(|planned| planned.acts.pop_front()) {
            self.act(act).await?;
        }
        self.planned.pop_front();
        Ok(())
    }

    async fn say(&mut self, message: Value) -> Result<(), End> {
        let text = message.to_string();
        let socket = self.who.number;
        // Recorded first: once the client can have it, the log has it.
        self.record(|| vec![Event::Sent { socket, message: summarise(&message) }]);
        self.send(Message::text(text)).await
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        self.client.send(message).await.map_err(|error| End::lost(error.to_string()))
    }

    async fn outgoing(&mut self, outgoing: Option<Outgoing>) -> Result<(), End> {
        match outgoing {
            Some(outgoing) => self.act(outgoing).await,
            // Only a reset lets go of the sender, and it asks for a close first.
            None => Err(self.close(1001, "reset").await),
        }
    }

    async fn act(&mut self, outgoing: Outgoing) -> Result<(), End> {
        match outgoing {
            Outgoing::Say(message) => return self.say(message).await,
            Outgoing::Raw(frame) => {
                let socket = self.who.number;
                self.record(|| vec![Event::Sent { socket, message: frame.shown() }]);
                return self.send(frame.into_message()).await;
            }
            Outgoing::Close(code, reason) => return Err(self.close(code, &reason).await),
            Outgoing::Drop { reset } => {
                if reset {
                    self.client.get_ref().stream().reset().set();
                }
                return Err(End::broken());
            }
            Outgoing::Read(reading) => self.client.get_mut().gate().set(reading),
            Outgoing::Pongs(answer) => {
                // The filter must begin between two frames.
                let flushed = self.client.flush().await;
                flushed.map_err(|error| End::lost(error.to_string()))?;
                self.client.get_mut().withhold(Kept::Pongs, !answer);
            }
            Outgoing::PingEvery { every, since } => {
                self.ping = Some(every);
                self.next_ping = Some(since.saturating_add(every));
            }
        }
        Ok(())
    }

    async fn ping(&mut self) -> Result<(), End> {
        self.next_ping = self.ping.map(|every| self.shared.clock.now().saturating_add(every));
        self.send(Message::Ping(bytes::Bytes::new())).await
    }

    async fn close(&mut self, code: u16, reason: &str) -> End {
        say_goodbye(&mut self.client, code, reason).await;
        End::ours(code)
    }

    async fn break_off(&mut self, code: u16, reason: &str) -> End {
        break_off(&mut self.client, code, reason).await;
        End::ours(code)
    }

    /// The client said goodbye: the library's answer still has to be written.
    async fn closed(&mut self, frame: Option<CloseFrame>) -> End {
        client::closed(&mut self.client, frame).await
    }
}
