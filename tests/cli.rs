//! The command line: what it prints where, and with which exit code it ends.

mod support;

#[path = "cli/demo.rs"]
mod demo;
#[path = "cli/help.rs"]
mod help;
#[path = "cli/listings.rs"]
mod listings;
#[path = "cli/sim.rs"]
mod sim;
