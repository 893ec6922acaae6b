//! The way to a run's control: its letters, and the bell of the thread that reads them, which may read
//! those of many runs. From any thread but those of audio.

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use crate::control::Inbox;

/// Rings for letters; who sleeps beside it wakes up.
#[derive(Clone)]
pub(crate) struct Bell {
    rope: Sender<()>,
    sound: Receiver<()>,
}

impl Bell {
    pub fn new() -> Bell {
        let (rope, sound) = bounded(1);
        Bell { rope, sound }
    }

    pub fn ring(&self) {
        // Full: it rings already.
        let _ = self.rope.try_send(());
    }

    /// What to wait for.
    pub fn sound(&self) -> &Receiver<()> {
        &self.sound
    }
}

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
}
