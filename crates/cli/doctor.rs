//! `glottis doctor`.

use std::path::Path;
use std::process::ExitCode;

use glottis::{Config, Diagnosis, Registry};

use crate::args::{Common, Doctor};
use crate::{explain, run};

/// What is listened to where no configuration is named.
const DEFAULT: &str = "version = 1\n[source]\ntype = \"microphone\"\n";

/// Something is wrong with the signal.
const FOUND: u8 = 1;

/// Listens and tells.
pub fn doctor(args: &Doctor, common: &Common) -> ExitCode {
    let (registry, config) = match load(args.pipeline.as_deref(), common) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    if !common.json {
        eprintln!("listening for {:.1} s: say something", args.time.as_secs_f64());
    }
    match glottis::doctor(&config, &registry, args.time) {
        Err(problems) => explain::problems(&problems),
        Ok(Err(error)) => explain::failure(&error.to_string(), explain::SOURCE),
        Ok(Ok(diagnosis)) => {
            if common.json {
                println!("{}", serde_json::to_string(&diagnosis).unwrap_or_default());
            } else {
                print(&diagnosis);
            }
            if diagnosis.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FOUND) }
        }
    }
}

fn load(pipeline: Option<&Path>, common: &Common) -> Result<(Registry, Config), ExitCode> {
    let Some(file) = pipeline else {
        let mut config = Config::parse(DEFAULT, Path::new("")).map_err(|problems| explain::problems(&problems))?;
        run::adjust(&mut config, common)?;
        return Ok((glottis::components(), config));
    };
    run::read(file, common)
}

fn print(diagnosis: &Diagnosis) {
    let d = diagnosis;
    let native = if d.native_rate == d.rate { String::new() } else { format!(" (from {} Hz)", d.native_rate) };
    let channels = if d.channels == 1 { "1 channel".to_owned() } else { format!("{} channels", d.channels) };
    println!(
        "{} {}: {} Hz{native}, {channels}, {:.1} s, level {:.1} dB",
        d.source, d.device, d.rate, d.seconds, d.rms_dbfs
    );
    for finding in &d.findings {
        println!("{}: {}\n  → {}", finding.code, finding.text, finding.advice);
    }
    if d.findings.is_empty() {
        println!("nothing is wrong with it");
    }
}
