//! glottis: a real-time audio pipeline engine for voice front ends.
//!
//! Sound goes from a source through a tree of nodes to sinks; a segmenter in front of each sink
//! decides which of it is sent. A pipeline is described in TOML or in Rust, and runs until its
//! source ends or it is told to stop:
//!
//! ```no_run
//! use glottis::{Config, Pipeline};
//!
//! let registry = glottis::components();
//! let config = Config::read("pipeline.toml".as_ref())?;
//! let pipeline = Pipeline::new(&config, &registry)?;
//! let running = pipeline.start(|event| println!("{}", event.to_json()))?;
//! let report = running.wait();
//! assert!(report.balanced);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A component of your own implements one of the traits ([`Source`], [`Node`], [`Encoder`],
//! [`Sink`]) and is put into the registry by name; the configuration can then name it like any
//! other. `examples/` holds a node and a sink.
//!
//! This crate only gathers what the crates of the workspace offer.

pub use glottis_source_microphone::{devices, play};

pub use glottis_core as core;
pub use glottis_core::param::{self, Param, Settings, Table};
pub use glottis_core::{
    Block, Body, Cause, Detector, Encoder, Fault, Feed, Inlet, Item, Mark, MarkKind, Node, Packet, PacketKind, Place,
    Problem, Rate, Reason, Registry, Sink, SinkError, SinkEvent, Source, SourceError, TurnMode,
};
pub use glottis_engine::{
    BadCommand, Command, Commander, Diagnosis, Event, EventKind, Host, Loader, Pipeline, Report, Running, StartError,
    doctor, report, schema, watch,
};
pub use glottis_graph::config::{Problems, line_and_column};
pub use glottis_graph::plan::Latency;
pub use glottis_graph::{Config, Graph, Plan, Turn};
pub use glottis_measure as measure;
pub use glottis_plugin as plugin;
pub use glottis_sim as sim;
pub use glottis_sink_avatarkit as avatarkit;
pub use glottis_sink_ravatar as ravatar;

/// Every component that is built in.
pub fn components() -> Registry {
    let mut registry = Registry::new();
    glottis_plugin::install(
        &mut registry,
        &[
            glottis_source_microphone::register,
            glottis_source_file::register,
            glottis_source_stdin::register,
            glottis_node_resample::register,
            glottis_node_gain::register,
            glottis_node_high_pass::register,
            glottis_node_ladspa::register,
            glottis_node_limiter::register,
            glottis_node_denoise::register,
            glottis_node_vad::register,
            glottis_detector_earshot::register,
            glottis_encoder_pcm::register,
            glottis_sink_avatarkit::register,
            glottis_sink_file::register,
            glottis_sink_ravatar::register,
        ],
    );
    registry
}

/// Keeps the README's example compiling.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
