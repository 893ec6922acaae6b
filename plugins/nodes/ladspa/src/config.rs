//! The keys of the `ladspa` node, and the effect they name. Control side.

use glottis_core::Problem;
use glottis_core::param::{Kind, Param, Settings, Value, nearest};

use crate::Ladspa;
use crate::control::Control;
use crate::effect::{Effect, effects};
use crate::search::find;

/// The keys a configuration may set.
pub(crate) const PARAMS: &[Param] = &[
    Param::new(
        "plugin",
        Kind::Text,
        "The library: a file name with a folder, or the name of one on LADSPA_PATH, \"amp_1181\" for example.",
    )
    .required(),
    Param::new("label", Kind::Text, "The effect in it; not needed if there is only one that can be used."),
    Param::new("controls", Kind::Numbers, "Values of the effect's controls by name; the others have their defaults."),
];

/// The node that the keys describe. Loads the library.
pub(crate) fn build(settings: &Settings) -> Result<Ladspa, Vec<Problem>> {
    let named = settings.text("plugin");
    let problem = |what: String| vec![settings.problem("plugin", format!("{named}: {what}"))];
    let file = find(named, settings.base()).map_err(|what| {
        let all = problem(what);
        all.into_iter().map(|p| p.help("`glottis components ladspa` lists what is installed")).collect::<Vec<_>>()
    })?;
    let effects = effects(&file).map_err(problem)?;
    let effect = choose(settings, effects).map_err(|problem| vec![problem])?;
    let values = values(&settings.table("controls"), &effect)?;
    Ok(Ladspa::new(effect, values))
}

/// The effect that `label` names, or the only one there is.
fn choose(settings: &Settings, effects: Vec<Effect>) -> Result<Effect, Problem> {
    let usable: Vec<String> = effects.iter().filter(|e| e.is_mono()).map(|e| e.label().to_owned()).collect();
    let list = match &usable[..] {
        [] => "this library has no effect with one input and one output".to_owned(),
        labels => format!("with one input and one output there are: {}", labels.join(", ")),
    };
    let Some(label) = settings.opt_text("label") else {
        let only = effects.into_iter().find(|effect| effect.is_mono() && usable.len() == 1);
        return only.ok_or_else(|| {
            settings.problem("plugin", "which effect is not said").help(format!("add `label`; {list}"))
        });
    };
    let Some(effect) = effects.into_iter().find(|effect| effect.label() == label) else {
        let near = nearest(label, usable.iter().map(String::as_str));
        let help = near.map_or(list.clone(), |near| format!("did you mean \"{near}\"? {list}"));
        return Err(settings.problem("label", format!("the library has no effect \"{label}\"")).help(help));
    };
    let (inputs, outputs) = effect.channels();
    if !effect.is_mono() {
        let channels = |n: usize, what: &str| format!("{n} audio {what}{}", if n == 1 { "" } else { "s" });
        let (inputs, outputs) = (channels(inputs, "input"), channels(outputs, "output"));
        let message = format!("\"{label}\" has {inputs} and {outputs}; a stream has one channel");
        return Err(settings.problem("label", message).help(list));
    }
    Ok(effect)
}

/// A value for each control of the effect that was written; `None` for the others.
fn values(written: &Settings, effect: &Effect) -> Result<Vec<Option<f64>>, Vec<Problem>> {
    let mut values = vec![None; effect.controls().len()];
    let mut problems = Vec::new();
    for entry in &written.values().entries {
        let value = match entry.value.value {
            Value::Int(value) => value as f64,
            Value::Float(value) => value,
            // The table was checked: there are numbers only.
            _ => continue,
        };
        let Some(index) = effect.controls().iter().position(|control| control.name() == entry.key) else {
            problems.push(unknown(written, &entry.key, effect));
            continue;
        };
        let control = &effect.controls()[index];
        if let (false, Err(what)) = (control.needs_rate(), control.check(value, 0.0)) {
            problems.push(written.problem(&entry.key, what));
        }
        values[index] = Some(value);
    }
    if problems.is_empty() { Ok(values) } else { Err(problems) }
}

fn unknown(written: &Settings, name: &str, effect: &Effect) -> Problem {
    let names = || effect.controls().iter().map(Control::name);
    let all: Vec<String> = effect.controls().iter().map(|c| format!("\"{}\" {}", c.name(), c.values(None))).collect();
    let list = if all.is_empty() { "it has none".to_owned() } else { format!("it has {}", all.join("; ")) };
    let help = nearest(name, names()).map_or(list.clone(), |near| format!("did you mean \"{near}\"? {list}"));
    written.problem(name, format!("\"{}\" has no control \"{name}\"", effect.label())).help(help)
}
