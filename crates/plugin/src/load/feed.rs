//! A loaded source's way into the capture ring. The calls come from the source's own thread.

use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, Ordering};

use glottis_core::{Feed, clock};

use crate::abi;

/// A feed with the calls a library may make. It stays at one address while the source runs.
pub(super) struct OpenFeed {
    feed: UnsafeCell<Feed>,
    /// A call is on. The ABI allows one thread; two at once are refused instead of believed.
    busy: AtomicBool,
    calls: abi::Feed,
}

// SAFETY: `feed` is only reached while `busy` is held, by one thread at a time; the rest is read only.
unsafe impl Sync for OpenFeed {}
// SAFETY: a feed may move between threads, and the rest is plain data.
unsafe impl Send for OpenFeed {}

impl OpenFeed {
    pub(super) fn new(feed: Feed) -> Box<OpenFeed> {
        let calls = abi::Feed {
            size: size_of::<abi::Feed>() as u32,
            waits: u32::from(feed.waits()),
            handle: std::ptr::null_mut(),
            push: Some(push),
            gap: Some(gap),
            finish: Some(finish),
        };
        let mut open = Box::new(OpenFeed { feed: UnsafeCell::new(feed), busy: AtomicBool::new(false), calls });
        open.calls.handle = std::ptr::from_ref(&*open).cast::<c_void>().cast_mut();
        open
    }

    /// What the library is given.
    pub(super) fn calls(&self) -> *const abi::Feed {
        &self.calls
    }

    /// Lets `work` have the feed, unless another call has it.
    fn with<T>(&self, work: impl FnOnce(&mut Feed) -> T) -> Option<T> {
        if self.busy.swap(true, Ordering::Acquire) {
            return None;
        }
        // SAFETY: `busy` was free and is held now, so nobody else has a reference to the feed.
        let done = work(unsafe { &mut *self.feed.get() });
        self.busy.store(false, Ordering::Release);
        Some(done)
    }
}

/// The feed behind a library's `glottis_feed_t`.
///
/// # Safety
/// `feed` is what [`OpenFeed::calls`] gave, before `stop` has returned.
unsafe fn open<'a>(feed: *const abi::Feed) -> Option<&'a OpenFeed> {
    // SAFETY: as the caller promises; the handle was set before anyone saw it.
    unsafe { feed.as_ref().and_then(|feed| feed.handle.cast::<OpenFeed>().as_ref()) }
}

unsafe extern "C" fn push(feed: *const abi::Feed, samples: *const f32, frames: u32, age_ns: u64) -> i32 {
    // SAFETY: the library keeps the ABI: the feed is open, and has as many samples as it says.
    let (Some(feed), false) = (unsafe { open(feed) }, samples.is_null()) else { return abi::GLOTTIS_FAILED };
    // SAFETY: as above.
    let samples = unsafe { std::slice::from_raw_parts(samples, frames as usize) };
    match feed.with(|feed| feed.push_mono(samples, clock::now().saturating_sub(age_ns))) {
        Some(true) => abi::GLOTTIS_OK,
        Some(false) => abi::GLOTTIS_ENDED,
        None => abi::GLOTTIS_FAILED,
    }
}

unsafe extern "C" fn gap(feed: *const abi::Feed, frames: u64) {
    // SAFETY: the library keeps the ABI: the feed is open.
    if let Some(feed) = unsafe { open(feed) } {
        feed.with(|feed| feed.gap(frames));
    }
}

unsafe extern "C" fn finish(feed: *const abi::Feed) {
    // SAFETY: the library keeps the ABI: the feed is open.
    if let Some(feed) = unsafe { open(feed) } {
        feed.with(Feed::finish);
    }
}
