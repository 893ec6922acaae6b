//! Opens a stream, owns it, drops it, and finds out why it failed: on a thread of its own, which is
//! left behind where one of these hangs. It holds nothing but the stream.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cpal::traits::StreamTrait;
use crossbeam_channel::{Receiver, Sender, bounded};
use glottis_core::source::SourceError;
use glottis_source_door::keys;

use crate::capture::spawn;
use crate::config::Config;
use crate::errors;
use crate::find::{Found, first};
use crate::stream::{Ask, Shared, build};
use crate::system::{OPEN_LIMIT, Word};

/// A stream that runs.
#[derive(Default)]
pub struct Started {
    /// The device, as the user would call it.
    pub name: String,
    /// Its place among the configured devices.
    pub rank: usize,
    /// Its rate, in Hz.
    pub hz: u32,
    /// Its channels.
    pub channels: u16,
}

/// What the thread needs to know.
pub struct Opening {
    pub number: u64,
    pub config: Config,
    /// As the device would have it, whatever is configured.
    pub plain: bool,
    pub shared: Arc<Shared>,
    pub words: Sender<(u64, Word)>,
    /// Disconnected when the stream is to be dropped.
    pub stopped: Receiver<Infallible>,
    /// Counts the threads that are at it.
    pub hanging: Arc<AtomicUsize>,
}

impl Opening {
    /// Begins.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn begin(self) -> Result<(), SourceError> {
        spawn("glottis device", move || {
            let _at_work = AtWork::new(&self.hanging);
            self.run();
        })
    }

    fn run(&self) {
        let _quiet = quiet();
        let (stream, found) = match first(&self.config, |found| self.open(found)) {
            Ok(opened) => opened,
            Err(error) => return self.say(Word::Refused(error)),
        };
        let native = &found.native;
        let (hz, channels) = (native.sample_rate(), native.channels());
        self.say(Word::Started(Started { name: found.name.clone(), rank: found.rank, hz, channels }));
        let _ = self.stopped.recv();
        drop(stream);
        let verdict = self.shared.error().map(|error| {
            let there = || build(&found, self.buffer(), &Arc::default()).is_ok();
            errors::streaming(&found.name, &error, there)
        });
        self.say(Word::Closed(verdict));
    }

    fn open(&self, found: Found) -> Result<(cpal::Stream, Found), SourceError> {
        if !self.plain {
            check(&self.config, &found)?;
        }
        let bad = |error: &cpal::Error| errors::opening(&found.name, error);
        let stream = build(&found, self.buffer(), &self.shared).map_err(|error| bad(&error))?;
        stream.play().map_err(|error| bad(&error))?;
        Ok((stream, found))
    }

    fn buffer(&self) -> Ask {
        if self.plain { Ask::Nothing } else { self.config.buffer }
    }

    fn say(&self, word: Word) {
        // Nobody listens once the capture is over.
        let _ = self.words.send((self.number, word));
    }
}

/// A thread that is at work, or hangs.
struct AtWork<'a>(&'a AtomicUsize);

impl AtWork<'_> {
    fn new(count: &AtomicUsize) -> AtWork<'_> {
        count.fetch_add(1, Ordering::Relaxed);
        AtWork(count)
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// libasound writes a dozen lines to standard error for each device that does not open; a device may be
/// looked for all night. Kept from doing so on this thread as long as the result lives.
#[cfg(target_os = "linux")]
pub fn quiet() -> impl Sized {
    alsa::Output::local_error_handler().ok()
}

#[cfg(not(target_os = "linux"))]
pub fn quiet() -> impl Sized {}

/// Refuses a device that does not have the wanted channel.
///
/// # Errors
/// It does not.
pub fn check(config: &Config, found: &Found) -> Result<(), SourceError> {
    let name = format!("the microphone \"{}\"", found.name);
    keys::check_channel(config.channel, found.native.channels(), &name, errors::CONSTRAINTS)
}

/// Runs `work` on a thread that is left behind if it takes longer than [`OPEN_LIMIT`].
///
/// # Errors
/// What `work` returns, or that it took too long.
pub fn patiently<T: Send + 'static>(
    what: &str,
    work: impl FnOnce() -> Result<T, SourceError> + Send + 'static,
) -> Result<T, SourceError> {
    let (sender, result) = bounded(1);
    spawn("glottis device", move || {
        let _quiet = quiet();
        let _ = sender.send(work());
    })?;
    result.recv_timeout(OPEN_LIMIT).unwrap_or_else(|why| {
        let why = if why.is_timeout() {
            format!("nothing happens for {} s", OPEN_LIMIT.as_secs())
        } else {
            "the sound system's library failed".into()
        };
        Err(errors::error(errors::RECORDER, format!("{what}: {why}")))
    })
}
