//! `glottis sim`: a simulator as a server for integrators.

use std::fmt::Display;
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc;

use glottis::sim::{avatarkit, ravatar};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::args::{Served, Service};
use crate::{explain, stop};

/// Runs a simulator until it is told to stop.
pub fn sim(service: &Service) -> ExitCode {
    match service {
        Service::Ravatar(served) => ravatar_config(served).map_or_else(refused, |config| {
            serve(
                || ravatar::Simulator::start(config),
                |sim| json!({ "service": "ravatar", "http": sim.http_url(), "ws": sim.ws_url(), "control": control(&sim.http_url()) }),
            )
        }),
        Service::Avatarkit { served, dialect } => avatarkit_config(served, *dialect).map_or_else(refused, |config| {
            let dialect = config.dialect;
            serve(
                || avatarkit::Simulator::start(config),
                |sim| {
                    json!({
                        "service": "avatarkit", "dialect": dialect, "http": sim.http_url(), "console": sim.console_url(),
                        "ingress": sim.ingress_url(), "control": control(&sim.http_url()),
                    })
                },
            )
        }),
    }
}

fn refused(message: String) -> ExitCode {
    explain::failure(&message, explain::CONFIG)
}

fn control(http: &str) -> String {
    format!("{http}/__sim")
}

/// Starts a simulator, prints where it is, and waits for Ctrl-C.
fn serve<S>(start: impl FnOnce() -> std::io::Result<S>, place: impl FnOnce(&S) -> Value) -> ExitCode {
    let (stopped, stop) = mpsc::channel();
    match stop::watch() {
        Ok(watch) => watch.halts(move || {
            let _ = stopped.send(());
        }),
        Err(error) => return explain::failure(&format!("cannot wait for Ctrl-C: {error}"), explain::INTERNAL),
    }
    let simulator = match start() {
        Ok(simulator) => simulator,
        Err(error) => return explain::failure(&error.to_string(), explain::CONFIG),
    };
    println!("{}", place(&simulator));
    // Also ends if the signal thread is gone.
    let _ = stop.recv();
    drop(simulator);
    ExitCode::from(130)
}

fn ravatar_config(served: &Served) -> Result<ravatar::Config, String> {
    let mut config: ravatar::Config = settings(served)?;
    config.listen = served.listen;
    if let Some(rules) = rules(served, ravatar::Rules::parse_json, ravatar::Rules::parse_toml)? {
        config.faults = rules;
    }
    if served.strict {
        config.mode = ravatar::Mode::Strict;
    }
    Ok(config)
}

fn avatarkit_config(served: &Served, dialect: Option<avatarkit::Dialect>) -> Result<avatarkit::Config, String> {
    let mut config: avatarkit::Config = settings(served)?;
    config.listen = served.listen;
    if let Some(rules) = rules(served, avatarkit::Rules::parse_json, avatarkit::Rules::parse_toml)? {
        config.faults = rules;
    }
    if served.strict {
        config.mode = avatarkit::Mode::Strict;
    }
    config.dialect = dialect.unwrap_or(config.dialect);
    Ok(config)
}

/// The settings of a file, or the usual ones.
fn settings<C: DeserializeOwned + Default>(served: &Served) -> Result<C, String> {
    let Some(file) = &served.config else { return Ok(C::default()) };
    toml::from_str(&text(file)?).map_err(|error| format!("{}: {error}", file.display()))
}

/// The fault rules of a file, in the language of a service.
fn rules<R, E: Display>(
    served: &Served,
    json: impl FnOnce(&str) -> Result<R, E>,
    toml: impl FnOnce(&str) -> Result<R, E>,
) -> Result<Option<R>, String> {
    let Some(file) = &served.faults else { return Ok(None) };
    let text = text(file)?;
    let is_json = file.extension().is_some_and(|ending| ending == "json");
    let rules = if is_json { json(&text) } else { toml(&text) };
    rules.map(Some).map_err(|error| format!("{}: {error}", file.display()))
}

fn text(file: &Path) -> Result<String, String> {
    std::fs::read_to_string(file).map_err(|error| format!("cannot read {}: {error}", file.display()))
}
