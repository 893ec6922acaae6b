//! The checked values of a component's keys.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::value::{Located, Table, Value};
use super::{parse_bytes, parse_duration};
use crate::problem::{Place, Problem};

/// The values of every key a component declared: checked, with defaults filled in.
///
/// # Panics
/// The getters panic when asked for a key that the component did not declare, or declared as
/// another kind, or for a missing one that has no default: that is a mistake in the component, and
/// no configuration can cause it.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub(super) table: Table,
    pub(super) path: String,
    pub(super) base: PathBuf,
}

impl Settings {
    fn value(&self, key: &str) -> Option<&Value> {
        self.table.get(key).map(|located| &located.value)
    }

    fn missing(&self, key: &str, kind: &str) -> ! {
        panic!("the component asks for {kind} \"{key}\", which it did not declare so")
    }

    /// Whether the key has a value.
    pub fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// Whether the key was written, and its value is no default.
    pub fn is_written(&self, key: &str) -> bool {
        self.table.get(key).is_some_and(|located| located.place != Place::Default)
    }

    /// A boolean.
    pub fn bool(&self, key: &str) -> bool {
        match self.value(key) {
            Some(Value::Bool(value)) => *value,
            _ => self.missing(key, "the boolean"),
        }
    }

    /// A whole number.
    pub fn int(&self, key: &str) -> i64 {
        self.opt_int(key).unwrap_or_else(|| self.missing(key, "the whole number"))
    }

    /// A whole number that may be absent, or stand where a text may stand too.
    pub fn opt_int(&self, key: &str) -> Option<i64> {
        match self.value(key) {
            Some(Value::Int(value)) => Some(*value),
            _ => None,
        }
    }

    /// A number.
    pub fn float(&self, key: &str) -> f64 {
        self.opt_float(key).unwrap_or_else(|| self.missing(key, "the number"))
    }

    /// A number that may be absent.
    pub fn opt_float(&self, key: &str) -> Option<f64> {
        match self.value(key) {
            Some(Value::Float(value)) => Some(*value),
            Some(Value::Int(value)) => Some(*value as f64),
            _ => None,
        }
    }

    /// A text or a choice.
    pub fn text(&self, key: &str) -> &str {
        self.opt_text(key).unwrap_or_else(|| self.missing(key, "the text"))
    }

    /// A text or a choice that may be absent.
    pub fn opt_text(&self, key: &str) -> Option<&str> {
        match self.value(key) {
            Some(Value::Text(value)) => Some(value),
            _ => None,
        }
    }

    /// A duration.
    pub fn duration(&self, key: &str) -> Duration {
        self.opt_duration(key).unwrap_or_else(|| self.missing(key, "the duration"))
    }

    /// A duration that may be absent, or stand where a choice may stand too.
    pub fn opt_duration(&self, key: &str) -> Option<Duration> {
        parse_duration(self.opt_text(key)?).ok()
    }

    /// A size in bytes.
    pub fn bytes(&self, key: &str) -> u64 {
        match self.value(key) {
            Some(Value::Int(bytes)) => *bytes as u64,
            Some(Value::Text(text)) => parse_bytes(text).unwrap_or_else(|_| self.missing(key, "the size")),
            _ => self.missing(key, "the size"),
        }
    }

    /// A file name, made absolute by the folder of the configuration file.
    pub fn path(&self, key: &str) -> PathBuf {
        self.opt_path(key).unwrap_or_else(|| self.missing(key, "the path"))
    }

    /// A file name that may be absent.
    pub fn opt_path(&self, key: &str) -> Option<PathBuf> {
        self.opt_text(key).map(|text| self.base.join(text))
    }

    /// One text or several.
    pub fn list(&self, key: &str) -> Vec<String> {
        match self.value(key) {
            Some(Value::Text(text)) => vec![text.clone()],
            Some(Value::List(items)) => items
                .iter()
                .filter_map(|item| match &item.value {
                    Value::Text(text) => Some(text.clone()),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    /// The keys and texts of a map.
    pub fn map(&self, key: &str) -> Vec<(String, String)> {
        match self.value(key) {
            Some(Value::Table(table)) => table
                .entries
                .iter()
                .filter_map(|entry| match &entry.value.value {
                    Value::Text(text) => Some((entry.key.clone(), text.clone())),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    /// The settings of a table key, itself checked; empty if the key has no value.
    pub fn table(&self, key: &str) -> Settings {
        let table = match self.value(key) {
            Some(Value::Table(table)) => table.clone(),
            _ => Table::default(),
        };
        Settings { table, path: self.path_of(key), base: self.base.clone() }
    }

    /// All values: those of the declared keys, and of the keys of components they name.
    pub fn values(&self) -> &Table {
        &self.table
    }

    /// The folder relative paths start from.
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// Where the value of `key` stands; the component's own place if it was not written.
    pub fn place(&self, key: &str) -> Place {
        match self.table.get(key) {
            Some(Located { place, .. }) if !matches!(place, Place::None | Place::Default) => place.clone(),
            _ => self.table.place.clone(),
        }
    }

    /// The path of `key` from the top of the configuration.
    pub fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// A problem with the value of `key`.
    pub fn problem(&self, key: &str, message: impl Into<String>) -> Problem {
        Problem::new(self.place(key), self.path_of(key), message)
    }
}
