//! Addresses of services as they stand in a configuration. Plain values.

pub use reqwest::Url;

/// What a key's address must be like.
#[derive(Clone, Copy, Debug)]
pub struct Schemes {
    /// Schemes without protection.
    pub plain: &'static [&'static str],
    /// Schemes over TLS.
    pub tls: &'static [&'static str],
    /// Whether the URL may have a query.
    pub query: bool,
}

/// For an HTTP base.
pub const HTTP: Schemes = Schemes { plain: &["http"], tls: &["https"], query: false };
/// For a socket.
pub const WS: Schemes = Schemes { plain: &["ws"], tls: &["wss"], query: false };

/// What is wrong with an address, and the remedy.
pub type Wrong = (String, String);

/// Checks an address. `insecure` allows plain text beyond this machine.
///
/// # Errors
/// What is wrong with it.
pub fn parse(text: &str, schemes: Schemes, insecure: bool) -> Result<Url, Wrong> {
    let Schemes { plain, tls, query } = schemes;
    let best = tls.first().copied().unwrap_or("https");
    let example = format!("write it as {best}://host or {best}://host:port");
    let url = Url::parse(text).map_err(|error| (format!("this is no URL: {error}"), example.clone()))?;
    let is_plain = plain.contains(&url.scheme());
    if !is_plain && !tls.contains(&url.scheme()) {
        return Err((format!("\"{}\" is not a scheme for this key", url.scheme()), example));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(("the URL names no host".to_owned(), example));
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(("user name and fragment have no place here".to_owned(), example));
    }
    if !query && url.query().is_some() {
        return Err(("a query has no place here".to_owned(), example));
    }
    if is_plain && !insecure && !is_loopback(&url) {
        let help = format!("use {best}, or set allow_insecure = true to send token and voice unprotected");
        return Err((format!("plain {} is only for this machine", url.scheme()), help));
    }
    Ok(url)
}

/// Host and port: what errors may say of an address.
pub fn host(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

/// `url` with `path` appended to its path; a slash at its end does not double, a query stays.
#[must_use]
pub fn join(url: &Url, path: &str) -> Url {
    let mut joined = url.clone();
    joined.set_path(&format!("{}{path}", url.path().trim_end_matches('/')));
    joined
}

/// The same address with the scheme HTTP has for it: `ws` becomes `http`, `wss` `https`.
#[must_use]
pub fn as_http(url: &Url) -> Url {
    let scheme = match url.scheme() {
        "ws" => "http",
        "wss" => "https",
        _ => return url.clone(),
    };
    let mut changed = url.clone();
    // Between the schemes of the web this cannot be refused.
    let _ = changed.set_scheme(scheme);
    changed
}

/// Whether what is sent to `url` stays on this machine.
pub fn is_loopback(url: &Url) -> bool {
    // The URL type keeps the brackets of IPv6.
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// `text` as a component of a URL: everything but unreserved characters is percent-encoded.
pub fn percent_encode(text: &str) -> String {
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
    fn plain_text_is_only_for_loopback_unless_allowed() {
        for local in ["http://localhost", "http://127.0.0.1:1", "http://127.8.8.8", "http://[::1]:80"] {
            assert!(parse(local, HTTP, false).is_ok(), "{local}");
        }
        for remote in ["http://chat.example", "http://10.0.0.1", "http://localhost.example"] {
            assert!(parse(remote, HTTP, false).is_err(), "{remote}");
            assert!(parse(remote, HTTP, true).is_ok(), "{remote}");
        }
        for bad in ["", "chat.example", "ftp://h", "ws://h", "https://u:p@h", "https://h/?a=b", "https://h/#x"] {
            assert!(parse(bad, HTTP, true).is_err(), "{bad}");
        }
        let with_query = Schemes { query: true, ..HTTP };
        assert!(parse("https://h/?a=b", with_query, false).is_ok());
    }

    #[test]
    fn a_path_is_appended_once_and_a_query_stays() {
        let joined = |text: &str| join(&Url::parse(text).unwrap(), "/tokens").to_string();
        assert_eq!(joined("https://h"), "https://h/tokens");
        assert_eq!(joined("https://h/v1/"), "https://h/v1/tokens");
        assert_eq!(joined("https://h/v1?a=b"), "https://h/v1/tokens?a=b");
    }

    #[test]
    fn a_socket_address_has_its_counterpart_in_http() {
        let http = |text: &str| as_http(&Url::parse(text).unwrap()).to_string();
        assert_eq!(http("ws://127.0.0.1:9/x?a=b"), "http://127.0.0.1:9/x?a=b");
        assert_eq!(http("wss://h/x"), "https://h/x");
        assert_eq!(host(&Url::parse("wss://h/x").unwrap()), "h:443");
    }

    #[test]
    fn a_token_survives_the_query() {
        assert_eq!(percent_encode("aZ09-_.~"), "aZ09-_.~");
        assert_eq!(percent_encode("a+b/c=d%e&f"), "a%2Bb%2Fc%3Dd%25e%26f");
    }
}
