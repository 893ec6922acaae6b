//! A small client for the tests: plain HTTP over hyper, a socket over tokio-tungstenite, and the
//! messages of the field matrix. It has no cleverness of its own; what it sends is what a test says.
#![allow(dead_code, unused_imports)]

pub use base64::Engine;
pub use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
pub use futures_util::{SinkExt, StreamExt};
use glottis_sim::ravatar::{Code, Config, Entry, Event, Rule, Simulator, State};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
pub use serde_json::{Map, Value, json};
pub use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// Far longer than anything takes; only a failing test waits for it.
pub const LONG: Duration = Duration::from_secs(20);

pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// An HTTP answer, read to its end.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }
}

/// How far a request got that was never answered in full.
#[derive(Debug, PartialEq)]
pub enum Broken {
    /// No connection.
    Connect(std::io::ErrorKind),
    /// A connection, no response.
    Response,
    /// A response with that status, no whole body.
    Body(u16),
}

/// Sends one request on a connection of its own.
pub async fn http(base: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    try_http(base, method, path, headers, body).await.expect("an answer")
}

/// The same where a fault may break it.
pub async fn try_http(
    base: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Answer, Broken> {
    let host = base.strip_prefix("http://").expect("an http URL");
    let stream = TcpStream::connect(host).await.map_err(|error| Broken::Connect(error.kind()))?;
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(|_| Broken::Response)?;
    tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(path).header("host", host);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body.to_string()))).expect("a request");
    let response = sender.send_request(request).await.map_err(|_| Broken::Response)?;
    let (parts, body) = response.into_parts();
    let status = parts.status.as_u16();
    let body = body.collect().await.map_err(|_| Broken::Body(status))?.to_bytes();
    Ok(Answer { status, headers: parts.headers, body })
}

/// A simulator and a user who is logged in.
pub struct Rig {
    pub sim: Simulator,
    pub token: String,
}

impl Rig {
    pub async fn new(config: Config) -> Self {
        let sim = Simulator::start(config).expect("a simulator");
        let token = login(&sim, "u-1").await;
        Self { sim, token }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.try_get(path).await.expect("an answer")
    }

    pub async fn try_get(&self, path: &str) -> Result<Answer, Broken> {
        let bearer = format!("Bearer {}", self.token);
        try_http(&self.sim.http_url(), "GET", path, &[("authorization", &bearer)], "").await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.try_post(path, body).await.expect("an answer")
    }

    pub async fn try_post(&self, path: &str, body: Value) -> Result<Answer, Broken> {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        try_http(&self.sim.http_url(), "POST", path, &headers, &body.to_string()).await
    }

    /// Adds a fault rule.
    pub fn fault(&self, rule: Value) -> u64 {
        let rule = Rule::try_from(rule).expect("a rule");
        self.sim.add_fault(rule).expect("room for a rule")
    }

    /// Starts a live session and expects it to fail or not.
    pub async fn try_live(&self) -> Answer {
        self.post("/startLiveSession", json!({ "avatar_id": "av-1" })).await
    }

    /// Waits until so many faults struck.
    pub async fn struck(&self, count: usize) {
        self.until("a strike", |state| state.log().faults().count() >= count).await;
    }

    /// Waits for something the simulator says it did (`port closed`).
    pub async fn control(&self, wanted: &str) {
        let is = |entry: &Entry| matches!(&entry.event, Event::Control { what } if what == wanted);
        self.until(wanted, |state| state.log().entries.iter().any(is)).await;
    }

    /// A socket of this user.
    pub async fn socket(&self) -> Socket {
        connect(&self.sim, &self.token).await.expect("a socket")
    }

    /// Starts a live session; its licence.
    pub async fn live(&self) -> String {
        let answer = self.post("/startLiveSession", json!({ "avatar_id": "av-1" })).await;
        assert_eq!(answer.status, 200);
        answer.json()["LicenseId"].as_str().expect("a licence").into()
    }

    /// Waits for a condition on the state.
    pub async fn until(&self, what: &str, condition: impl FnMut(&State) -> bool) {
        assert!(self.sim.wait_for_async(LONG, condition).await, "never happened: {what}");
    }

    /// Waits until `count` messages arrived.
    pub async fn messages(&self, count: usize) {
        self.until("messages", |state| state.log().messages().count() >= count).await;
    }

    pub fn codes(&self) -> Vec<Code> {
        self.sim.violations().iter().map(|violation| violation.code).collect()
    }

    pub fn note_codes(&self) -> Vec<Code> {
        self.sim.notes().iter().map(|note| note.code).collect()
    }
}

pub async fn login(sim: &Simulator, user: &str) -> String {
    let body = json!({ "user_id": user, "project_id": "demo-project" }).to_string();
    let headers = [("content-type", "application/json")];
    let answer = http(&sim.http_url(), "POST", "/jwt", &headers, &body).await;
    assert_eq!(answer.status, 200);
    answer.json()["jwt"].as_str().expect("a token").into()
}

/// Percent-encodes everything but letters and digits.
pub fn encode(text: &str) -> String {
    let byte = |b: u8| match b {
        b if b.is_ascii_alphanumeric() => char::from(b).to_string(),
        b => format!("%{b:02X}"),
    };
    text.bytes().map(byte).collect()
}

pub async fn connect(sim: &Simulator, token: &str) -> Result<Socket, Error> {
    let url = format!("{}?token={}", sim.ws_url(), encode(token));
    Ok(tokio_tungstenite::connect_async(url).await?.0)
}

pub async fn say(socket: &mut Socket, message: &Value) {
    socket.send(Message::text(message.to_string())).await.expect("sent");
}

/// The next frame of any kind but ping and pong; `None` at the end of the stream.
pub async fn next(socket: &mut Socket) -> Option<Message> {
    loop {
        let frame = tokio::time::timeout(LONG, socket.next()).await.expect("a frame in time");
        match frame {
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(frame)) => return Some(frame),
            Some(Err(_)) | None => return None,
        }
    }
}

/// The next message, which must be JSON text.
pub async fn hear(socket: &mut Socket) -> Value {
    match next(socket).await {
        Some(Message::Text(text)) => serde_json::from_str(&text).expect("JSON"),
        other => panic!("text expected, got {other:?}"),
    }
}

/// Reads to the close frame and to the end of the stream; the frame's code.
pub async fn close_code(socket: &mut Socket) -> u16 {
    let code = loop {
        match next(socket).await {
            Some(Message::Close(Some(frame))) => break frame.code.into(),
            Some(Message::Text(_)) => {}
            other => panic!("a close frame expected, got {other:?}"),
        }
    };
    // Only now does the library write its own close frame.
    assert!(next(socket).await.is_none());
    code
}

/// A base message with changes on top; `null` takes a field away.
pub fn with(mut message: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().expect("an object") {
        let fields = message.as_object_mut().expect("an object");
        if value.is_null() {
            fields.remove(name)
        } else {
            fields.insert(name.clone(), value.clone())
        };
    }
    message
}

fn envelope() -> Value {
    json!({ "avatar_id": "av-1", "user_id": "u-1", "language": "en", "source": "test" })
}

pub fn chat_text(text: &str) -> Value {
    let rest = json!({ "isLive": false, "chat_type": "text", "requestType": "text", "request": text });
    with(envelope(), rest)
}

pub fn chat_blob(blob: &[u8]) -> Value {
    let data = STANDARD.encode(blob);
    let rest = json!({
        "isLive": false, "chat_type": "voice", "requestType": "audio", "file_base64_data": data,
    });
    with(envelope(), rest)
}

pub fn live_text(license: &str, text: &str) -> Value {
    with(chat_text(text), json!({ "isLive": true, "LicenseId": license }))
}

pub fn live_blob(license: &str, blob: &[u8]) -> Value {
    with(chat_blob(blob), json!({ "isLive": true, "LicenseId": license }))
}

pub fn live_pcm(license: &str, samples: &[i16]) -> Value {
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let data = STANDARD.encode(bytes);
    let change = json!({ "file_base64_data": null, "audio_base64_pcm": data });
    with(live_blob(license, &[]), change)
}

/// A canonical 16 kHz mono 16-bit WAV.
pub fn wav(samples: &[i16]) -> Vec<u8> {
    let size = samples.len() as u32 * 2;
    let mut wav = Vec::new();
    wav.extend(b"RIFF");
    wav.extend((36 + size).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    for (value, width) in [(16, 4), (1, 2), (1, 2), (16_000, 4), (32_000, 4), (2, 2), (16, 2)] {
        let value: u32 = value;
        wav.extend(&value.to_le_bytes()[..width]);
    }
    wav.extend(b"data");
    wav.extend(size.to_le_bytes());
    wav.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    wav
}

/// Loud and never the same twice in a row: every lost, doubled or swapped sample shows.
pub fn speech(samples: usize) -> Vec<i16> {
    let mut state = 12_345_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as i16
    };
    std::iter::repeat_with(next).take(samples).collect()
}

/// A configuration that answers at once, takes PCM as fast as it comes, and lets no slow machine
/// run out of grace.
pub fn quick() -> Config {
    let license_grace = Duration::from_secs(600);
    Config { reply_delay: Duration::ZERO, pace_limit: 0.0, license_grace, ..Config::default() }
}
