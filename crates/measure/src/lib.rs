//! Measures how long sound takes through a pipeline: bursts of noise are put in at its source and looked for,
//! by correlation, in what its sinks really wrote. See the README for what each figure means.
//!
//! ```no_run
//! use glottis_measure::Latency;
//! # fn example(config: &glottis_graph::Config, registry: &glottis_core::Registry) -> Result<(), Box<dyn std::error::Error>> {
//!
//! let measured = Latency { bursts: 50, ..Latency::default() }.measure(config, registry)?;
//! for sink in &measured.sinks {
//!     println!("{}: p50 {} µs, filters {} frames", sink.name, sink.total_us.p50, sink.algorithmic.frames);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! | where | what |
//! |---|---|
//! | `burst`, `train` | the sound that is put in |
//! | `input` | how it gets into a source |
//! | `far` | where a sink's bytes go, and how they are read back |
//! | `correlate` | finds a burst, to a fraction of a sample |
//! | `edges`, `tap` | what each node delays |
//! | `shares` | from stamps to shares |
//! | `latency` | the run |

mod bare;
mod burst;
mod correlate;
mod edges;
mod far;
mod input;
mod latency;
mod refused;
mod shares;
mod sound;
mod tap;
mod train;

pub use burst::{Burst, SECONDS as BURST_SECONDS};
pub use correlate::{Correlator, Place};
pub use edges::NodeDelay;
pub use far::KINDS;
pub use input::{PlayCommand, Speaker};
pub use latency::{Latency, Measured};
pub use refused::Refused;
pub use shares::{Algorithmic, BurstLatency, Quantiles, SinkLatency, Stage};
pub use train::Carrier;

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
mod readme {}
