//! Reading a rule key by key, so that every mistake is told with the rule, the key and the remedy.
//! Pure functions, any thread.

use super::span;
use serde_json::{Map, Value};
use std::fmt;
use std::time::Duration;

/// Longest text, body or message a rule may make the simulator send, in bytes.
pub(crate) const LARGEST: usize = 16 << 20;

/// A mistake in a fault rule: where it is and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError {
    /// Place of the rule in its file, from 1; 0 for the file as a whole.
    pub rule: usize,
    /// The rule's `fault` or `on`, if it has one.
    pub name: String,
    /// The key, `do.http` for one inside `do`; empty for the rule as a whole.
    pub key: String,
    /// What is wrong.
    pub problem: String,
    /// What to write instead.
    pub remedy: String,
}

impl RuleError {
    /// For rules that would be too many together with those in force.
    pub(crate) fn too_many(there: usize, more: usize) -> Self {
        let most = super::rule::MOST_RULES;
        let problem = format!("{more} rules on top of {there} are too many");
        Flaw::new("", problem, format!("clear some first, the limit is {most}")).at(0, "")
    }
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rule {
            0 => f.write_str("fault rules")?,
            rule => write!(f, "fault rule {rule}")?,
        }
        if !self.name.is_empty() {
            write!(f, " ({})", self.name)?;
        }
        if !self.key.is_empty() {
            write!(f, ", key `{}`", self.key)?;
        }
        write!(f, ": {}; {}", self.problem, self.remedy)
    }
}

impl std::error::Error for RuleError {}

/// A mistake that does not know yet in which rule it is.
#[derive(Debug)]
pub struct Flaw {
    key: String,
    problem: String,
    remedy: String,
}

impl Flaw {
    pub(crate) fn new(key: impl Into<String>, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { key: key.into(), problem: problem.into(), remedy: remedy.into() }
    }

    pub(crate) fn at(self, rule: usize, name: &str) -> RuleError {
        let Self { key, problem, remedy } = self;
        RuleError { rule, name: name.into(), key, problem, remedy }
    }
}

/// The keys of one object. Each is taken out when it is asked for; [`end`](Self::end) complains
/// about the rest.
#[derive(Debug)]
pub struct Keys {
    map: Map<String, Value>,
    path: &'static str,
    asked: Vec<&'static str>,
}

impl Keys {
    /// `path` is put before every key in errors (`do.`).
    pub(crate) fn new(map: Map<String, Value>, path: &'static str) -> Self {
        Self { map, path, asked: Vec::new() }
    }

    pub(crate) fn flaw(&self, key: &str, problem: impl Into<String>, remedy: impl Into<String>) -> Flaw {
        Flaw::new(format!("{}{key}", self.path), problem, remedy)
    }

    fn wrong(&self, key: &str, value: &Value, remedy: impl Into<String>) -> Flaw {
        let shown = super::words::shorten(&value.to_string());
        self.flaw(key, format!("{shown} is not possible"), remedy)
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// Lists keys as possible that were asked for only if they were there.
    pub(crate) fn mention(&mut self, keys: &[&'static str]) {
        self.asked.extend(keys);
    }

    pub(crate) fn value(&mut self, key: &'static str) -> Option<Value> {
        self.asked.push(key);
        self.map.remove(key)
    }

    pub(crate) fn text(&mut self, key: &'static str) -> Result<Option<String>, Flaw> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::String(text)) if text.len() <= LARGEST => Ok(Some(text)),
            Some(other) => Err(self.wrong(key, &other, "write a text")),
        }
    }

    /// `true`, or absent.
    pub(crate) fn flag(&mut self, key: &'static str) -> Result<bool, Flaw> {
        match self.value(key) {
            None | Some(Value::Bool(false)) => Ok(false),
            Some(Value::Bool(true)) => Ok(true),
            Some(other) => Err(self.wrong(key, &other, "write true or false")),
        }
    }

    /// A whole number within the range.
    pub(crate) fn number(&mut self, key: &'static str, least: u64, most: u64) -> Result<Option<u64>, Flaw> {
        let Some(value) = self.value(key) else { return Ok(None) };
        match value.as_u64().filter(|number| (least..=most).contains(number)) {
            Some(number) => Ok(Some(number)),
            None => Err(self.wrong(key, &value, format!("write a whole number from {least} to {most}"))),
        }
    }

    /// A share from 0 to 1.
    pub(crate) fn share(&mut self, key: &'static str) -> Result<Option<f64>, Flaw> {
        let Some(value) = self.value(key) else { return Ok(None) };
        match value.as_f64().filter(|share| (0.0..=1.0).contains(share)) {
            Some(share) => Ok(Some(share)),
            None => Err(self.wrong(key, &value, "write a number from 0.0 to 1.0")),
        }
    }

    /// A duration with its unit.
    pub(crate) fn span(&mut self, key: &'static str) -> Result<Option<Duration>, Flaw> {
        let Some(value) = self.value(key) else { return Ok(None) };
        match value.as_str().map(span::parse) {
            Some(Ok(span)) => Ok(Some(span)),
            _ => Err(self.wrong(key, &value, "write a duration such as \"300ms\", \"2s\", \"10m\" or \"24h\"")),
        }
    }

    /// A size in bytes: a number, or a text such as `"64kB"` or `"10MB"`.
    pub(crate) fn size(&mut self, key: &'static str) -> Result<Option<usize>, Flaw> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let number = match &value {
            Value::String(text) => parse_size(text),
            other => other.as_u64(),
        };
        match number.and_then(|number| usize::try_from(number).ok()).filter(|size| *size <= LARGEST) {
            Some(size) => Ok(Some(size)),
            None => Err(self.wrong(key, &value, "write a number of bytes, or \"64kB\", at most \"16MiB\"")),
        }
    }

    /// One word of several. `default` is taken if the key is absent; without one it is required.
    pub(crate) fn choice(
        &mut self,
        key: &'static str,
        words: &[&'static str],
        default: Option<&'static str>,
    ) -> Result<&'static str, Flaw> {
        let remedy = format!("use one of {}", listed(words));
        let Some(value) = self.value(key) else {
            return default.ok_or_else(|| self.flaw(key, "is missing", remedy));
        };
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_string);
        let found = words.iter().find(|word| **word == text);
        found.copied().ok_or_else(|| self.wrong(key, &value, remedy))
    }

    /// Complains about a key that nobody asked for; `place` says where that is.
    pub(crate) fn end(mut self, place: &str) -> Result<(), Flaw> {
        self.asked.sort_unstable();
        self.asked.dedup();
        let Some(key) = self.map.keys().next() else { return Ok(()) };
        let problem = format!("is unknown or has no meaning {place}");
        let remedy = format!("possible here: {}", listed(&self.asked));
        Err(self.flaw(key, problem, remedy))
    }
}

/// Words in quotation marks for an error.
pub(crate) fn listed(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let factor = match unit {
        "" | "B" => 1,
        "kB" => 1000,
        "KiB" => 1 << 10,
        "MB" => 1_000_000,
        "MiB" => 1 << 20,
        _ => return None,
    };
    number.trim().parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(parse_size("10 MB"), Some(10_000_000));
        assert_eq!(parse_size("64KiB"), Some(65_536));
        assert_eq!(parse_size("7"), Some(7));
        for wrong in ["", "MB", "-1", "1 GB", "18446744073709551615MB"] {
            assert_eq!(parse_size(wrong), None, "{wrong}");
        }
    }
}
