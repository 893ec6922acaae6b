//! Making things fit for a log: short texts, small JSON, durations as seconds. Pure functions, any
//! thread.

use serde::Serializer;
use serde_json::{Map, Value};
use std::time::Duration;

/// Durations are seconds in JSON.
pub(crate) fn seconds<S: Serializer>(t: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(t.as_secs_f64())
}

/// Longest text the log repeats.
const LONGEST: usize = 256;

/// A text fit for the log.
pub(crate) fn shorten(text: &str) -> String {
    if text.len() <= LONGEST {
        return text.into();
    }
    format!("<{} characters>", text.chars().count())
}

/// A JSON value fit for the log: of an object at most 32 fields; long texts and long nested values
/// become their length. So an entry is small whatever a client sends.
pub(crate) fn summarise(value: &Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(summarise_fields(fields)),
        other => brief(other),
    }
}

/// As [`summarise`], for an object.
pub(crate) fn summarise_fields(fields: &Map<String, Value>) -> Map<String, Value> {
    let short = |(name, value): (&String, &Value)| (shorten(name), brief(value));
    fields.iter().take(32).map(short).collect()
}

fn brief(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(shorten(text)),
        Value::Array(_) | Value::Object(_) => {
            let length = value.to_string().len();
            if length > LONGEST { format!("<{length} bytes of JSON>").into() } else { value.clone() }
        }
        plain => plain.clone(),
    }
}
