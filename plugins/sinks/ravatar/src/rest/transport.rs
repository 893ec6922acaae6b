//! One HTTP request and its answer, whatever it says. Async runtime.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use glottis_core::SinkError;
use glottis_core::sink::BoxFuture;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method};
use rustls::ClientConfig;
use serde_json::{Value, json};

use crate::config::Config;
use crate::secret::Secret;
use crate::trouble;

/// Bytes of an answer that are read; the rest is not waited for.
const LONGEST: usize = 1 << 20;

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

/// An answer, good or bad.
#[derive(Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Vec<u8>,
}

/// No answer.
#[derive(Clone)]
pub(crate) struct Unreached {
    /// Whether the request may have reached the service.
    pub(crate) established: bool,
    /// Why, without any URL.
    pub(crate) why: String,
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
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls.as_ref().clone())
            // The socket cannot go through a proxy, so a proxy that only REST takes helps nobody.
            .no_proxy()
            // A redirect would carry the token to a place nobody named.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(config.http_timeout.min(Duration::from_secs(10)))
            .user_agent(concat!("glottis/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| trouble::network("login", &config.server.rest_host, &root(&error)))?;
        Ok(Http { client, base: config.server.rest.clone(), timeout: config.http_timeout })
    }

    async fn exchange(&self, call: &Call, token: Option<&Secret>) -> Result<Answer, Unreached> {
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
        let mut response = request.send().await.map_err(unreached)?;
        let mut answer = Answer {
            status: response.status().as_u16(),
            retry_after: response.headers().get(RETRY_AFTER).and_then(|value| wait(value.to_str().ok()?.trim())),
            body: Vec::new(),
        };
        while let Some(piece) = response.chunk().await.map_err(unreached)? {
            answer.body.extend_from_slice(&piece[..piece.len().min(LONGEST - answer.body.len())]);
            if answer.body.len() == LONGEST {
                break;
            }
        }
        Ok(answer)
    }
}

impl Transport for Http {
    fn send<'a>(&'a self, call: &'a Call, token: Option<&'a Secret>) -> BoxFuture<'a, Result<Answer, Unreached>> {
        Box::pin(async move {
            let late = || Unreached {
                established: true,
                why: format!("no answer within {}", glottis_core::param::show_duration(self.timeout)),
            };
            tokio::time::timeout(self.timeout, self.exchange(call, token)).await.unwrap_or_else(|_| Err(late()))
        })
    }
}

/// What `Retry-After` asks for: seconds, or a date.
fn wait(asked: &str) -> Option<Duration> {
    let until = |date: SystemTime| date.duration_since(SystemTime::now()).unwrap_or_default();
    asked.parse().ok().map(Duration::from_secs).or_else(|| httpdate::parse_http_date(asked).ok().map(until))
}

fn bearer(token: &Secret) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.reveal())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn unreached(error: reqwest::Error) -> Unreached {
    // An error of this library names the URL; ours hold no secret, but a base may hold one day.
    let error = error.without_url();
    Unreached { established: !error.is_connect(), why: root(&error) }
}

/// The words of the innermost cause: "connection refused" rather than "error sending request".
fn root(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_asked_for_in_seconds_or_until_a_date() {
        let seconds = Duration::from_secs;
        assert_eq!((wait("7"), wait("soon"), wait("-1")), (Some(seconds(7)), None, None));
        let date = httpdate::fmt_http_date(SystemTime::now() + seconds(20));
        assert!(wait(&date).is_some_and(|wait| (seconds(15)..=seconds(20)).contains(&wait)));
        assert_eq!(wait("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO), "long ago");
    }
}
