//! Settings as they cross the border: JSON. Control side.

use glottis_core::param::{Located, Table, Value};
use serde_json::{Map, Number, Value as Json};

/// A table as a JSON object.
pub(crate) fn from_table(table: &Table) -> Json {
    Json::Object(table.entries.iter().map(|e| (e.key.clone(), from_value(&e.value.value))).collect())
}

fn from_value(value: &Value) -> Json {
    match value {
        Value::Bool(b) => Json::Bool(*b),
        Value::Int(n) => Json::Number((*n).into()),
        // A number no JSON can hold is outside every range a key may have.
        Value::Float(x) => Number::from_f64(*x).map_or(Json::Null, Json::Number),
        Value::Text(text) => Json::String(text.clone()),
        Value::List(items) => Json::Array(items.iter().map(|item| from_value(&item.value)).collect()),
        Value::Table(table) => from_table(table),
    }
}

/// A JSON object as a table; what has no place in one is left out.
pub(crate) fn to_table(object: &Map<String, Json>) -> Table {
    let mut table = Table::default();
    for (key, value) in object {
        if let Some(value) = to_value(value) {
            table.set(key, Located::new(value));
        }
    }
    table
}

fn to_value(json: &Json) -> Option<Value> {
    Some(match json {
        Json::Null => return None,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) => n.as_i64().map(Value::Int).or_else(|| n.as_f64().map(Value::Float))?,
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => Value::List(items.iter().filter_map(to_value).map(Located::new).collect()),
        Json::Object(object) => Value::Table(to_table(object)),
    })
}
