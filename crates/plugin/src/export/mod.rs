//! The plugin's side of the border: everything a crate has registered, offered through the C ABI.
//! Each file of this folder wraps one trait; nothing that panics gets out.
//!
//! [`export!`](crate::export!) makes the one exported symbol.
#![allow(unsafe_code)]

mod caught;
mod create;
mod describe;
mod detector;
mod encoder;
mod node;
mod sink;
mod source;

use std::sync::OnceLock;

use glottis_core::Registry;
use glottis_core::registry::Component;

use crate::abi;
use caught::caught;

/// Exports what a `register` function registers, as the one symbol a host looks for.
///
/// Put it behind a feature, so that the crate can also be linked: two linked crates must not export the
/// same symbol. The path of another crate's function will do, so a library may gather several crates.
///
/// ```
/// # mod plugin {
/// use glottis_core::Registry;
///
/// /// One line per component.
/// pub fn register(_registry: &mut Registry) {}
///
/// // #[cfg(feature = "export")]
/// glottis_plugin::export!(register);
/// # }
/// ```
#[macro_export]
macro_rules! export {
    ($register:path) => {
        const _: () = {
            static LIBRARY: $crate::export::Library = $crate::export::Library::new($register);

            unsafe extern "C" fn list(
                list: *mut $crate::abi::ComponentList,
                error: *mut $crate::abi::Error,
            ) -> ::core::primitive::i32 {
                // SAFETY: the host passes what the ABI says it passes, and `LIBRARY` takes the same.
                #[allow(unsafe_code)]
                unsafe {
                    LIBRARY.list(list, error)
                }
            }

            // SAFETY: the name is the ABI's own; a second one in the same program does not link.
            #[allow(unsafe_code, non_upper_case_globals)]
            #[unsafe(no_mangle)]
            pub static glottis_plugin_v1: $crate::abi::Plugin = $crate::export::entry(list);
        };
    };
}

/// The entry of a library of this version.
pub const fn entry(
    list: unsafe extern "C" fn(list: *mut abi::ComponentList, error: *mut abi::Error) -> i32,
) -> abi::Plugin {
    abi::Plugin {
        magic: abi::GLOTTIS_MAGIC,
        size: size_of::<abi::Plugin>() as u32,
        abi_major: abi::GLOTTIS_ABI_MAJOR,
        abi_minor: abi::GLOTTIS_ABI_MINOR,
        list: Some(list),
    }
}

/// What a library offers. Made when the host asks for it, and there until the process ends.
pub struct Library {
    register: crate::Register,
    offered: OnceLock<Offered>,
}

/// What the host is shown, and what its pointers point to.
struct Offered {
    /// The descriptors, each of which is never freed.
    items: Vec<*const abi::Component>,
}

// SAFETY: the descriptors are written once, before anyone sees them, and only read from then on.
unsafe impl Send for Offered {}
// SAFETY: as above.
unsafe impl Sync for Offered {}

/// What a descriptor's `data` points to: a component of this library, and the registry it is built
/// with.
struct Exported {
    registry: &'static Registry,
    component: &'static Component,
}

impl Library {
    /// A library that offers what `register` registers.
    pub const fn new(register: crate::Register) -> Library {
        Library { register, offered: OnceLock::new() }
    }

    /// The call `list` of the entry.
    ///
    /// # Safety
    /// As the ABI says: both pointers are null or point to structures that may be written.
    pub unsafe fn list(&'static self, list: *mut abi::ComponentList, error: *mut abi::Error) -> i32 {
        // SAFETY: as the caller promises.
        let error = unsafe { error.as_mut() };
        caught(error, |_| {
            let offered = self.offered.get_or_init(|| Offered::new(self.register));
            // SAFETY: as the caller promises.
            let Some(list) = (unsafe { list.as_mut() }) else { return abi::GLOTTIS_FAILED };
            *list = abi::ComponentList {
                size: size_of::<abi::ComponentList>() as u32,
                count: offered.items.len() as u32,
                items: offered.items.as_ptr(),
            };
            abi::GLOTTIS_OK
        })
    }
}

impl Offered {
    fn new(register: crate::Register) -> Offered {
        let mut registry = Registry::new();
        register(&mut registry);
        // For ever: the host keeps what it is shown.
        let registry: &'static Registry = Box::leak(Box::new(registry));
        let items = registry
            .iter()
            .map(|component| {
                let exported: &'static Exported = Box::leak(Box::new(Exported { registry, component }));
                std::ptr::from_ref(&*Box::leak(Box::new(describe::component(exported))))
            })
            .collect();
        Offered { items }
    }
}
