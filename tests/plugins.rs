//! Plugins through the public API: libraries of Rust and of C, loaded from their files.

#![allow(unsafe_code)]

mod support;

#[path = "plugins/build.rs"]
mod build;
#[path = "plugins/same.rs"]
mod same;
