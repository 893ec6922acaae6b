//! Where LADSPA effects are installed. Control side.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::effect::{Effect, effects};

/// Where they are if `LADSPA_PATH` does not say.
const USUAL: [&str; 4] = ["/usr/local/lib/ladspa", "/usr/lib/ladspa", "/usr/local/lib64/ladspa", "/usr/lib64/ladspa"];

/// A file that may hold effects, and what was found in it.
pub struct Found {
    /// The file.
    pub file: PathBuf,
    /// Its effects, or why it could not be read.
    pub effects: Result<Vec<Effect>, String>,
}

/// Loads every library on `LADSPA_PATH`, or in the usual folders, and lists its effects. The constructors
/// of all of them run, so this is only done when somebody asks for the list.
pub fn installed() -> Vec<Found> {
    let files = folders().into_iter().flat_map(|folder| libraries(&folder));
    files.map(|file| Found { effects: effects(&file), file }).collect()
}

/// The file a configuration names: with a folder, taken from `base`; or the name of one in the folders for
/// effects, with or without its ending.
///
/// # Errors
/// There is none of this name: where it was looked for.
pub(crate) fn find(named: &str, base: &Path) -> Result<PathBuf, String> {
    if named.contains(std::path::is_separator) {
        return Ok(base.join(named));
    }
    let folders = folders();
    let names = [named.to_owned(), format!("{named}{}", std::env::consts::DLL_SUFFIX)];
    let all = folders.iter().flat_map(|folder| names.iter().map(|name| folder.join(name)));
    all.into_iter().find(|file| file.is_file()).ok_or_else(|| {
        let looked: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
        let looked = if looked.is_empty() { "no folder".to_owned() } else { looked.join(", ") };
        format!("there is no {named} in {looked}")
    })
}

/// The folders for effects. One that is not given as a whole path is left out: what it means depends on
/// where the program was started.
fn folders() -> Vec<PathBuf> {
    let named = std::env::var_os("LADSPA_PATH").filter(|paths| !paths.is_empty());
    let all: Vec<PathBuf> = match &named {
        Some(paths) => std::env::split_paths(paths).collect(),
        None => USUAL.iter().map(PathBuf::from).collect(),
    };
    all.into_iter().filter(|folder| folder.is_absolute() && folder.is_dir()).collect()
}

/// The libraries of a folder, by name.
fn libraries(folder: &Path) -> Vec<PathBuf> {
    let ending = std::env::consts::DLL_EXTENSION;
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|file| file.extension() == Some(OsStr::new(ending))).collect();
    files.sort();
    files
}
