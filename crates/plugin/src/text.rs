//! Texts at the border: C strings in, fixed fields out. Any thread but the pipeline's, except
//! [`Key`], which is made for it.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char};

/// The text at `pointer`; `None` for null, and for bytes that are no UTF-8.
///
/// # Safety
/// `pointer` is null or points to a text that ends with a zero and does not change during `'a`.
pub(crate) unsafe fn read<'a>(pointer: *const c_char) -> Option<&'a str> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: not null, and the caller vouches for the rest.
    unsafe { CStr::from_ptr(pointer) }.to_str().ok()
}

/// Writes `text` into a field, as much of it as fits with its zero.
pub(crate) fn put(field: &mut [c_char], text: &str) {
    let mut end = text.len().min(field.len().saturating_sub(1));
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    // A zero inside would end the text early; a reader shall see that something was there.
    let bytes = text.as_bytes()[..end].iter().map(|&b| if b == 0 { b' ' } else { b });
    for (slot, byte) in field.iter_mut().zip(bytes.chain([0])) {
        *slot = byte as c_char;
    }
}

/// The text of a field, up to its zero or its end. What is no UTF-8 is replaced.
#[cfg(feature = "load")]
pub(crate) fn get(field: &[c_char]) -> String {
    let bytes: Vec<u8> = field.iter().map(|&c| c as u8).take_while(|&b| b != 0).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The longest name of a key, with its zero.
#[cfg(feature = "load")]
pub(crate) const KEY: usize = 64;

/// The name of a key as a C string, made without the heap.
#[cfg(feature = "load")]
pub(crate) struct Key([c_char; KEY]);

#[cfg(feature = "load")]
impl Key {
    /// `None`: the name is too long to be one.
    pub(crate) fn new(name: &str) -> Option<Key> {
        let mut bytes = [0; KEY];
        (name.len() < KEY).then(|| put(&mut bytes, name))?;
        Some(Key(bytes))
    }

    pub(crate) fn as_ptr(&self) -> *const c_char {
        self.0.as_ptr()
    }
}
