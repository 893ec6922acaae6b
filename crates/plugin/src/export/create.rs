//! Instances: made from the settings the host checked, freed by this side. Control side.

use std::ffi::c_void;
use std::path::PathBuf;

use glottis_core::param::{self, Param};
use glottis_core::registry::Context;
use glottis_core::{Fault, FaultCode, Problem, Settings};
use serde_json::{Map, Value};

use super::Exported;
use super::caught::{caught, quiet};
use crate::{abi, json, text};

/// The call `create` of every kind: `make` builds the instance from its settings.
///
/// # Safety
/// As the ABI says of `create`; `component` is a descriptor of this library.
pub(super) unsafe fn create<T>(
    component: *const abi::Component,
    settings: *const abi::Settings,
    instance: *mut *mut c_void,
    error: *mut abi::Error,
    make: impl FnOnce(&'static Exported, &Settings, &Context) -> Result<T, Vec<Problem>>,
) -> i32 {
    // SAFETY: `data` of our descriptors is an `Exported` that is never freed; the host's structures
    // are there while the call runs.
    let (exported, error) = unsafe { (&*(*component).data.cast::<Exported>(), error.as_mut()) };
    caught(error, |error| {
        // SAFETY: as above.
        let made = unsafe { Sent::read(settings) }.and_then(|sent| {
            let settings = sent.check(exported)?;
            make(exported, &settings, &sent.context)
        });
        match made {
            Ok(made) => {
                // SAFETY: the host gives a place for the instance.
                unsafe { *instance = Box::into_raw(Box::new(made)).cast() };
                abi::GLOTTIS_OK
            }
            Err(problems) => {
                tell(error, &problems);
                abi::GLOTTIS_FAILED
            }
        }
    })
}

/// The call `destroy` of every kind.
///
/// # Safety
/// `instance` is a `T` from [`create`], and nobody uses it any more.
pub(super) unsafe extern "C" fn destroy<T>(instance: *mut c_void) {
    quiet(|| {
        // SAFETY: as the caller promises; it goes back to the allocator it came from.
        drop(unsafe { Box::from_raw(instance.cast::<T>()) });
        abi::GLOTTIS_OK
    });
}

/// The `T` behind an instance.
///
/// # Safety
/// `instance` is a `T` from [`create`], and no other call to it is on.
pub(super) unsafe fn seat<'a, T>(instance: *mut c_void) -> &'a mut T {
    // SAFETY: as the caller promises.
    unsafe { &mut *instance.cast::<T>() }
}

/// Puts problems into the host's error: the first one's key and help, and all their messages.
pub(super) fn tell(error: Option<&mut abi::Error>, problems: &[Problem]) {
    let Some(error) = error else { return };
    let messages: Vec<&str> = problems.iter().map(|p| p.message.as_str()).collect();
    text::put(&mut error.message, &messages.join("; "));
    if let Some(first) = problems.first() {
        text::put(&mut error.key, &first.path);
        text::put(&mut error.help, &first.help);
    }
}

/// The status that stands for a fault.
pub(super) fn status(result: Result<(), Fault>) -> i32 {
    match result {
        Ok(()) => abi::GLOTTIS_OK,
        Err(fault) => match fault.code {
            FaultCode::BadParameter => abi::GLOTTIS_BAD_PARAMETER,
            FaultCode::TooManyMarks => abi::GLOTTIS_TOO_MANY_MARKS,
            FaultCode::BodyFull => abi::GLOTTIS_BODY_FULL,
            FaultCode::Panicked => abi::GLOTTIS_PANICKED,
            FaultCode::Failed | FaultCode::DeadlineMissed => abi::GLOTTIS_FAILED,
        },
    }
}

/// What the host sends along with `create`.
struct Sent {
    values: Map<String, Value>,
    base: PathBuf,
    context: Context,
}

impl Sent {
    /// # Safety
    /// `settings` is as the ABI says.
    unsafe fn read(settings: *const abi::Settings) -> Result<Sent, Vec<Problem>> {
        // SAFETY: the host's structure and its texts are there while `create` runs.
        let (values, context) = unsafe { (text::read((*settings).json), text::read((*settings).context)) };
        let object = |json: Option<&str>| json.and_then(|json| serde_json::from_str::<Map<String, Value>>(json).ok());
        let (Some(values), Some(context)) = (object(values), object(context)) else {
            return Err(vec![Problem::new(Default::default(), "", "the host's settings are not JSON")]);
        };
        let path = |key: &str| context.get(key).and_then(Value::as_str).map(PathBuf::from);
        let reads = context.get("reads").and_then(Value::as_array);
        Ok(Sent {
            base: path("base").unwrap_or_default(),
            context: Context {
                name: context.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
                started: context.get("started").and_then(Value::as_u64).unwrap_or_default(),
                state_dir: path("state_dir"),
                reads: reads.into_iter().flatten().filter_map(Value::as_str).map(PathBuf::from).collect(),
            },
            values,
        })
    }

    /// The host has checked the values; this side does it again, because its own getters rely on it.
    fn check(&self, exported: &Exported) -> Result<Settings, Vec<Problem>> {
        let table = json::to_table(&self.values);
        param::check(&table, exported.component.params, "", &self.base, exported.registry)
    }
}

/// The name of a key as this library's own table spells it: `set` wants one that lives for ever.
pub(super) fn key(exported: &Exported, name: &str) -> Option<&'static str> {
    let own = exported.component.params;
    let others = exported.registry.iter().flat_map(|component| component.params);
    own.iter().chain(others).find(|p: &&Param| p.name == name).map(|p| p.name)
}
