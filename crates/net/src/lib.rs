//! What the sinks that talk to a service share. Async runtime and control side; nothing here is
//! called on an audio thread. The README lists the modules.

pub mod address;
pub mod attend;
pub mod backoff;
pub mod http;
pub mod secret;
pub mod socket;
pub mod tls;
mod upgrade;
mod wire;
