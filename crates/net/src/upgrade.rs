//! From nothing to a WebSocket's bytes: TCP, TLS, the upgrade. The upgrade is an ordinary HTTP request,
//! so that a refusal can be read to its end. Async runtime.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use http::header::{
    CONNECTION, HOST, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE, USER_AGENT,
};
use http::{HeaderMap, HeaderValue, Request, Uri};
use hyper::client::conn::http1;
use hyper::upgrade::{Upgraded, on};
use hyper_util::rt::TokioIo;
use reqwest::{Body, Response, Url};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::address::as_http;
use crate::http::{read, root};
use crate::socket::{Opening, Refused};
use crate::wire::Wire;

/// The bytes of an upgraded connection, and the count of those the system took.
pub(crate) async fn upgrade(
    tls: &Arc<ClientConfig>,
    opening: &Opening<'_>,
) -> Result<(Upgraded, Arc<AtomicU64>), Refused> {
    let url = as_http(opening.url);
    let uri: Uri = url.as_str().parse().map_err(|_| failed("its URL makes no request"))?;
    let wire = Wire::dial(uri, opening.limit).await.map_err(Refused::Failed)?;
    let written = wire.written();
    if url.scheme() != "https" {
        return Ok((ask(wire, &url, opening.headers).await?, written));
    }
    // The URL type keeps the brackets of IPv6.
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(host).map_err(|error| failed(&error))?;
    let stream = TlsConnector::from(tls.clone()).connect(name, wire).await.map_err(|error| failed(&error))?;
    Ok((ask(stream, &url, opening.headers).await?, written))
}

async fn ask<S>(stream: S, url: &Url, headers: &HeaderMap) -> Result<Upgraded, Refused>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let wrong = |error: hyper::Error| Refused::Failed(root(&error));
    let key = generate_key();
    let request = request(url, headers, &key).map_err(|_| failed("its URL makes no request"))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(wrong)?;
    // Ends with the upgrade, or once nobody waits for the answer any more.
    tokio::spawn(connection.with_upgrades());
    let response = sender.send_request(request).await.map_err(wrong)?;
    if response.status().as_u16() != 101 {
        return Err(Refused::Answered(read(Response::from(response.map(Body::wrap))).await?));
    }
    if let Some(wrong) = what_is_wrong(response.headers(), &key) {
        return Err(failed(&format!("its answer to the upgrade is wrong: {wrong}")));
    }
    on(response).await.map_err(wrong)
}

fn request(url: &Url, headers: &HeaderMap, key: &str) -> http::Result<Request<String>> {
    let host = match (url.host_str().unwrap_or_default(), url.port()) {
        (host, Some(port)) => format!("{host}:{port}"),
        (host, None) => host.to_owned(),
    };
    let target = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let mut request = Request::get(target)
        .header(HOST, host)
        .header(USER_AGENT, crate::http::USER_AGENT)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, key)
        .body(String::new())?;
    request.headers_mut().extend(headers.clone());
    Ok(request)
}

/// What RFC 6455, 4.1 obliges the client to refuse.
fn what_is_wrong(headers: &HeaderMap, key: &str) -> Option<&'static str> {
    let says = |name, word: &str| {
        let words = headers.get_all(name).iter().filter_map(|value: &HeaderValue| value.to_str().ok());
        words.flat_map(|words| words.split(',')).any(|each| each.trim().eq_ignore_ascii_case(word))
    };
    let accept = headers.get(SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes);
    if !says(UPGRADE, "websocket") || !says(CONNECTION, "upgrade") {
        return Some("it is no upgrade to a WebSocket");
    }
    if accept != Some(derive_accept_key(key.as_bytes()).as_bytes()) {
        return Some("the accept key is not the one that was asked for");
    }
    let unasked = ["sec-websocket-extensions", "sec-websocket-protocol"];
    unasked.into_iter().any(|name| headers.contains_key(name)).then_some("it chose what was not offered")
}

/// No socket, in words without any URL.
fn failed(why: &(impl ToString + ?Sized)) -> Refused {
    Refused::Failed(why.to_string())
}
