//! The short forms about tokens, REST calls, licences and the clock: F1 to F11 and F22 to F25
//! (RAVATAR dossier 16.4). Pure functions.

use super::keys::{Flaw, Keys};
use super::named_socket::closing;
use crate::common::rule::Form;
use serde_json::{Value, json};

const START: &str = "POST /startLiveSession";
/// The words of a 503 at the start of a session (RAVATAR dossier 4.4).
pub(crate) const BUSY: &str = "All AI assistants are busy at the moment";

pub(crate) fn expand(number: u8, keys: &mut Keys) -> Result<Form, Flaw> {
    Ok(match number {
        1 => Form::new("now", json!({ "tokens": "expire" })),
        2 => {
            let mut form = Form::new("now", closing(keys, 4401)?);
            form.deed.insert("tokens".into(), "expire".into());
            form
        }
        3 => Form::new("now", json!({ "tokens": "refuse" })),
        4 => jwt(keys)?,
        5 => payment(keys)?,
        6 => busy(keys)?,
        7 => unavailable(keys)?,
        8 => Form::new(START, json!({ "http": 504, "effect": true, "body": error(504, "Connection timeout") })),
        9 => network(keys)?,
        10 => bodies(keys)?,
        11 => start(keys)?,
        22 => end(keys)?,
        23 => connection(keys)?,
        24 => history(keys)?,
        _ => {
            let by = keys.value("by").unwrap_or("25h".into());
            Form::new("now", json!({ "clock": by }))
        }
    })
}

fn error(status: u64, error: &str) -> Value {
    json!({ "status": status, "error": error })
}

fn jwt(keys: &mut Keys) -> Result<Form, Flaw> {
    let words = [
        "invalid_user_id",
        "invalid_project_id",
        "project_not_found",
        "forbidden",
        "token_generation_failed",
        "503",
        "504",
        "failure",
        "no-token",
        "token-field",
    ];
    let how = keys.choice("how", &words, None)?;
    let refuse = |status: u64, error: &str| json!({ "http": status, "body": { "status": status, "result": "failure", "error": error } });
    let deed = match how {
        "invalid_user_id" | "invalid_project_id" => refuse(400, how),
        "project_not_found" => refuse(401, how),
        "forbidden" => refuse(403, "Forbidden"),
        "token_generation_failed" => refuse(500, how),
        "503" => refuse(503, "Service Unavailable"),
        "504" => refuse(504, "Gateway Timeout"),
        "failure" => json!({ "http": 200, "body": { "result": "failure" } }),
        "no-token" => json!({ "merge": { "jwt": null } }),
        _ => json!({ "change": "token-field" }),
    };
    Ok(Form::new("POST /jwt", deed))
}

fn payment(keys: &mut Keys) -> Result<Form, Flaw> {
    let body = error(402, "Payment Required");
    Ok(match keys.choice("how", &["http", "notice", "handshake"], Some("http"))? {
        "http" => Form::new("any", json!({ "http": 402, "body": body })),
        "handshake" => Form::new("handshake", json!({ "http": 402, "body": body })),
        _ => {
            let notice = json!({ "type": "system", "status": 402, "content": "Payment Required" });
            Form::new("message", json!({ "ignore": true, "send": [notice] }))
        }
    })
}

fn busy(keys: &mut Keys) -> Result<Form, Flaw> {
    let status = match keys.choice("how", &["http", "ok"], Some("http"))? {
        "http" => 503,
        _ => 200,
    };
    Ok(Form::new(START, json!({ "http": status, "body": error(503, BUSY) })))
}

fn unavailable(keys: &mut Keys) -> Result<Form, Flaw> {
    let (status, words) = match keys.choice("http", &["503", "504"], Some("503"))? {
        "503" => (503, "Service Unavailable"),
        _ => (504, "Gateway Timeout"),
    };
    let mut deed = json!({ "http": status, "body": error(status, words) });
    if let Some(after) = keys.value("retry_after") {
        deed["headers"] = json!({ "retry-after": after });
    }
    Ok(Form::new("any", deed))
}

fn network(keys: &mut Keys) -> Result<Form, Flaw> {
    let words = ["refused", "reset", "mid-body", "late", "trickle"];
    Ok(match keys.choice("how", &words, None)? {
        "refused" => Form::new("now", json!({ "refuse": keys.value("for").unwrap_or("5s".into()) })),
        "reset" => Form::new("any", json!({ "drop": "reset" })),
        "mid-body" => Form::new("any", json!({ "drop_at": keys.value("bytes").unwrap_or(10.into()) })),
        "late" => Form::new("any", json!({ "delay": "31s" })),
        _ => {
            let every = keys.value("every").unwrap_or("1s".into());
            let bytes = keys.value("bytes").unwrap_or(1.into());
            Form::new("any", json!({ "trickle": { "bytes": bytes, "every": every } }))
        }
    })
}

fn bodies(keys: &mut Keys) -> Result<Form, Flaw> {
    let words = ["empty", "html", "truncated", "content-type", "huge", "not-json"];
    let how = keys.choice("how", &words, None)?;
    let status = keys.number("http", 200, 599)?.unwrap_or(if how == "not-json" { 200 } else { 500 });
    let page = "<!doctype html><html><body><h1>Bad Gateway</h1></body></html>";
    let deed = match how {
        "empty" => json!({ "text": "" }),
        "html" => json!({ "text": page, "content_type": "text/html" }),
        "truncated" => json!({ "body": error(status, "cut off in the middle"), "truncate": 20 }),
        "content-type" => json!({ "body": error(status, "labelled wrongly"), "content_type": "image/png" }),
        "huge" => json!({ "filler": keys.value("bytes").unwrap_or("1MB".into()) }),
        _ => json!({ "text": "OK", "content_type": "application/json" }),
    };
    let mut form = Form::new("any", deed);
    form.deed.insert("http".into(), status.into());
    Ok(form)
}

fn start(keys: &mut Keys) -> Result<Form, Flaw> {
    let patch = match keys.choice("how", &["no-license", "no-url", "number"], None)? {
        "no-license" => json!({ "LicenseId": null }),
        "no-url" => json!({ "streamingUrl": null }),
        _ => json!({ "LicenseId": 12_345 }),
    };
    Ok(Form::new(START, json!({ "merge": patch })))
}

fn end(keys: &mut Keys) -> Result<Form, Flaw> {
    let deed = match keys.choice("how", &["404", "503", "hang"], Some("404"))? {
        "404" => json!({ "http": 404, "body": error(404, "license_not_found") }),
        "503" => json!({ "http": 503, "body": error(503, "Service Unavailable") }),
        _ => json!({ "delay": "60s" }),
    };
    Ok(Form::new("POST /endLiveSession", deed))
}

fn connection(keys: &mut Keys) -> Result<Form, Flaw> {
    let deed = match keys.choice("how", &["no-avatars", "no-session", "vad-flips", "no-live"], None)? {
        "no-avatars" => json!({ "merge": { "avatars_info": [] } }),
        "no-session" => json!({ "merge": { "session": null } }),
        "vad-flips" => json!({ "change": "flip-vad" }),
        _ => json!({ "change": "no-live" }),
    };
    Ok(Form::new("GET /connection", deed))
}

fn history(keys: &mut Keys) -> Result<Form, Flaw> {
    let words = ["no-payload", "unsorted", "no-direction", "more-pages", "duplicate-ids"];
    let how = keys.choice("how", &words, None)?;
    let deed = match how {
        "no-payload" => json!({ "merge": { "payload": null } }),
        "unsorted" => json!({ "change": "shuffle" }),
        "more-pages" => json!({ "merge": { "has_more_messages": true } }),
        other => json!({ "change": other }),
    };
    let mut form = Form::new("GET /chat", deed);
    if how == "more-pages" {
        form.count = Some(3);
    }
    Ok(form)
}
