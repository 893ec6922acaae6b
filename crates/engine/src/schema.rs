//! The JSON Schema of the configuration, from the tables in which components declare their keys.
//! Control side only.

use glottis_core::Registry;
use glottis_core::param::{Kind, Param};
use glottis_core::registry::{Component, ComponentKind};
use glottis_graph::plan::{LATENCY, NODE, SINK, SOURCE};
use serde_json::{Map, Value, json};

/// The schema (JSON Schema, draft 2020-12) of every configuration that names components of
/// `registry`.
pub fn schema(registry: &Registry) -> Value {
    let section = |kind, common| {
        let variants: Vec<Value> =
            registry.iter().filter(|c| c.kind() == kind).map(|c| component(c, common, registry)).collect();
        json!({ "oneOf": variants })
    };
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "glottis pipeline",
        "type": "object",
        "additionalProperties": false,
        "required": ["source", "sink"],
        "properties": {
            "version": { "const": 1, "description": "version of the configuration's format" },
            "plugins": { "type": "array", "items": { "type": "string" }, "description": "libraries to load" },
            "latency": value(&LATENCY, registry),
            "source": section(ComponentKind::Source, SOURCE),
            "node": { "type": "array", "items": section(ComponentKind::Node, NODE) },
            "sink": { "type": "array", "minItems": 1, "items": section(ComponentKind::Sink, SINK) },
        },
    })
}

fn component(component: &Component, common: &[Param], registry: &Registry) -> Value {
    let params: Vec<Param> = common.iter().chain(component.params).copied().collect();
    let mut object = table(&params, registry);
    object["title"] = json!(component.name);
    object["description"] = json!(component.doc);
    object["properties"]["type"] = json!({ "const": component.name });
    object
}

fn table(params: &[Param], registry: &Registry) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    let mut closed = true;
    for param in params {
        if let Kind::Component(kind) = param.kind
            && param.name != "type"
        {
            // The named component's keys stand beside this one. Which of them are valid depends on
            // the name, so here all are allowed, and only the program tells them apart.
            for extra in registry.iter().filter(|c| c.kind() == kind).flat_map(|c| c.params) {
                properties.entry(extra.name).or_insert_with(|| value(extra, registry));
            }
            closed = registry.iter().any(|c| c.kind() == kind);
        }
        if param.required {
            required.push(json!(param.name));
        }
        properties.insert(param.name.to_owned(), value(param, registry));
    }
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": !closed })
}

fn value(param: &Param, registry: &Registry) -> Value {
    let mut schema = kind(&param.kind, registry);
    let unit = if param.unit.is_empty() { String::new() } else { format!(" ({})", param.unit) };
    schema["description"] = json!(format!("{}{unit}", param.doc));
    if let Some(default) = param.default {
        schema["default"] = serde_json::from_str(default).unwrap_or_else(|_| json!(default));
    }
    schema
}

const DURATION: &str = r"^\s*[0-9]+(\.[0-9]+)?\s*(us|µs|ms|s|m|min|h)\s*$";

fn kind(kind: &Kind, registry: &Registry) -> Value {
    match *kind {
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Int(min, max) => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Float(min, max) => json!({ "type": "number", "minimum": min, "maximum": max }),
        Kind::Text | Kind::Path | Kind::SecretEnv | Kind::SecretFile => json!({ "type": "string" }),
        Kind::Choice(words) => json!({ "enum": words }),
        Kind::ChoiceOrInt(words, min, max) => {
            json!({ "anyOf": [{ "enum": words }, { "type": "integer", "minimum": min, "maximum": max }] })
        }
        Kind::Duration(..) => json!({ "type": "string", "pattern": DURATION }),
        Kind::ChoiceOrDuration(words, ..) => {
            json!({ "anyOf": [{ "enum": words }, { "type": "string", "pattern": DURATION }] })
        }
        Kind::Bytes(min, max) => {
            json!({ "anyOf": [{ "type": "string" }, { "type": "integer", "minimum": min, "maximum": max }] })
        }
        Kind::TextOrList => {
            json!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] })
        }
        Kind::Table(params) => table(params, registry),
        Kind::Map => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        Kind::Numbers => json!({ "type": "object", "additionalProperties": { "type": "number" } }),
        Kind::Component(kind) => json!({ "enum": registry.names(kind).collect::<Vec<_>>() }),
    }
}
