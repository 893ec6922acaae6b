//! Source `file`: plays a sound file into the pipeline. See the README for its keys.
//!
//! ```
//! use glottis_core::Registry;
//!
//! let mut registry = Registry::new();
//! glottis_source_file::register(&mut registry);
//! ```

mod config;
mod decoded;
mod file;
mod tape;

use glottis_core::Registry;

/// Adds the source `file`.
pub fn register(registry: &mut Registry) {
    registry.add_source("file", config::DOC, config::PARAMS, |settings, _, _| {
        Ok(file::FileSource::new(config::Config::new(settings)))
    });
}

#[cfg(feature = "export")]
glottis_plugin::export!(register);
