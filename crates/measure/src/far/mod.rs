//! The far end of a sink: where what it writes goes in a measured run, and how it is read back. One file per
//! kind of sink; a kind that is not here cannot be measured, and is refused by name. Control side.

mod avatarkit;
mod file;
mod ravatar;

use std::path::Path;
use std::time::Duration;

use glottis_core::clock;
use glottis_core::param::{Located, Table, Value};
use glottis_sim::ravatar::Clock;

/// The kinds of sink that can be read back.
pub const KINDS: &[&str] = &["file", "ravatar", "avatarkit"];

/// What arrived, decoded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    pub(crate) hz: u32,
    pub(crate) samples: Vec<f32>,
    /// Counts of samples, and when the last of them had been received, in clock nanoseconds. Empty for a
    /// file: who reads it finds what had been written.
    pub(crate) arrivals: Vec<(usize, u64)>,
}

impl Heard {
    /// When sample `index` had been received.
    pub(crate) fn arrival(&self, index: usize) -> Option<u64> {
        let next = self.arrivals.partition_point(|(end, _)| *end <= index);
        self.arrivals.get(next).map(|(_, ns)| *ns)
    }
}

/// A far end.
pub(crate) trait Far {
    /// What arrived in the run that is over.
    fn heard(&self) -> Result<Heard, String>;
}

/// Makes the far end of a sink of this kind and has `keys`, the sink's own, lead to it.
/// With `busy_poll` a service does not sleep until a message comes.
///
/// # Errors
/// What cannot be read back, and what to do about it.
pub(crate) fn far(
    kind: &str,
    name: &str,
    keys: &mut Table,
    folder: &Path,
    busy_poll: bool,
) -> Result<Box<dyn Far>, String> {
    match kind {
        "file" => file::far(name, keys, folder),
        "ravatar" => ravatar::far(keys, busy_poll),
        "avatarkit" => avatarkit::far(name, keys, folder, busy_poll),
        _ => Err(format!(
            "sink \"{name}\" is of type \"{kind}\", and what such a sink writes cannot be read back: \
             measure another one with --sink NAME (file, ravatar and avatarkit can be read back)"
        )),
    }
}

pub(crate) fn set(keys: &mut Table, key: &str, value: impl Into<Value>) {
    keys.set(key, Located::new(value.into()));
}

/// From a simulator's time to the clock of the stamps. Asked while the machine is as idle as it will be.
struct Offset(i64);

impl Offset {
    fn of(simulator: &Clock) -> Offset {
        // The closest of a few readings: one may be cut in two by another program.
        let read = |_| {
            let (before, theirs, after) = (clock::now(), simulator.now(), clock::now());
            (after - before, (before + after) as i64 / 2 - theirs.as_nanos() as i64)
        };
        Offset((0..16).map(read).min().map_or(0, |(_, offset)| offset))
    }

    fn ns(&self, theirs: Duration) -> u64 {
        (theirs.as_nanos() as i64 + self.0).max(0) as u64
    }
}
