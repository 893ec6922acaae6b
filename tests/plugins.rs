//! Plugins through the public API and the program: libraries of Rust and of C, loaded from their files.

mod support;

#[path = "plugins/bad_files.rs"]
mod bad_files;
#[path = "plugins/build.rs"]
mod build;
#[path = "plugins/misbehaviour.rs"]
mod misbehaviour;
#[path = "plugins/page.rs"]
mod page;
#[path = "plugins/program.rs"]
mod program;
#[path = "plugins/rusty.rs"]
mod rusty;
#[path = "plugins/same.rs"]
mod same;
#[path = "plugins/swaps.rs"]
mod swaps;
#[path = "plugins/watch.rs"]
mod watch;
#[path = "plugins/watchdog.rs"]
mod watchdog;
