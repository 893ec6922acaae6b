//! The short forms F1 to F22 (AvatarKit dossier 18.4): each is turned into the rule it stands for.
//! Pure functions.

use crate::common::keys::{Flaw, Keys};
use crate::common::rule::Form;
use serde_json::{Value, json};

/// Reads the short form: `fault`, its parameters, and `on` and `delay`, which every form takes.
pub(crate) fn expand(keys: &mut Keys) -> Result<Form, Flaw> {
    let fault = keys.text("fault")?.unwrap_or_default();
    let number = fault.strip_prefix('F').and_then(|number| number.parse::<u8>().ok());
    let form = match number.filter(|number| fault == format!("F{number}")) {
        Some(1) => unreachable_token(keys),
        Some(2) => token_status(keys),
        Some(3) => token_body(keys),
        Some(4) => token_issue(keys),
        Some(5) => upgrade(keys),
        Some(6) => first_frame(keys),
        Some(7) => refused_handshake(keys),
        Some(8) => segments(keys),
        Some(9) => strange(keys),
        Some(10) => garbage(keys),
        Some(11) => error(keys),
        Some(12) => error_and_close(keys),
        Some(13) => lost(keys),
        Some(14) => slow(keys),
        Some(15) => frames(keys),
        Some(16) => after_interrupt(keys),
        Some(17) => Ok(Form::new("now", json!({ "tokens": "expire", "close": 4010, "reason": "token expired" }))),
        Some(18) => pause(keys),
        Some(19) => egress(keys),
        Some(20) => limits(keys),
        Some(21) => region(keys),
        Some(22) => goodbye(keys),
        _ => return Err(keys.flaw("fault", format!("`{fault}` does not exist"), "use F1 to F22")),
    };
    let mut form = form?;
    if let Some(on) = keys.text("on")? {
        form.on = on;
    }
    if let Some(delay) = keys.value("delay") {
        form.deed.insert("delay".into(), delay);
    }
    Ok(form)
}

fn unreachable_token(keys: &mut Keys) -> Result<Form, Flaw> {
    let deed = match keys.choice("how", &["refuse", "reset", "close", "hang"], Some("refuse"))? {
        "reset" => json!({ "drop": "reset" }),
        "close" => json!({ "drop": true }),
        "hang" => json!({ "hang": true }),
        _ => {
            let time = keys.value("for").unwrap_or("5s".into());
            return Ok(Form::new("now", json!({ "refuse": time })));
        }
    };
    Ok(Form::new("token", deed))
}

/// A status with one of four bodies, or a redirect.
fn status(keys: &mut Keys, usual: u64) -> Result<Value, Flaw> {
    let words = ["json", "text", "empty", "huge", "redirect"];
    let how = keys.choice("how", &words, Some("json"))?;
    let number = keys.number("http", 200, 599)?.unwrap_or(if how == "redirect" { 302 } else { usual });
    let message = keys.text("message")?;
    let words = message.unwrap_or_else(|| "a fault".into());
    Ok(match how {
        "text" => json!({ "http": number, "text": words }),
        "empty" => json!({ "http": number, "text": "" }),
        "huge" => json!({ "http": number, "filler": "2MiB" }),
        "redirect" => json!({ "http": number, "text": "", "headers": { "location": "/elsewhere" } }),
        _ => json!({ "http": number, "body": { "message": words } }),
    })
}

fn token_status(keys: &mut Keys) -> Result<Form, Flaw> {
    Ok(Form::new("token", status(keys, 500)?))
}

fn token_body(keys: &mut Keys) -> Result<Form, Flaw> {
    let words = ["errors-number", "errors-text", "text", "null", "missing", "empty", "number", "201"];
    let errors = |status: Value| json!({ "errors": [{ "status": status, "detail": "session denied" }] });
    let deed = match keys.choice("how", &words, None)? {
        "errors-number" => json!({ "body": errors(402.into()) }),
        "errors-text" => json!({ "body": errors("402".into()) }),
        "text" => json!({ "text": "nope" }),
        "null" => json!({ "body": null }),
        "missing" => json!({ "body": { "other": 1 } }),
        "empty" => json!({ "body": { "sessionToken": "", "session_token": "" } }),
        "number" => json!({ "body": { "sessionToken": 5, "session_token": 5 } }),
        _ => json!({ "http": 201, "body": { "sessionToken": "t", "session_token": "t" } }),
    };
    Ok(Form::new("token", deed))
}

fn token_issue(keys: &mut Keys) -> Result<Form, Flaw> {
    let how = keys.choice("how", &["expired", "other-app", "revoked"], None)?;
    Ok(Form::new("token", json!({ "issue": how })))
}

fn upgrade(keys: &mut Keys) -> Result<Form, Flaw> {
    let deed = match keys.text("how")?.as_deref() {
        Some("wrong-accept") => json!({ "accept": "wrong" }),
        Some("hang") => json!({ "hang": true }),
        Some("reset") => json!({ "drop": "reset" }),
        Some("text") => plain(keys, json!({}))?,
        Some("empty") => plain(keys, json!({ "text": "" }))?,
        Some("redirect") => json!({ "http": 302, "text": "", "headers": { "location": "/elsewhere" } }),
        None | Some("json") => {
            let http = keys.number("http", 200, 599)?.unwrap_or(503);
            let message = keys.text("message")?.unwrap_or_else(|| "a fault".into());
            json!({ "http": http, "body": { "message": message } })
        }
        Some(other) => {
            let remedy = "use one of `json`, `text`, `empty`, `redirect`, `wrong-accept`, `hang`, `reset`";
            return Err(keys.flaw("how", format!("{other} is not possible"), remedy));
        }
    };
    Ok(Form::new("upgrade", deed))
}

fn plain(keys: &mut Keys, mut deed: Value) -> Result<Value, Flaw> {
    deed["http"] = keys.number("http", 200, 599)?.unwrap_or(503).into();
    if deed.get("text").is_none() {
        deed["text"] = keys.text("message")?.unwrap_or_else(|| "a fault".into()).into();
    }
    Ok(deed)
}

fn raw(frame: Value) -> Value {
    json!({ "raw": [frame] })
}

fn first_frame(keys: &mut Keys) -> Result<Form, Flaw> {
    let words = ["silence", "text", "garbage", "empty", "wrong-type", "empty-id", "mismatch"];
    let mut deed = match keys.choice("how", &words, Some("silence"))? {
        "text" => raw(json!({ "text": "hello" })),
        "garbage" => raw(json!({ "hex": "1aff" })),
        "empty" => raw(json!({ "hex": "" })),
        "wrong-type" => raw(json!({ "hex": "08053200" })),
        "empty-id" => raw(json!({ "hex": "08021a00" })),
        "mismatch" => raw(json!({ "hex": "08022a021803" })),
        _ => json!({}),
    };
    deed["ignore"] = true.into();
    Ok(Form::new("handshake", deed))
}

/// `code` and `message` of an error.
fn error_of(keys: &mut Keys, code: i64, message: &str) -> Result<Value, Flaw> {
    let code = keys.value("code").unwrap_or(code.into());
    let message = keys.text("message")?.unwrap_or_else(|| message.into());
    Ok(json!({ "code": code, "message": message }))
}

/// `code` and `message` of a close frame.
fn close_of(keys: &mut Keys, code: u64, reason: &str) -> Result<Value, Flaw> {
    let code = keys.number("code", 1000, 4999)?.unwrap_or(code);
    let reason = keys.text("message")?.unwrap_or_else(|| reason.into());
    Ok(json!({ "close": code, "reason": reason }))
}

fn refused_handshake(keys: &mut Keys) -> Result<Form, Flaw> {
    let mut deed = match keys.choice("how", &["error", "close", "drop"], Some("error"))? {
        "close" => close_of(keys, 1011, "a fault")?,
        "drop" => json!({ "drop": true }),
        _ => json!({ "error": error_of(keys, 0, "a fault")? }),
    };
    deed["ignore"] = true.into();
    Ok(Form::new("handshake", deed))
}

fn segments(keys: &mut Keys) -> Result<Form, Flaw> {
    let deed = match keys.choice("how", &["together", "split", "fragments"], Some("together"))? {
        "split" => json!({ "pieces": keys.value("bytes").unwrap_or(1.into()) }),
        "fragments" => json!({ "fragments": keys.value("count").unwrap_or(4.into()) }),
        _ => json!({ "send": [{ "animation": { "req_id": "early", "bytes": 16 } }] }),
    };
    Ok(Form::new("handshake", deed))
}

fn strange(keys: &mut Keys) -> Result<Form, Flaw> {
    let words = ["unknown-type", "unknown-fields", "type-6", "confirm-again"];
    let deed = match keys.choice("how", &words, None)? {
        "unknown-type" => raw(json!({ "hex": "082a" })),
        "unknown-fields" => raw(json!({ "hex": "080532060a0163980601a00601" })),
        "type-6" => raw(json!({ "hex": "0806" })),
        _ => json!({ "send": [{ "confirm": {} }] }),
    };
    Ok(Form::new("message audio", deed))
}

fn garbage(keys: &mut Keys) -> Result<Form, Flaw> {
    let deed = match keys.choice("how", &["garbage", "text", "empty", "huge"], Some("garbage"))? {
        "text" => raw(json!({ "text": "hello" })),
        "empty" => raw(json!({ "hex": "" })),
        "huge" => raw(json!({ "huge": keys.value("bytes").unwrap_or("8MiB".into()) })),
        _ => raw(json!({ "hex": "1aff" })),
    };
    Ok(Form::new("message audio", deed))
}

fn error(keys: &mut Keys) -> Result<Form, Flaw> {
    let mut error = error_of(keys, 321, "server boom")?;
    if keys.choice("how", &["with-id", "without-id"], Some("with-id"))? == "without-id" {
        error["req_id"] = "".into();
    }
    Ok(Form::new("message audio", json!({ "error": error })))
}

fn error_and_close(keys: &mut Keys) -> Result<Form, Flaw> {
    let how = keys.choice("how", &["both", "alone", "empty"], Some("both"))?;
    if how == "empty" {
        return Ok(Form::new("message audio", json!({ "close_empty": true })));
    }
    let mut deed = close_of(keys, 4002, "session time limit reached")?;
    if how == "both" {
        deed["error"] = json!({ "code": deed["close"], "message": deed["reason"], "req_id": "" });
    }
    Ok(Form::new("message audio", deed))
}

fn lost(keys: &mut Keys) -> Result<Form, Flaw> {
    let deed = match keys.choice("how", &["close", "reset", "half-open", "no-pongs"], Some("close"))? {
        "reset" => json!({ "drop": "reset" }),
        "half-open" => json!({ "stall": "24h" }),
        "no-pongs" => json!({ "pongs": false }),
        _ => json!({ "drop": true }),
    };
    Ok(Form::new("message audio", deed))
}

fn slow(keys: &mut Keys) -> Result<Form, Flaw> {
    let deed = match (keys.value("stall"), keys.value("rate")) {
        (None, Some(rate)) => json!({ "read_rate": rate }),
        (stall, None) => json!({ "stall": stall.unwrap_or("30s".into()) }),
        _ => return Err(keys.flaw("rate", "does not go with `stall`", "keep one of the two")),
    };
    Ok(Form::new("message audio", deed))
}

fn frames(keys: &mut Keys) -> Result<Form, Flaw> {
    let send = |animation: Value| json!({ "send": [{ "animation": animation }] });
    Ok(match keys.choice("how", &["duplicate-end", "early-end", "unknown-id", "no-id"], Some("duplicate-end"))? {
        "early-end" => Form::new("message audio", send(json!({ "end": true }))),
        "unknown-id" => {
            Form::new("message audio", send(json!({ "req_id": "20200101000000_AAAAAAAAAAAA", "end": true })))
        }
        "no-id" => Form::new("message audio", send(json!({ "req_id": "", "bytes": 16 }))),
        _ => Form::new("answer last", json!({ "repeat": keys.value("times").unwrap_or(2.into()) })),
    })
}

fn after_interrupt(keys: &mut Keys) -> Result<Form, Flaw> {
    let frame = match keys.choice("how", &["frames", "playback"], Some("frames"))? {
        "playback" => json!({ "playback": { "state": "playing", "played_ms": 40 } }),
        _ => json!({ "animation": { "bytes": 16 } }),
    };
    let count = keys.number("frames", 1, 100)?.unwrap_or(3);
    Ok(Form::new("message interrupt", json!({ "send": vec![frame; count as usize] })))
}

fn pause(keys: &mut Keys) -> Result<Form, Flaw> {
    let words = ["wrong-id", "ended", "timeout", "silent", "no-capabilities", "partial"];
    let playback = |playback: Value| json!({ "ignore": true, "send": [{ "playback": playback }] });
    let deed = match keys.choice("how", &words, Some("timeout"))? {
        "wrong-id" => playback(json!({ "state": "playing", "req_id": "20200101000000_AAAAAAAAAAAA" })),
        "ended" => playback(json!({ "state": "ended", "played_ms": 1000 })),
        "silent" => json!({ "ignore": true }),
        "no-capabilities" => return Ok(Form::new("handshake", json!({ "capabilities": [] }))),
        "partial" => return Ok(Form::new("handshake", json!({ "capabilities": ["playback_state"] }))),
        _ => playback(json!({ "state": "interrupted", "reason": "pause_timeout", "played_ms": 1240 })),
    };
    Ok(Form::new("message pause", deed))
}

fn egress(keys: &mut Keys) -> Result<Form, Flaw> {
    let refuse = |code: u64, message: &str| json!({ "ignore": true, "error": { "code": code, "message": message } });
    let deed = match keys.choice("how", &["3", "14", "16", "slow"], Some("16"))? {
        "3" => refuse(3, "livekit_egress.url is required"),
        "14" => refuse(14, "failed to create egress connection"),
        "slow" => json!({ "delay": "20s" }),
        _ => refuse(16, "failed to create connection: failed to connect to room: unauthorized: invalid token"),
    };
    Ok(Form::new("handshake", deed))
}

fn limits(keys: &mut Keys) -> Result<Form, Flaw> {
    let words = ["idle", "idle-egress", "ceiling", "concurrency", "credits"];
    let both = |code: u64, words: &str| json!({ "error": { "code": code, "message": words, "req_id": "" }, "close": code, "reason": words });
    let silence = |words: &str| json!({ "error": { "code": 0, "message": words, "req_id": "" }, "close": 1000 });
    let deed = match keys.choice("how", &words, None)? {
        "idle" => silence("no audio input for 60 seconds"),
        "idle-egress" => silence("LiveKit silence timeout"),
        "ceiling" => both(4002, "session time limit reached"),
        "concurrency" => both(4003, "too many sessions"),
        _ => both(4001, "credits exhausted"),
    };
    Ok(Form::new("now", deed))
}

fn region(keys: &mut Keys) -> Result<Form, Flaw> {
    let named = |name: &str| json!({ "body": { "region": { "current": name, "candidates": [name] } } });
    let deed = match keys.choice("how", &["503", "malformed", "hostile", "hang"], Some("503"))? {
        "malformed" => json!({ "text": "nope" }),
        "hostile" => named("evil.example/x?"),
        "hang" => json!({ "hang": true }),
        _ => json!({ "http": 503 }),
    };
    Ok(Form::new("region", deed))
}

fn goodbye(keys: &mut Keys) -> Result<Form, Flaw> {
    Ok(match keys.choice("how", &["crossing", "unanswered"], Some("unanswered"))? {
        "crossing" => Form::new("message end", close_of(keys, 1001, "going away")?),
        _ => Form::new("handshake", json!({ "goodbye": false })),
    })
}
