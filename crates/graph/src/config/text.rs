//! TOML to values that know where they stand.

use std::ops::Range;

use glottis_core::param::{Entry, Located, Table, Value};
use glottis_core::{Place, Problem};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Parses `text`, putting in environment variables as `env` knows them.
pub(super) fn parse(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Table, Vec<Problem>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader { env, problems: errors.iter().map(problem).collect() };
    let place = place(table.span());
    let table = reader.table(table.into_inner(), place);
    if reader.problems.is_empty() { Ok(table) } else { Err(reader.problems) }
}

/// A single value as it would stand behind an `=`, or `None` if it is no TOML.
pub(super) fn value(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Option<Result<Value, Vec<Problem>>> {
    let value = DeValue::parse(text).ok()?;
    let mut reader = Reader { env, problems: Vec::new() };
    let value = reader.value(value.into_inner(), "", &Place::None);
    Some(if reader.problems.is_empty() { Ok(value) } else { Err(reader.problems) })
}

fn problem(error: &toml::de::Error) -> Problem {
    let at = error.span().map_or(Place::None, place);
    Problem::new(at, "", format!("this is not TOML: {}", error.message()))
}

fn place(span: Range<usize>) -> Place {
    Place::Span { start: span.start, end: span.end }
}

struct Reader<'a> {
    env: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn table(&mut self, table: DeTable<'_>, at: Place) -> Table {
        let mut keys: Vec<_> = table.into_iter().collect();
        // The parser sorts by name; people and messages go by place.
        keys.sort_by_key(|(key, _)| key.span().start);
        let entries = keys
            .into_iter()
            .map(|(key, value)| Entry {
                place: place(key.span()),
                value: self.located(value, key.get_ref()),
                key: key.into_inner().into_owned(),
            })
            .collect();
        Table { entries, place: at }
    }

    fn located(&mut self, value: Spanned<DeValue<'_>>, key: &str) -> Located {
        let at = place(value.span());
        Located { value: self.value(value.into_inner(), key, &at), place: at }
    }

    fn value(&mut self, value: DeValue<'_>, key: &str, at: &Place) -> Value {
        match value {
            DeValue::String(text) => Value::Text(self.expand(&text, key, at)),
            DeValue::Boolean(value) => Value::Bool(value),
            DeValue::Integer(digits) => match i64::from_str_radix(digits.as_str(), digits.radix()) {
                Ok(value) => Value::Int(value),
                Err(_) => self.refuse(format!("{} does not fit 64 bits", digits.as_str()), key, at),
            },
            DeValue::Float(digits) => match digits.as_str().parse::<f64>() {
                Ok(value) => Value::Float(value),
                Err(_) => self.refuse(format!("{} is no number", digits.as_str()), key, at),
            },
            DeValue::Datetime(date) => self.refuse(format!("{date} is a date, and no key takes one"), key, at),
            DeValue::Array(items) => Value::List(items.into_iter().map(|item| self.located(item, key)).collect()),
            DeValue::Table(table) => Value::Table(self.table(table, at.clone())),
        }
    }

    fn refuse(&mut self, message: String, key: &str, at: &Place) -> Value {
        self.problems.push(Problem::new(at.clone(), key, message));
        Value::Bool(false)
    }

    /// Puts environment variables in for `${NAME}`; `$${` stands for `${`.
    fn expand(&mut self, text: &str, key: &str, at: &Place) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            let (before, from) = rest.split_at(start);
            if let Some(before) = before.strip_suffix('$') {
                out.push_str(before);
                out.push_str("${");
                rest = &from[2..];
                continue;
            }
            out.push_str(before);
            let Some(end) = from.find('}') else {
                self.refuse("`${` without a closing `}`".into(), key, at);
                return out;
            };
            let name = &from[2..end];
            match (self.env)(name) {
                Some(value) => out.push_str(&value),
                None => {
                    let problem = Problem::new(at.clone(), key, format!("the environment variable {name} is not set"));
                    self.problems.push(problem.help(format!("set it, or write `$${{{name}}}` for the text itself")));
                }
            }
            rest = &from[end + 1..];
        }
        out.push_str(rest);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_with(text: &str) -> Result<Table, Vec<Problem>> {
        parse(text, &|name| (name == "HOME_DIR").then(|| "/home/ada".to_owned()))
    }

    #[test]
    fn environment_variables_are_put_in_and_can_be_escaped() {
        let table = parse_with("a = \"x${HOME_DIR}/y\"\nb = \"$${HOME_DIR}\"").unwrap();
        assert_eq!(table.text("a"), Some("x/home/ada/y"));
        assert_eq!(table.text("b"), Some("${HOME_DIR}"));
    }

    #[test]
    fn an_unset_variable_is_named_with_its_place() {
        let problems = parse_with("a = 1\nb = \"${NOT_SET}\"").unwrap_err();
        assert_eq!(problems.len(), 1);
        assert!(problems[0].message.contains("NOT_SET"));
        assert_eq!(problems[0].place, Place::Span { start: 10, end: 22 });
    }

    #[test]
    fn grammar_errors_come_with_a_place_and_all_at_once() {
        let problems = parse_with("a = \nb = 1\nc = [1,,2]\n").unwrap_err();
        assert!(problems.len() >= 2, "{problems:?}");
        assert!(problems.iter().all(|p| p.place != Place::None));
    }

    #[test]
    fn numbers_keep_their_kind_and_order_is_as_written() {
        let table = parse_with("z = 0x10\ny = 1.5\nx = 1_000\n").unwrap();
        let keys: Vec<&str> = table.entries.iter().map(|e| e.key.as_str()).collect();
        assert_eq!(keys, ["z", "y", "x"]);
        assert_eq!(table.get("z").unwrap().value, Value::Int(16));
        assert_eq!(table.get("y").unwrap().value, Value::Float(1.5));
        assert_eq!(table.get("x").unwrap().value, Value::Int(1000));
    }
}
