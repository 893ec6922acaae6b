//! A wire between sink and simulator that can be cut, stopped up, and tapped. Needs the module `rig`
//! beside it.

#![allow(dead_code)]

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket};

use crate::rig::Shared;

/// What happens to a request.
#[derive(Clone, Debug)]
pub enum Fate {
    /// It goes through.
    Pass,
    /// It is swallowed: no answer ever comes.
    Hang,
    /// The connection is closed.
    Drop,
    /// It is answered with these bytes.
    Answer(String),
}

/// An HTTP response.
pub fn response(status: u16, body: &str) -> Fate {
    Fate::Answer(format!(
        "HTTP/1.1 {status} Made Up\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    ))
}

type Rules = Shared<Vec<(String, VecDeque<Fate>)>>;

/// The wire.
pub struct Proxy {
    address: SocketAddr,
    rules: Rules,
    /// Number of the cut: connections of an earlier number are dead.
    cut: watch::Sender<u64>,
    /// Whether what the sink sends is left unread.
    stopped: watch::Sender<bool>,
    heard: Shared<Vec<u8>>,
    said: Said,
}

/// What the sink has sent, connection by connection.
type Said = Shared<Vec<Spoken>>;

/// What a connection of the sink's has sent, and when it had sent so much of it.
#[derive(Default)]
struct Spoken {
    bytes: Vec<u8>,
    until: Vec<(usize, Instant)>,
}

impl Spoken {
    fn is_socket(&self) -> bool {
        self.bytes.starts_with(b"GET /ws/chat")
    }

    /// Where the handshake ends.
    fn handshake(&self) -> Option<usize> {
        Some(self.bytes.windows(4).position(|end| end == b"\r\n\r\n")? + 4)
    }

    /// The text messages behind the handshake, and when each was sent whole.
    fn texts(&self) -> Vec<(String, Instant)> {
        let Some(handshake) = self.handshake() else { return Vec::new() };
        let mut rest = &self.bytes[handshake..];
        let mut socket = WebSocket::from_raw_socket(Tape(rest), Role::Server, None);
        let mut texts = Vec::new();
        // Each message is one frame.
        while let (Ok(message), Some(length)) = (socket.read(), frame(rest)) {
            rest = rest.get(length..).unwrap_or_default();
            let sent = self.bytes.len() - rest.len();
            let when = self.until.iter().find(|(until, _)| *until >= sent).map(|(_, when)| *when);
            if let (Message::Text(text), Some(when)) = (message, when) {
                texts.push((text.to_string(), when));
            }
        }
        texts
    }
}

/// Length of the masked frame that `bytes` begin with.
fn frame(bytes: &[u8]) -> Option<usize> {
    let (head, length) = match bytes.get(1)? & 0x7f {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?),
        length => (2, usize::from(length)),
    };
    Some(head + 4 + length)
}

impl Proxy {
    /// A wire to `upstream`, `http://host:port`.
    pub async fn to(upstream: &str) -> Proxy {
        let upstream: SocketAddr = upstream.trim_start_matches("http://").parse().expect("an address");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let (cut, stopped) = (watch::Sender::new(0), watch::Sender::new(false));
        let proxy = Proxy {
            address: listener.local_addr().expect("bound"),
            rules: Arc::default(),
            cut: cut.clone(),
            stopped: stopped.clone(),
            heard: Arc::default(),
            said: Arc::default(),
        };
        let (rules, heard, said) = (proxy.rules.clone(), proxy.heard.clone(), proxy.said.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let stopped = stopped.subscribe();
                let wire = Wire { rules: rules.clone(), stopped, heard: heard.clone(), said: said.clone() };
                let mut dead = cut.subscribe();
                dead.mark_unchanged();
                tokio::spawn(async move {
                    tokio::select! {
                        () = wire.carry(client, upstream) => {}
                        _ = dead.changed() => {}
                    }
                });
            }
        });
        proxy
    }

    /// `http://host:port`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next requests that begin with `start` meet these fates, the last of them for ever.
    pub fn rule(&self, start: impl Into<String>, fates: impl IntoIterator<Item = Fate>) {
        let start = start.into();
        let mut rules = self.rules.lock().unwrap();
        rules.retain(|(other, _)| *other != start);
        rules.push((start, fates.into_iter().collect()));
    }

    /// Cuts every connection there is.
    pub fn cut(&self) {
        self.cut.send_modify(|cut| *cut += 1);
    }

    /// Stops (or goes on) reading what the sink sends.
    pub fn stop(&self, stop: bool) {
        self.stopped.send_replace(stop);
    }

    /// Everything the simulator has sent, headers included.
    pub fn heard(&self) -> String {
        String::from_utf8_lossy(&self.heard.lock().unwrap()).into_owned()
    }

    /// Every token and session the service has given out, as it crossed the wire.
    pub fn secrets(&self) -> Vec<String> {
        let wire = self.heard();
        let keys = ["\"jwt\":\"", "\"session\":\""];
        let given = keys.iter().flat_map(|key| wire.split(key).skip(1));
        given.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
    }

    /// The handshakes of the sink's sockets, headers included.
    pub fn handshakes(&self) -> Vec<String> {
        let said = self.said.lock().unwrap();
        let sockets = said.iter().filter(|said| said.is_socket());
        sockets
            .filter_map(|said| Some(String::from_utf8_lossy(&said.bytes[..said.handshake()?]).into_owned()))
            .collect()
    }

    /// Every message the sink has sent whole, as it crossed the wire, socket by socket.
    pub fn messages(&self) -> Vec<String> {
        self.timed().into_iter().map(|(message, _)| message).collect()
    }

    /// The same, with the moment when the whole of it had crossed: of tokio's time, and so without the
    /// delays of a busy machine where that is paused.
    pub fn timed(&self) -> Vec<(String, Instant)> {
        let said = self.said.lock().unwrap();
        said.iter().filter(|said| said.is_socket()).flat_map(Spoken::texts).collect()
    }
}

/// A recording, played to a reader that may answer what it likes.
struct Tape<'a>(&'a [u8]);

impl Read for Tape<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        Read::read(&mut self.0, into)
    }
}

impl Write for Tape<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct Wire {
    rules: Rules,
    stopped: watch::Receiver<bool>,
    heard: Shared<Vec<u8>>,
    said: Said,
}

impl Wire {
    async fn carry(self, client: TcpStream, upstream: SocketAddr) {
        let Ok(server) = TcpStream::connect(upstream).await else { return };
        let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
        let to_client = Arc::new(tokio::sync::Mutex::new(to_client));
        let back = back(from_server, to_client.clone(), self.heard.clone());
        let forth = self.forth(from_client, to_server, to_client);
        tokio::select! {
            () = back => {}
            () = forth => {}
        }
    }

    /// What the sink sends. Each request arrives in one piece, which is all this needs to know of
    /// HTTP.
    async fn forth(
        mut self,
        mut from: OwnedReadHalf,
        mut to: OwnedWriteHalf,
        client: Arc<tokio::sync::Mutex<OwnedWriteHalf>>,
    ) {
        let mut piece = vec![0; 64 << 10];
        let connection = {
            let mut said = self.said.lock().unwrap();
            said.push(Spoken::default());
            said.len() - 1
        };
        loop {
            if self.stopped.wait_for(|stopped| !stopped).await.is_err() {
                return;
            }
            let Ok(n @ 1..) = from.read(&mut piece).await else { return };
            {
                let said = &mut self.said.lock().unwrap()[connection];
                said.bytes.extend_from_slice(&piece[..n]);
                said.until.push((said.bytes.len(), Instant::now()));
            }
            match self.fate(&piece[..n]) {
                Fate::Pass => {
                    if to.write_all(&piece[..n]).await.is_err() {
                        return;
                    }
                }
                Fate::Hang => std::future::pending().await,
                Fate::Drop => return,
                Fate::Answer(answer) => {
                    // A client that is gone does not read it.
                    let _ = client.lock().await.write_all(answer.as_bytes()).await;
                    return;
                }
            }
        }
    }

    fn fate(&self, piece: &[u8]) -> Fate {
        let mut rules = self.rules.lock().unwrap();
        let rule = rules.iter_mut().find(|(start, _)| piece.starts_with(start.as_bytes()));
        let Some((_, fates)) = rule else { return Fate::Pass };
        if fates.len() > 1 { fates.pop_front() } else { fates.front().cloned() }.unwrap_or(Fate::Pass)
    }
}

async fn back(mut from: OwnedReadHalf, to: Arc<tokio::sync::Mutex<OwnedWriteHalf>>, heard: Arc<Mutex<Vec<u8>>>) {
    let mut piece = vec![0; 64 << 10];
    while let Ok(n @ 1..) = from.read(&mut piece).await {
        heard.lock().unwrap().extend_from_slice(&piece[..n]);
        if to.lock().await.write_all(&piece[..n]).await.is_err() {
            return;
        }
    }
}
