//! A loaded source. All calls on the control side; what it pushes comes from a thread of its own.

use std::sync::Arc;

use glottis_core::registry::Make;
use glottis_core::source::{Capture, SourceFormat};
use glottis_core::{Feed, Rate, Source, SourceError};

use super::describe::empty;
use super::feed::OpenFeed;
use super::instance::{Instance, Origin};
use super::params::forever;
use crate::{abi, text};

/// How the sources of a component are made.
pub(super) fn make(origin: Arc<Origin>, calls: &'static abi::SourceCalls) -> Make {
    Make::Source(Arc::new(move |settings, context, registry| {
        let instance = origin.create(calls.create, calls.destroy, settings, context, registry)?;
        let instance = Arc::new(instance);
        let mut source = Loaded { instance, calls, origin: origin.clone(), live: true, device: String::new() };
        // Nothing is opened by that; what is wrong is said when it is asked for.
        let _ = source.format(false);
        Ok(Box::new(source) as Box<dyn Source>)
    }))
}

/// A source behind the C ABI.
struct Loaded {
    instance: Arc<Instance>,
    calls: &'static abi::SourceCalls,
    origin: Arc<Origin>,
    live: bool,
    device: String,
}

impl Source for Loaded {
    fn format(&mut self, look: bool) -> Result<Option<SourceFormat>, SourceError> {
        let size = size_of::<abi::SourceFormat>() as u32;
        let mut format =
            abi::SourceFormat { size, rate_hz: 0, native_hz: 0, channels: 1, waits: 0, live: 0, device: [0; 256] };
        let mut error = empty();
        let Some(call) = self.calls.format else { return Ok(None) };
        // SAFETY: our instance, on the control side; the structures are there while the call runs.
        let status = unsafe { call(self.instance.pointer(), u32::from(look), &mut format, &mut error) };
        self.live = format.live != 0;
        self.device = text::get(&format.device);
        if status != abi::GLOTTIS_OK {
            return Err(failed(&self.origin, "format", status, &error));
        }
        if format.rate_hz == 0 {
            return Ok(None);
        }
        let rate = Rate::new(format.rate_hz).ok_or_else(|| {
            let message = format!("\"{}\" delivers {} Hz", self.origin.name, format.rate_hz);
            SourceError::new("Format", message, "that is a mistake in the plugin: only the listed rates are possible")
        })?;
        let native_hz = if format.native_hz == 0 { rate.hz() } else { format.native_hz };
        let channels = u16::try_from(format.channels).unwrap_or(u16::MAX);
        Ok(Some(SourceFormat { rate, native_hz, channels, waits: format.waits != 0 }))
    }

    fn device(&self) -> String {
        self.device.clone()
    }

    fn live(&self) -> bool {
        self.live
    }

    fn start(&mut self, feed: Feed) -> Result<Box<dyn Capture>, SourceError> {
        let feed = OpenFeed::new(feed);
        let mut error = empty();
        let Some(start) = self.calls.start else { return Err(SourceError::new("Input", "it has no `start`", "")) };
        // SAFETY: our instance, on the control side. The feed stays where it is until `Playing`, which
        // owns it, has called `stop`.
        let status = unsafe { start(self.instance.pointer(), feed.calls(), &mut error) };
        if status != abi::GLOTTIS_OK {
            return Err(failed(&self.origin, "start", status, &error));
        }
        Ok(Box::new(Playing {
            instance: self.instance.clone(),
            calls: self.calls,
            origin: self.origin.clone(),
            failed: false,
            _feed: feed,
        }))
    }
}

/// A loaded source that runs. Dropping it stops it.
struct Playing {
    instance: Arc<Instance>,
    calls: &'static abi::SourceCalls,
    origin: Arc<Origin>,
    failed: bool,
    _feed: Box<OpenFeed>,
}

impl Capture for Playing {
    fn poll(&mut self) -> Result<(), SourceError> {
        let (Some(poll), false) = (self.calls.poll, self.failed) else { return Ok(()) };
        let mut error = empty();
        // SAFETY: our instance, on the control side, where all its calls come from.
        let status = unsafe { poll(self.instance.pointer(), &mut error) };
        if status == abi::GLOTTIS_OK {
            return Ok(());
        }
        self.failed = true;
        Err(failed(&self.origin, "poll", status, &error))
    }

    fn pause(&mut self, on: bool) -> bool {
        // SAFETY: as for `poll`.
        self.calls
            .pause
            .is_some_and(|pause| unsafe { pause(self.instance.pointer(), u32::from(on)) } == abi::GLOTTIS_OK)
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        if let Some(stop) = self.calls.stop {
            // SAFETY: as for `poll`. When it returns nobody uses the feed any more, which is dropped next.
            unsafe { stop(self.instance.pointer()) };
        }
    }
}

fn failed(origin: &Origin, call: &str, status: i32, error: &abi::Error) -> SourceError {
    let problem = origin.problem(call, status, error);
    SourceError::new(code(error), problem.message, problem.help)
}

/// The stable code a library gives.
pub(super) fn code(error: &abi::Error) -> &'static str {
    let code = text::get(&error.code);
    // Each is kept for ever, so it must look like one.
    let sound = !code.is_empty() && code.len() <= 32 && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if sound { forever(&code) } else { "Plugin" }
}
