//! What every simulator's own endpoints have in common: fault rules and the clock. Runs on a
//! simulator's thread.

use super::faults::FaultStatus;
use super::keys::RuleError;
use super::rule::{Grammar, Rules};
use super::shared::{Shared, World};
use super::span;
use super::web::{Call, Reply};
use serde_json::{Value, json};
use std::time::Duration;

/// A state that can be steered from outside.
pub(crate) trait Steered {
    /// The language of its faults.
    type Faults: Grammar;

    /// Adds rules, all or none of them.
    fn add_faults(&mut self, rules: Rules<Self::Faults>) -> Result<Vec<u64>, RuleError>;
    /// False if there is no rule of that number.
    fn remove_fault(&mut self, number: u64) -> bool;
    /// Takes all rules away, and lifts what they left behind.
    fn clear_faults(&mut self);
    fn list_faults(&self) -> Vec<FaultStatus<Self::Faults>>;
    /// Records that the run was steered.
    fn steered(&mut self, what: String);
}

/// `?after=N`, the number of an entry of the log.
pub(crate) fn after(call: &Call) -> Result<u64, Reply> {
    match call.param("after").map(str::parse) {
        None => Ok(0),
        Some(Ok(after)) => Ok(after),
        Some(Err(_)) => Err(Reply::error(400, "`after` must be the number of an entry")),
    }
}

/// All rules in force.
pub(crate) fn faults<S: World>(shared: &Shared<S>) -> Reply {
    match serde_json::to_value(shared.read(S::list_faults)) {
        Ok(rules) => Reply::json(200, json!({ "status": 200, "rules": rules })),
        Err(error) => Reply::error(500, &error.to_string()),
    }
}

/// `POST /__sim/faults`: `{"add":RULES}`, `{"replace":RULES}`, `{"remove":NUMBER}`,
/// `{"list":true}`, `{"clear":true}`, or bare rules, which are added.
pub(crate) fn steer_faults<S: World>(shared: &Shared<S>, call: &Call) -> Reply {
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
            Some(number) if shared.update(|state| state.remove_fault(number)) => Ok(()),
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
pub(crate) fn clock<S: World>(shared: &Shared<S>, call: &Call) -> Reply {
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
