//! Descriptors become components. What a descriptor says is checked before it is believed, as far as a
//! pointer can be. Control side.

use std::ffi::CStr;
use std::path::Path;
use std::sync::Arc;

use glottis_core::param::Param;
use glottis_core::registry::{Component, Make};

use super::instance::Origin;
use super::{LoadError, Wrong, aligned, detector, encoder, node, params, sink, source};
use crate::{abi, text};

/// No structure of any version is larger: a greater size is garbage.
const LARGEST: u32 = 4096;

/// No library offers more components, no component has more keys.
pub(super) const MOST: u32 = 256;

/// The components of a library, or what is wrong with them.
pub(super) fn components(plugin: &'static abi::Plugin, named: &Path) -> Result<Vec<Component>, LoadError> {
    let Some(call) = plugin.list else { return Err(bad(named, "the entry has no `list`")) };
    let mut list = abi::ComponentList { size: 0, count: 0, items: std::ptr::null() };
    let mut error = empty();
    // SAFETY: the library keeps the ABI as far as its entry can tell; both structures are there while
    // the call runs.
    let status = unsafe { call(&mut list, &mut error) };
    if status != abi::GLOTTIS_OK {
        let said = text::get(&error.message);
        let message = if said.is_empty() { format!("`list` returned {status}") } else { said };
        return Err(LoadError::new(named, Wrong::List, message).help("report it to the plugin's author"));
    }
    sized::<abi::ComponentList>(list.size, "glottis_component_list_t", named)?;
    if list.count > MOST {
        return Err(bad(named, format!("it claims {} components", list.count)));
    }
    // SAFETY: the list says it has this many items; it stays, as the library does.
    let items = unsafe { many(list.items, list.count) }.ok_or_else(|| bad(named, "its list of components is null"))?;
    let file: &'static str = params::forever(&named.display().to_string());
    items.iter().map(|item| component(*item, file, named)).collect()
}

/// An error for a library to fill in.
pub(super) fn empty() -> abi::Error {
    abi::Error {
        size: size_of::<abi::Error>() as u32,
        advice: abi::GLOTTIS_FATAL,
        code: [0; 64],
        key: [0; 64],
        message: [0; 1024],
        help: [0; 512],
    }
}

pub(super) fn bad(named: &Path, message: impl Into<String>) -> LoadError {
    LoadError::new(named, Wrong::Descriptor, message)
        .help("build it again; if that is no help, report it to its author")
}

/// Checks the size a structure states. Every field of this version's is required.
pub(super) fn sized<T>(size: u32, what: &str, named: &Path) -> Result<(), LoadError> {
    let least = size_of::<T>() as u32;
    if (least..=LARGEST).contains(&size) {
        return Ok(());
    }
    Err(bad(named, format!("a {what} of {size} bytes; at least {least} are expected")))
}

/// `count` values of a library; `None` for null and for an address no such value can have.
///
/// # Safety
/// What else `first` points to are `count` values that stay.
pub(super) unsafe fn many<T>(first: *const T, count: u32) -> Option<&'static [T]> {
    if count == 0 {
        return Some(&[]);
    }
    if first.is_null() || !first.is_aligned() {
        return None;
    }
    // SAFETY: not null, aligned, and the caller vouches for the rest.
    Some(unsafe { std::slice::from_raw_parts(first, count as usize) })
}

fn component(item: *const abi::Component, file: &'static str, named: &Path) -> Result<Component, LoadError> {
    // SAFETY: a descriptor of a library that stays.
    let item = unsafe { aligned(item) }.ok_or_else(|| bad(named, "a component's descriptor is null"))?;
    sized::<abi::Component>(item.size, "glottis_component_t", named)?;
    // SAFETY: texts of a library that stays.
    let (name, doc) = unsafe { (text::read::<'static>(item.name), text::read::<'static>(item.doc)) };
    let (Some(name), Some(doc)) = (name, doc) else {
        return Err(bad(named, "a component without a name or a description"));
    };
    if !params::is_word(name, '-') {
        return Err(bad(named, format!("a component named {name:?}: only small letters, digits and hyphens")));
    }
    let params = params::read(item, name, named)?;
    let origin = Arc::new(Origin { item, name, file, params });
    Ok(Component { name, doc, params, origin: file, make: make(item, origin, named)? })
}

fn make(item: &'static abi::Component, origin: Arc<Origin>, named: &Path) -> Result<Make, LoadError> {
    // The table of a kind, the file that wraps it, and the calls no component can do without.
    macro_rules! make {
        ($table:ty, $kind:ident: $($call:ident)*) => {{
            let calls = calls::<$table>(item, origin.name, named)?;
            need(&[$((stringify!($call), calls.$call.is_some())),*], origin.name, named)?;
            Ok($kind::make(origin, calls))
        }};
    }
    match item.kind {
        abi::GLOTTIS_SOURCE => make!(abi::SourceCalls, source: create format start stop),
        abi::GLOTTIS_NODE => make!(abi::NodeCalls, node: create prepare process),
        abi::GLOTTIS_DETECTOR => make!(abi::DetectorCalls, detector: create prepare judge),
        abi::GLOTTIS_ENCODER => make!(abi::EncoderCalls, encoder: create prepare encode),
        abi::GLOTTIS_SINK => make!(abi::SinkCalls, sink: create open write close),
        kind => Err(bad(named, format!("component \"{}\" is of the unknown kind {kind}", origin.name))),
    }
}

/// The table of calls of a component.
fn calls<T>(item: &'static abi::Component, name: &str, named: &Path) -> Result<&'static T, LoadError> {
    // SAFETY: `kind` says which table this is; it stays, as the library does. Every table begins with
    // its size, which is looked at before anything else.
    let size = unsafe { aligned(item.calls.cast::<u32>()) };
    let size = size.ok_or_else(|| bad(named, format!("component \"{name}\" has no table of calls")))?;
    sized::<T>(*size, &format!("table of calls of \"{name}\""), named)?;
    // SAFETY: as above, and it is large enough.
    unsafe { aligned(item.calls.cast::<T>()) }
        .ok_or_else(|| bad(named, format!("the table of calls of \"{name}\" is at an odd address")))
}

fn need(calls: &[(&str, bool)], name: &str, named: &Path) -> Result<(), LoadError> {
    match calls.iter().find(|(_, there)| !there) {
        None => Ok(()),
        Some((call, _)) => Err(bad(named, format!("component \"{name}\" has no `{call}`"))),
    }
}

/// The keys of a component as the ABI lists them: `count` structures, `size` bytes apart.
pub(super) fn table(
    first: *const abi::Param,
    count: u32,
    size: u32,
    name: &str,
    named: &Path,
) -> Result<Vec<&'static abi::Param>, LoadError> {
    if count == 0 {
        return Ok(Vec::new());
    }
    if count > MOST {
        return Err(bad(named, format!("\"{name}\" claims {count} keys")));
    }
    sized::<abi::Param>(size, "glottis_param_t", named)?;
    if !(size as usize).is_multiple_of(align_of::<abi::Param>()) {
        return Err(bad(named, format!("a glottis_param_t of {size} bytes")));
    }
    let null = || bad(named, format!("the keys of \"{name}\" are null"));
    (0..count as usize)
        .map(|i| {
            if first.is_null() {
                return Err(null());
            }
            // SAFETY: the table has `count` structures of `size` bytes, and stays as the library does.
            unsafe { aligned(first.byte_add(i * size as usize)) }.ok_or_else(null)
        })
        .collect()
}

/// A text that may be absent.
pub(super) fn optional(pointer: *const std::ffi::c_char) -> Result<Option<&'static str>, ()> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: a text of a library that stays.
    unsafe { CStr::from_ptr(pointer) }.to_str().map(Some).map_err(drop)
}

/// The type of a component's keys, for other files of this folder.
pub(super) type Params = &'static [Param];
