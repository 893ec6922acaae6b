//! What every simulator's own endpoints have in common: log, reset, fault rules and the clock. Runs on a
//! simulator's thread.

use super::faults::Faults;
use super::keys::RuleError;
use super::log::Log;
use super::rule::{Grammar, MOST_RULES, Rule, Rules};
use super::shared::{Shared, World};
use super::span;
use super::web::{Call, Reply};
use serde::Serialize;
use serde_json::{Value, json};
use std::time::Duration;

/// A state that can be steered from outside.
pub(crate) trait Steered {
    /// The language of its faults.
    type Faults: Grammar;
    /// What can happen.
    type Event: Clone + Serialize;
    /// What can be wrong.
    type Code: Copy + Serialize;

    fn faults(&self) -> &Faults<Self::Faults>;
    fn faults_mut(&mut self) -> &mut Faults<Self::Faults>;
    /// Adds one rule; returns its number.
    fn add_fault(&mut self, rule: Rule<Self::Faults>) -> u64;
    /// Takes all rules away, and lifts what they left behind: refused tokens, the closed port, calls
    /// that hang, effects that are not due yet.
    fn clear_faults(&mut self);
    /// Back to the state of a start.
    fn reset(&mut self);
    fn log(&self) -> &Log<Self::Event, Self::Code>;
    /// Records that the run was steered.
    fn steered(&mut self, what: String);

    /// Adds rules, all or none of them.
    fn add_faults(&mut self, rules: Rules<Self::Faults>) -> Result<Vec<u64>, RuleError> {
        let (there, more) = (self.faults().len(), rules.len());
        if there + more > MOST_RULES {
            return Err(RuleError::too_many(there, more));
        }
        Ok(rules.into_iter().map(|rule| self.add_fault(rule)).collect())
    }
}

/// Answers `/__sim/{what}` where every simulator answers alike.
pub(crate) fn answer<S: World>(shared: &Shared<S>, what: &str, call: &Call) -> Option<Reply> {
    Some(match (call.method.as_str(), what) {
        ("GET", "log") => log(shared, call),
        ("POST", "reset") => {
            shared.update(|state| {
                state.reset();
                state.steered("reset".into());
            });
            Reply::json(200, json!({ "status": 200 }))
        }
        ("POST", "clock") => clock(shared, call),
        ("GET", "faults") => faults(shared),
        ("POST", "faults") => steer_faults(shared, call),
        (_, "log" | "reset" | "clock" | "faults") => Reply::error(405, "Method Not Allowed"),
        _ => return None,
    })
}

/// `GET /__sim/log`, with `?after=N` only the entries behind number N.
fn log<S: World>(shared: &Shared<S>, call: &Call) -> Reply {
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

/// `?after=N`, the number of an entry of the log.
fn after(call: &Call) -> Result<u64, Reply> {
    match call.param("after").map(str::parse) {
        None => Ok(0),
        Some(Ok(after)) => Ok(after),
        Some(Err(_)) => Err(Reply::error(400, "`after` must be the number of an entry")),
    }
}

/// All rules in force.
fn faults<S: World>(shared: &Shared<S>) -> Reply {
    match serde_json::to_value(shared.read(|state| state.faults().list())) {
        Ok(rules) => Reply::json(200, json!({ "status": 200, "rules": rules })),
        Err(error) => Reply::error(500, &error.to_string()),
    }
}

/// `POST /__sim/faults`: `{"add":RULES}`, `{"replace":RULES}`, `{"remove":NUMBER}`,
/// `{"list":true}`, `{"clear":true}`, or bare rules, which are added.
fn steer_faults<S: World>(shared: &Shared<S>, call: &Call) -> Reply {
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
            shared.update(S::clear_faults);
            Ok(())
        }
        Some("remove") => match what.as_u64() {
            Some(number) if shared.update(|state| state.faults_mut().remove(number)) => Ok(()),
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
fn clock<S: World>(shared: &Shared<S>, call: &Call) -> Reply {
    let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
    let by = match body.get("advance").and_then(Value::as_str).map(span::parse) {
        Some(Ok(by)) => by,
        Some(Err(error)) => return Reply::error(400, &error),
        None => return Reply::error(400, "the body must be {\"advance\":\"DURATION\"}"),
    };
    advance(shared, by);
    Reply::json(200, json!({ "status": 200, "t": shared.clock.now().as_secs_f64() }))
}

fn advance<S: World>(shared: &Shared<S>, by: Duration) {
    shared.clock.advance(by);
    let what = format!("clock +{} s", by.as_secs_f64());
    shared.update(|state| state.steered(what));
}
