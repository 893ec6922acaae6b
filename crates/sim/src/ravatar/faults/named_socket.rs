//! The short forms about sockets, their messages and answers: F12 to F21 (RAVATAR dossier 16.4).
//! Pure functions.

use super::keys::{Flaw, Keys};
use super::named_rest::BUSY;
use crate::common::rule::Form;
use serde_json::{Map, Value, json};

pub(crate) fn expand(number: u8, keys: &mut Keys) -> Result<Form, Flaw> {
    Ok(match number {
        12 => drop_(keys)?,
        13 => Form::new("message", closing(keys, 1011)?),
        14 => handshake(keys)?,
        15 => slow(keys)?,
        16 => malformed(keys)?,
        17 => text(keys)?,
        18 => {
            let deed = json!({ "text": wording(keys)? });
            Form::new("answer", deed)
        }
        19 => license(keys)?,
        20 => answer(keys)?,
        _ => heartbeat(keys)?,
    })
}

/// `code`, where 1006 means a connection that breaks.
pub(crate) fn closing(keys: &mut Keys, usual: u64) -> Result<Value, Flaw> {
    let code = keys.number("code", 1000, 4999)?.unwrap_or(usual);
    let mut deed = if code == 1006 { json!({ "drop": true }) } else { json!({ "close": code }) };
    if let Some(reason) = keys.text("reason")? {
        deed["reason"] = reason.into();
    }
    Ok(deed)
}

fn drop_(keys: &mut Keys) -> Result<Form, Flaw> {
    let drop = match keys.choice("how", &["close", "reset"], Some("close"))? {
        "reset" => json!("reset"),
        _ => json!(true),
    };
    Ok(match keys.value("bytes") {
        Some(bytes) => Form::new("open", json!({ "drop_after": bytes })),
        None => Form::new("message", json!({ "drop": drop })),
    })
}

fn handshake(keys: &mut Keys) -> Result<Form, Flaw> {
    let deed = match keys.choice("how", &["503", "403", "refuse", "reset", "hang"], Some("503"))? {
        "503" => json!({ "http": 503 }),
        "403" => json!({ "http": 403 }),
        "reset" => json!({ "drop": "reset" }),
        "hang" => json!({ "hang": true }),
        _ => {
            let time = keys.value("for").unwrap_or("5s".into());
            return Ok(Form::new("now", json!({ "refuse": time })));
        }
    };
    Ok(Form::new("handshake", deed))
}

fn slow(keys: &mut Keys) -> Result<Form, Flaw> {
    let deed = match (keys.value("stall"), keys.value("rate")) {
        (None, Some(rate)) => json!({ "read_rate": rate }),
        (stall, None) => json!({ "stall": stall.unwrap_or("30s".into()) }),
        _ => return Err(keys.flaw("rate", "does not go with `stall`", "keep one of the two")),
    };
    Ok(Form::new("message", deed))
}

fn malformed(keys: &mut Keys) -> Result<Form, Flaw> {
    let words = ["text", "scalar", "array", "null", "binary", "huge", "utf8", "unknown-type", "wrong-types", "nesting"];
    let raw = |entry: Value| json!({ "raw": [entry] });
    let send = |message: Value| json!({ "send": [message] });
    let deed = match keys.choice("how", &words, None)? {
        "text" => raw(json!({ "text": "this is not JSON" })),
        "scalar" => send(json!(42)),
        "array" => send(json!([{ "type": "incoming", "content": "in a list" }])),
        "null" => send(Value::Null),
        "binary" => raw(json!({ "binary": keys.value("bytes").unwrap_or(64.into()) })),
        "huge" => raw(json!({ "message": keys.value("bytes").unwrap_or("10MB".into()) })),
        "utf8" => raw(json!({ "utf8": false })),
        "unknown-type" => send(json!({ "type": "telemetry", "value": 1 })),
        "wrong-types" => send(json!({
            "type": 7, "direction": ["incoming"], "answer": { "text": "no text" }, "content": 1.5, "date": "yesterday",
            "fileUrl": false, "status": "bad",
        })),
        _ => raw(json!({ "depth": keys.value("depth").unwrap_or(10_000.into()) })),
    };
    Ok(Form::new("answer", deed))
}

/// The four texts of RAVATAR dossier 12.4, as `text`, `case` and `period` ask for.
fn wording(keys: &mut Keys) -> Result<String, Flaw> {
    let text = words(keys.choice("text", &["expired", "wrong", "timeout", "busy"], None)?).0;
    let mut text = match keys.choice("case", &["as-is", "upper", "lower"], Some("as-is"))? {
        "upper" => text.to_uppercase(),
        "lower" => text.to_lowercase(),
        _ => text.to_string(),
    };
    if keys.flag("period")? {
        text.push('.');
    }
    Ok(text)
}

/// A text, and the HTTP status it most likely comes with (our choice).
fn words(name: &str) -> (&'static str, u64) {
    match name {
        "expired" => ("Session expired", 404),
        "wrong" => ("Something went wrong", 500),
        "timeout" => ("Connection timeout", 504),
        _ => (BUSY, 503),
    }
}

fn text(keys: &mut Keys) -> Result<Form, Flaw> {
    let text = wording(keys)?;
    let lower = text.trim_end_matches('.').to_lowercase();
    let message = match keys.choice("as", &["system", "message", "event", "error", "http"], Some("system"))? {
        "system" => json!({ "type": "system", "content": text }),
        "message" => json!({ "type": "system", "message": text }),
        "event" => json!({ "type": "event", "answer": text }),
        "error" => json!({ "error": text }),
        _ => {
            let named = ["expired", "wrong", "timeout", "busy"].map(words);
            let usual = named.iter().find(|(words, _)| words.to_lowercase() == lower).map_or(500, |found| found.1);
            let status = keys.number("http", 200, 599)?.unwrap_or(usual);
            let body = json!({ "status": status, "error": text });
            return Ok(Form::new("POST /startLiveSession", json!({ "http": status, "body": body })));
        }
    };
    Ok(Form::new("answer", json!({ "send": [message] })))
}

fn license(keys: &mut Keys) -> Result<Form, Flaw> {
    let how = keys.choice("how", &["expire", "end", "forget"], Some("expire"))?;
    let on = if how == "forget" { "reconnect" } else { "now" };
    Ok(Form::new(on, json!({ "licenses": how })))
}

fn answer(keys: &mut Keys) -> Result<Form, Flaw> {
    let words = ["none", "late", "after-reconnect", "twice", "swapped", "audio-only"];
    let deed = match keys.choice("how", &words, None)? {
        "none" => json!({ "silent": true }),
        "late" => json!({ "delay": "31s" }),
        "after-reconnect" => json!({ "hold": "reconnect" }),
        "twice" => json!({ "repeat": 2 }),
        "swapped" => json!({ "hold": 1 }),
        _ => json!({ "audio": "file_base64_data", "merge": { "answer": null, "content": null } }),
    };
    Ok(Form::new("answer", deed))
}

fn heartbeat(keys: &mut Keys) -> Result<Form, Flaw> {
    let mut deed = Map::new();
    match keys.choice("how", &["no-pongs", "pings"], Some("no-pongs"))? {
        "no-pongs" => deed.insert("pongs".into(), false.into()),
        _ => deed.insert("ping".into(), keys.value("every").unwrap_or("1s".into())),
    };
    Ok(Form::new("open", Value::Object(deed)).always())
}
