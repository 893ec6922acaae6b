//! The short forms F1 to F25 (RAVATAR dossier 16.4): each is turned into the rule it stands for.
//! Those about REST are in `named_rest`, those about sockets in `named_socket`. Pure functions.

use super::keys::{Flaw, Keys};
use super::{named_rest, named_socket};
use serde_json::{Map, Value};

/// A rule on its way from its short form.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) on: String,
    /// How often it strikes if the rule does not say; `None` without end.
    pub(crate) count: Option<u64>,
    pub(crate) deed: Map<String, Value>,
}

impl Form {
    /// A form that strikes once.
    pub(crate) fn new(on: &str, deed: Value) -> Self {
        let deed = match deed {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        Self { on: on.into(), count: Some(1), deed }
    }

    /// The same without end.
    pub(crate) fn always(self) -> Self {
        Self { count: None, ..self }
    }

    /// A rule in the long form.
    pub(crate) fn written(keys: &mut Keys) -> Result<Self, Flaw> {
        let Some(on) = keys.text("on")? else {
            return Err(keys.flaw("on", "is missing", "name a place such as \"POST /jwt\", or use `fault`"));
        };
        match keys.value("do") {
            Some(Value::Object(deed)) => Ok(Self { on, count: Some(1), deed }),
            Some(_) => Err(keys.flaw("do", "is no object", "write for example {\"http\":503}")),
            None => Err(keys.flaw("do", "is missing", "write for example {\"http\":503}")),
        }
    }
}

/// Reads the short form: `fault`, its parameters, and `on` and `delay`, which every form takes.
pub(crate) fn expand(keys: &mut Keys) -> Result<Form, Flaw> {
    let fault = keys.text("fault")?.unwrap_or_default();
    let number = fault.strip_prefix('F').and_then(|number| number.parse::<u8>().ok());
    let mut form = match number.filter(|number| fault == format!("F{number}")) {
        Some(number @ (1..=11 | 22..=25)) => named_rest::expand(number, keys)?,
        Some(number @ 12..=21) => named_socket::expand(number, keys)?,
        _ => return Err(keys.flaw("fault", format!("`{fault}` does not exist"), "use F1 to F25")),
    };
    if let Some(on) = keys.text("on")? {
        form.on = on;
    }
    if !form.on.starts_with("message") {
        // Part of some forms, but only a message can be ignored.
        form.deed.remove("ignore");
    }
    if let Some(delay) = keys.value("delay") {
        form.deed.insert("delay".into(), delay);
    }
    Ok(form)
}
