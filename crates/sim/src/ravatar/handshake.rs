//! The upgrade to a WebSocket at `GET /ws/chat` (RAVATAR dossier 5, 16.2): who may, and how the
//! others are turned away. Runs on the simulator's thread.

use super::deliver;
use super::faults::{Point, Strike};
use super::findings::{Code, Findings};
use super::intake::Planned;
use super::line::Reset;
use super::log::Event;
use super::options::Refusal;
use super::outgoing::Outgoing;
use super::shared::Shared;
use super::socket;
use super::state::State;
use super::tokens::Bearer;
use super::web::{Body, Call, Reply};
use crate::common::upgrade::{accept_key, switching};
use bytes::Bytes;
use http::header::{SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use std::io;
use std::sync::Arc;

/// Sockets open at once; more are answered with 503.
const SOCKETS: usize = 1024;

/// What becomes of a client that asked for a socket.
enum Verdict {
    /// It is in.
    Admitted(socket::Start),
    /// It is out, before the upgrade.
    Refused(Reply),
    /// It is out, by a close code after the upgrade.
    Closed(u16, Arc<str>),
}

/// Answers the request and, if it leads to a socket, spawns that socket's task. An `Err` closes the
/// connection without an answer.
pub(crate) async fn answer(
    shared: &Arc<Shared>,
    mut request: Request<Incoming>,
    reset: &Reset,
) -> io::Result<Response<Body>> {
    let Some(accept) = accept_key(&request) else {
        let (parts, _) = request.into_parts();
        let call = Call::new(&parts, Some(Bytes::new()));
        shared.update(|state| {
            let token = state.bearer(call.param("token")).worth;
            state.note(Event::SocketRefused { code: 426, token });
        });
        return Ok(Reply::error(426, "Upgrade Required").into_response());
    };
    let upgrade = hyper::upgrade::on(&mut request);
    let (parts, _) = request.into_parts();
    let call = Call::new(&parts, Some(Bytes::new()));
    let strike = shared.update(|state| state.strike(Point::Handshake, None));
    if let Some(strike) = strike.as_ref().filter(|strike| strike.is_late()) {
        shared.clock.sleep_until(Some(strike.due)).await;
    }
    let verdict = shared.update(|state| match strike.and_then(|strike| spoiled(state, &call, &strike)) {
        Some(verdict) => verdict,
        None => judge(state, &call),
    });
    match verdict {
        Verdict::Refused(reply) => return deliver::send(shared, reply, reset).await,
        Verdict::Closed(code, reason) => {
            tokio::spawn(turn_away(shared.clone(), upgrade, code, reason));
        }
        Verdict::Admitted(start) => {
            tokio::spawn(socket::run(shared.clone(), upgrade, start));
        }
    }
    Ok(switching(accept))
}

/// What a fault makes of a handshake; `None` if it leaves it alone.
fn spoiled(state: &mut State, call: &Call, strike: &Strike) -> Option<Verdict> {
    let (code, verdict) = match (&strike.deed.response, strike.deed.acts.first()) {
        (Some(response), _) => {
            let reply = response.reply(None, strike);
            (reply.seen_status(), Verdict::Refused(reply))
        }
        (None, Some(Outgoing::Close(code, reason))) => (*code, Verdict::Closed(*code, reason.clone())),
        _ => return None,
    };
    let token = state.bearer(call.param("token")).worth;
    state.note(Event::SocketRefused { code, token });
    Some(verdict)
}

/// Decides, and records the decision.
fn judge(state: &mut State, call: &Call) -> Verdict {
    let findings = inspect(call);
    let refused = state.config.strict().then(|| findings.worst()).flatten();
    let refused = refused.map(|worst| worst.code.name());
    let Bearer { worth: token, user } = state.bearer(call.param("token"));
    let (event, place, verdict) = match (user, refused) {
        (Some(_), Some(code)) => {
            let event = Event::SocketRefused { code: 400, token };
            (event, "GET /ws/chat".into(), Verdict::Refused(Reply::error(400, &code)))
        }
        (Some(_), None) if state.open_sockets() >= SOCKETS => {
            let event = Event::SocketRefused { code: 503, token };
            (event, "GET /ws/chat".into(), Verdict::Refused(Reply::error(503, "too many sockets")))
        }
        (Some(user), None) => {
            let start = admit(state, user);
            let socket = start.who.number;
            let event = Event::SocketOpened { socket, user_id: start.who.user.clone(), token, origin: call.origin() };
            (event, format!("socket {socket}"), Verdict::Admitted(start))
        }
        (None, _) => {
            let (code, verdict) = refusal(state.config.refusal);
            (Event::SocketRefused { code, token }, "GET /ws/chat".into(), verdict)
        }
    };
    let now = state.clock.now();
    let entry = state.log.add(now, event);
    state.log.blame(entry, now, &place, findings);
    verdict
}

/// Lets a user in, with what a fault or an earlier socket left for the new one.
fn admit(state: &mut State, user: String) -> socket::Start {
    let (number, inbox) = state.admit(&user);
    let again = !state.meet(&user);
    let since = state.clock.now();
    let mut planned = Vec::new();
    if let Some(strike) = state.strike(Point::Open { again }, None) {
        planned.push(Planned::new(strike.due, strike.acts()));
    }
    let waiting = state.reunited(&user);
    if !waiting.is_empty() {
        planned.push(Planned::new(since, waiting));
    }
    socket::Start { who: socket::Who { number, user, since }, inbox, planned }
}

fn refusal(refusal: Refusal) -> (u16, Verdict) {
    let closed = |code| Verdict::Closed(code, "invalid token".into());
    match refusal {
        Refusal::Http403 => (403, Verdict::Refused(Reply::forbidden())),
        Refusal::Http401 => (401, Verdict::Refused(Reply::error(401, "Unauthorized"))),
        Refusal::Close1008 => (1008, closed(1008)),
        Refusal::Close4401 => (4401, closed(4401)),
    }
}

/// What is wrong with the request apart from the token's worth.
fn inspect(call: &Call) -> Findings {
    let mut findings = Findings::default();
    let tokens: Vec<_> = call.params("token").collect();
    match tokens.as_slice() {
        [] => findings.violation(Code::MissingToken, "the URL has no `token`"),
        [token] if !token.encoded => {
            findings.violation(Code::UnencodedToken, "`token` is not percent-encoded");
        }
        [_] => {}
        _ => findings.violation(Code::RepeatedToken, "the URL has more than one `token`"),
    }
    if let Some(offered) = call.header(&SEC_WEBSOCKET_PROTOCOL) {
        findings.violation(Code::Subprotocol, offered);
    }
    if let Some(offered) = call.header(&SEC_WEBSOCKET_EXTENSIONS) {
        findings.note(Code::Extension, offered);
    }
    findings
}

/// Accepts only to close again.
async fn turn_away(shared: Arc<Shared>, upgrade: OnUpgrade, code: u16, reason: Arc<str>) {
    if let Some(mut client) = socket::open(&shared, upgrade).await {
        socket::say_goodbye(&mut client, code, &reason).await;
    }
}
