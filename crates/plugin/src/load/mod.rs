//! The host's side of the border: a file is checked before any of its code runs, then loaded, and what
//! it offers becomes components like any other. Control side, but for the calls that a loaded component
//! gets on the pipeline thread.
//!
//! A library is never unloaded: thread-locals with destructors and threads of its own make that unsafe,
//! and nothing here could tell. So whatever its constants point to is there until the process ends.
#![allow(unsafe_code)]

mod describe;
mod detector;
mod encoder;
mod error;
mod feed;
mod inspect;
mod instance;
mod node;
mod params;
mod shelf;
mod sink;
mod source;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use glottis_core::Registry;
use glottis_core::registry::Component;

use crate::abi;
pub use error::{LoadError, Wrong};
pub use shelf::Shelf;

/// The one symbol a plugin exports.
const SYMBOL: &str = "glottis_plugin_v1";

/// Loads the library at `path` and registers its components. A component takes the place of one of the
/// same kind and name.
///
/// Only this file is looked at: a name without a folder is refused, since the system would search for it.
/// The file must not be written into while the program runs; replace it by renaming another over it, as
/// cargo and linkers do.
///
/// # Errors
/// What is wrong with the file, by name, and what to do about it. Nothing is registered then.
///
/// ```
/// use glottis_core::Registry;
///
/// let error = glottis_plugin::load(&mut Registry::new(), "libnowhere.so".as_ref()).unwrap_err();
/// assert!(error.to_string().contains("./libnowhere.so"));
/// ```
pub fn load(registry: &mut Registry, path: &Path) -> Result<(), LoadError> {
    for component in open(path, path)? {
        registry.add(component);
    }
    Ok(())
}

/// Maps a dynamic library that is no plugin of ours, for an interface of its own, and keeps it until the
/// process ends. The file gets the same checks as a plugin's, but for its symbol; its constructors run.
///
/// # Errors
/// What is wrong with the file, by name, and what to do about it.
pub fn library(path: &Path) -> Result<&'static libloading::Library, LoadError> {
    let file = absolute(path, path)?;
    let bytes = std::fs::read(&file).map_err(|error| LoadError::unreadable(path, &error))?;
    inspect::library(&bytes, path)?;
    // SAFETY: the user's own code, as in `symbol`.
    let library = unsafe { map(&file) }.map_err(|error| refused(path, &error))?;
    Ok(Box::leak(Box::new(library)))
}

/// The components of the library in `file`; `named` is what the user calls it.
fn open(file: &Path, named: &Path) -> Result<Vec<Component>, LoadError> {
    let file = absolute(file, named)?;
    let bytes = std::fs::read(&file).map_err(|error| LoadError::unreadable(named, &error))?;
    inspect::inspect(&bytes, named)?;
    drop(bytes);
    let plugin = symbol(&file, named)?;
    inspect::entry(plugin.magic, plugin.size, plugin.abi_major, plugin.abi_minor, named)?;
    let components = describe::components(plugin, named)?;
    LOADED.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&components);
    Ok(components)
}

/// Every component ever loaded: their tables are never freed, and here is who holds them.
static LOADED: Mutex<Vec<Component>> = Mutex::new(Vec::new());

/// The whole path of a file the user named with a folder.
fn absolute(file: &Path, named: &Path) -> Result<PathBuf, LoadError> {
    if named.components().count() < 2 && named.is_relative() && !named.starts_with(".") {
        let shown = named.display();
        let message = "a name without a folder would be searched for";
        return Err(LoadError::new(named, Wrong::BareName, message).help(format!("write ./{shown}, or its whole path")));
    }
    let unreadable = |error| LoadError::unreadable(named, &error);
    let file = std::fs::canonicalize(file).map_err(unreadable)?;
    // Anything else, a pipe for example, may never end.
    if !std::fs::metadata(&file).map_err(unreadable)?.is_file() {
        return Err(LoadError::new(named, Wrong::NotALibrary, "this is no file").help("name the library's file"));
    }
    Ok(file)
}

/// Maps the file, for ever, and finds its entry.
fn symbol(file: &Path, named: &Path) -> Result<&'static abi::Plugin, LoadError> {
    // SAFETY: the library's constructors run now. That is running the user's own code: they named the
    // file, and the documentation says that plugins are trusted.
    let library = unsafe { map(file) }.map_err(|error| refused(named, &error))?;
    // SAFETY: the name is that of a constant of this type in every library that keeps the ABI, and the
    // file was found to hold one with the right magic number. It is only read.
    let entry = unsafe { library.get::<*const abi::Plugin>(SYMBOL) }.map(|symbol| *symbol);
    let entry = entry.map_err(|error| refused(named, &error))?;
    // Never unloaded.
    std::mem::forget(library);
    // SAFETY: the address of a constant of a library that stays; null and a wrong alignment are told.
    unsafe { aligned(entry) }
        .ok_or_else(|| LoadError::new(named, Wrong::Descriptor, format!("{SYMBOL} is not where it should be")))
}

fn refused(named: &Path, error: &libloading::Error) -> LoadError {
    let advice = "build it on this system, and see that the libraries it needs are installed";
    LoadError::new(named, Wrong::Linker, error.to_string()).help(advice)
}

/// # Safety
/// As for `libloading::Library::new`.
#[cfg(unix)]
unsafe fn map(file: &Path) -> Result<libloading::Library, libloading::Error> {
    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
    // All its symbols now: the first call on the pipeline thread must not go looking for one.
    // SAFETY: as the caller promises.
    unsafe { Library::open(Some(file), RTLD_NOW | RTLD_LOCAL) }.map(Into::into)
}

/// # Safety
/// As for `libloading::Library::new`.
#[cfg(not(unix))]
unsafe fn map(file: &Path) -> Result<libloading::Library, libloading::Error> {
    // SAFETY: as the caller promises.
    unsafe { libloading::Library::new(file) }
}

/// A structure of a loaded library; `None` for null and for an address no such structure can have.
///
/// # Safety
/// What else `pointer` points to is a `T` that stays.
unsafe fn aligned<T>(pointer: *const T) -> Option<&'static T> {
    if !pointer.is_aligned() {
        return None;
    }
    // SAFETY: aligned, checked for null here, and the caller vouches for the rest.
    unsafe { pointer.as_ref() }
}
