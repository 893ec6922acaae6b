//! Source `stdin`: sound from standard input. See the README for its keys.
//!
//! ```
//! use glottis_core::Registry;
//!
//! let mut registry = Registry::new();
//! glottis_source_stdin::register(&mut registry);
//! ```

mod config;
mod pump;
mod stdin;

use std::io::Read;

use glottis_core::Registry;

/// Adds the source `stdin`.
pub fn register(registry: &mut Registry) {
    register_reading(registry, "standard input", || Box::new(std::io::stdin()));
}

/// Adds the source `stdin`, but reading from what `open` gives, called once per source; messages call
/// it `name`. For programs that have the sound in another pipe, and for tests.
///
/// A read that blocks for ever does not keep the source from stopping; its thread is left behind.
pub fn register_reading(
    registry: &mut Registry,
    name: &'static str,
    open: impl Fn() -> Box<dyn Read + Send> + Send + Sync + 'static,
) {
    registry.add_source("stdin", config::DOC, config::PARAMS, move |settings, _, _| {
        Ok(stdin::StdinSource::new(config::Config::new(settings)?, name, open()))
    });
}
