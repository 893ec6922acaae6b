//! Libraries named on the command line and in the configuration: loaded at the start, loaded again for
//! `swap`, and watched. Main thread, and one thread that looks at files.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use glottis::plugin::{LoadError, Shelf};
use glottis::{Command, Commander, Config, Loader, Problem, Problems, Registry};

use crate::args::Common;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_millis(200);

/// The libraries of a run.
pub struct Plugins {
    shelf: Arc<Shelf>,
    files: Vec<PathBuf>,
}

/// A library that was not loaded, and the configuration that names it, unless the command line did.
pub enum NotLoaded {
    Named(LoadError),
    Configured(Problems),
}

impl Plugins {
    /// Loads every library into the registry. With `watched` each from a copy of its own, so that the file
    /// may change.
    pub fn load(
        registry: &mut Registry,
        common: &Common,
        config: Option<&Config>,
        watched: bool,
    ) -> Result<Plugins, NotLoaded> {
        let mut plugins = Plugins { shelf: Arc::new(Shelf::new()), files: Vec::new() };
        for file in &common.plugin {
            plugins.one(registry, file, watched).map_err(NotLoaded::Named)?;
        }
        let Some(config) = config else { return Ok(plugins) };
        for (number, (file, place)) in config.plugins().into_iter().enumerate() {
            plugins.one(registry, &file, watched).map_err(|error| {
                let problem = Problem::new(place, format!("plugins[{number}]"), error.what()).help(error.help);
                NotLoaded::Configured(config.problems(vec![problem]))
            })?;
        }
        Ok(plugins)
    }

    fn one(&mut self, registry: &mut Registry, file: &Path, watched: bool) -> Result<(), LoadError> {
        if watched {
            self.shelf.load(registry, file)?;
        } else {
            glottis::plugin::load(registry, file)?;
        }
        self.files.push(file.to_owned());
        Ok(())
    }

    /// What the engine calls for `swap`.
    pub fn loader(&self) -> Loader {
        let shelf = self.shelf.clone();
        Arc::new(move |file| shelf.components(file).map_err(|error| error.to_string()))
    }

    /// Swaps in a new version whenever a file has changed and then stayed the same for one look. Goes on
    /// until the process ends.
    pub fn watch(self, commander: Commander) {
        std::thread::spawn(move || {
            let look = |file: &PathBuf| (file.clone(), Seen { last: stamp(file), told: stamp(file) });
            let mut seen: HashMap<PathBuf, Seen> = self.files.iter().map(look).collect();
            loop {
                std::thread::sleep(LOOK);
                for (file, seen) in &mut seen {
                    let now = stamp(file);
                    let settled = now == seen.last;
                    seen.last = now;
                    // A file that is being replaced may be gone for a moment.
                    if settled && now.is_some() && now != seen.told {
                        seen.told = now;
                        let plugin = std::path::absolute(file).ok();
                        commander.command(Command::Swap { node: None, plugin });
                    }
                }
            }
        });
    }
}

/// What is known of a watched file.
struct Seen {
    last: Option<(u64, SystemTime)>,
    /// The version that runs, or was tried.
    told: Option<(u64, SystemTime)>,
}

fn stamp(file: &Path) -> Option<(u64, SystemTime)> {
    let data = std::fs::metadata(file).ok()?;
    Some((data.len(), data.modified().ok()?))
}
