//! `glottis run`.

use std::fs::File;
use std::io::{self, BufRead, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use glottis::{Command, Config, Event, EventKind, Pipeline, Registry, Report, StartError};

use crate::args::{Common, Run};
use crate::plugins::Plugins;
use crate::progress::Progress;
use crate::service::Service;
use crate::{explain, stop, table};

/// Runs a pipeline from a file.
pub fn run(args: &Run, common: &Common) -> ExitCode {
    if let Err(message) = usage(args, common) {
        return explain::failure(&message, explain::CONFIG);
    }
    let (registry, config, plugins) = match load(&args.pipeline, common, args.watch) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    if args.control.is_some() && config.section("source").first().and_then(|s| s.text("type")) == Some("stdin") {
        return explain::failure("stdin cannot be both the source and --control -", explain::CONFIG);
    }
    let events = match args.events.as_deref().map(open_events).transpose() {
        Ok(events) => events,
        Err(error) => {
            let file = args.events.as_deref().unwrap_or_default();
            return explain::failure(&format!("cannot write events to {file}: {error}"), explain::CONFIG);
        }
    };
    let report_file = match args.report.as_deref().map(|path| create(path).map(|file| (path, file))).transpose() {
        Ok(file) => file,
        Err(error) => return explain::failure(&error, explain::CONFIG),
    };
    let pipeline = match Pipeline::new(&config, &registry) {
        Ok(pipeline) => pipeline,
        Err(problems) => return explain::problems(&problems),
    };
    match go(pipeline.loader(plugins.loader()), args, plugins, events) {
        Ok(report) => conclude(&report, report_file, common.json),
        Err(code) => code,
    }
}

fn usage(args: &Run, common: &Common) -> Result<(), String> {
    if common.json && args.events.as_deref() == Some("-") {
        return Err("--json and --events - both want stdout: give one of them".to_owned());
    }
    match args.control.as_deref() {
        None | Some("-") => Ok(()),
        Some(other) => Err(format!("--control takes `-` for stdin, not \"{other}\"")),
    }
}

/// The registry with its plugins, and the configuration with its overrides. With `watched` the plugins'
/// files may change meanwhile.
pub fn load(file: &Path, common: &Common, watched: bool) -> Result<(Registry, Config, Plugins), ExitCode> {
    let mut config = Config::read(file).map_err(|problems| explain::problems(&problems))?;
    adjust(&mut config, common)?;
    let mut registry = glottis::components();
    match Plugins::load(&mut registry, common, Some(&config), watched) {
        Ok(plugins) => Ok((registry, config, plugins)),
        Err(error) => Err(explain::not_loaded(&error)),
    }
}

/// The same for a command that runs once and watches nothing.
pub fn read(file: &Path, common: &Common) -> Result<(Registry, Config), ExitCode> {
    load(file, common, false).map(|(registry, config, _)| (registry, config))
}

/// Puts the overrides of the command line into a configuration.
pub fn adjust(config: &mut Config, common: &Common) -> Result<(), ExitCode> {
    for assignment in &common.set {
        config.set(assignment).map_err(|problems| explain::problems(&problems))?;
    }
    Ok(())
}

fn go(
    pipeline: Pipeline,
    args: &Run,
    plugins: Plugins,
    events: Option<Box<dyn Write + Send>>,
) -> Result<Report, ExitCode> {
    let mut events = events;
    let mut progress = Progress::new();
    let mut service = Service::new();
    let on_event = move |event: &Event| {
        // Nobody reads any more: the run itself goes on.
        if let Some(out) = &mut events
            && write_line(out, &event.to_json()).is_err()
        {
            events = None;
        }
        progress.show(event);
        service.hear(event);
    };
    let watch = stop::watch().map_err(|error| eprintln!("glottis: Ctrl-C will not stop cleanly: {error}")).ok();
    let running = pipeline.start(on_event).map_err(|error| match error {
        StartError::Config(problems) => explain::problems(&problems),
        error => explain::failure(&error.to_string(), explain::INTERNAL),
    })?;
    if let Some(watch) = watch {
        watch.halts(running.halter());
    }
    if let Some(time) = args.time {
        running.stop_after(time);
    }
    if args.watch {
        plugins.watch(running.commander());
    }
    if args.control.is_some() {
        let commander = running.commander();
        // Left behind at the end of the run: a read of stdin cannot be cut short.
        std::thread::spawn(move || {
            each_line(&mut io::stdin().lock(), |line| match Command::parse(line) {
                Ok(command) => commander.command(command),
                Err(_) if line.trim().is_empty() => {}
                Err(bad) => commander.refuse(bad),
            });
            commander.stop();
        });
    }
    Ok(running.wait())
}

/// Hands every line of `input` to `take`, until the input ends. Bytes that are no text are handed on as
/// such a line, which is then no command and is answered like one.
fn each_line(input: &mut dyn BufRead, mut take: impl FnMut(&str)) {
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
        take(&String::from_utf8_lossy(&line));
        line.clear();
    }
}

fn write_line(out: &mut dyn Write, line: &str) -> io::Result<()> {
    out.write_all(line.as_bytes())?;
    out.write_all(b"\n")?;
    // A reader acts on events: each goes out when it happens.
    out.flush()
}

fn open_events(target: &str) -> io::Result<Box<dyn Write + Send>> {
    if target == "-" {
        return Ok(Box::new(io::stdout()));
    }
    Ok(Box::new(BufWriter::new(File::create(target)?)))
}

fn create(path: &Path) -> Result<File, String> {
    File::create(path).map_err(|error| format!("cannot write the report to {}: {error}", path.display()))
}

/// Prints the report where it was asked for, and turns its exit code into the process's.
pub fn conclude(report: &Report, file: Option<(&Path, File)>, json: bool) -> ExitCode {
    let event = Event { kind: EventKind::Report(Box::new(report.clone())), t: report.t };
    let line = event.to_json();
    if let Some((path, mut file)) = file
        && let Err(error) = writeln!(file, "{line}")
    {
        return explain::failure(&format!("cannot write the report to {}: {error}", path.display()), explain::INTERNAL);
    }
    if json {
        println!("{line}");
    }
    table::print(report);
    ExitCode::from(report.exit.unwrap_or(explain::INTERNAL))
}
