//! `glottis ravatar`: what the service offers beside a run.

use std::io::{self, Write};
use std::process::ExitCode;

use glottis::ravatar::{Account, Message, Released, block_on};
use glottis::{Pipeline, Problem, SinkError};
use serde_json::json;

use crate::args::{self, Common, Ravatar};
use crate::explain;
use crate::run::read;

/// The type of the sinks this is about.
const TYPE: &str = "ravatar";

/// Asks the service.
pub fn ravatar(what: &Ravatar, common: &Common) -> ExitCode {
    let (Ravatar::History(args) | Ravatar::Release(args)) = what;
    let account = match account(args, common) {
        Ok(account) => account,
        Err(code) => return code,
    };
    let done = match what {
        Ravatar::History(_) => block_on(account.history()).map(history),
        Ravatar::Release(_) => block_on(account.release()).map(release),
    };
    done.unwrap_or_else(|error| explain::failure(&format!("cannot start a runtime: {error}"), explain::INTERNAL))
}

/// The user that the sink of the configuration names.
fn account(args: &args::Account, common: &Common) -> Result<Account, ExitCode> {
    let (registry, config) = read(&args.pipeline, common)?;
    let pipeline = Pipeline::new(&config, &registry).map_err(|problems| explain::problems(&problems))?;
    let name = choose(&pipeline, args.sink.as_deref()).map_err(|wrong| explain::failure(&wrong, explain::CONFIG))?;
    let Some((settings, context)) = pipeline.sink(&name) else {
        return Err(explain::failure(&format!("there is no sink \"{name}\""), explain::CONFIG));
    };
    let wrong = |problems: Vec<Problem>| explain::problems(&config.problems(problems));
    Account::new(settings, &context).map_err(wrong)
}

/// The name of the sink that is meant.
fn choose(pipeline: &Pipeline, wanted: Option<&str>) -> Result<String, String> {
    let names: Vec<&str> = pipeline.sinks().filter(|(_, kind)| *kind == TYPE).map(|(name, _)| name).collect();
    match (wanted, names.as_slice()) {
        (_, []) => Err(format!("the configuration has no sink of type \"{TYPE}\"")),
        (Some(wanted), names) if names.contains(&wanted) => Ok(wanted.to_owned()),
        (Some(wanted), names) => Err(format!("there is no {TYPE} sink \"{wanted}\"; there are: {}", names.join(", "))),
        (None, [only]) => Ok((*only).to_owned()),
        (None, names) => Err(format!("which sink? name one with --sink: {}", names.join(", "))),
    }
}

fn history(said: Result<Vec<Message>, SinkError>) -> ExitCode {
    let messages = match said {
        Ok(messages) => messages,
        Err(error) => return explain::failure(&error.to_string(), explain::SERVICE),
    };
    let mut out = io::stdout().lock();
    for message in messages {
        let line = json!(message).to_string();
        // Nobody reads any more, and there is nothing else to do.
        if writeln!(out, "{line}").is_err() {
            break;
        }
    }
    ExitCode::SUCCESS
}

fn release(released: Vec<Released>) -> ExitCode {
    if released.is_empty() {
        eprintln!("no live session of this user was left open");
    }
    let mut code = ExitCode::SUCCESS;
    for Released { license_id, sink, result, .. } in released {
        let error = result.err().map(|error| error.to_string());
        println!("{}", json!({ "license_id": license_id, "sink": sink, "released": error.is_none() }));
        match error {
            None => eprintln!("released the live session {license_id}"),
            Some(error) => code = explain::failure(&format!("{license_id} is not released: {error}"), explain::SERVICE),
        }
    }
    code
}
