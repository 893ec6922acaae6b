//! The way to a run's control: its letters, and the bell of the thread that reads them, which may read
//! those of many runs. From any thread but those of audio.

use crossbeam_channel::{Receiver, Sender, unbounded};
use glottis_core::sync::Bell;

use crate::control::Inbox;

/// Sends letters to one run's control.
#[derive(Clone)]
pub(crate) struct Post {
    letters: Sender<Inbox>,
    bell: Bell,
}

impl Post {
    /// A post for letters that ring `bell`, and where they arrive.
    pub fn new(bell: Bell) -> (Post, Receiver<Inbox>) {
        let (letters, arrived) = unbounded();
        (Post { letters, bell }, arrived)
    }

    /// Sends a letter. Nothing happens once the run is over: then there is nobody to tell.
    pub fn send(&self, letter: Inbox) {
        if self.letters.send(letter).is_ok() {
            self.bell.ring();
        }
    }

    /// The bell of who reads them. The pipeline thread rings it too, after the work of a cycle.
    pub fn bell(&self) -> &Bell {
        &self.bell
    }
}
