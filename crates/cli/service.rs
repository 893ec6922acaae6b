//! What the system's service manager is told: that the run has begun, that it is alive, that it ends. By
//! the protocol of systemd's `sd_notify`; without a service manager nothing is told.
//!
//! Alive means that sound goes the whole way: the pipeline thread measures a level ten times a second,
//! of silence too while a device is looked for, and the control thread tells of it. If either hangs, the
//! levels stop, and with them the signs of life. They also stop when the run ends: that is told as soon as
//! no more sound comes, since what is under way may take its time to be delivered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use glottis::{Event, EventKind};
use sd_notify::NotifyState;

/// The service manager, if there is one.
pub struct Service {
    /// Half of the time after which it takes us for dead.
    interval: Option<Duration>,
    told: Instant,
    stopping: bool,
    /// Whether a source was open; until then no sound can go anywhere.
    begun: Arc<AtomicBool>,
}

impl Service {
    /// Asks the environment.
    pub fn new() -> Service {
        let interval = sd_notify::watchdog_enabled().map(|limit| limit / 2);
        let begun = Arc::new(AtomicBool::new(false));
        if let Some(interval) = interval {
            let begun = begun.clone();
            std::thread::spawn(move || {
                while !begun.load(Relaxed) {
                    tell(&[NotifyState::Watchdog]);
                    std::thread::sleep(interval);
                }
            });
        }
        Service { interval, told: Instant::now(), stopping: false, begun }
    }

    /// Takes note of an event.
    pub fn hear(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Ready { .. } => tell(&[NotifyState::Ready]),
            EventKind::State { source: Some(source), state, .. } => {
                if *state == "open" {
                    self.begun.store(true, Relaxed);
                }
                tell(&[NotifyState::Status(&format!("{source}: {state}"))]);
                if *state == "done" {
                    self.stop();
                }
            }
            EventKind::Level { .. } => self.alive(),
            EventKind::Report(_) => self.stop(),
            _ => {}
        }
    }

    fn stop(&mut self) {
        if !std::mem::replace(&mut self.stopping, true) {
            tell(&[NotifyState::Stopping]);
        }
    }

    fn alive(&mut self) {
        if self.interval.is_some_and(|interval| self.told.elapsed() >= interval) {
            self.told = Instant::now();
            tell(&[NotifyState::Watchdog]);
        }
    }
}

fn tell(state: &[NotifyState<'_>]) {
    // Nobody listens: nobody is harmed.
    let _ = sd_notify::notify(state);
}
