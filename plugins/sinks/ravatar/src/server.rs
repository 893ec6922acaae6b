//! Where the service is: REST base, socket URL, and what errors may say of them. Plain values.

use glottis_net::address::{Url, host, is_loopback};

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

/// Whether a page travels in plain text beyond this machine.
pub(crate) fn is_exposed(page: &str) -> bool {
    Url::parse(page).is_ok_and(|url| url.scheme() == "http" && !is_loopback(&url))
}

#[cfg(test)]
mod tests {
    use super::*;
    use glottis_net::address::{HTTP, WS, parse};

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
}
