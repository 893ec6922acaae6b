//! The effects of a library: their descriptors, checked and put into words. Control side.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int, c_ulong};
use std::path::Path;

use glottis_plugin::load;

use crate::abi::{self, Descriptor, Hint};
use crate::control::Control;

/// No library has more effects, no effect more ports: a greater number is garbage.
const MOST: c_ulong = 4_096;

/// What a port is, in the order of the effect's ports.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Port {
    AudioIn,
    AudioOut,
    /// A number the effect takes: the control of this index.
    Control(usize),
    /// A number the effect gives.
    Meter,
    /// The meter that tells by how many frames the effect is late.
    Latency,
}

/// An effect of a library.
#[derive(Clone)]
pub struct Effect {
    /// A name without spaces, to find it by.
    label: String,
    /// A name for people.
    name: String,
    controls: Vec<Control>,
    pub(crate) ports: Vec<Port>,
    pub(crate) descriptor: &'static Descriptor,
}

// SAFETY: a descriptor is constant: the specification says that its library does not change it, and the
// library stays.
unsafe impl Send for Effect {}
// SAFETY: as above.
unsafe impl Sync for Effect {}

impl Effect {
    /// What `label` in a configuration says.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Its name for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What can be set.
    pub fn controls(&self) -> &[Control] {
        &self.controls
    }

    /// How many channels go in, and how many come out.
    pub fn channels(&self) -> (usize, usize) {
        let count = |which: fn(&Port) -> bool| self.ports.iter().filter(|port| which(port)).count();
        (count(|port| matches!(port, Port::AudioIn)), count(|port| matches!(port, Port::AudioOut)))
    }

    /// Whether the node can run it: one channel in, one out.
    pub fn is_mono(&self) -> bool {
        self.channels() == (1, 1)
    }
}

/// Loads the library at `path`, a name with a folder, and reads its effects.
///
/// # Errors
/// What is wrong with the file, with the remedy where there is one.
pub(crate) fn effects(path: &Path) -> Result<Vec<Effect>, String> {
    let library = load::library(path).map_err(|error| format!("{} ({})", error.message, error.help))?;
    // SAFETY: a library that exports this name is a LADSPA library: the function then has this type.
    let list = unsafe { library.get::<abi::List>(abi::LIST) };
    let list = *list.map_err(|_| format!("it exports no `{}`, so it holds no LADSPA effects", abi::LIST))?;
    let mut effects = Vec::new();
    for index in 0..MOST {
        // SAFETY: the specification lets a host ask for any number.
        let descriptor = unsafe { list(index) };
        // SAFETY: null after the last; else a descriptor that stays, since the library does.
        let Some(descriptor) = (unsafe { descriptor.as_ref::<'static>() }) else { break };
        effects.push(read(descriptor).map_err(|what| format!("its effect {index} {what}"))?);
    }
    Ok(effects)
}

fn read(descriptor: &'static Descriptor) -> Result<Effect, String> {
    let label = text(descriptor.label).ok_or("has no label")?;
    let calls = descriptor.instantiate.is_some()
        && descriptor.connect_port.is_some()
        && descriptor.run.is_some()
        && descriptor.cleanup.is_some();
    if !calls {
        return Err(format!("({label}) lacks one of the calls every effect has"));
    }
    let mut effect = Effect {
        name: text(descriptor.name).unwrap_or_else(|| label.clone()),
        controls: Vec::new(),
        ports: Vec::new(),
        descriptor,
        label,
    };
    if descriptor.port_count > MOST {
        return Err(format!("({}) claims {} ports", effect.label, descriptor.port_count));
    }
    for index in 0..descriptor.port_count as usize {
        let port =
            read_port(&mut effect, index).map_err(|what| format!("({}) has a port {index} {what}", effect.label));
        effect.ports.push(port?);
    }
    Ok(effect)
}

fn read_port(effect: &mut Effect, index: usize) -> Result<Port, String> {
    let table = effect.descriptor;
    // SAFETY: the three tables have as many entries as there are ports, which the caller counts.
    let (kind, name, hint) = unsafe {
        (entry::<c_int>(table.ports, index), entry(table.port_names, index), entry::<Hint>(table.hints, index))
    };
    let kind = kind.ok_or("of no kind")?;
    let name = name.and_then(text).ok_or("without a name")?;
    let direction = kind & (abi::INPUT | abi::OUTPUT);
    match (direction, kind & (abi::CONTROL | abi::AUDIO)) {
        (abi::INPUT, abi::AUDIO) => Ok(Port::AudioIn),
        (abi::OUTPUT, abi::AUDIO) => Ok(Port::AudioOut),
        (abi::INPUT, abi::CONTROL) => {
            let hint = hint.unwrap_or(Hint { bits: 0, lower: 0.0, upper: 0.0 });
            effect.controls.push(Control::new(name, hint));
            Ok(Port::Control(effect.controls.len() - 1))
        }
        (abi::OUTPUT, abi::CONTROL) if ["latency", "_latency"].iter().any(|l| name.eq_ignore_ascii_case(l)) => {
            Ok(Port::Latency)
        }
        (abi::OUTPUT, abi::CONTROL) => Ok(Port::Meter),
        _ => Err(format!("of the impossible kind {kind:#x}")),
    }
}

/// An entry of a table; `None` if there is no table.
///
/// # Safety
/// `first` is null or has more than `index` entries.
unsafe fn entry<T: Copy>(first: *const T, index: usize) -> Option<T> {
    if first.is_null() || !first.is_aligned() {
        return None;
    }
    // SAFETY: as the caller promises.
    Some(unsafe { *first.add(index) })
}

/// A text of a library without the spaces around it; what is not UTF-8 in it is replaced.
fn text(first: *const c_char) -> Option<String> {
    if first.is_null() {
        return None;
    }
    // SAFETY: the specification says that its texts end with a zero.
    let text = unsafe { CStr::from_ptr(first) };
    Some(text.to_string_lossy().trim().to_owned()).filter(|text| !text.is_empty())
}
