//! Turns without an answer, and when that is worth a word. Nothing is ever sent again: messages have
//! no number, so a turn could be answered twice. Plain values.

use std::time::Duration;

use tokio::time::Instant;

/// How long an answer may take before that is told.
const LATE: Duration = Duration::from_secs(30);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Owed {
    turns: u32,
    late: Option<Instant>,
}

impl Owed {
    /// A turn has begun: it may be answered before all of it is sent.
    pub(super) fn begun(&mut self) {
        self.turns += 1;
    }

    /// A turn is sent whole.
    pub(super) fn complete(&mut self) {
        self.late = (self.turns > 0).then(|| Instant::now() + LATE);
    }

    /// A turn is answered, or was taken back.
    pub(super) fn settled(&mut self) {
        self.turns = self.turns.saturating_sub(1);
        let waiting = self.late.is_some();
        self.late = None;
        if waiting {
            self.complete();
        }
    }

    /// Whether any turn has no answer yet.
    pub(super) fn is_any(&self) -> bool {
        self.turns > 0
    }

    /// When the next answer is late.
    pub(super) fn due(&self) -> Option<Instant> {
        self.late
    }

    /// Whether an answer is late now; says so once.
    pub(super) fn is_late(&mut self) -> bool {
        self.late.take_if(|late| *late <= Instant::now()).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_late_answer_is_told_once_and_an_answer_in_time_is_not() {
        let mut owed = Owed::default();
        owed.begun();
        assert_eq!((owed.is_any(), owed.due()), (true, None), "it is still being spoken");
        owed.complete();
        tokio::time::advance(LATE - Duration::from_millis(1)).await;
        assert!(!owed.is_late());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(owed.is_late() && !owed.is_late() && owed.is_any());
        owed.begun();
        owed.complete();
        owed.settled();
        assert!(owed.due().is_some(), "one answer of two");
        owed.settled();
        assert_eq!((owed.due(), owed.is_any()), (None, false));
        owed.settled();
        owed.complete();
        assert_eq!(owed.due(), None, "an answer nobody asked for");
    }
}
