//! The simulator's own endpoints under `/__sim/`, for clients in other processes (AvatarKit dossier
//! 18.1). They leave no `Request` in the log. Runs on the simulator's thread.

use super::act::{Act, Raw};
use super::connection::{Connection, Speech};
use super::state::State;
use super::world::Shared;
use crate::common::control;
use crate::common::web::{Call, Reply};
use serde_json::json;
use std::sync::Arc;

/// Answers `/__sim/{what}`.
pub(crate) fn answer(shared: &Arc<Shared>, what: &str, call: &Call) -> Reply {
    if let Some(reply) = control::answer(shared, what, call) {
        return reply;
    }
    match (call.method.as_str(), what.split_once('/').unwrap_or((what, ""))) {
        ("GET", ("connections", "")) => shared.read(|state| {
            let connections: Vec<&Connection> = state.connections().collect();
            Reply::json(200, json!({ "status": 200, "connections": connections }))
        }),
        ("GET", ("audio", id)) => speech(shared, id, |speech| Ok(speech.audio.clone())),
        ("GET", ("pcm", id)) => speech(shared, id, pcm),
        ("POST", ("push", "")) => push(shared, call),
        ("POST", ("close", "")) => close(shared, call),
        (_, ("connections" | "audio" | "pcm" | "push" | "close", _)) => Reply::error(405, "Method Not Allowed"),
        _ => Reply::error(404, "Not Found"),
    }
}

/// The bytes of one request.
fn speech(shared: &Shared, id: &str, bytes: impl FnOnce(&Speech) -> Result<Vec<u8>, String>) -> Reply {
    shared.read(|state| match state.speeches().find(|speech| speech.req_id == id).map(bytes) {
        Some(Ok(bytes)) => Reply::bytes(bytes),
        Some(Err(problem)) => Reply::error(409, &problem),
        None => Reply::error(404, "no such request"),
    })
}

/// Samples as raw little-endian 16-bit bytes, Ogg Opus decoded at the configured rate.
fn pcm(speech: &Speech) -> Result<Vec<u8>, String> {
    let Some(stream) = &speech.stream else { return Ok(speech.audio.clone()) };
    let sound = stream.decode(speech.rate)?;
    let sample = |sample: f32| (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16;
    Ok(sound.into_iter().flat_map(|value| sample(value).to_le_bytes()).collect())
}

/// `POST /__sim/push`: the body is sent as one binary frame; `?socket=N` limits it to one connection.
fn push(shared: &Shared, call: &Call) -> Reply {
    match socket(call) {
        Ok(only) => told(shared, only, &Act::Raw(Raw::Bytes(call.body.clone()))),
        Err(refusal) => refusal,
    }
}

/// `POST /__sim/close?code=N&reason=TEXT`, again with `socket=N`; without a code the connection
/// breaks.
fn close(shared: &Shared, call: &Call) -> Reply {
    let act = match call.param("code").map(str::parse::<u16>) {
        None => Act::Drop { reset: false },
        Some(Ok(code @ (1000..=1003 | 1007..=1014 | 3000..=4999))) => {
            Act::Close(Some(code), call.param("reason").unwrap_or_default().into())
        }
        Some(_) => return Reply::error(400, "`code` must be a close code that can be sent"),
    };
    match socket(call) {
        Ok(only) => told(shared, only, &act),
        Err(refusal) => refusal,
    }
}

fn socket(call: &Call) -> Result<Option<u64>, Reply> {
    match call.param("socket").map(str::parse) {
        None => Ok(None),
        Some(Ok(number)) => Ok(Some(number)),
        Some(Err(_)) => Err(Reply::error(400, "`socket` must be the number of a connection")),
    }
}

fn told(shared: &Shared, only: Option<u64>, act: &Act) -> Reply {
    let reached = shared.update(|state| state.tell(only, act));
    Reply::json(200, json!({ "status": 200, "sockets": reached }))
}

impl State {
    /// Asks one connection or all of them to do something now; returns how many there were.
    pub(crate) fn tell(&mut self, only: Option<u64>, act: &Act) -> usize {
        let now = self.clock.now();
        let numbers = self.live.keys().copied().filter(|number| only.is_none_or(|only| only == *number));
        let numbers: Vec<u64> = numbers.collect();
        for &number in &numbers {
            self.plan(number, now, act.clone());
        }
        numbers.len()
    }
}
