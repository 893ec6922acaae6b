//! The command line: what it prints where, and with which exit code it ends.

mod support;

#[path = "cli/bench.rs"]
mod bench;
#[path = "cli/demo.rs"]
mod demo;
#[path = "cli/doctor.rs"]
mod doctor;
#[path = "cli/help.rs"]
mod help;
#[path = "cli/listings.rs"]
mod listings;
#[cfg(unix)]
#[path = "cli/service.rs"]
mod service;
#[path = "cli/sim.rs"]
mod sim;
