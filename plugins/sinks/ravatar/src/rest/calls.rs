//! The calls with their fields: what is sent, and what must be in the answer. Async runtime.

use glottis_core::SinkError;
use serde_json::Value;

use super::Rest;
use super::transport::Call;
use crate::facts::Facts;
use crate::trouble::{self, StreamText};
use glottis_net::secret::Secret;

/// What came of starting a live session.
pub(crate) struct Start {
    /// The session, or why there is none.
    pub(crate) result: Result<Started, SinkError>,
    /// Attempts that failed and may have taken a slot all the same.
    pub(crate) doubtful: u32,
}

/// A live session.
pub(crate) struct Started {
    /// `LicenseId`.
    pub(crate) license: String,
    /// The page that shows the avatar. Secret because it may hold a token of its own.
    pub(crate) streaming_url: Option<Secret>,
}

impl Rest {
    /// Avatars, languages and the conversation.
    pub(crate) async fn connection(&self) -> Result<Facts, SinkError> {
        let facts = Facts::parse(&self.call(&Call::connection(), &mut 0).await?)?;
        if let Some(session) = &facts.session {
            self.veil.hide(session);
        }
        Ok(facts)
    }

    /// Starts a live session.
    pub(crate) async fn start_live(&self, avatar: &str, width: u32, height: u32) -> Start {
        let mut doubtful = 0;
        let answer = self.call(&Call::start(avatar, width, height), &mut doubtful).await;
        Start { result: answer.and_then(|value| started(&value)), doubtful }
    }

    /// A page of what was said: the newest messages are on page 1.
    pub(crate) async fn chat(&self, per_page: u32, page: u32) -> Result<Value, SinkError> {
        self.call(&Call::chat(&self.user_id, per_page, page), &mut 0).await
    }

    /// Ends a live session. One that the service no longer knows has ended too.
    pub(crate) async fn end_live(&self, license: &str) -> Result<(), SinkError> {
        match self.call(&Call::end(license), &mut 0).await {
            Ok(_) => Ok(()),
            Err(error) if matches!(error.http_status, Some(400 | 404 | 410)) => {
                tracing::info!(status = error.http_status, "the live session had ended already");
                Ok(())
            }
            Err(error) if is_expired(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn is_expired(error: &SinkError) -> bool {
    error.server_detail.as_deref().and_then(StreamText::of) == Some(StreamText::Expired)
}

fn started(value: &Value) -> Result<Started, SinkError> {
    let text = |key: &str| value[key].as_str().filter(|text| !text.is_empty());
    let Some(license) = text("LicenseId") else {
        return Err(trouble::protocol("live_start", "POST /startLiveSession was answered without a LicenseId"));
    };
    Ok(Started { license: license.to_owned(), streaming_url: text("streamingUrl").map(Secret::new) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// C21.
    #[test]
    fn a_start_without_a_textual_licence_is_no_start() {
        for bad in [json!({}), json!({"LicenseId": 7}), json!({"LicenseId": ""}), json!(null)] {
            assert_eq!(started(&bad).err().map(|e| e.code), Some("Protocol"), "{bad}");
        }
        let good = started(&json!({"status":200,"LicenseId":"lic-1"})).unwrap();
        assert_eq!((good.license.as_str(), good.streaming_url.is_none()), ("lic-1", true));
    }
}
