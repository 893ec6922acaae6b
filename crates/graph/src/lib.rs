//! The shape of a run: a configuration becomes a checked tree, and the tree a [`Schedule`] that runs
//! one block. This crate starts no thread.
//!
//! | where | what |
//! |---|---|
//! | [`config`] | the configuration as written, and its problems with line and column |
//! | [`plan`] | the tree it describes, checked, with the format of every edge |
//! | [`turn`] | the `turn` keys |
//! | [`schedule`] | the tree, ready to run |
//! | [`Step`] | a node in its place: its cost, its budget, its voice |
//! | [`outlet`] | a leaf: segmenter → chunker → encoder → a sink's queue |
//! | [`segmenter`] | from where to where |
//! | [`chunker`] | in which pieces |
//! | [`gauge`] | what the sound is like, measured as it passes |
//! | [`signal`] | what the pipeline thread tells |
//! | [`returns`] | the way back for nodes that were replaced |

pub mod chunker;
pub mod config;
pub mod gauge;
mod history;
pub mod outlet;
pub mod plan;
pub mod returns;
pub mod schedule;
pub mod segmenter;
pub mod signal;
mod step;
pub mod turn;

pub use chunker::Pieces;
pub use config::Config;
pub use gauge::{Gauge, Second};
pub use outlet::{Outlet, OutletParts};
pub use plan::{Graph, Plan};
pub use schedule::Schedule;
pub use segmenter::Segmenter;
pub use signal::{Failed, Signal, SignalReader, Signals, signals};
pub use step::{Guard, Step, StepStats};
pub use turn::Turn;
