//! The frames a rule sends: messages, and things that are none. Pure functions, any thread.

use super::super::outgoing::{Frame, Outgoing};
use super::keys::{Flaw, Keys, LARGEST};
use serde_json::Value;

/// Frames one strike may send.
const MOST: usize = 100;

/// Reads `send` (messages) and `raw` (frames of any kind).
pub(crate) fn sent(keys: &mut Keys) -> Result<Vec<Outgoing>, Flaw> {
    let mut acts: Vec<_> = list(keys, "send")?.into_iter().map(Outgoing::Say).collect();
    for entry in list(keys, "raw")? {
        acts.push(Outgoing::Raw(frame(keys, entry)?));
    }
    if acts.len() > MOST {
        return Err(keys.flaw("send", format!("holds {} frames", acts.len()), format!("write at most {MOST}")));
    }
    Ok(acts)
}

fn list(keys: &mut Keys, key: &'static str) -> Result<Vec<Value>, Flaw> {
    match keys.value(key) {
        None => Ok(Vec::new()),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err(keys.flaw(key, "is no list", "put what is to be sent into [ ]")),
    }
}

/// One entry of `raw`: an object with one key that says what the frame is.
fn frame(keys: &Keys, entry: Value) -> Result<Frame, Flaw> {
    let remedy = "use one of {\"text\":TEXT}, {\"binary\":BYTES}, {\"utf8\":false}, {\"message\":BYTES}, \
                  {\"depth\":LEVELS}";
    let wrong = |problem: &str| keys.flaw("raw", problem, remedy);
    let Value::Object(entry) = entry else { return Err(wrong("holds an entry that is no object")) };
    if entry.len() != 1 {
        return Err(wrong("holds an entry that has not exactly one key"));
    }
    let Some((what, value)) = entry.into_iter().next() else { return Err(wrong("holds an empty entry")) };
    let mut inner = Keys::new(serde_json::Map::from_iter([("size".to_string(), value.clone())]), "do.raw.");
    let mut size = || inner.size("size").map(Option::unwrap_or_default);
    Ok(match (what.as_str(), &value) {
        ("text", Value::String(text)) if text.len() <= LARGEST => Frame::Text(text.as_str().into()),
        ("binary", _) => Frame::Binary(size()?),
        ("utf8", Value::Bool(false)) => Frame::NoUtf8,
        ("message", _) => Frame::Huge(size()?),
        ("depth", _) => Frame::Nested(size()?.min(LARGEST / 2)),
        _ => return Err(wrong(&format!("holds a `{what}` that is not possible"))),
    })
}
