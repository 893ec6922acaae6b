//! The simulator's own endpoints under `/__sim/`, for clients in other processes (RAVATAR dossier
//! 16.1). They leave no `Request` in the log. Runs on the simulator's thread.

use super::faults::Rules;
use super::log::Event;
use super::shared::Shared;
use super::span;
use super::state::State;
use super::web::{Call, Reply};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Answers `/__sim/{what}`.
pub(crate) fn answer(shared: &Arc<Shared>, what: &str, call: &Call) -> Reply {
    match (call.method.as_str(), what) {
        ("GET", "log") => log(shared, call),
        ("GET", "licenses") => shared.read(|state| {
            let licenses: Vec<_> = state.licenses().collect();
            Reply::json(200, json!({ "status": 200, "licenses": licenses }))
        }),
        ("POST", "reset") => {
            shared.update(|state| {
                state.reset();
                state.note(Event::Control { what: "reset".into() });
            });
            Reply::json(200, json!({ "status": 200 }))
        }
        ("POST", "push") => push(shared, call),
        ("POST", "clock") => clock(shared, call),
        ("GET", "faults") => faults(shared),
        ("POST", "faults") => steer_faults(shared, call),
        ("GET", _) if what.starts_with("pcm/") => pcm(shared, &what["pcm/".len()..]),
        (_, "log" | "licenses" | "reset" | "push" | "clock" | "faults") => Reply::error(405, "Method Not Allowed"),
        _ => Reply::error(404, "Not Found"),
    }
}

/// `GET /__sim/log`, with `?after=N` only the entries behind number N.
fn log(shared: &Shared, call: &Call) -> Reply {
    let after: u64 = match call.param("after").map(str::parse) {
        None => 0,
        Some(Ok(after)) => after,
        Some(Err(_)) => return Reply::error(400, "`after` must be the number of an entry"),
    };
    let log = shared.read(|state| {
        let mut log = state.log().clone();
        log.entries.retain(|entry| entry.n > after);
        log
    });
    match serde_json::to_value(&log) {
        Ok(body) => Reply::json(200, body),
        Err(error) => Reply::error(500, &error.to_string()),
    }
}

/// `POST /__sim/push`: the body is the message; `?user_id=` limits it to one user's sockets.
fn push(shared: &Shared, call: &Call) -> Reply {
    match serde_json::from_slice::<Value>(&call.body) {
        Ok(message) => {
            let reached = shared.update(|state| state.push(call.param("user_id"), &message));
            Reply::json(200, json!({ "status": 200, "sockets": reached }))
        }
        Err(error) => Reply::error(400, &format!("the body is not JSON: {error}")),
    }
}

/// All rules in force.
fn faults(shared: &Shared) -> Reply {
    match serde_json::to_value(shared.read(State::list_faults)) {
        Ok(rules) => Reply::json(200, json!({ "status": 200, "rules": rules })),
        Err(error) => Reply::error(500, &error.to_string()),
    }
}

/// `POST /__sim/faults`: `{"add":RULES}`, `{"replace":RULES}`, `{"remove":NUMBER}`,
/// `{"list":true}`, `{"clear":true}`, or bare rules, which are added.
fn steer_faults(shared: &Shared, call: &Call) -> Reply {
    let body: Value = match serde_json::from_slice(&call.body) {
        Ok(body) => body,
        Err(error) => return Reply::error(400, &format!("the body is not JSON: {error}")),
    };
    let verb = ["add", "replace", "remove", "list", "clear"].into_iter().find(|verb| body.get(verb).is_some());
    if verb.is_some() && body.as_object().is_some_and(|body| body.len() > 1) {
        return Reply::error(400, "use one of `add`, `replace`, `remove`, `list`, `clear` at a time");
    }
    let what = verb.map_or(&body, |verb| &body[verb]);
    let done = match verb {
        Some("list") => Ok(()),
        Some("clear") => {
            shared.update(State::clear_faults);
            Ok(())
        }
        Some("remove") => match what.as_u64() {
            Some(number) if shared.update(|state| state.faults.remove(number)) => Ok(()),
            _ => return Reply::error(404, "`remove` must be the number of a rule in force"),
        },
        _ => Rules::try_from(what.clone()).and_then(|rules| {
            shared.update(|state| {
                if verb == Some("replace") {
                    state.clear_faults();
                }
                state.add_faults(rules).map(drop)
            })
        }),
    };
    match done {
        Ok(()) => faults(shared),
        Err(error) => Reply::error(400, &error.to_string()),
    }
}

/// `POST /__sim/clock` with `{"advance":"25h"}`.
fn clock(shared: &Shared, call: &Call) -> Reply {
    let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
    let by = match body.get("advance").and_then(Value::as_str).map(span::parse) {
        Some(Ok(by)) => by,
        Some(Err(error)) => return Reply::error(400, &error),
        None => return Reply::error(400, "the body must be {\"advance\":\"DURATION\"}"),
    };
    advance(shared, by);
    Reply::json(200, json!({ "status": 200, "t": shared.clock.now().as_secs_f64() }))
}

fn advance(shared: &Shared, by: Duration) {
    shared.clock.advance(by);
    let what = format!("clock +{} s", by.as_secs_f64());
    shared.update(|state| state.note(Event::Control { what }));
}

/// `GET /__sim/pcm/{license}`: the samples as raw little-endian 16-bit bytes.
fn pcm(shared: &Shared, license_id: &str) -> Reply {
    shared.read(|state| {
        if !state.licenses().any(|license| license.id == license_id) {
            return Reply::error(404, "license_not_found");
        }
        let bytes = state.pcm(license_id).iter().flat_map(|sample| sample.to_le_bytes());
        Reply::bytes(bytes.collect())
    })
}
