//! The `file` sink: what the pipeline hears, kept on disk.
//!
//! | format | what a file holds |
//! |---|---|
//! | `wav` | 16-bit or float samples behind a header that is right at every moment |
//! | `raw` | the samples alone, little-endian |
//! | `flac` | 16-bit samples, compressed without loss |
//! | `opus` | an Ogg Opus stream: what one hears, at a tenth of the size |
//! | `ndjson` | one JSON message per chunk, as a service would receive it |
//!
//! One file per segment where the path contains `{segment}`, else one file for the whole run.
//! Everything here runs on the sink's own task, on the async runtime; nothing touches the audio
//! threads.
//!
//! ```
//! use glottis_core::{Registry, registry::ComponentKind};
//!
//! let mut registry = Registry::new();
//! glottis_sink_file::register(&mut registry);
//! assert!(registry.get(ComponentKind::Sink, "file").is_some());
//! ```

// An error ends the sink: its size costs nothing, a box per signature would.
#![allow(clippy::result_large_err)]

mod claim;
mod config;
mod error;
mod file;
mod flac;
mod lines;
mod message;
mod opus;
mod output;
mod path;
mod pcm;
mod recording;
mod track;
mod wav;

pub use message::{Line, Message};

use config::Config;
use file::FileSink;
use glottis_core::Registry;

/// Adds the sink `file`.
pub fn register(registry: &mut Registry) {
    registry.add_sink("file", config::DOC, config::PARAMS, |settings, context, _| {
        Config::read(settings, context).map(|config| FileSink::new(config, context))
    });
}
