//! The LADSPA effects that `glottis components ladspa` lists: those of one channel on LADSPA_PATH.

use glottis_node_ladspa::{Effect, Found};
use serde_json::{Value, json};

/// The effects the node can run.
fn usable(effects: &[Effect]) -> impl Iterator<Item = &Effect> {
    effects.iter().filter(|effect| effect.is_mono())
}

/// Prints them under a heading of their own, with their controls.
pub fn print(files: &[Found]) {
    println!("LADSPA effects");
    for Found { file, effects } in files {
        let effects = match effects {
            Ok(effects) => effects,
            Err(why) => {
                println!("  {}: not usable: {why}", file.display());
                continue;
            }
        };
        for effect in usable(effects) {
            println!("  {:<20} {}  [{}]", effect.label(), effect.name(), file.display());
            for control in effect.controls() {
                println!("      \"{}\" {}", control.name(), control.values(None));
            }
        }
    }
    let all: Vec<&Effect> = files.iter().flat_map(|found| found.effects.iter().flatten()).collect();
    let other = all.iter().filter(|effect| !effect.is_mono()).count();
    println!("  {} can be used; {other} have other than one input and one output", all.len() - other);
}

/// The same for programs, by file.
pub fn json(files: &[Found]) -> Value {
    let file = |found: &Found| match &found.effects {
        Ok(effects) => json!({ "file": found.file, "effects": usable(effects).map(effect).collect::<Vec<_>>() }),
        Err(why) => json!({ "file": found.file, "error": why }),
    };
    Value::Array(files.iter().map(file).collect())
}

fn effect(effect: &Effect) -> Value {
    let controls = effect.controls().iter();
    let controls: Vec<Value> =
        controls.map(|control| json!({ "name": control.name(), "values": control.values(None) })).collect();
    json!({ "label": effect.label(), "name": effect.name(), "controls": controls })
}
