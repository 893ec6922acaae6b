//! Prints what the last `cargo bench` found as one Markdown table, each figure beside the yardstick of
//! its group. `benches/table.sh` runs all benches and then this.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// How the names of yardsticks begin: what a figure of the same group and size is divided by. A copy of the
/// samples; the least that a hand-off can carry; what the encoders and the plugins have to compare with.
const YARDSTICKS: [&str; 4] = ["copy of", "a number", "pcm16", "linked"];

struct Row {
    function: String,
    value: String,
    ns: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = criterion_folder();
    let mut groups: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    collect(&folder, &mut groups)?;
    if groups.is_empty() {
        return Err(format!("no figures in {}: run `cargo bench` first", folder.display()).into());
    }
    println!("| group | what | size | ns | × yardstick |");
    println!("|---|---|---|---:|---:|");
    for (group, mut rows) in groups {
        rows.sort_by(|a, b| (&a.function, size(&a.value)).partial_cmp(&(&b.function, size(&b.value))).expect("sizes"));
        for row in &rows {
            let of_this_size = |r: &&Row| r.value == row.value && YARDSTICKS.iter().any(|y| r.function.starts_with(y));
            let ratio = rows.iter().find(of_this_size).map_or(String::new(), |y| format!("{:.1}", row.ns / y.ns));
            println!("| {group} | {} | {} | {} | {ratio} |", row.function, row.value, figure(row.ns));
        }
    }
    Ok(())
}

fn criterion_folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from);
    target.join("criterion")
}

/// Sizes sort as numbers where they are numbers.
fn size(value: &str) -> f64 {
    value.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0.0)
}

fn figure(ns: f64) -> String {
    if ns < 100.0 { format!("{ns:.1}") } else { format!("{ns:.0}") }
}

fn collect(folder: &Path, groups: &mut BTreeMap<String, Vec<Row>>) -> Result<(), Box<dyn Error>> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        if path.ends_with("new") {
            let bench: Value = serde_json::from_slice(&fs::read(path.join("benchmark.json"))?)?;
            let estimates: Value = serde_json::from_slice(&fs::read(path.join("estimates.json"))?)?;
            let text = |key: &str| bench[key].as_str().unwrap_or_default().to_owned();
            let ns = estimates["median"]["point_estimate"].as_f64().unwrap_or(f64::NAN);
            let row = Row { function: text("function_id"), value: text("value_str"), ns };
            groups.entry(text("group_id")).or_default().push(row);
        } else if path.is_dir() {
            collect(&path, groups)?;
        }
    }
    Ok(())
}
