//! Instances of loaded components: made from checked settings, destroyed when dropped. Control side.

use std::ffi::{CStr, CString, c_char, c_void};
use std::path::Path;

use glottis_core::param::{Kind, Located, Param, Table, Value, with_components};
use glottis_core::registry::{Context, Registry};
use glottis_core::{Fault, FaultCode, Problem, Settings};

use super::describe::{Params, empty};
use crate::{abi, json, text};

/// Where a component comes from.
pub(super) struct Origin {
    pub item: &'static abi::Component,
    pub name: &'static str,
    /// The library's file, as the user named it.
    pub file: &'static str,
    pub params: Params,
}

// SAFETY: the descriptor is a constant of a library that stays, and nobody writes to it.
unsafe impl Send for Origin {}
// SAFETY: as above.
unsafe impl Sync for Origin {}

/// The call `create` of every kind.
pub(super) type Create =
    unsafe extern "C" fn(*const abi::Component, *const abi::Settings, *mut *mut c_void, *mut abi::Error) -> i32;

/// The call `destroy` of every kind.
pub(super) type Destroy = Option<unsafe extern "C" fn(*mut c_void)>;

/// An instance in a library. Dropping it destroys it.
pub(super) struct Instance {
    pointer: *mut c_void,
    destroy: Destroy,
}

// SAFETY: the ABI lets any thread call an instance, one at a time; whoever owns this is that one.
unsafe impl Send for Instance {}
// SAFETY: what is shared is an address; each call says why no other call is on.
unsafe impl Sync for Instance {}

impl Instance {
    /// For the calls of the library.
    pub(super) fn pointer(&self) -> *mut c_void {
        self.pointer
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Some(destroy) = self.destroy {
            // SAFETY: made by the same library's `create`, and this is the last call.
            unsafe { destroy(self.pointer) };
        }
    }
}

impl Origin {
    /// Makes an instance.
    ///
    /// # Errors
    /// What the library says of its settings, at the place of the key it names.
    pub(super) fn create(
        &self,
        create: Option<Create>,
        destroy: Destroy,
        settings: &Settings,
        context: &Context,
        registry: &Registry,
    ) -> Result<Instance, Vec<Problem>> {
        let Some(create) = create else { return Err(vec![settings.problem("type", "it has no `create`")]) };
        let sent = Sent::new(self.params, settings, context, registry)?;
        let mut pointer = std::ptr::null_mut();
        let mut error = empty();
        // SAFETY: the descriptor is the library's own; the other structures are there while the call
        // runs.
        let status = unsafe { create(self.item, &sent.settings(), &mut pointer, &mut error) };
        if status == abi::GLOTTIS_OK {
            return Ok(Instance { pointer, destroy });
        }
        Err(vec![self.refused("create", status, &error, settings)])
    }

    /// What a failed call said, where it belongs in the configuration.
    fn refused(&self, call: &str, status: i32, error: &abi::Error, settings: &Settings) -> Problem {
        let key = text::get(&error.key);
        let key = key.split('.').next().unwrap_or_default();
        let place = if settings.has(key) { key } else { "type" };
        let Problem { message, help, .. } = self.problem(call, status, error);
        settings.problem(place, message).help(help)
    }

    /// What a failed call said.
    pub(super) fn problem(&self, call: &str, status: i32, error: &abi::Error) -> Problem {
        let said = text::get(&error.message);
        let how = if status == abi::GLOTTIS_PANICKED { "panicked" } else { "failed" };
        let said = if said.is_empty() { format!("it returned {status} and said nothing") } else { said };
        let message = format!("`{call}` of \"{}\" in {} {how}: {said}", self.name, self.file);
        Problem::new(Default::default(), "", message).help(text::get(&error.help))
    }
}

/// The fault a status stands for. Real-time safe.
pub(super) fn result(status: i32) -> Result<(), Fault> {
    Err(Fault::new(match status {
        abi::GLOTTIS_OK => return Ok(()),
        abi::GLOTTIS_BAD_PARAMETER => FaultCode::BadParameter,
        abi::GLOTTIS_TOO_MANY_MARKS => FaultCode::TooManyMarks,
        abi::GLOTTIS_BODY_FULL => FaultCode::BodyFull,
        abi::GLOTTIS_PANICKED => FaultCode::Panicked,
        _ => FaultCode::Failed,
    }))
}

/// The call `set` of nodes and detectors. Real-time safe.
///
/// # Safety
/// `set` is a call of the library that made `instance`, and no other call to it is on.
pub(super) unsafe fn set(
    set: Option<unsafe extern "C" fn(*mut c_void, *const c_char, f64) -> i32>,
    instance: &Instance,
    param: &str,
    value: f64,
) -> Result<(), Fault> {
    let (Some(set), Some(key)) = (set, text::Key::new(param)) else {
        return Err(Fault::new(FaultCode::BadParameter));
    };
    // SAFETY: as the caller promises; the key is there while the call runs.
    result(unsafe { set(instance.pointer(), key.as_ptr(), value) })
}

/// What `create` gets: the values as JSON, and one by one for those who read no JSON.
struct Sent {
    json: CString,
    context: CString,
    values: Values,
}

struct Values {
    numbers: Vec<(CString, f64)>,
    texts: Vec<(CString, CString)>,
}

impl Sent {
    fn new(params: Params, settings: &Settings, context: &Context, registry: &Registry) -> Result<Sent, Vec<Problem>> {
        let params = with_components(settings.values(), params, registry);
        let base = std::path::absolute(settings.base()).unwrap_or_else(|_| settings.base().to_owned());
        let table = own(settings.values(), &params, &base);
        let mut values = Values { numbers: Vec::new(), texts: Vec::new() };
        for entry in &table.entries {
            let zero = |_| vec![settings.problem(&entry.key, "a text with a zero byte in it")];
            let key = CString::new(entry.key.as_str()).map_err(zero)?;
            match &entry.value.value {
                Value::Bool(on) => values.numbers.push((key, f64::from(u8::from(*on)))),
                Value::Int(n) => values.numbers.push((key, *n as f64)),
                Value::Float(x) => values.numbers.push((key, *x)),
                Value::Text(text) => values.texts.push((key, CString::new(text.as_str()).map_err(zero)?)),
                Value::List(_) | Value::Table(_) => {}
            }
        }
        let path = |path: &Path| path.to_string_lossy().into_owned();
        let context = serde_json::json!({
            "name": context.name,
            "base": path(&base),
            "started": context.started,
            "state_dir": context.state_dir.as_deref().map(path),
            "reads": context.reads.iter().map(|p| path(p)).collect::<Vec<_>>(),
        });
        // JSON writes a zero byte as an escape, so both are C strings.
        let c = |json: serde_json::Value| CString::new(json.to_string()).unwrap_or_default();
        Ok(Sent { json: c(json::from_table(&table)), context: c(context), values })
    }

    fn settings(&self) -> abi::Settings {
        abi::Settings {
            size: size_of::<abi::Settings>() as u32,
            reserved: 0,
            json: self.json.as_ptr(),
            context: self.context.as_ptr(),
            handle: std::ptr::from_ref(&self.values).cast(),
            number: Some(number),
            text: Some(text_of),
        }
    }
}

/// The entries that are the component's own, file names made absolute.
fn own(table: &Table, params: &[Param], base: &Path) -> Table {
    let mut own = Table::default();
    for entry in &table.entries {
        let Some(param) = params.iter().find(|p| p.name == entry.key) else { continue };
        let value = match (&entry.value.value, param.kind) {
            (Value::Text(text), Kind::Path | Kind::SecretFile) => {
                Value::Text(base.join(text).to_string_lossy().into_owned())
            }
            (Value::Table(inner), Kind::Table(params)) => Value::Table(self::own(inner, params, base)),
            (value, _) => value.clone(),
        };
        own.set(&entry.key, Located::new(value));
    }
    own
}

/// The values behind the library's `glottis_settings_t`.
///
/// # Safety
/// `settings` is what [`Sent::settings`] made, while `create` runs; `key` is null or a text.
unsafe fn look<'a>(settings: *const abi::Settings, key: *const c_char) -> Option<(&'a Values, &'a CStr)> {
    if key.is_null() {
        return None;
    }
    // SAFETY: as the caller promises.
    unsafe { Some(((*settings).handle.cast::<Values>().as_ref()?, CStr::from_ptr(key))) }
}

unsafe extern "C" fn number(settings: *const abi::Settings, key: *const c_char, value: *mut f64) -> i32 {
    // SAFETY: the library passes on what it got, as the ABI says.
    let found = unsafe { look(settings, key) }.and_then(|(values, key)| {
        values.numbers.iter().find(|(name, _)| name.as_c_str() == key).map(|(_, number)| *number)
    });
    let Some(number) = found else { return abi::GLOTTIS_FAILED };
    // SAFETY: a place of the library's for a number.
    unsafe { *value = number };
    abi::GLOTTIS_OK
}

unsafe extern "C" fn text_of(settings: *const abi::Settings, key: *const c_char) -> *const c_char {
    // SAFETY: the library passes on what it got, as the ABI says.
    unsafe { look(settings, key) }
        .and_then(|(values, key)| values.texts.iter().find(|(name, _)| name.as_c_str() == key))
        .map_or(std::ptr::null(), |(_, text)| text.as_ptr())
}
