//! The short forms F1 to F25 (RAVATAR dossier 16.4): each is turned into the rule it stands for.
//! Those about REST are in `named_rest`, those about sockets in `named_socket`. Pure functions.

use super::keys::{Flaw, Keys};
use super::{named_rest, named_socket};
use crate::common::rule::Form;

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
