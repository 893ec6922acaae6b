//! A small client for the AvatarKit tests: plain HTTP over hyper, a socket over tokio-tungstenite.
//! It has no cleverness of its own; what it sends is what a test says.
#![allow(dead_code, unused_imports)]

pub use bytes::Bytes;
pub use futures_util::{SinkExt, StreamExt};
pub use glottis_sim::avatarkit::proto::{self, Message};
use glottis_sim::avatarkit::proto::{
    ClientAudioInput, ClientConfigureSession, Codec, Data, Named, ServerConfirmSession, ServerError,
    ServerPlaybackState, ServerResponseAnimation,
};
pub use glottis_sim::avatarkit::{Code, Config, Connection, Dialect, Mode, Rule, Simulator, State};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
pub use serde_json::{Value, json};
pub use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
pub use tokio_tungstenite::tungstenite::{Error, Message as Frame};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

pub mod ogg;

/// Far longer than anything takes; only a failing test waits for it.
pub const LONG: Duration = Duration::from_secs(20);

pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// An HTTP answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

pub async fn try_http(
    base: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Answer, String> {
    let host = base.strip_prefix("http://").expect("an http URL");
    let stream = TcpStream::connect(host).await.map_err(|error| error.to_string())?;
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(|error| error.to_string())?;
    tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(path).header("host", host);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body.to_string()))).expect("a request");
    let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
    Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
}

/// A simulator and what a client needs to talk to it.
pub struct Rig {
    pub sim: Simulator,
}

impl Rig {
    pub fn new(config: Config) -> Self {
        Self { sim: Simulator::start(config).expect("a simulator") }
    }

    pub fn spatialreal() -> Config {
        Config { dialect: Dialect::SpatialReal, ..Config::default() }
    }

    pub fn fault(&self, rule: Value) -> u64 {
        self.sim.add_fault(Rule::try_from(rule).expect("a rule")).expect("room for a rule")
    }

    pub fn codes(&self) -> Vec<Code> {
        self.sim.violations().iter().map(|violation| violation.code).collect()
    }

    pub async fn http(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        try_http(&self.sim.http_url(), method, path, headers, body).await.expect("an answer")
    }

    pub async fn ask(&self, path: &str, body: &Value) -> Result<Answer, String> {
        let headers = [("x-api-key", "demo-key"), ("content-type", "application/json")];
        try_http(&self.sim.http_url(), "POST", path, &headers, &body.to_string()).await
    }

    pub fn in_an_hour(&self) -> u64 {
        self.sim.clock().unix_ms() / 1000 + 3600
    }

    pub async fn token(&self) -> String {
        let answer = self.ask("/v1/console/session-tokens", &json!({ "expireAt": self.in_an_hour() })).await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["sessionToken"].as_str().expect("a token").into()
    }

    /// Opens a socket with that token in headers.
    pub async fn open(&self, token: &str) -> Result<Socket, Error> {
        self.open_as(token, "demo-app", "demo-avatar").await
    }

    pub async fn open_as(&self, token: &str, app: &str, avatar: &str) -> Result<Socket, Error> {
        let url = format!("{}/websocket?id={avatar}", self.sim.ingress_url());
        let mut request = url.into_client_request().expect("a request");
        request.headers_mut().insert("x-app-id", app.parse().expect("a header"));
        request.headers_mut().insert("x-session-key", token.parse().expect("a header"));
        Ok(tokio_tungstenite::connect_async(request).await?.0)
    }

    /// Opens a socket and configures it; the confirmation is read.
    pub async fn session(&self, configure: ClientConfigureSession) -> (Client, ServerConfirmSession) {
        let mut client = Client(self.open(&self.token().await).await.expect("a socket"));
        client.say(Data::Configure(configure)).await;
        match client.data().await {
            Data::Confirm(confirm) => (client, confirm),
            other => panic!("not confirmed: {other:?}"),
        }
    }

    /// A direct session with PCM at 16 kHz.
    pub async fn direct(&self) -> Client {
        self.session(pcm(16_000)).await.0
    }

    pub async fn until(&self, what: &str, condition: impl FnMut(&State) -> bool) {
        assert!(self.sim.wait_for_async(LONG, condition).await, "never happened: {what}: {:#?}", self.sim.log());
    }

    /// A request id of now.
    pub fn req_id(&self, tail: u32) -> String {
        let seconds = self.sim.clock().unix_ms() / 1000;
        let (days, of_day) = (seconds / 86_400, seconds % 86_400);
        let (year, month, day) = civil(days as i64);
        let time = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        format!("{year:04}{month:02}{day:02}{:02}{:02}{:02}_{tail:012}", time.0, time.1, time.2)
    }
}

/// A date of the Gregorian calendar, by counting.
fn civil(mut days: i64) -> (i64, i64, i64) {
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let mut year = 1970;
    while days >= 365 + i64::from(leap(year)) {
        days -= 365 + i64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + i64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    (year, month as i64 + 1, days + 1)
}

pub struct Client(pub Socket);

impl Client {
    pub async fn say(&mut self, data: Data) {
        self.raw(&Message::of(data).encode_to_vec()).await;
    }

    pub async fn raw(&mut self, bytes: &[u8]) {
        self.0.send(Frame::binary(bytes.to_vec())).await.expect("sent");
    }

    pub async fn audio(&mut self, req_id: &str, audio: &[u8], end: bool) {
        let audio = Bytes::copy_from_slice(audio);
        self.say(Data::Audio(ClientAudioInput { req_id: req_id.into(), end, audio, trace_context: None })).await;
    }

    pub async fn named(&mut self, what: fn(Named) -> Data, req_id: &str) {
        self.say(what(Named { req_id: req_id.into() })).await;
    }

    /// The next frame but pings and pongs; `None` at the end.
    pub async fn frame(&mut self) -> Option<Frame> {
        loop {
            match tokio::time::timeout(LONG, self.0.next()).await.expect("a frame in time") {
                Some(Ok(Frame::Ping(_) | Frame::Pong(_))) => {}
                Some(Ok(frame)) => return Some(frame),
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// The content of the next message.
    pub async fn data(&mut self) -> Data {
        match self.frame().await {
            Some(Frame::Binary(bytes)) => Message::decode(bytes).expect("a message").data.expect("its content"),
            other => panic!("no message: {other:?}"),
        }
    }

    pub async fn animation(&mut self) -> ServerResponseAnimation {
        match self.data().await {
            Data::Animation(animation) => animation,
            other => panic!("no animation: {other:?}"),
        }
    }

    pub async fn error(&mut self) -> ServerError {
        match self.data().await {
            Data::Error(error) => error,
            other => panic!("no error: {other:?}"),
        }
    }

    pub async fn playback(&mut self) -> ServerPlaybackState {
        match self.data().await {
            Data::Playback(playback) => playback,
            other => panic!("no playback state: {other:?}"),
        }
    }

    /// The code and reason of the close frame that comes next; `None` for a break.
    pub async fn closed(&mut self) -> Option<(u16, String)> {
        match self.frame().await {
            Some(Frame::Close(Some(close))) => Some((close.code.into(), close.reason.as_str().into())),
            Some(Frame::Close(None)) => Some((1005, String::new())),
            None => None,
            other => panic!("no close: {other:?}"),
        }
    }

    /// Animation frames up to the last one of a request.
    pub async fn animations(&mut self) -> usize {
        for count in 1.. {
            if self.animation().await.end {
                return count;
            }
        }
        unreachable!()
    }
}

pub fn pcm(rate: i32) -> ClientConfigureSession {
    ClientConfigureSession { sample_rate: rate, ..Default::default() }
}

pub fn opus(rate: i32) -> ClientConfigureSession {
    ClientConfigureSession { sample_rate: rate, audio_format: proto::AudioFormat::OggOpus as i32, ..Default::default() }
}

pub fn livekit() -> ClientConfigureSession {
    ClientConfigureSession {
        egress_type: proto::EgressType::Livekit as i32,
        livekit_egress: Some(proto::LiveKitEgressConfig {
            url: "wss://lk.example".into(),
            api_token: "jwt".into(),
            room_name: "room-1".into(),
            publisher_id: "avatar".into(),
            ..Default::default()
        }),
        ..pcm(16_000)
    }
}

/// `ms` milliseconds of silence at 16 kHz.
pub fn silence(ms: usize) -> Vec<u8> {
    vec![0; ms * 32]
}

pub fn hex(digits: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex digits");
    (0..digits.len()).step_by(2).map(byte).collect()
}
