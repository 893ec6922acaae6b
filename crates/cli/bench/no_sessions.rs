//! Stands in for `sessions` where a process cannot be held on one core.

use std::process::ExitCode;
use std::time::Duration;

use crate::args::Common;
use crate::explain;

/// Refuses.
pub fn sessions(_: Option<usize>, _: Duration, _: Duration, _: &Common) -> ExitCode {
    explain::failure("bench sessions holds the run on one core, which needs Linux", explain::CONFIG)
}
