//! A client's end of a WebSocket: opening it, and the ways it ends. Used by the socket's task on a
//! simulator's thread.

use super::clock::Clock;
use super::line::Line;
use super::wire::Wire;
use futures_util::StreamExt;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};

/// A client's end of the wire.
pub(crate) type Client = WebSocketStream<Wire<Line>>;

/// How long a client may take to answer our close frame.
const GOODBYE: Duration = Duration::from_secs(2);

/// Who ended a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseBy {
    /// The client sent a close frame.
    Client,
    /// We sent a close frame.
    Simulator,
    /// The connection broke without a close frame, or broke the WebSocket protocol.
    Loss,
}

/// How a socket ended.
pub(crate) struct End {
    pub(crate) code: Option<u16>,
    pub(crate) reason: String,
    pub(crate) by: CloseBy,
}

impl End {
    pub(crate) fn ours(code: u16) -> Self {
        Self { code: Some(code), reason: String::new(), by: CloseBy::Simulator }
    }

    pub(crate) fn broken() -> Self {
        Self { code: None, reason: "broken by a fault".into(), by: CloseBy::Simulator }
    }

    pub(crate) fn lost(reason: impl Into<String>) -> Self {
        Self { code: None, reason: reason.into(), by: CloseBy::Loss }
    }
}

/// Waits for the upgrade; `None` if the client is gone.
pub(crate) async fn open(clock: &Clock, upgrade: OnUpgrade, ignore_pings: bool, most_bytes: usize) -> Option<Client> {
    let parts = upgrade.await.ok()?.downcast::<TokioIo<Line>>().ok()?;
    let stream = Wire::new(parts.io.into_inner(), clock.clone(), ignore_pings);
    let limit = Some(most_bytes);
    let limits = WebSocketConfig::default().max_message_size(limit).max_frame_size(limit);
    let early = parts.read_buf.to_vec();
    Some(WebSocketStream::from_partially_read(stream, early, Role::Server, Some(limits)).await)
}

/// Closes from our side and waits, within reason, for the client to do the same.
pub(crate) async fn say_goodbye(client: &mut Client, code: u16, reason: &str) {
    client.get_mut().gate().open();
    let goodbye = async {
        let _ = client.close(Some(close_frame(code, reason))).await;
        while let Some(Ok(_)) = client.next().await {}
    };
    let _ = tokio::time::timeout(GOODBYE, goodbye).await;
}

/// The same with a close frame that says nothing.
pub(crate) async fn say_nothing(client: &mut Client) {
    client.get_mut().gate().open();
    let goodbye = async {
        let _ = client.close(None).await;
        while let Some(Ok(_)) = client.next().await {}
    };
    let _ = tokio::time::timeout(GOODBYE, goodbye).await;
}

/// Closes after input that could not be read as frames. What is still coming is thrown away:
/// closing on unread data would reset the connection and might destroy our close frame on its way.
pub(crate) async fn break_off(client: &mut Client, code: u16, reason: &str) {
    client.get_mut().gate().open();
    let goodbye = async {
        let _ = client.close(Some(close_frame(code, reason))).await;
        let wire = client.get_mut();
        let _ = wire.shutdown().await;
        let mut waste = [0; 4096];
        while let Ok(1..) = wire.read(&mut waste).await {}
    };
    let _ = tokio::time::timeout(GOODBYE, goodbye).await;
}

fn close_frame(code: u16, reason: &str) -> CloseFrame {
    CloseFrame { code: CloseCode::from(code), reason: reason.into() }
}

/// The client said goodbye: the library's answer still has to be written.
pub(crate) async fn closed(client: &mut Client, frame: Option<CloseFrame>) -> End {
    let rest = async { while let Some(Ok(_)) = client.next().await {} };
    let _ = tokio::time::timeout(GOODBYE, rest).await;
    let code = frame.as_ref().map(|frame| u16::from(frame.code));
    let reason = frame.map(|frame| super::words::shorten(frame.reason.as_str()));
    End { code, reason: reason.unwrap_or_default(), by: CloseBy::Client }
}
