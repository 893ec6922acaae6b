//! The HTTP call for a session token: one token for one connection. Async runtime.

use std::time::{SystemTime, UNIX_EPOCH};

use glottis_core::SinkError;
use glottis_net::address::host;
use glottis_net::http::exchange;
use glottis_net::secret::{Secret, Veil};
use http::HeaderValue;
use reqwest::Client;
use serde_json::{Value, json};

use crate::body::{listed_error, refusal};
use crate::classify::Phase;
use crate::code::Code;
use crate::config::Config;
use crate::region::Endpoints;
use crate::trouble;

const PHASE: Phase = Phase::SessionToken;

/// Fetches a token.
pub(crate) async fn fetch(
    client: &Client,
    config: &Config,
    endpoints: &Endpoints,
    api_key: &Secret,
    veil: &Veil,
) -> Result<Secret, SinkError> {
    let host = host(&endpoints.tokens);
    let Ok(mut key) = HeaderValue::from_str(api_key.reveal()) else {
        return Err(trouble::setting(PHASE, "the API key cannot be a header", "check what the variable or file holds"));
    };
    key.set_sensitive(true);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let body = json!({ "expireAt": (now + config.expires_in).as_secs() });
    let request = client
        .post(endpoints.tokens.clone())
        .header("X-Api-Key", key)
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(body.to_string());
    let answer = exchange(request, config.token_timeout).await.map_err(|unreached| {
        trouble::error(Code::ConnectionFailed, PHASE, format!("{host} cannot be reached: {}", unreached.why))
    })?;
    let what = format!("the request for a session token at {host}");
    let refused = |status| {
        let told = refusal(status, &answer.body, false, veil);
        trouble::refused(config.dialect, PHASE, &what, told)
    };
    if answer.status != 200 {
        return Err(refused(answer.status));
    }
    let protocol = |message: &str| trouble::error(Code::ProtocolError, PHASE, format!("{what} was answered {message}"));
    let json: Value = serde_json::from_slice(&answer.body)
        .ok()
        .filter(Value::is_object)
        .ok_or_else(|| protocol("with something else than a JSON object"))?;
    if let Some(status) = listed_error(&json) {
        return Err(refused(status.unwrap_or(200)));
    }
    let token = ["sessionToken", "session_token"].into_iter().find_map(|key| json[key].as_str());
    let token = token.filter(|token| !token.is_empty()).ok_or_else(|| protocol("without a token"))?;
    if HeaderValue::from_str(token).is_err() {
        return Err(protocol("with a token that cannot be sent"));
    }
    let token = Secret::new(token);
    veil.hide(&token);
    Ok(token)
}
