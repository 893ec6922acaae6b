//! The WebSocket: connect, read and write at once, pings, close. Owned by the sink's task.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use futures_util::{Sink, Stream, StreamExt};
use glottis_core::SinkError;
use http::header::ORIGIN;
use rustls::ClientConfig;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message, Utf8Bytes};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use crate::config::Config;
use crate::rest::{Token, words_of};
use crate::secret::Veil;
use crate::server::percent_encode;
use crate::trouble::{self, Said};
use crate::wire::Wire;

/// A write that makes no progress for so long is a lost connection.
const STUCK: Duration = Duration::from_secs(10);

/// Pings without any sign of life before the connection counts as dead.
const PINGS: u32 = 2;

/// What the ping at the end carries, to know its answer from others.
const LAST_CALL: &[u8] = b"last call";

/// Longest incoming message: inline sound of a long answer, and some.
const LONGEST: usize = 32 << 20;

/// An open socket.
pub(crate) struct Socket {
    ws: WebSocketStream<MaybeTlsStream<Wire>>,
    host: String,
    veil: Veil,
    ping: Option<Duration>,
    /// Since when something is to be flushed.
    flushing: Option<Instant>,
    /// Bytes the system took, as counted by the wire; and as last seen, with when they grew.
    written: Arc<AtomicU64>,
    progress: (u64, Instant),
    /// Whether that includes a message.
    writing: bool,
    heard: Instant,
    pings: u32,
    opened: Instant,
    messages: u64,
}

/// What a socket has to say.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A text message.
    Text(Utf8Bytes),
    /// A binary message, which the protocol does not have.
    Odd,
    /// The message given to [`Socket::send`] is out.
    Flushed,
    /// All that was sent before [`Socket::last_call`] has arrived.
    Arrived,
    /// It is over.
    Lost(Lost),
}

/// How a socket ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lost {
    pub(crate) code: Option<u16>,
    pub(crate) reason: Option<String>,
    /// In words.
    pub(crate) why: String,
}

impl Lost {
    fn because(why: impl Into<String>) -> Lost {
        Lost { why: why.into(), ..Lost::default() }
    }

    /// Whether the next connection will meet the same end: the service objects to what we are or say.
    pub(crate) fn is_poison(&self) -> bool {
        self.is_token_refusal() || matches!(self.code, Some(1002 | 1003 | 1007 | 1009 | 1010))
    }

    /// Whether this is how services refuse a token once the socket is open.
    pub(crate) fn is_token_refusal(&self) -> bool {
        matches!(self.code, Some(1008 | 4001 | 4401 | 4403))
    }
}

/// Why no socket could be opened.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The service refused the token.
    Token(Said),
    /// The service wants to be paid.
    Payment(Said),
    /// Anything else: worth another try.
    Failed(Box<SinkError>),
}

impl Socket {
    /// Opens the socket of `config` with `token`.
    pub(crate) async fn connect(
        config: &Config,
        tls: &Arc<ClientConfig>,
        token: &Token,
        veil: &Veil,
    ) -> Result<Socket, Refused> {
        let host = &config.server.socket_host;
        let failed = |why: &str| Refused::Failed(Box::new(trouble::network("connect", &config.server.socket, why)));
        let url = format!("{}?token={}", config.server.socket, percent_encode(token.secret.reveal()));
        // The error would print the URL.
        let mut request = url.into_client_request().map_err(|_| failed("its URL makes no request"))?;
        if let Some(origin) = &config.origin {
            request.headers_mut().insert(ORIGIN, origin.clone());
        }
        let limits = WebSocketConfig::default()
            .read_buffer_size(16 << 10)
            // Messages go out at once.
            .write_buffer_size(0)
            .max_write_buffer_size(2 * config.max_message + (64 << 10))
            .max_message_size(Some(LONGEST))
            .max_frame_size(Some(LONGEST));
        let connector = Some(Connector::Rustls(tls.clone()));
        let (name, port) = config.server.socket_name();
        let connect = async {
            let wire = Wire::dial(&name, port).await?;
            let written = wire.written();
            let (ws, _) = client_async_tls_with_config(request, wire, Some(limits), connector).await?;
            Ok((ws, written))
        };
        let Ok(connected) = tokio::time::timeout(config.http_timeout, connect).await else {
            let limit = glottis_core::param::show_duration(config.http_timeout);
            return Err(failed(&format!("no handshake within {limit}")));
        };
        let (ws, written) = connected.map_err(|error| refused(error, &config.server.socket, veil))?;
        let now = Instant::now();
        Ok(Socket {
            ws,
            host: host.clone(),
            veil: veil.clone(),
            ping: config.ping,
            flushing: None,
            progress: (written.load(Ordering::Relaxed), now),
            written,
            writing: false,
            heard: now,
            pings: 0,
            opened: now,
            messages: 0,
        })
    }

    /// Host and port.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// How long it has been open.
    pub(crate) fn uptime(&self) -> Duration {
        self.opened.elapsed()
    }

    /// Messages received so far.
    pub(crate) fn messages(&self) -> u64 {
        self.messages
    }

    /// Begins to write a message; [`Heard::Flushed`] says when it is out. One at a time.
    pub(crate) fn send(&mut self, message: Utf8Bytes) -> Result<(), Lost> {
        self.writing = true;
        self.begin(Message::Text(message))
    }

    fn begin(&mut self, message: Message) -> Result<(), Lost> {
        if self.flushing.is_none() {
            let now = Instant::now();
            self.flushing = Some(now);
            self.progress.1 = now;
        }
        Pin::new(&mut self.ws).start_send(message).map_err(|error| Lost::because(words(&error)))
    }

    /// The next thing the socket has to say; writes what is to be written meanwhile. Cancel safe.
    pub(crate) fn next(&mut self) -> impl Future<Output = Heard> + Send + '_ {
        std::future::poll_fn(|context| self.poll(context))
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Heard> {
        if let Poll::Ready(heard) = self.flush(context) {
            return Poll::Ready(heard);
        }
        loop {
            let heard = ready!(Pin::new(&mut self.ws).poll_next(context));
            (self.heard, self.pings) = (Instant::now(), 0);
            match heard {
                None => return Poll::Ready(Heard::Lost(Lost::because("it was closed without a word"))),
                Some(Err(error)) => return Poll::Ready(Heard::Lost(Lost::because(words(&error)))),
                Some(Ok(Message::Close(frame))) => return Poll::Ready(Heard::Lost(self.closed(frame))),
                Some(Ok(Message::Text(text))) => {
                    self.messages += 1;
                    return Poll::Ready(Heard::Text(text));
                }
                Some(Ok(Message::Binary(_))) => return Poll::Ready(Heard::Odd),
                Some(Ok(Message::Pong(payload))) if payload == LAST_CALL => return Poll::Ready(Heard::Arrived),
                // Pings are answered by the library.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            }
        }
    }

    /// Writes on. Ready if that ended in something to say.
    fn flush(&mut self, context: &mut Context<'_>) -> Poll<Heard> {
        if self.flushing.is_none() {
            return Poll::Pending;
        }
        let flushed = Pin::new(&mut self.ws).poll_flush(context);
        let written = self.written.load(Ordering::Relaxed);
        if written != self.progress.0 {
            self.progress = (written, Instant::now());
        }
        let flushed = ready!(flushed);
        self.flushing = None;
        match flushed {
            Err(error) => Poll::Ready(Heard::Lost(Lost::because(words(&error)))),
            Ok(()) if std::mem::take(&mut self.writing) => Poll::Ready(Heard::Flushed),
            Ok(()) => Poll::Pending,
        }
    }

    /// When a write that makes no progress counts as stuck.
    fn stuck_at(&self) -> Option<Instant> {
        self.flushing.map(|_| self.progress.1 + STUCK)
    }

    fn closed(&self, frame: Option<CloseFrame>) -> Lost {
        let Some(frame) = frame else { return Lost::because("the service closed it") };
        let code = u16::from(frame.code);
        let reason = self.veil.scrub(frame.reason.as_str());
        let why = match reason.as_str() {
            "" => format!("the service closed it with code {code}"),
            reason => format!("the service closed it with code {code}: {reason}"),
        };
        Lost { code: Some(code), reason: Some(reason).filter(|reason| !reason.is_empty()), why }
    }

    /// Asks the service to say when it has read everything up to here; [`Heard::Arrived`] is the
    /// answer. False if pings are not wanted.
    pub(crate) fn last_call(&mut self) -> Result<bool, Lost> {
        if self.ping.is_none() {
            return Ok(false);
        }
        self.begin(Message::Ping(Bytes::from_static(LAST_CALL)))?;
        Ok(true)
    }

    /// Since when something waits to be written.
    pub(crate) fn flushing(&self) -> Option<Instant> {
        self.flushing
    }

    /// When [`Socket::tick`] is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let stuck = self.stuck_at();
        let ping = self.ping.map(|every| self.heard + every * (self.pings + 1));
        stuck.into_iter().chain(ping).min()
    }

    /// Does what is due: a ping, or giving the connection up.
    pub(crate) fn tick(&mut self) -> Result<(), Lost> {
        let now = Instant::now();
        if self.stuck_at().is_some_and(|at| now >= at) {
            return Err(Lost::because("the service stopped reading"));
        }
        let Some(every) = self.ping else { return Ok(()) };
        if now < self.heard + every * (self.pings + 1) {
            return Ok(());
        }
        if self.pings == PINGS {
            return Err(Lost::because(format!("no sign of life, nor an answer to {PINGS} pings")));
        }
        self.pings += 1;
        self.begin(Message::Ping(Bytes::new()))
    }

    /// Whether the message given to [`Socket::send`] went out since it was last looked at.
    pub(crate) fn is_out(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        if !self.writing || !matches!(Pin::new(&mut self.ws).poll_flush(&mut context), Poll::Ready(Ok(()))) {
            return false;
        }
        (self.flushing, self.writing) = (None, false);
        true
    }

    /// Says goodbye and waits for the service to do so too, but no longer than `limit`. A message that is
    /// not out by now is cut off, without a goodbye: it counts as not sent, and so must not arrive.
    /// Says whether there was a goodbye.
    pub(crate) async fn close(mut self, limit: Duration) -> bool {
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

/// Why a handshake failed. `url` is without its query.
fn refused(error: Error, url: &str, veil: &Veil) -> Refused {
    let Error::Http(response) = &error else {
        return Refused::Failed(Box::new(trouble::network("connect", url, &words(&error))));
    };
    let status = response.status().as_u16();
    let body = response.body().as_deref().unwrap_or_default();
    let said = veil.scrub(&words_of(body, serde_json::from_slice(body).ok().as_ref()));
    let said = Said { status: Some(status), words: said };
    match status {
        401 | 403 => Refused::Token(said),
        402 => Refused::Payment(said),
        _ => {
            let mut error = trouble::network("connect", url, &format!("it answered {status}{}", said.tail()));
            error.http_status = Some(status);
            Refused::Failed(Box::new(error))
        }
    }
}

/// What went wrong, never with the URL, whose query is the token.
fn words(error: &Error) -> String {
    match error {
        Error::Io(error) => error.to_string(),
        Error::Tls(error) => error.to_string(),
        Error::Protocol(error) => error.to_string(),
        Error::Capacity(error) => error.to_string(),
        Error::Utf8(_) => "the service sent text that is not UTF-8".to_owned(),
        Error::ConnectionClosed | Error::AlreadyClosed => "it is closed".to_owned(),
        Error::WriteBufferFull(_) => "too much is waiting to be written".to_owned(),
        Error::Http(response) => format!("HTTP status {}", response.status().as_u16()),
        _ => "the handshake cannot be made".to_owned(),
    }
}
