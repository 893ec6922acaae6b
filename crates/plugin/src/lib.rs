//! The door for components that are not built in. Control side, but for what a loaded component does
//! on the pipeline thread.
//!
//! A plugin is a crate with one function, `register(&mut Registry)`, and one line in it for each of its
//! components. It gets in by either of two ways:
//!
//! - **Linked** into a program, through [`install`].
//! - **Loaded** from a file at run time, through [`load()`]: then the crate is also built as a dynamic
//!   library, and `export!` offers what it registers through a C ABI ([`abi`]). A library in C does the
//!   same with `include/glottis_plugin.h`.
//!
//! The README of this crate, "Write a plugin in ten minutes", goes through both.
//!
//! **Native code is trusted code.** A loaded library runs inside the process and can do whatever the
//! process can. What this crate contains are mistakes: a file that is no plugin, a component that fails,
//! panics or is too slow. It cannot contain malice, nor a wild pointer.
//!
//! | where | what |
//! |---|---|
//! | [`abi`] | the structures and calls that cross the border, and the rules for them |
//! | `export` (feature `export`) | the plugin's side: wraps what a crate registers |
//! | [`mod@load`] (feature `load`) | the host's side: checks a file, loads it, wraps what it offers |
//! | [`Threaded`] | a sink of three blocking calls on a thread of its own |
//!
//! Here, and in the node that hosts LADSPA effects, is all `unsafe` code; every block says why it is sound.

pub mod abi;
#[cfg(feature = "export")]
pub mod export;
#[cfg(any(feature = "export", feature = "load"))]
mod json;
#[cfg(feature = "load")]
pub mod load;
#[cfg(any(feature = "export", feature = "load"))]
mod mark;
#[cfg(any(feature = "export", feature = "load"))]
mod text;
mod threaded;

use glottis_core::Registry;

#[cfg(feature = "load")]
pub use load::{LoadError, Shelf, load};
pub use threaded::Threaded;

/// What a plugin crate exports: puts its components into the registry.
pub type Register = fn(&mut Registry);

/// Puts the components of linked crates into the registry, in order; a later one takes the place of
/// an earlier one of the same kind and name.
///
/// ```
/// use glottis_core::Registry;
///
/// fn register(_registry: &mut Registry) {} // a plugin crate's one function
///
/// let mut registry = Registry::new();
/// glottis_plugin::install(&mut registry, &[register]);
/// ```
pub fn install(registry: &mut Registry, plugins: &[Register]) {
    for register in plugins {
        register(registry);
    }
}
