//! Ctrl-C and SIGTERM: the first stops cleanly, the second quits at once. A thread of its own.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
#[cfg(unix)]
use signal_hook::iterator::Signals;

#[cfg(not(unix))]
use crate::ctrl_c::Signals;

/// How long a signal waits for a run that is just starting. One that waits longer, for the header of
/// a stream perhaps, has opened nothing yet.
const STARTING: Duration = Duration::from_secs(1);

type Halt = Box<dyn Fn() + Send>;

/// Signals are caught. What they stop is said later, with [`Watch::halts`].
pub struct Watch {
    halt: Sender<Halt>,
}

/// Catches signals from now on: before anything is opened that must be closed again.
pub fn watch() -> io::Result<Watch> {
    let signals = Signals::new([SIGINT, SIGTERM])?;
    let (halt, halts) = channel();
    std::thread::Builder::new().name("glottis-signals".to_owned()).spawn(move || wait(signals, &halts))?;
    Ok(Watch { halt })
}

impl Watch {
    /// What the first signal does, also if it came already.
    pub fn halts(&self, halt: impl Fn() + Send + 'static) {
        // Refused only by a thread that is ending the process.
        let _ = self.halt.send(Box::new(halt));
    }
}

fn wait(mut signals: Signals, halts: &Receiver<Halt>) {
    let mut signals = signals.forever();
    if signals.next().is_some() {
        eprintln!("stopping; once more to quit at once");
        match halts.recv_timeout(STARTING) {
            Ok(halt) => halt(),
            Err(_) => std::process::exit(130),
        }
    }
    if signals.next().is_some() {
        std::process::exit(130);
    }
}
