//! How a component declares its configuration keys, and gets their checked values. Control side
//! only.
//!
//! A component states its keys once, as a table of [`Param`]. From that one table come the checks
//! and their messages, the defaults, `glottis components`, the JSON Schema, and the parameters a
//! loaded plugin shows. The component then reads [`Settings`], in which every declared key has a
//! value of the declared kind and range.

mod check;
mod parse;
mod settings;
mod value;

pub use check::{check, nearest, with_components};
pub use parse::{parse_bytes, parse_duration, show_duration};
pub use settings::Settings;
pub use value::{Entry, Located, Table, Value};

/// A configuration key of a component.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// The key.
    pub name: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// The value used when the key is absent, as it would be written in TOML; `None` for a key that
    /// then has no value.
    pub default: Option<&'static str>,
    /// Whether the key must be written.
    pub required: bool,
    /// Whether `set` can change it while audio flows.
    pub live: bool,
    /// The unit of a number: `"Hz"`, `"dB"`; empty for none.
    pub unit: &'static str,
    /// One sentence for people.
    pub doc: &'static str,
}

/// What values a [`Param`] takes.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number, both limits included.
    Int(i64, i64),
    /// A number, both limits included.
    Float(f64, f64),
    /// Any text.
    Text,
    /// One of these texts.
    Choice(&'static [&'static str]),
    /// One of these texts, or a whole number within the limits.
    ChoiceOrInt(&'static [&'static str], i64, i64),
    /// A text with a unit, `"300ms"`, within limits in milliseconds, both included.
    Duration(u64, u64),
    /// One of these texts, or a duration as above.
    ChoiceOrDuration(&'static [&'static str], u64, u64),
    /// A text with a unit, `"1MiB"`, or a whole number of bytes.
    Bytes(u64, u64),
    /// A file name, relative to the configuration file.
    Path,
    /// The name of an environment variable that holds a secret. The value is never printed.
    SecretEnv,
    /// The name of a file that holds a secret, relative to the configuration file.
    SecretFile,
    /// One text or a list of texts.
    TextOrList,
    /// A table with these keys.
    Table(&'static [Param]),
    /// A table with any keys and text values.
    Map,
    /// A table with any keys and numbers as values.
    Numbers,
    /// The name of a component of this kind, whose own keys stand beside this one.
    Component(crate::registry::ComponentKind),
}

impl Param {
    /// A key `name` of `kind`, optional and without a default.
    pub const fn new(name: &'static str, kind: Kind, doc: &'static str) -> Param {
        Param { name, kind, default: None, required: false, live: false, unit: "", doc }
    }

    /// The value used when the key is absent, as written in TOML (texts with their quotes).
    #[must_use]
    pub const fn default(mut self, toml: &'static str) -> Param {
        self.default = Some(toml);
        self
    }

    /// The key must be written.
    #[must_use]
    pub const fn required(mut self) -> Param {
        self.required = true;
        self
    }

    /// `set` can change the key while audio flows. Only for numbers and booleans.
    #[must_use]
    pub const fn live(mut self) -> Param {
        self.live = true;
        self
    }

    /// The unit of a number.
    #[must_use]
    pub const fn unit(mut self, unit: &'static str) -> Param {
        self.unit = unit;
        self
    }
}
