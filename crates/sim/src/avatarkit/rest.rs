//! The calls over HTTP: session tokens and the region services (AvatarKit dossier 3, 4 and 18.1).
//! Runs on the simulator's thread under the `State`'s lock; nothing here waits.

use super::config::Credits;
use super::faults::{Issue, Point};
use super::findings::{Code, Findings};
use super::log::{Event, Request};
use super::state::State;
use crate::common::web::{Call, Reply, form};
use crate::common::words::{shorten, summarise};
use http::HeaderMap;
use http::header::COOKIE;
use serde_json::{Value, json};

/// Where a token may be asked for, and the name it is answered under.
const TOKEN_PATHS: [(&str, &str); 3] = [
    ("/v1/console/session-tokens", "sessionToken"),
    ("/session-tokens", "sessionToken"),
    ("/v1/auth/session-token", "session_token"),
];
/// The longest life of a token.
const DAY_MS: u64 = 86_400_000;

/// Answers a call; `base` is where this server is.
pub(crate) fn answer(state: &mut State, call: &Call, base: &str) -> Reply {
    let mut findings = Findings::default();
    let token_path = TOKEN_PATHS.iter().find(|(path, _)| *path == call.path);
    let point = match token_path {
        Some(_) => Some(Point::Token),
        None if ["/bootstrap", "/sdk"].contains(&call.path.as_str()) => Some(Point::Region),
        None => None,
    };
    let strike = point.and_then(|point| state.strike(point));
    let issue = strike.as_ref().and_then(|strike| strike.deed.issue);
    let effect =
        strike.as_ref().and_then(|strike| strike.deed.response.as_ref()).is_none_or(|response| response.effect);
    let mut token = None;
    let real = effect.then(|| match token_path {
        Some((_, name)) => issue_token(state, call, name, issue, &mut findings, &mut token),
        None => region(state, call, base, &mut findings),
    });
    let mut reply = match (strike.as_ref().and_then(|strike| strike.deed.response.as_ref()), real, &strike) {
        (Some(response), real, Some(strike)) => response.reply(real, strike),
        (_, Some(real), _) => real,
        _ => Reply::error(500, "a fault without a response"),
    };
    if let Some(strike) = strike.as_ref().filter(|strike| strike.is_late()) {
        reply.manner.due = Some(strike.due);
    }
    let event = Event::Request(Request {
        method: call.method.clone(),
        path: call.path.clone(),
        query: form(&call.raw_query).into_iter().take(32).map(|(name, value)| (name, shorten(&value))).collect(),
        headers: shown_headers(&call.headers),
        body: shown_body(call),
        bytes: call.body.len(),
        status: reply.seen_status(),
        token,
        findings: findings.codes(),
    });
    state.blame(event, &format!("{} {}", call.method, call.path), findings);
    reply
}

/// Headers fit for the log: keys and tokens are left out.
pub(crate) fn shown_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let secret = |name: &str| ["x-api-key", "x-session-key", "authorization", COOKIE.as_str()].contains(&name);
    let shown = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        let value =
            if secret(name.as_str()) { "…".into() } else { shorten(&String::from_utf8_lossy(value.as_bytes())) };
        (name.to_string(), value)
    };
    headers.iter().take(64).map(shown).collect()
}

fn shown_body(call: &Call) -> Value {
    match serde_json::from_slice::<Value>(&call.body) {
        Ok(body) => summarise(&body),
        Err(_) => shorten(&String::from_utf8_lossy(&call.body)).into(),
    }
}

/// The error shape of dossier 4.3.
fn refusal(status: u16, code: &str, title: &str, detail: &str) -> Reply {
    Reply::json(
        status,
        json!({ "errors": [{ "id": "sim", "status": status, "code": code, "title": title, "detail": detail }] }),
    )
}

fn issue_token(
    state: &mut State,
    call: &Call,
    name: &str,
    issue: Option<Issue>,
    findings: &mut Findings,
    number: &mut Option<String>,
) -> Reply {
    let invalid = |detail: &str| refusal(400, "INVALID_ARGUMENT", "Invalid Argument", detail);
    if call.method != "POST" {
        findings.violation(Code::Method, call.method.clone());
        return refusal(405, "METHOD_NOT_ALLOWED", "Method Not Allowed", "use POST");
    }
    let keys: Vec<_> = call.headers.get_all("x-api-key").iter().collect();
    if keys.len() != 1 {
        findings.violation(Code::ApiKey, format!("{} of them", keys.len()));
    }
    let key = keys.first().and_then(|key| key.to_str().ok()).unwrap_or_default();
    let Some(app) = state.config.api_keys.get(key).cloned() else {
        return refusal(401, "UNAUTHENTICATED", "Unauthenticated", "invalid api key");
    };
    let essence = call.content_type().unwrap_or_default();
    if !essence.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
        findings.violation(Code::ContentType, essence);
    }
    let Ok(Value::Object(body)) = serde_json::from_slice::<Value>(&call.body) else {
        findings.violation(Code::Body, "no JSON object");
        return invalid("the body is no JSON object");
    };
    for unknown in body.keys().filter(|name| !["expireAt", "modelVersion"].contains(&name.as_str())) {
        findings.violation(Code::UnknownField, unknown.clone());
    }
    let Some(expire_at) = body.get("expireAt").and_then(Value::as_u64) else {
        findings.violation(Code::Body, "`expireAt` is no integer");
        return invalid("expire_at must be an integer");
    };
    let now = state.clock.unix_ms();
    let expires = expire_at.saturating_mul(1000);
    if expires <= now || expires >= now + DAY_MS {
        findings.violation(Code::ExpireAt, format!("{} s from now", (i128::from(expires) - i128::from(now)) / 1000));
        return invalid(if expires <= now { "expire_at must be in the future" } else { "expire_at is too far away" });
    }
    if let Some(worst) = findings.worst().filter(|_| state.config.strict()) {
        return invalid(&worst.code.name());
    }
    if state.config.credits == Credits::Exhausted && state.config.dialect == super::config::Dialect::SpatialReal {
        return refusal(402, "PAYMENT_REQUIRED", "Payment Required", "session denied: credits exhausted");
    }
    let (app, expires) = match issue {
        Some(Issue::OtherApp) => ("another-app".into(), expires),
        Some(Issue::Expired) => (app, now),
        _ => (app, expires),
    };
    let (id, text) = state.tokens.issue(&mut state.ids, &app, expires);
    if issue == Some(Issue::Revoked) {
        state.tokens.revoke_last();
    }
    *number = Some(id);
    Reply::json(200, json!({ name: text }))
}

/// The services that name a region (dossier 3).
fn region(state: &State, call: &Call, base: &str, findings: &mut Findings) -> Reply {
    let region = &state.config.region;
    match (call.method.as_str(), call.path.as_str()) {
        ("POST", "/bootstrap") => {
            let body = serde_json::from_slice::<Value>(&call.body).unwrap_or_default();
            if body.get("app_id").is_none_or(|app| !app.is_string()) {
                findings.violation(Code::Body, "no `app_id`");
            }
            let now = state.clock.unix_ms();
            Reply::json(
                200,
                json!({
                    "region": { "current": region, "candidates": [region] },
                    "time_sync": { "server_receive_ms": now, "server_send_ms": now },
                }),
            )
        }
        ("GET", "/sdk") => {
            Reply::json(200, json!({ "environments": { region: { "api": base, "driveningress": base } } }))
        }
        (_, "/bootstrap" | "/sdk") => {
            findings.violation(Code::Method, call.method.clone());
            Reply::error(405, "Method Not Allowed")
        }
        _ => Reply::error(404, "Not Found"),
    }
}
