//! The page that shows the avatar: its URL with the token in it. Pure.

use glottis_net::address::percent_encode;

/// `url` with the query parameter `token` set to `token`: an existing one is replaced where it
/// stands, further ones are taken out, everything else stays as it is, fragment included.
///
/// The result is a secret.
///
/// ```
/// use glottis_sink_ravatar::streaming_url::with_token;
///
/// assert_eq!(with_token("https://h/p?a=b&token=old#top", "n+w"), "https://h/p?a=b&token=n%2Bw#top");
/// assert_eq!(with_token("https://h/p", "new"), "https://h/p?token=new");
/// ```
pub fn with_token(url: &str, token: &str) -> String {
    let (rest, fragment) = match url.split_once('#') {
        Some((rest, fragment)) => (rest, Some(fragment)),
        None => (url, None),
    };
    let (base, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut set = Some(format!("token={}", percent_encode(token)));
    let mut pairs = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        if is_token(pair) {
            pairs.extend(set.take());
        } else {
            pairs.push(pair.to_owned());
        }
    }
    pairs.extend(set);
    let fragment = fragment.map_or_else(String::new, |fragment| format!("#{fragment}"));
    format!("{base}?{}{fragment}", pairs.join("&"))
}

/// Whether a pair's name is `token`, plainly or percent-encoded.
fn is_token(pair: &str) -> bool {
    let name = pair.split('=').next().unwrap_or_default().as_bytes();
    let mut decoded = Vec::with_capacity(name.len());
    let mut i = 0;
    while let Some(&byte) = name.get(i) {
        let hex = name.get(i + 1..i + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(value) if byte == b'%' => {
                decoded.push(value);
                i += 3;
            }
            _ => {
                decoded.push(byte);
                i += 1;
            }
        }
    }
    decoded == b"token"
}

#[cfg(test)]
mod tests {
    use super::*;

    /// C50.
    #[test]
    fn there_is_exactly_one_token_and_all_else_stays() {
        for (url, want) in [
            ("https://h/s/1", "https://h/s/1?token=T"),
            ("https://h/s/1?", "https://h/s/1?token=T"),
            ("https://h/s?a=1&b", "https://h/s?a=1&b&token=T"),
            ("https://h/s?token=old&a=%20+", "https://h/s?token=T&a=%20+"),
            ("https://h/s?a&token=1&token=2&%74oken=3#f?token=x", "https://h/s?a&token=T#f?token=x"),
            ("https://h/s?mytoken=1&tokens=2&%", "https://h/s?mytoken=1&tokens=2&%&token=T"),
            ("not a url", "not a url?token=T"),
            ("not a url?x", "not a url?x&token=T"),
        ] {
            assert_eq!(with_token(url, "T"), want, "{url}");
        }
    }
}
