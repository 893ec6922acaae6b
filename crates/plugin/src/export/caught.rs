//! Where panics stop: every call of this side goes through here.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::abi;
use crate::text;

/// Runs `work`. A panic becomes a status, and its message the error's.
///
/// What panicked may be left half done; it is still memory safe, and the host takes it out of the way.
pub(super) fn caught(mut error: Option<&mut abi::Error>, work: impl FnOnce(Option<&mut abi::Error>) -> i32) -> i32 {
    match catch_unwind(AssertUnwindSafe(|| work(error.as_deref_mut()))) {
        Ok(status) => status,
        Err(panic) => {
            if let Some(error) = error {
                text::put(&mut error.code, "Panicked");
                text::put(&mut error.message, &format!("it panicked: {}", message(&*panic)));
                text::put(&mut error.help, "a bug in the plugin: report it to its author");
            }
            // Freeing it may panic again, and this may be the pipeline thread.
            std::mem::forget(panic);
            abi::GLOTTIS_PANICKED
        }
    }
}

/// The same for a call without an error.
pub(super) fn quiet(work: impl FnOnce() -> i32) -> i32 {
    caught(None, |_| work())
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
