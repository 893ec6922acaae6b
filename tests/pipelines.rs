//! Every configuration we show to people works: the examples, and what stands in the READMEs.

mod support;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::process::glottis_with;
use support::{Project, sound};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files below `folder` whose name ends so.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        // Not into what was built, nor where others keep their things.
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            found.extend(files(&path, ending));
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn examples() -> Vec<(PathBuf, String)> {
    let read = |file: PathBuf| (file.clone(), std::fs::read_to_string(&file).expect("text"));
    let examples: Vec<_> = files(&root().join("examples/pipelines"), ".toml").into_iter().map(read).collect();
    assert!(examples.len() >= 4, "{examples:?}");
    examples
}

/// A configuration in a folder where a sound file lies wherever it looks for one.
fn project(pipeline: &str) -> Project {
    let project = Project::new(pipeline);
    let table: toml::Table = toml::from_str(pipeline).expect("TOML");
    let source = &table["source"];
    if let (Some("file"), Some(path)) = (source["type"].as_str(), source.get("path").and_then(|path| path.as_str())) {
        project.write(path, sound::wav(48_000, 2, &sound::noise(9_600, 1)));
    }
    project
}

#[track_caller]
fn passes(name: &str, pipeline: &str) {
    let project = project(pipeline);
    let file = project.path("pipeline.toml");
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
    let traces: Vec<_> = std::fs::read_dir(project.folder()).expect("a folder").collect();
    let inputs = usize::from(table["source"].get("path").is_some());
    assert_eq!(traces.len(), 1 + inputs, "{name}: checking opens nothing: {traces:?}");
}

#[test]
fn every_example_passes_check() {
    for (file, pipeline) in examples() {
        passes(&file.display().to_string(), &pipeline);
    }
}

/// Blocks of TOML in a README that are a pipeline, or a part of one that is completed here.
#[test]
fn every_configuration_in_a_readme_passes_check() {
    let mut checked = 0;
    for readme in files(root(), "README.md") {
        let text = std::fs::read_to_string(&readme).expect("text");
        for block in text.split("```toml\n").skip(1) {
            let block = block.split("```").next().unwrap();
            let name = format!("{}:\n{block}", readme.display());
            let table: toml::Table = toml::from_str(block).unwrap_or_else(|error| panic!("{name}{error}"));
            let has = |key: &str| table.contains_key(key);
            if !["source", "node", "sink"].into_iter().any(has) || has("package") {
                continue;
            }
            passes(&name, &completed(block, &table));
            checked += 1;
        }
    }
    assert!(checked >= 8, "only {checked}");
}

/// The block with what it leaves out: a source, nodes where only a sink is shown, a sink.
fn completed(block: &str, table: &toml::Table) -> String {
    const SOURCE: &str = "[source]\ntype = \"stdin\"\nformat = \"s16le\"\nrate = 48000\nchannels = 1\n";
    const NODES: &str = "[[node]]\ntype = \"resample\"\nrate = 16000\n[[node]]\ntype = \"vad\"\n";
    const SINK: &str = "[[sink]]\ntype = \"file\"\npath = \"out.wav\"\n";
    let missing = |key: &str, text: &'static str| if table.contains_key(key) { "" } else { text };
    // Keys before the first section are the pipeline's own and stay in front.
    let sections = block.find('[').unwrap_or(0);
    let nodes = if table.contains_key("source") { "" } else { missing("node", NODES) };
    let (front, back) = block.split_at(sections);
    format!("{front}{}{nodes}{back}\n{}", missing("source", SOURCE), missing("sink", SINK))
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
    for (file, pipeline) in examples() {
        if let Err(why) = fits(&as_json(&pipeline), &schema, "") {
            panic!("{}: {why}", file.display());
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
        let project = project(good);
        project.write("pipeline.toml", &bad);
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
