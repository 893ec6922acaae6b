//! The hands: `glottis` on the command line. Main thread; everything that flows runs elsewhere.
//!
//! Machine-readable output goes to stdout, everything else to stderr.

use std::process::ExitCode;

use clap::Parser;

mod allocations;
mod args;
mod bench;
mod check;
mod components;
#[cfg(not(unix))]
mod ctrl_c;
mod demo;
mod devices;
mod doctor;
mod effects;
mod explain;
mod plugins;
mod progress;
mod ravatar;
mod run;
#[cfg_attr(not(unix), path = "no_service.rs")]
mod service;
mod sim;
mod stop;
mod table;

use args::{Args, Task};

fn main() -> ExitCode {
    let args = Args::parse();
    start_log(args.common.log);
    match args.task {
        Task::Demo(demo) => demo::demo(&demo, &args.common),
        Task::Run(run) => run::run(&run, &args.common),
        Task::Check { pipeline } => check::check(&pipeline, &args.common),
        Task::Doctor(doctor) => doctor::doctor(&doctor, &args.common),
        Task::Devices => devices::devices(&args.common),
        Task::Components { name } => components::components(name.as_deref(), &args.common),
        Task::Schema => components::schema(&args.common),
        Task::Sim { service } => sim::sim(&service),
        Task::Bench { what } => bench::bench(&what, &args.common),
        Task::Ravatar { what } => ravatar::ravatar(&what, &args.common),
        Task::Completions { shell } => {
            clap_complete::generate(
                shell,
                &mut <Args as clap::CommandFactory>::command(),
                "glottis",
                &mut std::io::stdout(),
            );
            ExitCode::SUCCESS
        }
    }
}

fn start_log(level: args::Level) {
    let filter = tracing_subscriber::EnvFilter::new(format!("warn,glottis={}", level.name()));
    // Fails only if a logger is set already, and nobody else sets one.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}
