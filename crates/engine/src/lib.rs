//! The motion: threads, sink tasks and their retries, commands, events, start and stop.
//!
//! | thread | what it does |
//! |---|---|
//! | the source's own | fills the capture ring |
//! | `glottis-pipeline` | runs the schedule, wakes the sinks and the control |
//! | `glottis-control` | merges events, answers commands, watches the source, ends the run |
//! | the async runtime | runs the sinks |
//!
//! Each run has its own, or those of a [`Host`], which many runs share.
//!
//! | where | what |
//! |---|---|
//! | [`pipeline`] | build, start, and the handle on a run |
//! | [`Host`] | many runs on one pipeline thread, one control thread, one runtime |
//! | `runner`, `lane` | one run on the pipeline thread, and one thread for many |
//! | `beat` | when that thread looks for the next block |
//! | `threads`, `post` | which threads a run uses, and how its control is told |
//! | `control` | a run's control |
//! | `supervisor` | one sink's task: run, back off, run again, give up |
//! | [`event`], [`command`], [`report`] | what goes out and what comes in |
//! | [`watch`], [`mod@doctor`] | what is wrong with the sound, while it runs and before |
//! | `realtime`, `spot` | priority for the pipeline thread; one CPU for all of a run, for the lowest latency |
//! | [`mod@schema`] | the JSON Schema of the configuration |

mod beat;
pub mod command;
mod control;
pub mod doctor;
pub mod event;
mod host;
mod lane;
pub mod pipeline;
mod post;
mod realtime;
pub mod report;
#[cfg(test)]
mod rings;
mod runner;
pub mod schema;
#[cfg_attr(not(target_os = "linux"), path = "no_spot.rs")]
mod spot;
mod supervisor;
mod threads;
pub mod watch;

// The tests inside use the components of those outside, which name this crate.
#[cfg(test)]
extern crate self as glottis_engine;

pub use command::{BadCommand, Command};
pub use doctor::{Diagnosis, doctor};
pub use event::{Event, EventKind};
pub use host::Host;
pub use pipeline::{Commander, Loader, Pipeline, Running, StartError, Watcher};
pub use report::Report;
pub use schema::schema;
