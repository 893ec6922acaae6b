//! A table as written against the keys a component declares: every problem at once.

use std::path::Path;

use super::settings::Settings;
use super::value::{Entry, Located, Table, Value};
use super::{Kind, Param, parse_bytes, parse_duration, show_duration};
use crate::problem::{Place, Problem};
use crate::registry::Registry;

/// Checks `table` (at `path` in the configuration) against `params` and fills in the defaults.
/// Relative file names are taken from `base`; `registry` knows the components a key may name.
///
/// # Errors
/// Every unknown key (with the nearest valid one), missing key, wrong type and value out of range.
pub fn check(
    table: &Table,
    params: &[Param],
    path: &str,
    base: &Path,
    registry: &Registry,
) -> Result<Settings, Vec<Problem>> {
    let mut problems = Vec::new();
    let checked = check_table(table, params, path, registry, &mut problems);
    if problems.is_empty() {
        Ok(Settings { table: checked, path: path.to_owned(), base: base.to_owned() })
    } else {
        Err(problems)
    }
}

/// The word of `words` closest to `typed`, if it is close enough to be what was meant.
pub fn nearest<'a>(typed: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    words
        .map(|word| (strsim::damerau_levenshtein(typed, word), word))
        .filter(|(distance, word)| *distance <= word.len().max(typed.len()).div_ceil(3))
        .min()
        .map(|(_, word)| word)
}

fn check_table(table: &Table, params: &[Param], path: &str, registry: &Registry, problems: &mut Vec<Problem>) -> Table {
    let params = with_components(table, params, registry);
    let mut checked = Table { entries: Vec::new(), place: table.place.clone() };
    for entry in &table.entries {
        match params.iter().find(|p| p.name == entry.key) {
            None => problems.push(unknown_key(entry, &params, path)),
            Some(param) => {
                let at = At { path: &join(path, param.name), place: &entry.value.place, registry };
                if let Some(value) = at.check(&entry.value.value, param, problems) {
                    let value = Located { value, place: entry.value.place.clone() };
                    checked.entries.push(Entry { value, ..entry.clone() });
                }
            }
        }
    }
    for param in &params {
        if table.get(param.name).is_none() {
            absent(param, &mut checked, path, registry, problems);
        }
    }
    checked
}

/// The keys `table` may have: the declared ones, and those of the components that some of them name.
pub fn with_components(table: &Table, params: &[Param], registry: &Registry) -> Vec<Param> {
    let mut all = params.to_vec();
    let mut looked = 0;
    // A component may itself have keys that name components: a node its detector.
    while let Some(param) = all.get(looked).copied() {
        looked += 1;
        if let Kind::Component(kind) = param.kind {
            let default = param.default.map(|text| text.trim_matches('"'));
            let name = table.text(param.name).or(default);
            if let Some(component) = name.and_then(|name| registry.get(kind, name)) {
                all.extend_from_slice(component.params);
            }
        }
    }
    all
}

fn absent(param: &Param, checked: &mut Table, path: &str, registry: &Registry, problems: &mut Vec<Problem>) {
    if param.required {
        problems.push(
            Problem::new(checked.place.clone(), join(path, param.name), format!("missing key \"{}\"", param.name))
                .help(format!("add `{} = …`: {}", param.name, param.doc)),
        );
    } else if let Kind::Table(params) = param.kind {
        let table = Table { entries: Vec::new(), place: checked.place.clone() };
        let table = check_table(&table, params, &join(path, param.name), registry, problems);
        checked.set(param.name, Located::new(Value::Table(table)));
    } else if let Some(default) = param.default {
        checked.set(param.name, Located { value: literal(default), place: Place::Default });
    }
}

/// The value of a default as written in TOML: a text in quotes, a boolean or a number.
fn literal(text: &str) -> Value {
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ if text.starts_with('"') => Value::Text(text.trim_matches('"').to_owned()),
        _ => text.parse().map(Value::Int).or_else(|_| text.parse().map(Value::Float)).unwrap_or_else(|_| {
            debug_assert!(false, "{text} is no literal");
            Value::Text(text.to_owned())
        }),
    }
}

fn unknown_key(entry: &Entry, params: &[Param], path: &str) -> Problem {
    let problem = Problem::new(entry.place.clone(), join(path, &entry.key), format!("unknown key \"{}\"", entry.key));
    match nearest(&entry.key, params.iter().map(|p| p.name)) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help(format!("valid keys here: {}", list(params.iter().map(|p| p.name)))),
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn list<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<Vec<_>>().join(", ")
}

/// Where a value stands while it is checked.
struct At<'a> {
    path: &'a str,
    place: &'a Place,
    registry: &'a Registry,
}

impl At<'_> {
    fn check(&self, value: &Value, param: &Param, problems: &mut Vec<Problem>) -> Option<Value> {
        let result = match (param.kind, value) {
            (Kind::Table(params), Value::Table(table)) => {
                return Some(Value::Table(check_table(table, params, self.path, self.registry, problems)));
            }
            (Kind::Numbers, Value::Table(table)) => {
                problems.extend(table.entries.iter().filter_map(|entry| self.no_number(entry)));
                return Some(value.clone());
            }
            (kind, value) => self.plain(kind, value, param),
        };
        result
            .map_err(|(message, help)| {
                let problem = Problem::new(self.place.clone(), self.path, message);
                problems.push(if help.is_empty() { problem } else { problem.help(help) });
            })
            .ok()
    }

    fn no_number(&self, entry: &Entry) -> Option<Problem> {
        let what = match &entry.value.value {
            Value::Int(_) => return None,
            Value::Float(x) if x.is_finite() => return None,
            Value::Float(x) => x.to_string(),
            other => other.what().to_owned(),
        };
        let message = format!("expected a number, found {what}");
        Some(Problem::new(entry.value.place.clone(), join(self.path, &entry.key), message))
    }

    fn plain(&self, kind: Kind, value: &Value, param: &Param) -> Result<Value, (String, String)> {
        let unit = param.unit;
        match (kind, value) {
            (Kind::Bool, Value::Bool(_)) => Ok(value.clone()),
            (Kind::Int(min, max) | Kind::ChoiceOrInt(_, min, max), Value::Int(n)) => {
                if (min..=max).contains(n) {
                    Ok(value.clone())
                } else {
                    Err(range(*n, min, max, unit))
                }
            }
            (Kind::Float(min, max), Value::Int(n)) => {
                self.plain(Kind::Float(min, max), &Value::Float(*n as f64), param)
            }
            (Kind::Float(min, max), Value::Float(x)) => {
                if (min..=max).contains(x) {
                    Ok(value.clone())
                } else {
                    Err(range(*x, min, max, unit))
                }
            }
            (Kind::Text | Kind::Path | Kind::SecretEnv | Kind::SecretFile | Kind::TextOrList, Value::Text(_)) => {
                Ok(value.clone())
            }
            (Kind::Choice(words) | Kind::ChoiceOrInt(words, ..), Value::Text(text)) => {
                one_of(text, words).map(|()| value.clone())
            }
            (Kind::ChoiceOrDuration(words, ..), Value::Text(text)) if words.contains(&text.as_str()) => {
                Ok(value.clone())
            }
            (Kind::Duration(min, max) | Kind::ChoiceOrDuration(_, min, max), Value::Text(text)) => {
                duration(text, min, max).map(|()| value.clone())
            }
            (Kind::Bytes(min, max), Value::Int(n)) => {
                bytes(u64::try_from(*n).unwrap_or(0), min, max).map(|()| value.clone())
            }
            (Kind::Bytes(min, max), Value::Text(text)) => {
                let n = parse_bytes(text).map_err(|message| (message, String::new()))?;
                bytes(n, min, max).map(|()| value.clone())
            }
            (Kind::TextOrList, Value::List(items))
                if items.iter().all(|i| matches!(i.value, Value::Text(_))) && !items.is_empty() =>
            {
                Ok(value.clone())
            }
            (Kind::Map, Value::Table(table))
                if table.entries.iter().all(|e| matches!(e.value.value, Value::Text(_))) =>
            {
                Ok(value.clone())
            }
            (Kind::Component(kind), Value::Text(text)) => {
                let names: Vec<&str> = self.registry.names(kind).collect();
                one_of(text, &names).map(|()| value.clone())
            }
            (kind, value) => Err((format!("expected {}, found {}", wanted(kind), value.what()), param.doc.to_owned())),
        }
    }
}

fn one_of(text: &str, words: &[&str]) -> Result<(), (String, String)> {
    if words.contains(&text) {
        return Ok(());
    }
    let near = nearest(text, words.iter().copied());
    let help =
        near.map_or_else(|| format!("one of: {}", list(words.iter().copied())), |w| format!("did you mean \"{w}\"?"));
    Err((format!("\"{text}\" is not valid here"), help))
}

fn range<T: std::fmt::Display>(value: T, min: T, max: T, unit: &str) -> (String, String) {
    let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
    (format!("{value}{unit} is out of range"), format!("from {min} to {max}{unit}"))
}

fn duration(text: &str, min: u64, max: u64) -> Result<(), (String, String)> {
    let value = parse_duration(text).map_err(|message| (message, String::new()))?;
    let ms = std::time::Duration::from_millis;
    if value < ms(min) || value > ms(max) {
        return Err((
            format!("\"{text}\" is out of range"),
            format!("from {} to {}", show_duration(ms(min)), show_duration(ms(max))),
        ));
    }
    Ok(())
}

fn bytes(value: u64, min: u64, max: u64) -> Result<(), (String, String)> {
    if (min..=max).contains(&value) { Ok(()) } else { Err(range(value, min, max, "bytes")) }
}

fn wanted(kind: Kind) -> String {
    match kind {
        Kind::Bool => "true or false".into(),
        Kind::Int(..) => "a whole number".into(),
        Kind::Float(..) => "a number".into(),
        Kind::Text | Kind::SecretEnv => "a text".into(),
        Kind::Path | Kind::SecretFile => "a file name".into(),
        Kind::Choice(words) => format!("one of {}", list(words.iter().copied())),
        Kind::ChoiceOrInt(words, ..) => format!("{} or a whole number", list(words.iter().copied())),
        Kind::Duration(..) => "a duration such as \"300ms\"".into(),
        Kind::ChoiceOrDuration(words, ..) => format!("{} or a duration such as \"300ms\"", list(words.iter().copied())),
        Kind::Bytes(..) => "a size such as \"1MiB\"".into(),
        Kind::TextOrList => "a text or a list of texts".into(),
        Kind::Table(_) => "a table".into(),
        Kind::Map => "a table of texts".into(),
        Kind::Numbers => "a table of numbers".into(),
        Kind::Component(kind) => format!("the name of a {}", kind.name()),
    }
}
