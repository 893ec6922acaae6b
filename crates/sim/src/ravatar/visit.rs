//! One REST request from arrival to its entry in the log: routing, and what all endpoints check
//! (RAVATAR dossier 16.2). The endpoints themselves are in `rest` and `live`. Runs on the
//! simulator's thread under the `State`'s lock; nothing here waits.

use super::config::Config;
use super::faults::{Point, Strike};
use super::findings::{Code, Findings};
use super::log::{self, Event, Request};
use super::state::State;
use super::tokens::TokenUse;
use super::web::{Call, Reply};
use super::{live, rest};
use serde_json::{Map, Value};
use std::net::SocketAddr;
use std::sync::Arc;

/// One request being judged and answered.
pub(crate) struct Visit<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) config: Arc<Config>,
    pub(crate) call: &'a Call,
    pub(crate) address: SocketAddr,
    pub(crate) findings: Findings,
    pub(crate) token: TokenUse,
}

/// `Err` is a reply as well, of a request that got nowhere.
pub(crate) type Answered = Result<Reply, Reply>;

/// Answers one kind of request.
pub(crate) type Endpoint = fn(&mut Visit<'_>) -> Answered;

/// What the service can be asked, `METHOD PATH`.
pub(crate) const ENDPOINTS: [(&str, Endpoint); 8] = [
    ("POST /jwt", rest::jwt),
    ("GET /connection", rest::connection),
    ("GET /chat", rest::chat),
    ("POST /startLiveSession", live::start),
    ("POST /endLiveSession", live::end),
    ("POST /checkActiveInstance", live::check_active),
    ("GET /stream/", live::stream_page),
    ("GET /forbidden", live::forbidden_page),
];

/// Answers and records a request. `address` is where clients reach us.
pub(crate) fn answer(state: &mut State, call: &Call, address: SocketAddr) -> Reply {
    let config = state.config.clone();
    let token = state.bearer(call.bearer().as_deref()).worth;
    let findings = Findings::default();
    let mut visit = Visit { state, config, call, address, findings, token };
    let reply = visit.route().unwrap_or_else(|refusal| refusal);
    visit.record(&reply);
    reply
}

impl Visit<'_> {
    fn route(&mut self) -> Answered {
        if self.call.too_large {
            self.findings.violation(Code::TooLarge, "request body");
            return Err(Reply::error(413, "payload_too_large"));
        }
        let mut known_path = false;
        for (name, endpoint) in ENDPOINTS {
            let (method, path) = name.split_once(' ').unwrap_or_default();
            if !same_path(path, &self.call.path) {
                continue;
            }
            known_path = true;
            if method == self.call.method {
                return match self.state.strike(Point::Call(name), None) {
                    Some(strike) => Ok(self.spoiled(endpoint, &strike)),
                    None => endpoint(self),
                };
            }
        }
        let detail = format!("{} {}", self.call.method, log::shorten(&self.call.path));
        self.findings.violation(Code::NoSuchEndpoint, detail);
        Err(if known_path { Reply::error(405, "Method Not Allowed") } else { Reply::error(404, "Not Found") })
    }

    fn record(self, reply: &Reply) {
        let now = self.state.clock.now();
        let json = serde_json::from_slice(&self.call.body).ok();
        let request = Request {
            method: self.call.method.clone(),
            path: log::shorten(&self.call.path),
            query: self.call.shown_query(&["token"]),
            token: self.token,
            authorization: self.call.authorization(),
            content_type: self.call.content_type(),
            body: json.as_ref().map(log::summarise),
            bytes: self.call.body.len(),
            status: reply.seen_status(),
            error: reply.error_text(),
            findings: self.findings.codes(),
        };
        let place = format!("{} {}", request.method, request.path);
        let entry = self.state.log.add(now, Event::Request(request));
        self.state.log.blame(entry, now, &place, self.findings);
    }

    /// The reply under a fault.
    fn spoiled(&mut self, endpoint: Endpoint, strike: &Strike) -> Reply {
        let deed = &strike.deed;
        let effect = deed.response.as_ref().is_none_or(|response| response.effect);
        let real = effect.then(|| endpoint(self).unwrap_or_else(|refusal| refusal));
        let mut reply = match (&deed.response, real) {
            (Some(response), real) => response.reply(real, strike),
            (None, Some(real)) => real,
            (None, None) => Reply::error(500, "a fault without a response"),
        };
        reply.manner.due = strike.is_late().then_some(strike.due);
        reply
    }

    /// The bearer's user, or 403.
    pub(crate) fn user(&mut self) -> Result<String, Reply> {
        let bearer = self.state.bearer(self.call.bearer().as_deref());
        match bearer.worth {
            TokenUse::Absent => {
                self.findings.violation(Code::MissingToken, "no `Authorization: Bearer`");
            }
            // Not a broken rule: the run may have been reset since it was issued.
            TokenUse::Unknown => self.findings.note(Code::UnknownToken, "bearer"),
            TokenUse::Expired(_) | TokenUse::Valid(_) => {}
        }
        bearer.user.ok_or_else(Reply::forbidden)
    }

    /// The body as a JSON object, or `Err(())` if it is none.
    pub(crate) fn body(&mut self) -> Result<Map<String, Value>, ()> {
        let content_type = self.call.content_type().unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            let detail = format!("`Content-Type` is `{content_type}`");
            self.findings.violation(Code::ContentType, detail);
        }
        match serde_json::from_slice(&self.call.body) {
            Ok(Value::Object(fields)) => return Ok(fields),
            Ok(_) => self.findings.violation(Code::NotAnObject, "the body is no object"),
            Err(error) => self.findings.violation(Code::InvalidJson, error.to_string()),
        }
        Err(())
    }

    /// Records fields that the endpoint does not have.
    pub(crate) fn only(&mut self, fields: &Map<String, Value>, known: &[&str]) {
        for name in fields.keys().filter(|name| !known.contains(&name.as_str())) {
            self.findings.violation(Code::UnknownField, format!("`{}`", log::shorten(name)));
        }
    }

    /// In `strict` mode, refuses what was found so far. Called before anything takes effect.
    pub(crate) fn tolerate(&self) -> Result<(), Reply> {
        match self.findings.worst() {
            Some(worst) if self.config.strict() => Err(Reply::error(400, &worst.code.name())),
            _ => Ok(()),
        }
    }
}

fn same_path(pattern: &str, path: &str) -> bool {
    if pattern == "/stream/" { path.starts_with(pattern) } else { path == pattern }
}
