//! The keys of a loaded component, as a table of this side. Control side.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use glottis_core::Registry;
use glottis_core::param::{self, Kind, Param, Table};
use glottis_core::registry::ComponentKind;

use super::LoadError;
use super::describe::{Params, bad, optional, table};
use crate::{abi, text};

/// Keys that sections have beside those of their component.
const TAKEN: [&str; 8] = ["type", "name", "input", "turn", "chunk", "overflow", "budget", "rearm"];

/// Reads the keys of a component.
pub(super) fn read(item: &abi::Component, name: &str, named: &Path) -> Result<Params, LoadError> {
    let params = keys(item.params, item.param_count, item.param_size, name, named, true)?;
    check_defaults(params, name, named)?;
    Ok(params)
}

fn keys(
    first: *const abi::Param,
    count: u32,
    size: u32,
    name: &str,
    named: &Path,
    top: bool,
) -> Result<Params, LoadError> {
    let raw = table(first, count, size, name, named)?;
    let params = raw.into_iter().map(|param| key(param, size, name, named, top)).collect::<Result<Vec<_>, _>>()?;
    Ok(params.leak())
}

fn key(raw: &'static abi::Param, size: u32, of: &str, named: &Path, top: bool) -> Result<Param, LoadError> {
    // SAFETY: texts of a library that stays.
    let (name, doc) = unsafe { (text::read::<'static>(raw.name), text::read::<'static>(raw.doc)) };
    let (Some(name), Some(doc)) = (name, doc) else {
        return Err(bad(named, format!("\"{of}\" has a key without a name or a description")));
    };
    let wrong = |what: &str| bad(named, format!("the key \"{name}\" of \"{of}\" {what}"));
    if !is_word(name, '_') || name.len() >= text::KEY {
        return Err(wrong("is no name: only small letters, digits and underscores"));
    }
    if top && TAKEN.contains(&name) {
        return Err(wrong("is one that sections have themselves"));
    }
    let texts = (optional(raw.unit), optional(raw.default_toml), optional(raw.words));
    let (Ok(unit), Ok(default), Ok(words)) = texts else { return Err(wrong("has a text that is not UTF-8")) };
    if raw.min.is_nan() || raw.max.is_nan() || raw.min > raw.max {
        return Err(wrong("has an impossible range"));
    }
    let words: &'static [&'static str] = words.map_or(&[], |words| words.split('|').collect::<Vec<_>>().leak());
    let (int, whole) = ((raw.min as i64, raw.max as i64), (raw.min as u64, raw.max as u64));
    let kind = match raw.kind {
        abi::GLOTTIS_PARAM_BOOL => Kind::Bool,
        abi::GLOTTIS_PARAM_INT => Kind::Int(int.0, int.1),
        abi::GLOTTIS_PARAM_FLOAT => Kind::Float(raw.min, raw.max),
        abi::GLOTTIS_PARAM_TEXT => Kind::Text,
        abi::GLOTTIS_PARAM_CHOICE => Kind::Choice(words),
        abi::GLOTTIS_PARAM_CHOICE_OR_INT => Kind::ChoiceOrInt(words, int.0, int.1),
        abi::GLOTTIS_PARAM_DURATION => Kind::Duration(whole.0, whole.1),
        abi::GLOTTIS_PARAM_CHOICE_OR_DURATION => Kind::ChoiceOrDuration(words, whole.0, whole.1),
        abi::GLOTTIS_PARAM_BYTES => Kind::Bytes(whole.0, whole.1),
        abi::GLOTTIS_PARAM_PATH => Kind::Path,
        abi::GLOTTIS_PARAM_SECRET_ENV => Kind::SecretEnv,
        abi::GLOTTIS_PARAM_SECRET_FILE => Kind::SecretFile,
        abi::GLOTTIS_PARAM_TEXT_OR_LIST => Kind::TextOrList,
        abi::GLOTTIS_PARAM_TABLE => Kind::Table(keys(raw.params, raw.param_count, size, name, named, false)?),
        abi::GLOTTIS_PARAM_MAP => Kind::Map,
        abi::GLOTTIS_PARAM_NUMBERS => Kind::Numbers,
        abi::GLOTTIS_PARAM_DETECTOR => Kind::Component(ComponentKind::Detector),
        kind => return Err(wrong(&format!("is of the unknown kind {kind}"))),
    };
    let choice = matches!(kind, Kind::Choice(_) | Kind::ChoiceOrInt(..) | Kind::ChoiceOrDuration(..));
    if choice && words.is_empty() {
        return Err(wrong("is a choice without words"));
    }
    let live = raw.flags & abi::GLOTTIS_LIVE != 0;
    if live && !matches!(kind, Kind::Bool | Kind::Int(..) | Kind::Float(..)) {
        return Err(wrong("is live, but neither a number nor a boolean"));
    }
    let required = raw.flags & abi::GLOTTIS_REQUIRED != 0;
    Ok(Param { name, kind, default, required, live, unit: unit.unwrap_or_default(), doc })
}

/// Every default is a value the key takes.
fn check_defaults(params: Params, name: &str, named: &Path) -> Result<(), LoadError> {
    let literal = |text: &str| {
        let quoted = text.len() >= 2 && text.starts_with('"') && text.ends_with('"');
        quoted || matches!(text, "true" | "false") || text.parse::<f64>().is_ok()
    };
    if let Some(param) = params.iter().find(|p| p.default.is_some_and(|text| !literal(text))) {
        let default = param.default.unwrap_or_default();
        let message = format!("the default `{default}` of the key \"{}\" of \"{name}\" is no TOML", param.name);
        return Err(bad(named, message));
    }
    // The name of a detector is one of the host's, which are not known here.
    let given = params.iter().filter(|p| !matches!(p.kind, Kind::Component(_)));
    let optional: Vec<Param> = given.map(|p| Param { required: false, ..*p }).collect();
    let check = |table: &Table| param::check(table, &optional, "", Path::new(""), &Registry::new());
    // First they are filled in, then they are values like any other.
    let checked = check(&Table::default()).and_then(|settings| check(settings.values()));
    checked.map(drop).map_err(|problems| {
        let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
        bad(named, format!("a default of \"{name}\": {}", all.join("; ")))
    })
}

/// Small letters, digits and `joint`, beginning with a letter.
pub(super) fn is_word(text: &str, joint: char) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == joint)
}

/// The same text, never freed. Equal texts share one copy, so that what a library says again and again
/// costs nothing.
pub(super) fn forever(text: &str) -> &'static str {
    static KNOWN: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let known = known.get_or_insert_default();
    if let Some(same) = known.get(text) {
        return same;
    }
    let text: &'static str = text.to_owned().leak();
    known.insert(text);
    text
}
