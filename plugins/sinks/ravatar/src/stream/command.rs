//! Commands while the session is up.

use glottis_core::SinkEvent;
use glottis_core::event::Session;
use glottis_core::sink::{SinkAction, SinkCommand};

use super::Work;

impl Work<'_> {
    pub(super) fn command(&mut self, command: SinkCommand) {
        let result = match &command.action {
            // Answered once it is written.
            SinkAction::Text(_) => return self.with.outbox.command(self.with.inlet, command),
            SinkAction::StreamingUrl => self.streaming_url(),
            SinkAction::Pause(_) | SinkAction::Interrupt => {
                Err(format!("RAVATAR has no message for {}", command.action.name()))
            }
        };
        self.with.inlet.answer(&command, result);
    }

    /// The one event that holds a token: it was asked for.
    fn streaming_url(&self) -> Result<(), String> {
        let live = self.with.live.ok_or("there is no streaming page in chat mode")?;
        let url = live.streaming_url.as_ref().ok_or("the service gave no streaming URL")?;
        let token = self.with.rest.present_token().ok_or("there is no token at the moment; try again")?;
        let url = crate::streaming_url::with_token(url.reveal(), token.secret.reveal());
        let session = Session { streaming_url: Some(url), ..live.public() };
        self.with.inlet.emit(SinkEvent::Session(session));
        Ok(())
    }
}
