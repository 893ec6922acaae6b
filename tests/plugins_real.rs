//! The plugins of this workspace that do real work: the same bits linked and loaded from their files, and
//! LADSPA effects in the program.

mod support;

#[path = "plugins/build.rs"]
#[allow(dead_code)]
mod build;
#[path = "plugins_real/ladspa.rs"]
mod ladspa;
#[path = "plugins_real/same.rs"]
mod same;
