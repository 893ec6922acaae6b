//! Whatever is wrong is named, with the place and a remedy, and the exit code says whose it is:
//! 2 the configuration's, 3 the source's, 4 the service's.

mod support;

#[path = "bad_input/configuration.rs"]
mod configuration;
#[path = "bad_input/service.rs"]
mod service;
#[path = "bad_input/source.rs"]
mod source;
