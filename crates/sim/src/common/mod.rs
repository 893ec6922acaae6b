//! What all simulators have in common: the thread and the listener, HTTP, the state behind its lock,
//! the clock, fault rules. A service adds its endpoints, its socket and the language of its faults.

pub(crate) mod client;
pub(crate) mod clock;
pub(crate) mod control;
pub(crate) mod deliver;
pub(crate) mod faults;
pub(crate) mod gate;
pub(crate) mod ids;
pub(crate) mod keys;
pub(crate) mod line;
pub(crate) mod log;
pub(crate) mod port;
pub(crate) mod response;
pub(crate) mod rule;
pub(crate) mod server;
pub(crate) mod shared;
pub(crate) mod span;
pub(crate) mod thread;
pub(crate) mod tls;
pub(crate) mod upgrade;
pub(crate) mod web;
pub(crate) mod wire;
pub(crate) mod words;
