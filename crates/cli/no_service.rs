//! Where no service manager listens, nothing is told: this stands in for `service` there.

use glottis::Event;

/// Nobody.
pub struct Service;

impl Service {
    /// There is none to ask for.
    pub fn new() -> Service {
        Service
    }

    /// Tells nothing.
    pub fn hear(&mut self, _: &Event) {}
}
