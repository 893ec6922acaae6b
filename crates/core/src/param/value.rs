//! A configuration as it was written: values that know where they stand.

use crate::problem::Place;

/// A value as written.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// A text, environment variables already put in.
    Text(String),
    /// A list.
    List(Vec<Located>),
    /// A table.
    Table(Table),
}

impl Value {
    /// What a person would call the value's type.
    pub fn what(&self) -> &'static str {
        match self {
            Value::Bool(_) => "a boolean",
            Value::Int(_) => "a whole number",
            Value::Float(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }
}

/// A value and where it stands.
#[derive(Clone, PartialEq, Debug)]
pub struct Located {
    /// The value.
    pub value: Value,
    /// Where.
    pub place: Place,
}

impl Located {
    /// A value that stands in no file.
    pub fn new(value: Value) -> Located {
        Located { value, place: Place::None }
    }
}

/// A key, where it stands, and its value.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub place: Place,
    /// Its value.
    pub value: Located,
}

/// A table as written, in the order it was written.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Table {
    /// The entries.
    pub entries: Vec<Entry>,
    /// Where the table stands.
    pub place: Place,
}

impl Table {
    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&Located> {
        self.entries.iter().find(|e| e.key == key).map(|e| &e.value)
    }

    /// The value of `key` as text, if it is one.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.get(key) {
            Some(Located { value: Value::Text(text), .. }) => Some(text),
            _ => None,
        }
    }

    /// Sets `key`, in place or at the end.
    pub fn set(&mut self, key: &str, value: Located) {
        match self.entries.iter_mut().find(|e| e.key == key) {
            Some(entry) => entry.value = value,
            None => self.entries.push(Entry { key: key.to_owned(), place: value.place.clone(), value }),
        }
    }

    /// Takes `key` out.
    pub fn remove(&mut self, key: &str) -> Option<Located> {
        let i = self.entries.iter().position(|e| e.key == key)?;
        Some(self.entries.remove(i).value)
    }

    /// The same table with `key` set: for programs that write their configuration in Rust.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Table {
        self.set(key, Located::new(value.into()));
        self
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Value {
        Value::Int(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Value {
        Value::Int(value.into())
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Value {
        Value::Int(value.into())
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Value {
        Value::Float(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Value {
        Value::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Value {
        Value::Text(value)
    }
}

impl From<Table> for Value {
    fn from(value: Table) -> Value {
        Value::Table(value)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(values: Vec<T>) -> Value {
        Value::List(values.into_iter().map(|v| Located::new(v.into())).collect())
    }
}
