//! Every configuration we show to people works: the examples, and what stands in the READMEs.

mod shown;
mod support;

use serde_json::{Value, json};
use support::Project;
use support::process::glottis_with;

#[track_caller]
fn passes(name: &str, pipeline: &str) {
    let project = shown::laid_out(pipeline);
    let file = project.path().join("pipeline.toml");
    std::fs::write(&file, pipeline).expect("a file in the folder");
    let file = file.to_str().unwrap();
    let text = glottis_with(&["check", file]);
    assert_eq!(text.code, 0, "{name}:\n{pipeline}\n{}", text.stderr);
    let table: toml::Table = toml::from_str(pipeline).expect("TOML");
    let tree: Value = serde_json::from_str(&glottis_with(&["check", file, "--json"]).exits(0).stdout).expect("JSON");
    assert_eq!(tree["source"]["type"].as_str(), table["source"]["type"].as_str());
    for section in ["node", "sink"] {
        let written = table.get(section).and_then(|list| list.as_array()).map_or(0, Vec::len);
        let shown = tree[format!("{section}s")].as_array().expect("a list");
        assert_eq!(shown.len(), written, "{name}: {tree}");
        for part in shown {
            let (part_name, rate) = (part["name"].as_str().unwrap(), part["rate"].as_u64().unwrap());
            assert!(text.stdout.contains(part_name), "{name}: {part_name} in {}", text.stdout);
            assert!(section == "sink" || text.stdout.contains(&format!("{rate} Hz")), "{name}: {}", text.stdout);
        }
    }
    let traces: Vec<_> = std::fs::read_dir(project.path()).expect("a folder").collect();
    let inputs = usize::from(table["source"].get("path").is_some());
    assert_eq!(traces.len(), 1 + inputs, "{name}: checking opens nothing: {traces:?}");
}

#[test]
fn every_example_passes_check() {
    for (file, pipeline) in shown::examples() {
        passes(&file, &pipeline);
    }
}

#[test]
fn every_configuration_in_a_readme_passes_check() {
    for (name, pipeline) in shown::readmes() {
        passes(&name, &pipeline);
    }
}

fn schema() -> Value {
    serde_json::from_str(&glottis_with(&["schema"]).exits(0).stdout).expect("JSON")
}

fn as_json(pipeline: &str) -> Value {
    let table: toml::Table = toml::from_str(pipeline).expect("TOML");
    serde_json::to_value(table).expect("JSON")
}

#[test]
fn every_example_fits_the_schema() {
    let schema = schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    for (file, pipeline) in shown::examples() {
        if let Err(why) = fits(&as_json(&pipeline), &schema, "") {
            panic!("{file}: {why}");
        }
    }
}

/// What `check` refuses for its grammar the schema refuses too.
#[test]
fn the_schema_refuses_what_is_wrong() {
    let schema = schema();
    let good = "version = 1\n[source]\ntype = \"file\"\npath = \"in.wav\"\n[[node]]\ntype = \"gain\"\ndb = 3\n\
                [[sink]]\ntype = \"file\"\npath = \"out.wav\"\nturn = { mode = \"always\", max = \"3s\" }\n";
    assert_eq!(fits(&as_json(good), &schema, ""), Ok(()));
    for (from, to) in [
        ("version = 1", "version = 2"),
        ("version = 1", "verison = 1"),
        ("path = \"in.wav\"", "pth = \"in.wav\""),
        ("path = \"in.wav\"", ""),
        ("path = \"in.wav\"", "path = 7"),
        ("path = \"in.wav\"", "path = \"in.wav\"\npace = \"quick\""),
        ("type = \"gain\"", "type = \"gian\""),
        ("db = 3", "db = 300"),
        ("db = 3", "db = \"loud\""),
        ("mode = \"always\"", "mode = \"alwys\""),
        ("mode = \"always\"", "mdoe = \"always\""),
        ("max = \"3s\"", "max = \"3 parsecs\""),
        ("max = \"3s\"", "max = 3"),
        ("[[sink]]", "[[node]]"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good);
        assert!(fits(&as_json(&bad), &schema, "").is_err(), "the schema takes {to}");
        let project = Project::new(&bad);
        assert_eq!(glottis_with(&["check", project.path("pipeline.toml").to_str().unwrap()]).code, 2, "{to}");
    }
}

/// Whether a value fits a schema: the part of JSON Schema 2020-12 that ours uses. A keyword that is
/// not known here is an error, so that nothing passes unseen.
fn fits(value: &Value, schema: &Value, path: &str) -> Result<(), String> {
    for (keyword, rule) in schema.as_object().ok_or(format!("{path}: not a schema"))? {
        let rules = || rule.as_array().expect("a list").iter();
        let good = match keyword.as_str() {
            "$schema" | "title" | "description" | "default" | "additionalProperties" => true,
            "type" => has_type(value, rule.as_str().expect("a type")),
            "const" => value == rule,
            "enum" => rules().any(|one| one == value),
            "minimum" => value.as_f64().is_none_or(|n| n >= rule.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|n| n <= rule.as_f64().unwrap()),
            "minItems" => value.as_array().is_none_or(|list| list.len() as u64 >= rule.as_u64().unwrap()),
            "pattern" => value.as_str().is_none_or(|text| is_duration(text, rule.as_str().unwrap())),
            "required" => rules().all(|key| value.get(key.as_str().unwrap()).is_some() || !value.is_object()),
            "anyOf" => rules().any(|one| fits(value, one, path).is_ok()),
            "oneOf" => {
                let fitting = rules().filter(|one| fits(value, one, path).is_ok()).count();
                if fitting == 1 { true } else { return Err(format!("{path}: {fitting} variants fit {value}")) }
            }
            "items" => {
                let mut items = value.as_array().into_iter().flatten().enumerate();
                items.try_for_each(|(n, item)| fits(item, rule, &format!("{path}[{n}]")))?;
                true
            }
            "properties" => {
                properties(value, rule, schema.get("additionalProperties"), path)?;
                true
            }
            other => return Err(format!("{path}: the keyword {other} is not known to this test")),
        };
        if !good {
            return Err(format!("{path}: {value} against {keyword} {rule}"));
        }
    }
    Ok(())
}

fn properties(value: &Value, known: &Value, others: Option<&Value>, path: &str) -> Result<(), String> {
    for (key, value) in value.as_object().into_iter().flatten() {
        match known.get(key) {
            Some(schema) => fits(value, schema, &format!("{path}.{key}"))?,
            None if others == Some(&json!(false)) => return Err(format!("{path}: no key {key}")),
            None => {}
        }
    }
    Ok(())
}

fn has_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        other => panic!("the type {other} is not known to this test"),
    }
}

/// The schema's one pattern, read by hand.
fn is_duration(text: &str, pattern: &str) -> bool {
    assert_eq!(pattern, r"^\s*[0-9]+(\.[0-9]+)?\s*(us|µs|ms|s|m|min|h)\s*$");
    let text = text.trim();
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let number = &text[..text.len() - unit.len()];
    number.parse::<f64>().is_ok() && ["us", "µs", "ms", "s", "m", "min", "h"].contains(&unit.trim())
}
