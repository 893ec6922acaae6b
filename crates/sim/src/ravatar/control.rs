//! The simulator's own endpoints under `/__sim/`, for clients in other processes (RAVATAR dossier
//! 16.1). They leave no `Request` in the log. Runs on the simulator's thread.

use super::shared::Shared;
use super::web::{Call, Reply};
use crate::common::control;
use serde_json::{Value, json};
use std::sync::Arc;

/// Answers `/__sim/{what}`.
pub(crate) fn answer(shared: &Arc<Shared>, what: &str, call: &Call) -> Reply {
    if let Some(reply) = control::answer(shared, what, call) {
        return reply;
    }
    match (call.method.as_str(), what) {
        ("GET", "licenses") => shared.read(|state| {
            let licenses: Vec<_> = state.licenses().collect();
            Reply::json(200, json!({ "status": 200, "licenses": licenses }))
        }),
        ("POST", "push") => push(shared, call),
        ("GET", _) if what.starts_with("pcm/") => pcm(shared, &what["pcm/".len()..]),
        (_, "licenses" | "push") => Reply::error(405, "Method Not Allowed"),
        _ => Reply::error(404, "Not Found"),
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
