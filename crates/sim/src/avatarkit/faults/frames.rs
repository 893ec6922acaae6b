//! The frames a rule sends: messages, and things that are none. Pure functions, any thread.

use super::super::act::{Act, Raw, Template, What};
use super::super::proto::PlaybackState;
use crate::common::keys::{Flaw, Keys, LARGEST};
use bytes::Bytes;
use serde_json::{Map, Value};

/// Frames one strike may send.
const MOST: usize = 100;

/// Reads `error` (one), `send` (messages) and `raw` (frames of any kind).
pub(crate) fn sent(keys: &mut Keys) -> Result<Vec<Act>, Flaw> {
    let mut acts = Vec::new();
    if let Some(error) = keys.value("error") {
        acts.push(Act::Template(error_of(object(keys, "error", error)?)?));
    }
    for entry in list(keys, "send")? {
        acts.push(Act::Template(message(keys, entry)?));
    }
    for entry in list(keys, "raw")? {
        acts.push(Act::Raw(raw(keys, entry)?));
    }
    if acts.len() > MOST {
        return Err(keys.flaw("send", format!("holds {} frames", acts.len()), format!("write at most {MOST}")));
    }
    Ok(acts)
}

/// A list of texts.
pub(crate) fn words(keys: &Keys, key: &str, value: Value) -> Result<Vec<String>, Flaw> {
    serde_json::from_value(value).map_err(|_| keys.flaw(key, "is no list of texts", "write for example [\"a\",\"b\"]"))
}

fn list(keys: &mut Keys, key: &'static str) -> Result<Vec<Value>, Flaw> {
    match keys.value(key) {
        None => Ok(Vec::new()),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err(keys.flaw(key, "is no list", "put what is to be sent into [ ]")),
    }
}

fn object(keys: &Keys, key: &str, value: Value) -> Result<Map<String, Value>, Flaw> {
    match value {
        Value::Object(map) => Ok(map),
        _ => Err(keys.flaw(key, "is no object", "write its fields as {\"name\":value}")),
    }
}

/// The only entry of an object with one key.
fn only(keys: &Keys, key: &str, entry: Value, remedy: &str) -> Result<(String, Value), Flaw> {
    let map = object(keys, key, entry)?;
    let one = map.len() == 1;
    let first = map.into_iter().next().filter(|_| one);
    first.ok_or_else(|| keys.flaw(key, "holds an entry that has not exactly one key", remedy))
}

/// One entry of `send`.
fn message(keys: &Keys, entry: Value) -> Result<Template, Flaw> {
    let remedy = "use one of {\"confirm\":{…}}, {\"error\":{…}}, {\"animation\":{…}}, {\"playback\":{…}}";
    let (what, fields) = only(keys, "send", entry, remedy)?;
    let fields = object(keys, "send", fields)?;
    match what.as_str() {
        "confirm" => confirm_of(fields),
        "error" => error_of(fields),
        "animation" => animation_of(fields),
        "playback" => playback_of(fields),
        _ => Err(keys.flaw("send", format!("holds a `{what}`"), remedy)),
    }
}

/// The ids of a message, then the rest of it.
fn template(mut keys: Keys, what: impl FnOnce(&mut Keys) -> Result<What, Flaw>) -> Result<Template, Flaw> {
    let req_id = keys.text("req_id")?;
    let connection_id = keys.text("connection_id")?;
    let what = what(&mut keys)?;
    keys.end("in this message")?;
    Ok(Template { req_id, connection_id, what })
}

fn confirm_of(fields: Map<String, Value>) -> Result<Template, Flaw> {
    template(Keys::new(fields, "do.confirm."), |keys| {
        let capabilities = keys.value("capabilities").map(|value| words(keys, "capabilities", value)).transpose()?;
        Ok(What::Confirm { capabilities: capabilities.unwrap_or_default() })
    })
}

fn error_of(fields: Map<String, Value>) -> Result<Template, Flaw> {
    template(Keys::new(fields, "do.error."), |keys| {
        let code = match keys.value("code") {
            None => Some(0),
            Some(code) => code.as_i64().and_then(|code| i32::try_from(code).ok()),
        };
        let code = code.ok_or_else(|| keys.flaw("code", "is no 32-bit number", "write for example 4001"))?;
        Ok(What::Error { code, message: keys.text("message")?.unwrap_or_default() })
    })
}

fn animation_of(fields: Map<String, Value>) -> Result<Template, Flaw> {
    template(Keys::new(fields, "do.animation."), |keys| {
        let bytes = keys.size("bytes")?.unwrap_or_default();
        let avatar_id = keys.text("avatar_id")?.unwrap_or_default();
        Ok(What::Animation { end: keys.flag("end")?, bytes, avatar_id })
    })
}

fn playback_of(fields: Map<String, Value>) -> Result<Template, Flaw> {
    template(Keys::new(fields, "do.playback."), |keys| {
        let words = ["unspecified", "playing", "paused", "ended", "interrupted"];
        let state = match keys.choice("state", &words, None)? {
            "playing" => PlaybackState::Playing,
            "paused" => PlaybackState::Paused,
            "ended" => PlaybackState::Ended,
            "interrupted" => PlaybackState::Interrupted,
            _ => PlaybackState::Unspecified,
        };
        let played_ms = keys.number("played_ms", 0, 1 << 40)?.unwrap_or_default() as i64;
        Ok(What::Playback { state, played_ms, reason: keys.text("reason")?.unwrap_or_default() })
    })
}

/// One entry of `raw`: an object with one key that says what the frame is.
fn raw(keys: &Keys, entry: Value) -> Result<Raw, Flaw> {
    let remedy = "use one of {\"text\":TEXT}, {\"hex\":DIGITS}, {\"huge\":BYTES}";
    let (what, value) = only(keys, "raw", entry, remedy)?;
    let text = value.as_str().filter(|text| text.len() <= LARGEST);
    match (what.as_str(), text) {
        ("text", Some(text)) => Ok(Raw::Text(text.into())),
        ("hex", Some(digits)) => match unhex(digits) {
            Some(bytes) => Ok(Raw::Bytes(bytes)),
            None => Err(keys.flaw("raw", "holds a `hex` that is not pairs of hex digits", remedy)),
        },
        ("huge", _) => {
            let mut inner = Keys::new(Map::from_iter([("size".to_string(), value)]), "do.raw.");
            inner.size("size").map(|size| Raw::Huge(size.unwrap_or_default()))
        }
        _ => Err(keys.flaw("raw", format!("holds a `{what}` that is not possible"), remedy)),
    }
}

fn unhex(digits: &str) -> Option<Bytes> {
    let pairs = digits.as_bytes().chunks(2);
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
        u8::from_str_radix(pair, 16).ok()
    };
    pairs.map(byte).collect::<Option<Vec<u8>>>().map(Bytes::from)
}
