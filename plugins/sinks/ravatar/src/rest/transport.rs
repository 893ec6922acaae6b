//! The requests of the service, and how they get there. Async runtime.

use std::sync::Arc;
use std::time::Duration;

use glottis_core::SinkError;
use glottis_core::sink::BoxFuture;
use glottis_net::http::{Answer, Unreached, client, exchange};
use glottis_net::secret::Secret;
use glottis_net::tls::ClientConfig;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method};
use serde_json::{Value, json};

use crate::config::Config;
use crate::trouble;

/// Longest wait for a connection.
const REACH: Duration = Duration::from_secs(10);

/// Connections kept open: the calls of a login follow each other.
const IDLE: usize = 1;

/// The calls of the service.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Endpoint {
    /// Get a token.
    Jwt,
    /// Get avatars, languages and the conversation.
    Connection,
    /// Start a live session.
    Start,
    /// End a live session.
    End,
    /// Get what was said.
    Chat,
}

impl Endpoint {
    /// Method and path.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Endpoint::Jwt => "POST /jwt",
            Endpoint::Connection => "GET /connection",
            Endpoint::Start => "POST /startLiveSession",
            Endpoint::End => "POST /endLiveSession",
            Endpoint::Chat => "GET /chat",
        }
    }

    /// The phase errors name.
    pub(crate) fn phase(self) -> &'static str {
        match self {
            Endpoint::Jwt => "login",
            Endpoint::Connection => "configuration",
            Endpoint::Start => "live_start",
            Endpoint::End => "live_end",
            Endpoint::Chat => "history",
        }
    }
}

/// A request.
pub(crate) struct Call {
    pub(crate) endpoint: Endpoint,
    /// With its question mark, or empty.
    query: String,
    body: Option<String>,
}

impl Call {
    pub(crate) fn jwt(user_id: &str, project_id: &str) -> Call {
        let body = json!({ "user_id": user_id, "project_id": project_id });
        Call::with(Endpoint::Jwt, &body)
    }

    pub(crate) fn connection() -> Call {
        Call { endpoint: Endpoint::Connection, query: String::new(), body: None }
    }

    /// `width` and `height` travel as texts: the service refuses numbers.
    pub(crate) fn start(avatar: &str, width: u32, height: u32) -> Call {
        let body = json!({ "avatar_id": avatar, "width": width.to_string(), "height": height.to_string() });
        Call::with(Endpoint::Start, &body)
    }

    pub(crate) fn end(license: &str) -> Call {
        Call::with(Endpoint::End, &json!({ "LicenseId": license }))
    }

    /// Pages count from 1, the newest messages first.
    pub(crate) fn chat(user_id: &str, per_page: u32, page: u32) -> Call {
        // A user id needs no encoding.
        let query = format!("?user_id={user_id}&per_page={per_page}&page={page}");
        Call { endpoint: Endpoint::Chat, query, body: None }
    }

    fn with(endpoint: Endpoint, body: &Value) -> Call {
        Call { endpoint, query: String::new(), body: Some(body.to_string()) }
    }
}

/// Carries requests to the service.
pub(crate) trait Transport: Send + Sync {
    fn send<'a>(&'a self, call: &'a Call, token: Option<&'a Secret>) -> BoxFuture<'a, Result<Answer, Unreached>>;
}

/// Over HTTP.
pub(crate) struct Http {
    client: reqwest::Client,
    base: String,
    timeout: Duration,
}

impl Http {
    pub(crate) fn new(config: &Config, tls: &Arc<ClientConfig>) -> Result<Http, SinkError> {
        let client = client(tls, config.http_timeout.min(REACH), IDLE)
            .map_err(|why| trouble::network("login", &config.server.rest_host, &why))?;
        Ok(Http { client, base: config.server.rest.clone(), timeout: config.http_timeout })
    }
}

impl Transport for Http {
    fn send<'a>(&'a self, call: &'a Call, token: Option<&'a Secret>) -> BoxFuture<'a, Result<Answer, Unreached>> {
        // Every name is "METHOD /path".
        let (method, path) = call.endpoint.name().split_once(' ').unwrap_or(("GET", "/"));
        let method = if method == "POST" { Method::POST } else { Method::GET };
        let mut request = self.client.request(method, format!("{}{path}{}", self.base, call.query));
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        if let Some(bearer) = token.and_then(bearer) {
            request = request.header(AUTHORIZATION, bearer);
        }
        Box::pin(exchange(request, self.timeout))
    }
}

fn bearer(token: &Secret) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.reveal())).ok()?;
    value.set_sensitive(true);
    Some(value)
}
