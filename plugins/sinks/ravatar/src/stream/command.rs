//! Commands while the live session is up.

use glottis_core::SinkEvent;
use glottis_core::event::Session;
use glottis_core::sink::{SinkAction, SinkCommand};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::{TEXTS, Work};

impl Work<'_> {
    pub(super) fn command(&mut self, command: SinkCommand) {
        let result = match &command.action {
            SinkAction::Text(text) => match self.text_problem(text) {
                Some(problem) => Err(problem),
                None => {
                    // Answered once it is written.
                    self.texts.push_back(command);
                    return;
                }
            },
            SinkAction::StreamingUrl => self.streaming_url(),
            SinkAction::Pause(_) | SinkAction::Interrupt => {
                Err(format!("RAVATAR has no message for {}", command.action.name()))
            }
        };
        self.with.inlet.answer(&command, result);
    }

    fn text_problem(&self, text: &str) -> Option<String> {
        let most = self.with.config.max_message;
        if text.trim().is_empty() {
            return Some("the text is empty".to_owned());
        }
        if self.envelope.text(text).as_str().len() > most {
            return Some(format!("the text makes a message longer than max_message, {most} bytes"));
        }
        (self.texts.len() >= TEXTS).then(|| format!("{TEXTS} texts wait already; the service does not read"))
    }

    pub(super) fn text_message(&self, command: &SinkCommand) -> Utf8Bytes {
        match &command.action {
            SinkAction::Text(text) => self.envelope.text(text),
            _ => Utf8Bytes::default(),
        }
    }

    /// The one event that holds a token: it was asked for.
    fn streaming_url(&self) -> Result<(), String> {
        let url = self.with.live.streaming_url.as_ref().ok_or("the service gave no streaming URL")?;
        let token = self.with.rest.present_token().ok_or("there is no token at the moment; try again")?;
        let url = crate::streaming_url::with_token(url.reveal(), token.secret.reveal());
        let session = Session { streaming_url: Some(url), ..self.with.live.public() };
        self.with.inlet.emit(SinkEvent::Session(session));
        Ok(())
    }
}
