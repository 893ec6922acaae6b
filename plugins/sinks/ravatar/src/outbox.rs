//! Whole messages on their way out: texts and turns, in the order they were made. Here they wait
//! while the service does not read, and for a while when the connection is lost. Each is sent once
//! or told to be lost. Owned by the sink's task.

use std::collections::VecDeque;
use std::time::Duration;

use glottis_core::Cause;
use glottis_core::inlet::Inlet;
use glottis_core::ledger::Settled;
use glottis_core::sink::{SinkAction, SinkCommand};
use tokio::time::Instant;

use crate::blob::Blob;
use crate::trouble;

/// Messages that may wait; beyond, new ones are refused.
const MOST: usize = 8;

/// A message older than this is not sent after a reconnect.
const OLDEST: Duration = Duration::from_secs(30);

/// The same for the beginning of a turn that the loss of the connection cut off.
const OLDEST_PARTIAL: Duration = Duration::from_secs(10);

/// A message to be made.
pub(crate) enum Letter {
    /// A text turn; its command is answered once it is written.
    Text(SinkCommand),
    /// A spoken turn.
    Turn(Blob),
}

struct Waiting {
    letter: Letter,
    made: Instant,
    /// How old it may be at a reconnect.
    oldest: Duration,
}

/// See the module.
pub(crate) struct Outbox {
    waiting: VecDeque<Waiting>,
    /// Whether messages outlive the connection.
    lasts: bool,
    /// Whether there has been a connection.
    opened: bool,
    /// When the connection was lost last.
    lost: Instant,
    /// Whether the source can wait, so that nothing may be dropped.
    patient: bool,
    /// Age and patience of the letter taken last, should it come back.
    taken: (Instant, Duration),
}

impl Outbox {
    /// `lasts`: keep messages over a loss of the connection. `patient`: the source can wait.
    pub(crate) fn new(lasts: bool, patient: bool) -> Outbox {
        let (lost, taken) = (Instant::now(), (Instant::now(), OLDEST));
        Outbox { waiting: VecDeque::new(), lasts: lasts || patient, opened: false, lost, patient, taken }
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether nothing more is taken.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting.len() >= MOST
    }

    /// Whether messages are kept while the connection is lost.
    pub(crate) fn lasts(&self) -> bool {
        self.lasts
    }

    fn push(&mut self, letter: Letter, made: Instant, oldest: Duration) {
        self.waiting.push_back(Waiting { letter, made, oldest });
    }

    /// Takes a command; one that is no text, or a bad one, is answered at once.
    pub(crate) fn command(&mut self, inlet: &Inlet, command: SinkCommand) {
        let problem = match &command.action {
            SinkAction::Text(text) if text.trim().is_empty() => "the text is empty".to_owned(),
            SinkAction::Text(_) if self.is_full() => {
                format!("{MOST} messages wait already; the service does not read")
            }
            SinkAction::Text(_) => return self.push(Letter::Text(command), Instant::now(), OLDEST),
            _ => "the live session is not up".to_owned(),
        };
        inlet.answer(&command, Err(problem));
    }

    /// Takes a command while there is no connection: a text is kept for the next one.
    pub(crate) fn put_off(&mut self, inlet: &Inlet, command: SinkCommand) {
        if self.opened && self.lasts {
            self.command(inlet, command);
        } else {
            inlet.answer(&command, Err("the live session is not up".to_owned()));
        }
    }

    /// Takes a turn. Where it finds no room it is lost by name: what was said first is sent first.
    pub(crate) fn turn(&mut self, inlet: &mut Inlet, blob: Blob) {
        self.add_turn(inlet, blob, Instant::now(), OLDEST);
    }

    /// Takes the beginning of a turn that lost its connection. The pipeline may say so only when there
    /// is one again.
    pub(crate) fn partial_turn(&mut self, inlet: &mut Inlet, blob: Blob) {
        if self.lasts && self.lost.elapsed() <= OLDEST_PARTIAL {
            self.add_turn(inlet, blob, self.lost, OLDEST_PARTIAL);
        } else {
            lose(inlet, Letter::Turn(blob), Cause::Disconnected);
        }
    }

    fn add_turn(&mut self, inlet: &mut Inlet, blob: Blob, made: Instant, oldest: Duration) {
        // A source that can wait is not asked for more while the outbox is full, so what comes in one
        // go still finds a place.
        if self.is_full() && !self.patient {
            lose(inlet, Letter::Turn(blob), Cause::Overflow);
        } else {
            self.push(Letter::Turn(blob), made, oldest);
        }
    }

    /// The next message, to be written now.
    pub(crate) fn next(&mut self) -> Option<Letter> {
        let Waiting { letter, made, oldest } = self.waiting.pop_front()?;
        self.taken = (made, oldest);
        Some(letter)
    }

    /// The message taken last was not written whole: it is the next again.
    pub(crate) fn back(&mut self, letter: Letter) {
        let (made, oldest) = self.taken;
        self.waiting.push_front(Waiting { letter, made, oldest });
    }

    /// The connection is lost.
    pub(crate) fn lost(&mut self) {
        self.lost = Instant::now();
    }

    /// There is a connection: what has waited too long for it is lost.
    pub(crate) fn open(&mut self, inlet: &mut Inlet) {
        self.opened = true;
        if self.patient {
            return;
        }
        for waiting in std::mem::take(&mut self.waiting) {
            if waiting.made.elapsed() > waiting.oldest {
                lose(inlet, waiting.letter, Cause::Disconnected);
            } else {
                self.waiting.push_back(waiting);
            }
        }
    }

    /// Loses all that waits.
    pub(crate) fn clear(&mut self, inlet: &mut Inlet, cause: Cause) {
        for waiting in self.waiting.drain(..) {
            lose(inlet, waiting.letter, cause);
        }
    }
}

/// Says what became of a message that will not be sent.
fn lose(inlet: &mut Inlet, letter: Letter, cause: Cause) {
    let why = match cause {
        Cause::Overflow => "too many messages wait already",
        Cause::Stopped => "the run was stopped before",
        Cause::Disconnected => "the connection was lost and did not come back in time",
        _ => "the session is over",
    };
    match letter {
        Letter::Text(command) => inlet.answer(&command, Err(format!("the text was not sent: {why}"))),
        Letter::Turn(blob) => {
            if matches!(cause, Cause::Overflow | Cause::Disconnected) {
                inlet.warn(trouble::unsent(cause, blob.length, why));
            }
            inlet.settle(blob.receipt, Settled::Dropped(cause));
        }
    }
}
