//! Ctrl-C where signals cannot be waited for: with the face of `signal_hook::iterator::Signals`, for the
//! thread in `stop`.

use std::ffi::c_int;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often the flag is looked at: what handles a signal may set one, and do no more.
const LOOK: Duration = Duration::from_millis(50);

/// Signals that have come.
pub struct Signals(Vec<(c_int, Arc<AtomicBool>)>);

impl Signals {
    /// Catches these from now on.
    ///
    /// # Errors
    /// The system does not let us.
    pub fn new<const N: usize>(signals: [c_int; N]) -> io::Result<Signals> {
        let catch = |signal: c_int| {
            let came = Arc::<AtomicBool>::default();
            signal_hook::flag::register(signal, came.clone())?;
            Ok((signal, came))
        };
        signals.into_iter().map(catch).collect::<io::Result<_>>().map(Signals)
    }

    /// Each of them, whenever it comes.
    pub fn forever(&mut self) -> impl Iterator<Item = c_int> + '_ {
        std::iter::repeat_with(|| {
            std::thread::sleep(LOOK);
            self.0.iter().find(|(_, came)| came.swap(false, Ordering::Relaxed)).map(|(signal, _)| *signal)
        })
        .flatten()
    }
}
