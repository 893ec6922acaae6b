//! What a rule does to the response of a call: replaces it, changes it, or keeps it from arriving.
//! Plain values, any thread.

use super::faults::Strike;
use super::keys::{Flaw, Keys};
use super::rule::Grammar;
use super::web::{Ending, Reply};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Map, Value, json};
use std::fmt;
use std::time::Duration;

/// What a response answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Nothing yet: a connection was accepted.
    Connect,
    /// The request for a socket.
    Upgrade,
    /// A call that has an effect and a JSON body.
    Call,
}

/// A change to the body of a real success that has a name of its own. Bodies without the fields in
/// question stay as they are; `draw` seeds what is random.
pub(crate) trait Alter: fmt::Debug + Send + Sync {
    fn apply(&self, body: &mut Value, draw: u64);
}

/// Reads the key `change` of a service.
pub(crate) type ParseChange = fn(&mut Keys) -> Result<Option<Box<dyn Alter>>, Flaw>;

/// What happens to one response.
#[derive(Debug)]
pub(crate) struct Response {
    status: Option<u16>,
    body: Option<Body>,
    headers: Vec<(HeaderName, HeaderValue)>,
    truncate: Option<usize>,
    merge: Option<Value>,
    change: Option<Box<dyn Alter>>,
    /// Whether the call has its effect.
    pub(crate) effect: bool,
    pub(crate) ending: Ending,
}

#[derive(Debug)]
enum Body {
    Json(Value),
    Text(Bytes),
    /// So many bytes, made when they are sent.
    Filler(usize),
}

impl Response {
    /// `None` if no key of a response is there.
    pub(crate) fn parse(keys: &mut Keys, scope: Scope, change: ParseChange) -> Result<Option<Self>, Flaw> {
        let ending = ending(keys, scope)?;
        if scope == Scope::Connect {
            let nothing = ending == Ending::Whole;
            return Ok((!nothing).then(|| Self::only(ending)));
        }
        let mut response = Self::only(ending);
        response.status = keys.number("http", 200, 599)?.map(|status| status as u16);
        response.body = body(keys)?;
        response.headers = headers(keys)?;
        response.truncate = keys.size("truncate")?;
        if scope == Scope::Call {
            response.merge = keys.value("merge");
            response.change = change(keys)?;
        }
        let replaced = response.status.is_some() || response.body.is_some();
        let lost = matches!(response.ending, Ending::Hang | Ending::Drop { .. });
        let asked = scope == Scope::Call && keys.flag("effect")?;
        response.effect = asked || !(replaced || lost);
        let altered = !response.headers.is_empty() || response.truncate.is_some() || response.merge.is_some();
        let altered = altered || response.change.is_some() || response.ending != Ending::Whole;
        if asked && !replaced && !lost {
            let remedy = "leave it out, or add `http`, `body`, `hang` or `drop`";
            return Err(keys.flaw("effect", "is what happens anyhow", remedy));
        }
        Ok((replaced || altered).then_some(response))
    }

    fn only(ending: Ending) -> Self {
        Self {
            status: None,
            body: None,
            headers: Vec::new(),
            truncate: None,
            merge: None,
            change: None,
            effect: false,
            ending,
        }
    }

    /// The reply of a strike, made from the real one if the call had its effect.
    pub(crate) fn reply<G: Grammar>(&self, real: Option<Reply>, strike: &Strike<G>) -> Reply {
        let mut reply = match (&self.status, &self.body, real) {
            (None, None, Some(mut real)) => {
                if (200..300).contains(&real.status) {
                    self.alter(&mut real, strike.draw);
                }
                real
            }
            _ => self.replacement(),
        };
        if let Some(size) = self.truncate {
            reply.truncate(size);
        }
        for (name, value) in &self.headers {
            reply.manner.headers.insert(name.clone(), value.clone());
        }
        reply.manner.ending = self.ending.clone();
        reply.manner.epoch = strike.epoch;
        reply
    }

    fn alter(&self, real: &mut Reply, draw: u64) {
        let Some(body) = real.json_mut() else { return };
        if let Some(change) = &self.change {
            change.apply(body, draw);
        }
        if let Some(patch) = &self.merge {
            merge(body, patch);
        }
    }

    fn replacement(&self) -> Reply {
        let status = self.status.unwrap_or(200);
        match &self.body {
            Some(Body::Json(body)) => Reply::json(status, body.clone()),
            Some(Body::Text(text)) => Reply::text(status, text.clone()),
            Some(Body::Filler(size)) => Reply::text(status, vec![b'x'; *size].into()),
            None if status < 300 => Reply::json(status, json!({ "status": status })),
            None => {
                let words = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
                Reply::error(status, words.unwrap_or("Error"))
            }
        }
    }
}

fn ending(keys: &mut Keys, scope: Scope) -> Result<Ending, Flaw> {
    let mut endings = Vec::new();
    if keys.flag("hang")? {
        endings.push(Ending::Hang);
    }
    if keys.has("drop") {
        let reset = keys.choice("drop", &["true", "reset"], None)? == "reset";
        endings.push(Ending::Drop { reset });
    }
    if scope != Scope::Connect {
        endings.extend(keys.size("drop_at")?.map(Ending::DropAt));
        endings.extend(keys.value("trickle").map(|value| trickle(keys, value)).transpose()?);
    }
    keys.mention(&["drop"]);
    if endings.len() > 1 {
        let remedy = "keep one of `hang`, `drop`, `drop_at`, `trickle`";
        return Err(keys.flaw("", "one response cannot end in several ways", remedy));
    }
    Ok(endings.pop().unwrap_or(Ending::Whole))
}

fn trickle(keys: &Keys, value: Value) -> Result<Ending, Flaw> {
    let Value::Object(map) = value else {
        return Err(keys.flaw("trickle", "is no object", "write {\"bytes\":1,\"every\":\"1s\"}"));
    };
    let mut inner = Keys::new(map, "do.trickle.");
    let bytes = inner.size("bytes")?.unwrap_or(1).max(1);
    let every = inner.span("every")?.unwrap_or(Duration::from_secs(1));
    inner.end("in `trickle`")?;
    Ok(Ending::Trickle { bytes, every })
}

fn body(keys: &mut Keys) -> Result<Option<Body>, Flaw> {
    let json = keys.value("body").map(Body::Json);
    let text = keys.text("text")?.map(|text| Body::Text(text.into()));
    let filler = keys.size("filler")?.map(Body::Filler);
    let mut all: Vec<_> = [json, text, filler].into_iter().flatten().collect();
    if all.len() > 1 {
        return Err(keys.flaw("", "one response has one body", "keep one of `body`, `text`, `filler`"));
    }
    Ok(all.pop())
}

fn headers(keys: &mut Keys) -> Result<Vec<(HeaderName, HeaderValue)>, Flaw> {
    let mut headers = Vec::new();
    let given = match keys.value("headers") {
        None => serde_json::Map::new(),
        Some(Value::Object(map)) if map.len() <= 32 => map,
        Some(_) => return Err(keys.flaw("headers", "is not possible", "write at most 32 as {\"name\":\"value\"}")),
    };
    for (name, value) in given {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_string);
        let framing = ["content-length", "transfer-encoding", "connection"].contains(&name.to_lowercase().as_str());
        match (name.parse::<HeaderName>(), HeaderValue::from_str(&text)) {
            (Ok(name), Ok(value)) if !framing => headers.push((name, value)),
            _ => {
                let remedy = "write names and values of HTTP headers; lengths and connections are not settable";
                return Err(keys.flaw("headers", format!("`{name}` is not possible"), remedy));
            }
        }
    }
    if let Some(value) = keys.text("content_type")? {
        let value = HeaderValue::from_str(&value);
        let wrong = |_| keys.flaw("content_type", "is no header value", "write one such as \"text/html\"");
        headers.push((CONTENT_TYPE, value.map_err(wrong)?));
    }
    Ok(headers)
}

/// A JSON merge patch: `null` removes, objects merge, everything else replaces (RFC 7396).
pub(crate) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(fields) = target.as_object_mut() else { return };
    for (name, value) in patch {
        if value.is_null() {
            fields.remove(name);
        } else {
            merge(fields.entry(name.as_str()).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rfcs_merge_patches() {
        let cases = [
            (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"b","b":"c"}), json!({"a":null}), json!({"b":"c"})),
            (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":{"b":"c"}}), json!({"a":{"b":"d","c":null}}), json!({"a":{"b":"d"}})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a":"foo"}), json!("bar"), json!("bar")),
            (json!({}), json!({"a":{"bb":{"ccc":null}}}), json!({"a":{"bb":{}}})),
        ];
        for (mut target, patch, expected) in cases {
            merge(&mut target, &patch);
            assert_eq!(target, expected);
        }
    }
}
