//! Where the service is: REST base, socket URL, and what errors may say of them. Plain values.

use reqwest::Url;

/// The addresses of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    /// REST base URL without a trailing slash.
    pub(crate) rest: String,
    /// Host and port of it.
    pub(crate) rest_host: String,
    /// Socket URL without its query.
    pub(crate) socket: String,
    /// Host and port of it.
    pub(crate) socket_host: String,
}

impl Server {
    /// The name and the port that the socket connects to.
    pub(crate) fn socket_name(&self) -> (String, u16) {
        let (name, port) = self.socket_host.rsplit_once(':').unwrap_or((&self.socket_host, ""));
        (name.trim_matches(['[', ']']).to_owned(), port.parse().unwrap_or_default())
    }
}

/// What a key's address must be like.
#[derive(Clone, Copy)]
pub(crate) struct Schemes {
    plain: &'static str,
    tls: &'static str,
}

/// For `endpoint`.
pub(crate) const HTTP: Schemes = Schemes { plain: "http", tls: "https" };
/// For `ws_endpoint`.
pub(crate) const WS: Schemes = Schemes { plain: "ws", tls: "wss" };

/// What is wrong with an address, and the remedy.
pub(crate) type Wrong = (String, String);

/// Checks an address. `insecure` allows plain text beyond this machine.
pub(crate) fn parse(text: &str, schemes: Schemes, insecure: bool) -> Result<Url, Wrong> {
    let Schemes { plain, tls } = schemes;
    let example = format!("write it as {tls}://host or {tls}://host:port");
    let url = Url::parse(text).map_err(|error| (format!("this is no URL: {error}"), example.clone()))?;
    if url.scheme() != plain && url.scheme() != tls {
        return Err((format!("\"{}\" is not a scheme for this key", url.scheme()), example));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(("the URL names no host".to_owned(), example));
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(("user name, query and fragment have no place here".to_owned(), example));
    }
    if url.scheme() == plain && !insecure && !is_loopback(&url) {
        let help = format!("use {tls}, or set allow_insecure = true to send token and voice unprotected");
        return Err((format!("plain {plain} is only for this machine"), help));
    }
    Ok(url)
}

/// The addresses behind both checked URLs.
pub(crate) fn server(endpoint: &Url, socket: Option<&Url>) -> Server {
    let rest = endpoint.as_str().trim_end_matches('/').to_owned();
    let socket_url = match socket {
        Some(url) => url.as_str().to_owned(),
        // http becomes ws and https becomes wss.
        None => format!("ws{}/ws/chat", rest.trim_start_matches("http")),
    };
    Server { rest_host: host(endpoint), socket_host: host(socket.unwrap_or(endpoint)), socket: socket_url, rest }
}

fn host(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

/// Whether a page travels in plain text beyond this machine.
pub(crate) fn is_exposed(page: &str) -> bool {
    Url::parse(page).is_ok_and(|url| url.scheme() == "http" && !is_loopback(&url))
}

fn is_loopback(url: &Url) -> bool {
    // The URL type keeps the brackets of IPv6.
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// `text` as a component of a URL: everything but unreserved characters is percent-encoded.
pub(crate) fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            for digit in [byte >> 4, byte & 15] {
                encoded.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_in_plain_text_is_noticed_unless_it_is_on_this_machine() {
        for (page, exposed) in
            [("http://h/s/1?a=b", true), ("https://h/s", false), ("http://127.0.0.1:8/s", false), ("not a url", false)]
        {
            assert_eq!(is_exposed(page), exposed, "{page}");
        }
    }

    #[test]
    fn the_socket_follows_from_the_endpoint() {
        let url = parse("https://chat.rvtr.ai/", HTTP, false).unwrap();
        let server = server(&url, None);
        assert_eq!(server.rest, "https://chat.rvtr.ai");
        assert_eq!(server.socket, "wss://chat.rvtr.ai/ws/chat");
        assert_eq!(server.rest_host, "chat.rvtr.ai:443");
        let url = parse("http://127.0.0.1:8080/base/", HTTP, false).unwrap();
        assert_eq!(super::server(&url, None).socket, "ws://127.0.0.1:8080/base/ws/chat");
        let other = parse("wss://elsewhere.example:9/x", WS, false).unwrap();
        assert_eq!(super::server(&url, Some(&other)).socket, "wss://elsewhere.example:9/x");
        assert_eq!(super::server(&url, Some(&other)).socket_host, "elsewhere.example:9");
    }

    #[test]
    fn plain_text_is_only_for_loopback_unless_allowed() {
        for local in ["http://localhost", "http://127.0.0.1:1", "http://127.8.8.8", "http://[::1]:80"] {
            assert!(parse(local, HTTP, false).is_ok(), "{local}");
        }
        for remote in ["http://chat.rvtr.ai", "http://10.0.0.1", "http://localhost.example"] {
            assert!(parse(remote, HTTP, false).is_err(), "{remote}");
            assert!(parse(remote, HTTP, true).is_ok(), "{remote}");
        }
        for bad in ["", "chat.rvtr.ai", "ftp://h", "ws://h", "https://u:p@h", "https://h/?a=b", "https://h/#x"] {
            assert!(parse(bad, HTTP, true).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_token_survives_the_query() {
        assert_eq!(percent_encode("aZ09-_.~"), "aZ09-_.~");
        assert_eq!(percent_encode("a+b/c=d%e&f"), "a%2Bb%2Fc%3Dd%25e%26f");
    }
}
