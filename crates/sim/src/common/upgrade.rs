//! The HTTP side of a WebSocket's upgrade (RFC 6455, 4.2). Pure functions, any thread.

use super::web::{Body, full};
use bytes::Bytes;
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// The `Sec-WebSocket-Accept` for a proper upgrade request.
pub(crate) fn accept_key<B>(request: &Request<B>) -> Option<HeaderValue> {
    let headers = request.headers();
    let proper = request.method() == Method::GET
        && mentions(headers, &UPGRADE, "websocket")
        && mentions(headers, &CONNECTION, "upgrade")
        && headers.get(SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
    let key = headers.get(SEC_WEBSOCKET_KEY).filter(|_| proper)?;
    HeaderValue::from_str(&derive_accept_key(key.as_bytes())).ok()
}

fn mentions(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(word))
}

/// The response that makes a connection a WebSocket.
pub(crate) fn switching(accept: HeaderValue) -> Response<Body> {
    let mut response = Response::new(full(Bytes::new()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    response
}
