//! Why nothing was measured.

use std::fmt;

use glottis_graph::config::Problems;

/// Why nothing was measured, and what to do about it.
#[derive(Debug)]
pub enum Refused {
    /// The configuration is wrong.
    Config(Problems),
    /// This pipeline cannot be measured so; the text says how it can.
    Usage(String),
    /// The source could not be opened or filled.
    Source(String),
    /// A sink gave up, or nothing came out of it.
    Sink(String),
    /// Something in the way: the disk, a thread, a bug.
    Failed(String),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Config(problems) => problems.fmt(f),
            Refused::Usage(text) | Refused::Source(text) | Refused::Sink(text) | Refused::Failed(text) => {
                f.write_str(text)
            }
        }
    }
}

impl std::error::Error for Refused {}
