//! The other end of the wire: local servers that behave like the voice services glottis talks to.
//!
//! [`ravatar`] simulates the RAVATAR service, [`avatarkit`] the one of Spatius and SpatialReal, each
//! with HTTP and WebSocket on one loopback port. A simulator runs on a thread of its own, needs no
//! network, no files and no account, and records everything a client does, so that a test can assert
//! on facts instead of on a mock of itself.

#![forbid(unsafe_code)]

pub mod avatarkit;
mod common;
pub mod ravatar;

/// Keeps the README's example compiling.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
