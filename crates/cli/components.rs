//! `glottis components` and `glottis schema`.

use std::process::ExitCode;

use glottis::core::param::{Kind, show_duration};
use glottis::core::registry::{Component, ComponentKind};
use glottis::{Param, Registry};
use serde_json::{Value, json};

use crate::args::Common;
use crate::explain;
use crate::plugins::Plugins;

fn registry(common: &Common) -> Result<Registry, ExitCode> {
    let mut registry = glottis::components();
    Plugins::load(&mut registry, common, None, false).map_err(|error| explain::not_loaded(&error))?;
    Ok(registry)
}

/// Prints the JSON Schema of the configuration.
pub fn schema(common: &Common) -> ExitCode {
    match registry(common) {
        Ok(registry) => {
            println!("{:#}", glottis::schema(&registry));
            ExitCode::SUCCESS
        }
        Err(code) => code,
    }
}

/// Lists the components, or those of one type.
pub fn components(name: Option<&str>, common: &Common) -> ExitCode {
    let registry = match registry(common) {
        Ok(registry) => registry,
        Err(code) => return code,
    };
    let mut found: Vec<&Component> = registry.iter().filter(|c| name.is_none_or(|name| c.name == name)).collect();
    found.sort_by_key(|c| c.kind());
    if found.is_empty() {
        let wanted = name.unwrap_or_default();
        let near = glottis::core::param::nearest(wanted, registry.iter().map(|c| c.name));
        let hint = near.map_or(String::new(), |near| format!(": did you mean \"{near}\"?"));
        return explain::failure(&format!("there is no component \"{wanted}\"{hint}"), explain::CONFIG);
    }
    // Listing what is installed loads it all, so only who asks for this node gets the list.
    let effects = (name == Some("ladspa")).then(glottis_node_ladspa::installed);
    if common.json {
        let mut all: Vec<Value> = found.iter().map(|c| component_json(c)).collect();
        if let (Some(files), [component]) = (&effects, &mut all[..]) {
            component["installed"] = crate::effects::json(files);
        }
        println!("{}", Value::Array(all));
    } else {
        print(&found, name.is_some());
        effects.iter().for_each(|files| crate::effects::print(files));
    }
    ExitCode::SUCCESS
}

fn print(found: &[&Component], whole: bool) {
    let mut last = None;
    for component in found {
        if last.replace(component.kind()) != Some(component.kind()) {
            println!("{}s", component.kind().name());
        }
        let origin = if component.origin == "built in" { String::new() } else { format!("  [{}]", component.origin) };
        println!("  {:<14} {}{origin}", component.name, component.doc);
        for param in component.params {
            print_param(param, if whole { 6 } else { 4 });
        }
    }
}

fn print_param(param: &Param, indent: usize) {
    let default = match (param.required, param.default) {
        (true, _) => "required".to_owned(),
        (false, Some(default)) => format!("default {default}"),
        (false, None) => "optional".to_owned(),
    };
    let live = if param.live { ", live" } else { "" };
    let (values, name) = (values(param), param.name);
    println!("{:indent$}{name:<18} {values}; {default}{live}. {}", "", param.doc);
    if let Kind::Table(params) = param.kind {
        for param in params {
            print_param(param, indent + 4);
        }
    }
}

/// What values a key takes, with unit and range.
fn values(param: &Param) -> String {
    let unit = if param.unit.is_empty() { String::new() } else { format!(" {}", param.unit) };
    let ms = |ms: u64| show_duration(std::time::Duration::from_millis(ms));
    match param.kind {
        Kind::Bool => "true | false".to_owned(),
        Kind::Int(min, max) => format!("{min}..{max}{unit}"),
        Kind::Float(min, max) => format!("{min}..{max}{unit}"),
        Kind::Text => "text".to_owned(),
        Kind::Choice(words) => words.join(" | "),
        Kind::ChoiceOrInt(words, min, max) => format!("{} | {min}..{max}{unit}", words.join(" | ")),
        Kind::Duration(min, max) => format!("duration {}..{}", ms(min), ms(max)),
        Kind::ChoiceOrDuration(words, min, max) => format!("{} | duration {}..{}", words.join(" | "), ms(min), ms(max)),
        Kind::Bytes(min, max) => format!("size {min}..{max} bytes"),
        Kind::Path => "file name".to_owned(),
        Kind::SecretEnv => "name of an environment variable".to_owned(),
        Kind::SecretFile => "name of a file".to_owned(),
        Kind::TextOrList => "text | list of texts".to_owned(),
        Kind::Table(_) => "table".to_owned(),
        Kind::Map => "table of texts".to_owned(),
        Kind::Numbers => "table of numbers".to_owned(),
        Kind::Component(kind) => format!("name of a {}", kind.name()),
    }
}

fn component_json(component: &Component) -> Value {
    json!({
        "name": component.name,
        "kind": component.kind().name(),
        "doc": component.doc,
        "origin": component.origin,
        "params": component.params.iter().map(param_json).collect::<Vec<_>>(),
    })
}

fn param_json(param: &Param) -> Value {
    let mut value = json!({
        "name": param.name,
        "values": values(param),
        "unit": param.unit,
        "default": param.default.map(|text| serde_json::from_str::<Value>(text).unwrap_or_else(|_| json!(text))),
        "required": param.required,
        "live": param.live,
        "doc": param.doc,
    });
    match param.kind {
        Kind::Int(min, max) => value["range"] = json!([min, max]),
        Kind::Float(min, max) => value["range"] = json!([min, max]),
        Kind::Table(params) => value["params"] = Value::Array(params.iter().map(param_json).collect()),
        Kind::Component(ComponentKind::Detector) => value["component"] = json!("detector"),
        _ => {}
    }
    value
}
