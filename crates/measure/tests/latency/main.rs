//! Measured runs through the public API: each source and each sink that can be had without a sound server,
//! delays that are known, and what is refused.

mod rig;

mod delays;
mod refusals;
mod sinks;
mod sources;
