//! `glottis sim`: a simulator as a server for integrators.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc;

use glottis::sim::ravatar::{Config, Mode, Rules, Simulator};
use serde_json::json;

use crate::args::Service;
use crate::{explain, stop};

/// Runs a simulator until it is told to stop.
pub fn sim(service: &Service) -> ExitCode {
    let Service::Ravatar { listen, strict, faults, config } = service;
    let config = match read(config.as_deref(), faults.as_deref(), *listen, *strict) {
        Ok(config) => config,
        Err(message) => return explain::failure(&message, explain::CONFIG),
    };
    let (stopped, stop) = mpsc::channel();
    match stop::watch() {
        Ok(watch) => watch.halts(move || {
            let _ = stopped.send(());
        }),
        Err(error) => return explain::failure(&format!("cannot wait for Ctrl-C: {error}"), explain::INTERNAL),
    }
    let simulator = match Simulator::start(config) {
        Ok(simulator) => simulator,
        Err(error) => return explain::failure(&error.to_string(), explain::CONFIG),
    };
    println!(
        "{}",
        json!({ "service": "ravatar", "http": simulator.http_url(), "ws": simulator.ws_url(), "control": format!("{}/__sim", simulator.http_url()) })
    );
    // Also ends if the signal thread is gone.
    let _ = stop.recv();
    simulator.stop();
    ExitCode::from(130)
}

fn read(file: Option<&Path>, faults: Option<&Path>, listen: SocketAddr, strict: bool) -> Result<Config, String> {
    let text = |file: &Path| std::fs::read_to_string(file).map_err(|e| format!("cannot read {}: {e}", file.display()));
    let mut config = match file {
        None => Config::default(),
        Some(file) => toml::from_str(&text(file)?).map_err(|e| format!("{}: {e}", file.display()))?,
    };
    if let Some(file) = faults {
        let text = text(file)?;
        let json = file.extension().is_some_and(|ending| ending == "json");
        let rules = if json { Rules::parse_json(&text) } else { Rules::parse_toml(&text) };
        config.faults = rules.map_err(|e| format!("{}: {e}", file.display()))?;
    }
    config.listen = listen;
    if strict {
        config.mode = Mode::Strict;
    }
    Ok(config)
}
