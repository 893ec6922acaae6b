//! The upgrade to a WebSocket (AvatarKit dossier 5 and 18.1): who may, and how the others are turned
//! away. Runs on the simulator's thread.

use super::config::{Credits, Dialect};
use super::connection::{Auth, Upgrade};
use super::faults::{Point, Strike};
use super::findings::{Code, Findings};
use super::log::Event;
use super::rest::shown_headers;
use super::socket;
use super::state::State;
use super::tokens::TokenUse;
use super::world::Shared;
use crate::common::deliver;
use crate::common::line::Reset;
use crate::common::upgrade::{accept_key, switching};
use crate::common::web::{Body, Call, Reply, form};
use crate::common::words::shorten;
use bytes::Bytes;
use http::header::{COOKIE, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderName, HeaderValue, Request, Response};
use hyper::body::Incoming;
use serde_json::json;
use std::io;
use std::sync::Arc;

const APP_ID: HeaderName = HeaderName::from_static("x-app-id");
const SESSION_KEY: HeaderName = HeaderName::from_static("x-session-key");

/// Sockets open at once, whatever the configuration says.
const SOCKETS: usize = 1024;

/// How a client is turned away.
enum Refusal {
    /// Before the upgrade.
    Status(u16, String),
    /// After it, by an error and a close of the same number.
    Close(u16, &'static str),
}

/// What becomes of a client that asked for a socket.
enum Verdict {
    Refused(Reply),
    Admitted(socket::Start),
}

/// Answers the request and, if it leads to a socket, spawns that socket's task. An `Err` closes the
/// connection without an answer.
pub(crate) async fn answer(
    shared: &Arc<Shared>,
    mut request: Request<Incoming>,
    reset: &Reset,
) -> io::Result<Response<Body>> {
    let accept = accept_key(&request);
    let on_upgrade = hyper::upgrade::on(&mut request);
    let (parts, _) = request.into_parts();
    let call = Call::new(&parts, Some(Bytes::new()));
    let Some(accept) = accept else {
        return Ok(Reply::error(426, "Upgrade Required").into_response());
    };
    let strike = shared.update(|state| state.strike(Point::Upgrade));
    if let Some(strike) = strike.as_ref().filter(|strike| strike.is_late()) {
        shared.clock.sleep_until(Some(strike.due)).await;
    }
    let verdict = shared.update(|state| match strike.as_ref().and_then(|strike| spoiled(state, &call, strike)) {
        Some(reply) => Verdict::Refused(reply),
        None => judge(state, &call),
    });
    match verdict {
        Verdict::Refused(reply) => deliver::send(shared, reply, reset).await,
        Verdict::Admitted(start) => {
            tokio::spawn(socket::run(shared.clone(), on_upgrade, start));
            let mut response = switching(accept);
            if strike.is_some_and(|strike| strike.deed.wrong_accept) {
                let wrong = HeaderValue::from_static("AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
                response.headers_mut().insert(SEC_WEBSOCKET_ACCEPT, wrong);
            }
            Ok(response)
        }
    }
}

/// What a fault makes of a request for a socket; `None` if it leaves it alone.
fn spoiled(state: &mut State, call: &Call, strike: &Strike) -> Option<Reply> {
    let reply = strike.deed.response.as_ref()?.reply(None, strike);
    let mut findings = Findings::default();
    let (upgrade, _) = read(state, call, &mut findings);
    refused(state, reply.seen_status(), upgrade, findings);
    Some(reply)
}

fn refused(state: &mut State, status: u16, upgrade: Upgrade, findings: Findings) {
    let place = format!("GET {}", upgrade.path);
    state.blame(Event::SocketRefused { status, upgrade }, &place, findings);
}

/// Decides, and records the decision.
fn judge(state: &mut State, call: &Call) -> Verdict {
    let mut findings = Findings::default();
    let (upgrade, token) = read(state, call, &mut findings);
    inspect(call, &mut findings);
    let strict = findings.worst().map(|worst| worst.code.name()).filter(|_| state.config.strict());
    let refusal = match strict {
        Some(name) => Some(Refusal::Status(400, name)),
        None => refusal(state, &upgrade, token.as_ref()),
    };
    match refusal {
        Some(Refusal::Status(status, message)) => {
            refused(state, status, upgrade, findings);
            // With a newline behind it, as the service does.
            let body = format!("{}\n", json!({ "message": message }));
            Verdict::Refused(Reply::text(status, body.into()))
        }
        close => {
            let expires = token.map_or(0, |(_, expires)| expires);
            let (number, inbox) = state.admit(upgrade, expires);
            let now = state.clock.now();
            let entry = state.log.last();
            state.log.blame(entry, now, &format!("socket {number}"), findings);
            if let Some(Refusal::Close(code, words)) = close {
                state.end_session(number, i32::from(code), code, words);
            }
            Verdict::Admitted(socket::Start { number, inbox })
        }
    }
}

/// Reads a request; the second is the app and the end of a token that is ours.
fn read(state: &mut State, call: &Call, findings: &mut Findings) -> (Upgrade, Option<(String, u64)>) {
    let query = form(&call.raw_query);
    let from_query = |name: &str| query.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
    let header = (call.header(&APP_ID), call.header(&SESSION_KEY));
    let asked = (from_query("appId"), from_query("sessionKey"));
    let in_headers = header.0.is_some() || header.1.is_some();
    if in_headers && (asked.0.is_some() || asked.1.is_some()) {
        findings.note(Code::BothAuths, "credentials in headers and in the query");
    }
    let auth = if in_headers { Auth::Headers } else { Auth::Query };
    let (app_id, key) = if in_headers { header } else { asked };
    if app_id.is_none() || key.is_none() {
        findings.violation(Code::Credentials, "app id or session token is missing");
    }
    let now = state.clock.unix_ms();
    let (token, found) = state.tokens.look_up(key.as_deref(), now);
    let found = found.map(|token| {
        token.uses += 1;
        if token.uses == 2 {
            findings.violation(Code::TokenReused, format!("`{}` opened a connection before", token.id));
        }
        (token.app.clone(), token.expires)
    });
    let secret = |(name, value): &(String, String)| {
        let value = if name == "sessionKey" { "…".into() } else { shorten(value) };
        (shorten(name), value)
    };
    let upgrade = Upgrade {
        path: call.path.clone(),
        raw_query: without_key(&call.raw_query),
        query: query.iter().take(32).map(secret).collect(),
        headers: shown_headers(&call.headers),
        auth,
        token,
        app_id: app_id.unwrap_or_default(),
        avatar_id: from_query("id").unwrap_or_default(),
    };
    (upgrade, found)
}

/// A query without the value of its session key.
fn without_key(raw: &str) -> String {
    let shown = |pair: &str| if pair.starts_with("sessionKey=") { "sessionKey=…".to_string() } else { pair.into() };
    shorten(&raw.split('&').map(shown).collect::<Vec<_>>().join("&"))
}

/// What is wrong with the request apart from its credentials.
fn inspect(call: &Call, findings: &mut Findings) {
    let unwanted = [
        (SEC_WEBSOCKET_EXTENSIONS, Code::Extension),
        (SEC_WEBSOCKET_PROTOCOL, Code::Subprotocol),
        (COOKIE, Code::BrowserHeader),
        (ORIGIN, Code::BrowserHeader),
    ];
    for (name, code) in unwanted {
        if call.headers.contains_key(&name) {
            findings.violation(code, name.to_string());
        }
    }
}

/// The first reason to turn a client away, in the order of dossier 18.1.
fn refusal(state: &State, upgrade: &Upgrade, token: Option<&(String, u64)>) -> Option<Refusal> {
    let late = state.config.dialect == Dialect::SpatialReal;
    let status = |status, message: &str| Some(Refusal::Status(status, message.into()));
    let turned = |status: u16, message: &'static str, code: u16| {
        Some(if late { Refusal::Close(code, message) } else { Refusal::Status(status, message.into()) })
    };
    match upgrade.token {
        TokenUse::Absent | TokenUse::Unknown => return turned(400, "Invalid session token", 4010),
        TokenUse::Expired(_) => return turned(401, "session token expired", 4010),
        TokenUse::Valid(_) => {}
    }
    if token.is_none_or(|(app, _)| *app != upgrade.app_id) {
        return turned(400, "app id mismatch", 4010);
    }
    if !state.config.apps.contains(&upgrade.app_id) {
        return status(404, "app id unrecognized");
    }
    if !state.config.avatars.contains(&upgrade.avatar_id) {
        return status(404, &format!("Avatar not found: {}", upgrade.avatar_id));
    }
    if state.config.credits == Credits::Exhausted {
        return turned(402, "session denied: credits exhausted", 4001);
    }
    if state.open_connections() >= SOCKETS {
        return status(503, "too many sockets");
    }
    let full = state.open_connections() >= state.config.connections;
    full.then_some(Refusal::Close(4003, "too many sessions"))
}
