//! The vocabulary of HTTP here: a request read to its end, a reply on its way out, percent-encoded
//! queries. Plain values on the simulator's thread.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, LOCATION, ORIGIN};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use std::io;
use std::time::Duration;

/// A response body. Boxed, because a fault may want to trickle or to break it.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// A request, read to its end.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Vec<Param>,
    /// As it was written.
    pub(crate) raw_query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The body was longer than we read.
    pub(crate) too_large: bool,
}

/// One parameter of a query.
#[derive(Debug)]
pub(crate) struct Param {
    pub(crate) name: String,
    pub(crate) value: String,
    /// Whether the value was percent-encoded as a URL component has to be.
    pub(crate) encoded: bool,
}

impl Call {
    /// `None` for a body that was too large.
    pub(crate) fn new(parts: &Parts, body: Option<Bytes>) -> Self {
        Self {
            method: parts.method.to_string(),
            path: parts.uri.path().into(),
            query: query(parts.uri.query().unwrap_or_default()),
            raw_query: parts.uri.query().unwrap_or_default().into(),
            headers: parts.headers.clone(),
            too_large: body.is_none(),
            body: body.unwrap_or_default(),
        }
    }

    pub(crate) fn header(&self, name: &HeaderName) -> Option<String> {
        let value = self.headers.get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    pub(crate) fn content_type(&self) -> Option<String> {
        self.header(&CONTENT_TYPE)
    }

    pub(crate) fn origin(&self) -> Option<String> {
        self.header(&ORIGIN)
    }

    pub(crate) fn authorization(&self) -> bool {
        self.headers.contains_key(AUTHORIZATION)
    }

    /// The token of `Authorization: Bearer`.
    pub(crate) fn bearer(&self) -> Option<String> {
        let header = self.header(&AUTHORIZATION)?;
        let (scheme, token) = header.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_string())
    }

    /// All parameters of that name.
    pub(crate) fn params<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Param> {
        self.query.iter().filter(move |param| param.name == name)
    }

    /// The first parameter of that name.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|param| param.name == name).map(|param| param.value.as_str())
    }

    /// The query fit for the log, the values of `secret` parameters left out.
    pub(crate) fn shown_query(&self, secret: &[&str]) -> Vec<(String, String)> {
        let shown = |param: &Param| {
            let value =
                if secret.contains(&param.name.as_str()) { "…".into() } else { super::words::shorten(&param.value) };
            (super::words::shorten(&param.name), value)
        };
        self.query.iter().take(32).map(shown).collect()
    }
}

/// What a request is answered with.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    content: Content,
    /// Boxed because only faults use it.
    pub(crate) manner: Box<Manner>,
}

/// How a reply is sent.
#[derive(Debug)]
pub(crate) struct Manner {
    /// Put on top of those that belong to the content.
    pub(crate) headers: HeaderMap,
    /// When, on the simulator's clock; `None` at once.
    pub(crate) due: Option<Duration>,
    pub(crate) ending: Ending,
    /// The state of the fault rules, for one that hangs until it changes.
    pub(crate) epoch: u64,
}

/// How the sending of a reply ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With its last byte.
    Whole,
    /// Never: nothing is sent.
    Hang,
    /// Nothing is sent and the connection closed, by a reset if asked.
    Drop { reset: bool },
    /// The connection is reset behind that many bytes of the body.
    DropAt(usize),
    /// With its last byte, sent in pieces.
    Trickle { bytes: usize, every: Duration },
}

#[derive(Debug)]
enum Content {
    Json(Value),
    Html(String),
    Text(Bytes),
    Bytes(Bytes),
    Redirect(&'static str),
}

impl Reply {
    fn new(status: u16, content: Content) -> Self {
        let manner = Manner { headers: HeaderMap::new(), due: None, ending: Ending::Whole, epoch: 0 };
        Self { status, content, manner: Box::new(manner) }
    }

    pub(crate) fn json(status: u16, body: Value) -> Self {
        Self::new(status, Content::Json(body))
    }

    /// `{"status":…,"error":…}`, the one error shape the vendor shows (RAVATAR dossier 4.4).
    pub(crate) fn error(status: u16, error: &str) -> Self {
        Self::json(status, json!({ "status": status, "error": error }))
    }

    pub(crate) fn forbidden() -> Self {
        Self::error(403, "Forbidden")
    }

    pub(crate) fn html(text: String) -> Self {
        Self::new(200, Content::Html(text))
    }

    pub(crate) fn text(status: u16, text: Bytes) -> Self {
        Self::new(status, Content::Text(text))
    }

    pub(crate) fn bytes(bytes: Vec<u8>) -> Self {
        Self::new(200, Content::Bytes(bytes.into()))
    }

    pub(crate) fn redirect(to: &'static str) -> Self {
        Self::new(302, Content::Redirect(to))
    }

    /// The `error` of a JSON body.
    pub(crate) fn error_text(&self) -> Option<String> {
        match &self.content {
            Content::Json(body) => body.get("error")?.as_str().map(str::to_string),
            _ => None,
        }
    }

    /// The JSON of the body, to be changed.
    pub(crate) fn json_mut(&mut self) -> Option<&mut Value> {
        match &mut self.content {
            Content::Json(body) => Some(body),
            _ => None,
        }
    }

    /// Cuts the body, not its type.
    pub(crate) fn truncate(&mut self, size: usize) {
        let (name, value) = self.content.header();
        self.manner.headers.insert(name, HeaderValue::from_static(value));
        let body = std::mem::replace(&mut self.content, Content::Redirect("")).into_bytes();
        self.content = Content::Text(body.slice(..size.min(body.len())));
    }

    /// The status for the log: 0 if the client never gets one.
    pub(crate) fn seen_status(&self) -> u16 {
        match self.manner.ending {
            Ending::Hang | Ending::Drop { .. } => 0,
            _ => self.status,
        }
    }

    /// The response's head, and its body in one piece.
    pub(crate) fn into_parts(self) -> (Response<()>, Bytes) {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let (name, value) = self.content.header();
        let mut response = Response::new(());
        *response.status_mut() = status;
        response.headers_mut().insert(name, HeaderValue::from_static(value));
        for (name, value) in &self.manner.headers {
            response.headers_mut().insert(name, value.clone());
        }
        (response, self.content.into_bytes())
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let (head, body) = self.into_parts();
        head.map(|()| full(body))
    }
}

impl Content {
    fn header(&self) -> (HeaderName, &'static str) {
        match self {
            Self::Json(_) => (CONTENT_TYPE, "application/json"),
            Self::Html(_) => (CONTENT_TYPE, "text/html; charset=utf-8"),
            Self::Text(_) => (CONTENT_TYPE, "text/plain; charset=utf-8"),
            Self::Bytes(_) => (CONTENT_TYPE, "application/octet-stream"),
            Self::Redirect(to) => (LOCATION, to),
        }
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::Json(body) => body.to_string().into(),
            Self::Html(text) => text.into(),
            Self::Text(bytes) | Self::Bytes(bytes) => bytes,
            Self::Redirect(_) => Bytes::new(),
        }
    }
}

/// A body of known length.
pub(crate) fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

fn query(text: &str) -> Vec<Param> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Param { name: decode(name), value: decode(value), encoded: is_encoded(value) }
        })
        .collect()
}

/// The pairs of a form, where a `+` is a space.
pub(crate) fn form(text: &str) -> Vec<(String, String)> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    let plain = |part: &str| decode(&part.replace('+', " "));
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (plain(name), plain(value)))
        .collect()
}

/// Undoes percent-encoding. A `+` stays a `+`: this is a URL component, not a form.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = text.get(at + 1..at + 3).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if bytes[at] == b'%' => {
                out.push(byte);
                at += 3;
            }
            _ => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Whether only characters that `encodeURIComponent` leaves alone are bare.
fn is_encoded(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.!~*'()%".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries() {
        let params = query("token=a%2B%2F%3D%25+b&x&=y&bad=%zz%4&token=c");
        let all: Vec<_> = params.iter().map(|p| (p.name.as_str(), p.value.as_str())).collect();
        assert_eq!(all, [("token", "a+/=%+b"), ("x", ""), ("", "y"), ("bad", "%zz%4"), ("token", "c")]);
        assert!(!params[0].encoded && params[4].encoded);
        assert_eq!(decode("%e2%82%ac€%"), "€€%");
    }
}
