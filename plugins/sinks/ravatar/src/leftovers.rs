//! Live sessions that an earlier run left open: ended before a new one is started, since each of
//! them occupies an avatar. Owned by the sink's task.

use std::time::Duration;

use glottis_core::SinkEvent;
use glottis_core::inlet::Inlet;
use tokio::time::Instant;

use crate::login::attend;
use crate::sink::{End, Ravatar, Service};
use crate::trouble;

/// How long the end of one leftover is tried for, and that of all. What is left then waits for the
/// next start.
const PATIENCE: Duration = Duration::from_secs(8);
const PATIENCE_IN_ALL: Duration = Duration::from_secs(20);

impl Ravatar {
    /// Ends, as far as it can, what earlier runs of this user and project left open.
    pub(crate) async fn end_leftovers(&mut self, inlet: &mut Inlet) -> Result<(), End> {
        let Ravatar { service: Some(Service { rest, journal, .. }), outbox, .. } = self else { return Ok(()) };
        let enough = Instant::now() + PATIENCE_IN_ALL;
        for (entry, page) in journal.leftovers(false) {
            let license = &entry.license_id;
            let limit = enough.min(Instant::now() + PATIENCE);
            let ended = attend(inlet, outbox, tokio::time::timeout_at(limit, rest.end_live(license))).await?;
            let why = match ended {
                Ok(Ok(())) => {
                    page.strike();
                    inlet.emit(SinkEvent::Notice(format!(
                        "ended the live session {license} that an earlier run left open"
                    )));
                    continue;
                }
                Ok(Err(error)) => error.message,
                Err(_) => "the service does not answer".to_owned(),
            };
            let message = format!("the live session {license} that an earlier run left open could not be ended: {why}");
            inlet.warn(trouble::leak(message));
        }
        Ok(())
    }
}
