//! Descriptors: a component and its keys in the shape of the ABI. Made once, never freed.

use std::ffi::{CString, c_char, c_void};
use std::ptr;

use glottis_core::param::{Kind, Param};
use glottis_core::registry::Make;

use super::{Exported, detector, encoder, node, sink, source};
use crate::abi;

pub(super) fn component(exported: &'static Exported) -> abi::Component {
    let component = exported.component;
    let (kind, calls): (u32, *const c_void) = match component.make {
        Make::Source(_) => (abi::GLOTTIS_SOURCE, ptr::from_ref(&source::CALLS).cast()),
        Make::Node(_) => (abi::GLOTTIS_NODE, ptr::from_ref(&node::CALLS).cast()),
        Make::Detector(_) => (abi::GLOTTIS_DETECTOR, ptr::from_ref(&detector::CALLS).cast()),
        Make::Encoder(_) => (abi::GLOTTIS_ENCODER, ptr::from_ref(&encoder::CALLS).cast()),
        Make::Sink(_) => (abi::GLOTTIS_SINK, ptr::from_ref(&sink::CALLS).cast()),
    };
    let (params, param_count) = table(component.params);
    abi::Component {
        size: size_of::<abi::Component>() as u32,
        kind,
        name: text(component.name),
        doc: text(component.doc),
        params,
        param_count,
        param_size: size_of::<abi::Param>() as u32,
        calls,
        data: ptr::from_ref(exported).cast(),
    }
}

fn table(params: &[Param]) -> (*const abi::Param, u32) {
    let params: &'static [abi::Param] = params.iter().map(param).collect::<Vec<_>>().leak();
    (params.as_ptr(), params.len() as u32)
}

fn param(param: &Param) -> abi::Param {
    let mut words = ptr::null();
    let mut nested: (*const abi::Param, u32) = (ptr::null(), 0);
    let mut list = |all: &[&str]| words = text(&all.join("|"));
    let (kind, min, max) = match param.kind {
        Kind::Bool => (abi::GLOTTIS_PARAM_BOOL, 0.0, 1.0),
        Kind::Int(min, max) => (abi::GLOTTIS_PARAM_INT, min as f64, max as f64),
        Kind::Float(min, max) => (abi::GLOTTIS_PARAM_FLOAT, min, max),
        Kind::Text => (abi::GLOTTIS_PARAM_TEXT, 0.0, 0.0),
        Kind::Choice(all) => {
            list(all);
            (abi::GLOTTIS_PARAM_CHOICE, 0.0, 0.0)
        }
        Kind::ChoiceOrInt(all, min, max) => {
            list(all);
            (abi::GLOTTIS_PARAM_CHOICE_OR_INT, min as f64, max as f64)
        }
        Kind::Duration(min, max) => (abi::GLOTTIS_PARAM_DURATION, min as f64, max as f64),
        Kind::ChoiceOrDuration(all, min, max) => {
            list(all);
            (abi::GLOTTIS_PARAM_CHOICE_OR_DURATION, min as f64, max as f64)
        }
        Kind::Bytes(min, max) => (abi::GLOTTIS_PARAM_BYTES, min as f64, max as f64),
        Kind::Path => (abi::GLOTTIS_PARAM_PATH, 0.0, 0.0),
        Kind::SecretEnv => (abi::GLOTTIS_PARAM_SECRET_ENV, 0.0, 0.0),
        Kind::SecretFile => (abi::GLOTTIS_PARAM_SECRET_FILE, 0.0, 0.0),
        Kind::TextOrList => (abi::GLOTTIS_PARAM_TEXT_OR_LIST, 0.0, 0.0),
        Kind::Table(params) => {
            nested = table(params);
            (abi::GLOTTIS_PARAM_TABLE, 0.0, 0.0)
        }
        Kind::Map => (abi::GLOTTIS_PARAM_MAP, 0.0, 0.0),
        Kind::Numbers => (abi::GLOTTIS_PARAM_NUMBERS, 0.0, 0.0),
        // A component's own keys name only detectors; the other kinds are named by sections.
        Kind::Component(_) => (abi::GLOTTIS_PARAM_DETECTOR, 0.0, 0.0),
    };
    let flag = |on: bool, flag: u32| if on { flag } else { 0 };
    abi::Param {
        name: text(param.name),
        doc: text(param.doc),
        unit: if param.unit.is_empty() { ptr::null() } else { text(param.unit) },
        default_toml: param.default.map_or(ptr::null(), text),
        words,
        params: nested.0,
        param_count: nested.1,
        kind,
        flags: flag(param.required, abi::GLOTTIS_REQUIRED) | flag(param.live, abi::GLOTTIS_LIVE),
        reserved: 0,
        min,
        max,
    }
}

/// A C string that is never freed. A text with a zero in it ends there.
fn text(text: &str) -> *const c_char {
    let end = text.find('\0').unwrap_or(text.len());
    CString::new(&text[..end]).unwrap_or_default().into_raw()
}
