//! A WebSocket: reading and writing at once, pings, close. Owned by a sink's task.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::{Sink, Stream, StreamExt};
use http::HeaderMap;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use reqwest::Url;
use rustls::ClientConfig;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
pub use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};

use crate::http::{Answer, Unreached, late};
use crate::secret::Veil;
use crate::upgrade::upgrade;

/// A write that makes no progress for so long is a lost connection.
const STUCK: Duration = Duration::from_secs(10);

/// What the ping at the end carries, to know its answer from others.
const LAST_CALL: &[u8] = b"last call";

/// The close code of a close frame that has none (RFC 6455, 7.1.5).
pub const NO_STATUS: u16 = 1005;

/// How it is found out whether the service is still there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keepalive {
    /// From the last sign of life to the first ping.
    pub every: Duration,
    /// Pings without an answer before the connection counts as dead.
    pub pings: u32,
    /// How long the answer to each of them is waited for.
    pub answer: Duration,
    /// What counts as a sign of life: only answers to pings, or anything heard.
    pub only_pongs: bool,
}

/// What a socket is opened with.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    /// Where: `ws`, `wss`, `http` or `https`. Its query may hold a secret.
    pub url: &'a Url,
    /// Headers besides those of the upgrade.
    pub headers: &'a HeaderMap,
    /// Longest wait for the upgrade, and for the body of a refusal.
    pub limit: Duration,
    /// Longest message to send, in bytes.
    pub longest_out: usize,
    /// Longest message to receive, in bytes.
    pub longest_in: usize,
    /// Pings; `None` for none.
    pub keepalive: Option<Keepalive>,
}

/// An open socket.
pub struct Socket {
    ws: WebSocketStream<TokioIo<Upgraded>>,
    veil: Veil,
    keepalive: Option<Keepalive>,
    /// Since when something is to be flushed.
    flushing: Option<Instant>,
    /// Bytes the system took, as counted by the wire; and as last seen, with when they grew.
    written: Arc<AtomicU64>,
    progress: (u64, Instant),
    /// Whether what is to be flushed includes a message.
    writing: bool,
    /// Writing failed: what is still to be read is read.
    broken: Option<Lost>,
    heard: Instant,
    /// Pings since the last sign of life, and when the last of them was sent.
    pings: u32,
    pinged: Instant,
    opened: Instant,
    messages: u64,
}

/// A text message, which must be UTF-8: it is not looked through, as [`Message::Text`] would be, because
/// one made of texts and base64 cannot be anything else.
pub fn text(message: Bytes) -> Message {
    debug_assert!(std::str::from_utf8(&message).is_ok(), "a text message that is no text");
    Message::Frame(Frame::message(message, OpCode::Data(Data::Text), true))
}

/// What a socket has to say.
#[derive(Debug)]
pub enum Heard {
    /// A text message.
    Text(Utf8Bytes),
    /// A binary message.
    Binary(Bytes),
    /// The message given to [`Socket::send`] is out.
    Flushed,
    /// All that was sent before [`Socket::last_call`] has arrived.
    Arrived,
    /// It is over.
    Lost(Lost),
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum How {
    /// By a close frame.
    Closed,
    /// Without one: the connection broke or was cut.
    #[default]
    Dropped,
    /// This side gave it up: what came was no WebSocket, or nothing came or went any more.
    Failed,
}

/// How a socket ended.
#[derive(Clone, Debug, Default)]
pub struct Lost {
    /// How.
    pub how: How,
    /// Close code of the close frame; [`NO_STATUS`] for one without.
    pub code: Option<u16>,
    /// Its reason, without secrets, if it gives any.
    pub reason: Option<String>,
    /// In words.
    pub why: String,
    /// Whether it was writing that failed.
    pub writing: bool,
}

impl Lost {
    fn dropped(why: impl Into<String>) -> Lost {
        Lost { why: why.into(), ..Lost::default() }
    }

    fn failed(why: impl Into<String>) -> Lost {
        Lost { how: How::Failed, ..Lost::dropped(why) }
    }

    fn by(error: &Error) -> Lost {
        let dropped = matches!(
            error,
            Error::Io(_)
                | Error::ConnectionClosed
                | Error::AlreadyClosed
                | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)
        );
        if dropped { Lost::dropped(words(error)) } else { Lost::failed(words(error)) }
    }
}

/// Why no socket could be opened.
#[derive(Clone, Debug)]
pub enum Refused {
    /// The service answered with something else than an upgrade.
    Answered(Answer),
    /// It did not answer, or not as it should; in words without any URL.
    Failed(String),
}

impl From<Unreached> for Refused {
    fn from(unreached: Unreached) -> Refused {
        Refused::Failed(unreached.why)
    }
}

impl Socket {
    /// Opens a socket, straight to the service and without following redirects. Texts of the service
    /// lose what `veil` hides.
    ///
    /// # Errors
    /// The service refuses, does not answer, or answers wrong.
    pub async fn connect(tls: &Arc<ClientConfig>, opening: &Opening<'_>, veil: &Veil) -> Result<Socket, Refused> {
        let limit = opening.limit;
        let upgraded = tokio::time::timeout(limit, upgrade(tls, opening)).await;
        let (stream, written) = upgraded.unwrap_or_else(|_| Err(late(limit).into()))?;
        let limits = WebSocketConfig::default()
            .read_buffer_size(16 << 10)
            // Messages go out at once.
            .write_buffer_size(0)
            .max_write_buffer_size(2 * opening.longest_out + (64 << 10))
            .max_message_size(Some(opening.longest_in))
            .max_frame_size(Some(opening.longest_in));
        let now = Instant::now();
        Ok(Socket {
            ws: WebSocketStream::from_raw_socket(TokioIo::new(stream), Role::Client, Some(limits)).await,
            veil: veil.clone(),
            keepalive: opening.keepalive,
            flushing: None,
            progress: (written.load(Ordering::Relaxed), now),
            written,
            writing: false,
            broken: None,
            heard: now,
            pings: 0,
            pinged: now,
            opened: now,
            messages: 0,
        })
    }

    /// How long it has been open.
    pub fn uptime(&self) -> Duration {
        self.opened.elapsed()
    }

    /// Messages received so far.
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// Begins to write a message; [`Heard::Flushed`] says when it is out. One at a time.
    ///
    /// # Errors
    /// The socket is broken; [`Socket::hear`] may know more of why.
    pub fn send(&mut self, message: Message) -> Result<(), Lost> {
        self.writing = true;
        self.begin(message)
    }

    fn begin(&mut self, message: Message) -> Result<(), Lost> {
        if self.flushing.is_none() {
            let now = Instant::now();
            self.flushing = Some(now);
            self.progress.1 = now;
        }
        let sent = Pin::new(&mut self.ws).start_send(message);
        sent.map_err(|error| Lost { writing: true, ..Lost::by(&error) })
    }

    /// The next thing the socket has to say; writes what is to be written meanwhile. Cancel safe.
    pub fn hear(&mut self) -> impl Future<Output = Heard> + Send + '_ {
        std::future::poll_fn(|context| self.poll(context))
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Heard> {
        if self.flush(context) {
            return Poll::Ready(Heard::Flushed);
        }
        loop {
            let Poll::Ready(heard) = Pin::new(&mut self.ws).poll_next(context) else {
                return self.broken.take().map_or(Poll::Pending, |lost| Poll::Ready(Heard::Lost(lost)));
            };
            if !self.keepalive.is_some_and(|keepalive| keepalive.only_pongs) {
                self.alive();
            }
            let lost = match heard {
                None => Lost::dropped("it was closed without a word"),
                Some(Err(error)) => Lost::by(&error),
                Some(Ok(Message::Close(frame))) => return Poll::Ready(Heard::Lost(self.closed(frame))),
                Some(Ok(Message::Text(text))) => {
                    self.messages += 1;
                    return Poll::Ready(Heard::Text(text));
                }
                Some(Ok(Message::Binary(bytes))) => {
                    self.messages += 1;
                    return Poll::Ready(Heard::Binary(bytes));
                }
                Some(Ok(Message::Pong(payload))) => {
                    self.alive();
                    if payload == LAST_CALL {
                        return Poll::Ready(Heard::Arrived);
                    }
                    continue;
                }
                // Pings are answered by the library.
                Some(Ok(Message::Ping(_) | Message::Frame(_))) => continue,
            };
            return Poll::Ready(Heard::Lost(self.broken.take().unwrap_or(lost)));
        }
    }

    /// Writes on. Whether a message is out.
    fn flush(&mut self, context: &mut Context<'_>) -> bool {
        if self.flushing.is_none() {
            return false;
        }
        let flushed = Pin::new(&mut self.ws).poll_flush(context);
        let written = self.written.load(Ordering::Relaxed);
        if written != self.progress.0 {
            self.progress = (written, Instant::now());
        }
        let Poll::Ready(flushed) = flushed else { return false };
        self.flushing = None;
        match flushed {
            Ok(()) => std::mem::take(&mut self.writing),
            Err(error) => {
                // The other side may have said why before it went.
                self.broken = Some(Lost { writing: true, ..Lost::by(&error) });
                false
            }
        }
    }

    /// When a write that makes no progress counts as stuck.
    fn stuck_at(&self) -> Option<Instant> {
        self.flushing.map(|_| self.progress.1 + STUCK)
    }

    fn alive(&mut self) {
        (self.heard, self.pings) = (Instant::now(), 0);
    }

    fn closed(&self, frame: Option<CloseFrame>) -> Lost {
        let Some(frame) = frame else {
            return Lost { how: How::Closed, code: Some(NO_STATUS), ..Lost::dropped("the service closed it") };
        };
        let code = u16::from(frame.code);
        let reason = self.veil.scrub(frame.reason.as_str());
        let why = match reason.as_str() {
            "" => format!("the service closed it with code {code}"),
            reason => format!("the service closed it with code {code}: {reason}"),
        };
        let reason = Some(reason).filter(|reason| !reason.is_empty());
        Lost { how: How::Closed, code: Some(code), reason, why, writing: false }
    }

    /// Asks the service to say when it has read everything up to here; [`Heard::Arrived`] is the
    /// answer. False if pings are not wanted.
    ///
    /// # Errors
    /// The socket is broken.
    pub fn last_call(&mut self) -> Result<bool, Lost> {
        if self.keepalive.is_none() {
            return Ok(false);
        }
        self.begin(Message::Ping(Bytes::from_static(LAST_CALL)))?;
        Ok(true)
    }

    /// Since when something waits to be written.
    pub fn flushing(&self) -> Option<Instant> {
        self.flushing
    }

    /// When [`Socket::tick`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.stuck_at().into_iter().chain(self.keepalive.map(|keepalive| self.ping_due(keepalive))).min()
    }

    fn ping_due(&self, keepalive: Keepalive) -> Instant {
        if self.pings == 0 { self.heard + keepalive.every } else { self.pinged + keepalive.answer }
    }

    /// Does what is due: a ping, or giving the connection up.
    ///
    /// # Errors
    /// The connection is dead.
    pub fn tick(&mut self) -> Result<(), Lost> {
        let now = Instant::now();
        if self.stuck_at().is_some_and(|at| now >= at) {
            return Err(Lost { writing: true, ..Lost::failed("the service stopped reading") });
        }
        let Some(keepalive) = self.keepalive else { return Ok(()) };
        if now < self.ping_due(keepalive) {
            return Ok(());
        }
        if self.pings >= keepalive.pings {
            return Err(Lost::failed(format!("no answer to {} pings", self.pings)));
        }
        self.pings += 1;
        self.pinged = now;
        self.begin(Message::Ping(Bytes::new()))
    }

    /// Whether the message given to [`Socket::send`] went out since it was last looked at.
    pub fn is_out(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        if !self.writing || !matches!(Pin::new(&mut self.ws).poll_flush(&mut context), Poll::Ready(Ok(()))) {
            return false;
        }
        (self.flushing, self.writing) = (None, false);
        true
    }

    /// Says goodbye with code 1000 and waits for the service to do so too, but no longer than `limit`. A
    /// message that is not out by now is cut off, without a goodbye: it counts as not sent, and so must
    /// not arrive. Says whether there was a goodbye.
    pub async fn close(mut self, limit: Duration) -> bool {
        if self.writing {
            return false;
        }
        let goodbye = CloseFrame { code: CloseCode::Normal, reason: Utf8Bytes::default() };
        let close = async {
            // A socket that is broken already is closed as well as it can be.
            if self.ws.close(Some(goodbye)).await.is_ok() {
                while let Some(Ok(_)) = self.ws.next().await {}
            }
        };
        let _ = tokio::time::timeout(limit, close).await;
        true
    }
}

/// What went wrong, never with the URL, whose query may hold a token.
fn words(error: &Error) -> String {
    match error {
        Error::Io(error) => error.to_string(),
        Error::Tls(error) => error.to_string(),
        Error::Protocol(error) => error.to_string(),
        Error::Capacity(error) => error.to_string(),
        Error::Utf8(_) => "the service sent text that is not UTF-8".to_owned(),
        Error::ConnectionClosed | Error::AlreadyClosed => "it is closed".to_owned(),
        Error::WriteBufferFull(_) => "too much is waiting to be written".to_owned(),
        _ => "the service does not speak WebSocket".to_owned(),
    }
}
