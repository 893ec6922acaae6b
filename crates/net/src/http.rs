//! One HTTP request and its answer, whatever it says. Async runtime.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::HeaderValue;
use http::header::RETRY_AFTER;
use reqwest::{Client, RequestBuilder, Response};
use rustls::ClientConfig;

/// Bytes of an answer that are read; the rest is not waited for.
pub const LONGEST: usize = 1 << 20;

/// An answer, good or bad.
#[derive(Clone, Default, Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// What `Retry-After` asks for.
    pub retry_after: Option<Duration>,
    /// Its body, at most [`LONGEST`] bytes.
    pub body: Vec<u8>,
}

/// No answer.
#[derive(Clone, Debug)]
pub struct Unreached {
    /// Whether the request may have reached the service.
    pub established: bool,
    /// Why, without any URL.
    pub why: String,
}

/// How requests and sockets name themselves.
pub(crate) const USER_AGENT: &str = concat!("glottis/", env!("CARGO_PKG_VERSION"));

/// A client that goes straight to the service: no proxy, because a socket cannot go through it; and no
/// redirects, because they would carry keys and tokens to a place nobody named. Keeps up to `idle`
/// connections open for requests to come.
///
/// # Errors
/// The system's words for why there can be none.
pub fn client(tls: &Arc<ClientConfig>, connect_timeout: Duration, idle: usize) -> Result<Client, String> {
    Client::builder()
        .tls_backend_preconfigured(tls.as_ref().clone())
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(connect_timeout)
        .pool_max_idle_per_host(idle)
        .user_agent(USER_AGENT)
        .build()
        .map_err(|error| root(&error))
}

/// Sends a request and reads the answer, within `limit`.
///
/// # Errors
/// There was no answer, or not all of it came.
pub async fn exchange(request: RequestBuilder, limit: Duration) -> Result<Answer, Unreached> {
    let exchange = async { read(request.send().await.map_err(unreached)?).await };
    tokio::time::timeout(limit, exchange).await.unwrap_or_else(|_| Err(late(limit)))
}

/// Reads an answer to its end, or as much of it as anyone may send.
///
/// # Errors
/// It broke off.
pub async fn read(mut response: Response) -> Result<Answer, Unreached> {
    let asked = |value: &HeaderValue| wait(value.to_str().ok()?.trim());
    let mut answer = Answer {
        status: response.status().as_u16(),
        retry_after: response.headers().get(RETRY_AFTER).and_then(asked),
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

/// What `Retry-After` asks for: seconds, or a date.
fn wait(asked: &str) -> Option<Duration> {
    let until = |date: SystemTime| date.duration_since(SystemTime::now()).unwrap_or_default();
    asked.parse().ok().map(Duration::from_secs).or_else(|| httpdate::parse_http_date(asked).ok().map(until))
}

pub(crate) fn late(limit: Duration) -> Unreached {
    let why = format!("no answer within {}", glottis_core::param::show_duration(limit));
    Unreached { established: true, why }
}

fn unreached(error: reqwest::Error) -> Unreached {
    // An error of this library names the URL, which may hold a token.
    let error = error.without_url();
    Unreached { established: !error.is_connect(), why: root(&error) }
}

/// The words of the innermost cause: "connection refused" rather than "error sending request".
pub fn root(error: &(dyn Error + 'static)) -> String {
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
