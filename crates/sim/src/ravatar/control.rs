//! The simulator's own endpoints under `/__sim/`, for clients in other processes (RAVATAR dossier
//! 16.1). They leave no `Request` in the log. Runs on the simulator's thread.

use super::log::Event;
use super::shared::Shared;
use super::web::{Call, Reply};
use crate::common::control::{after, clock, faults, steer_faults};
use serde_json::{Value, json};
use std::sync::Arc;

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
    let after = match after(call) {
        Ok(after) => after,
        Err(refusal) => return refusal,
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
