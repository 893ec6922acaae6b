//! What a body says, if anything: error bodies come in any shape. Pure.

use serde_json::Value;

/// Characters of a server's words that are kept.
const LONGEST: usize = 256;

/// The words in `body`: `error`, `message`, `error.message` or `code` of a JSON object, else the
/// beginning of the text. Empty if there are none.
pub(crate) fn words_of(body: &[u8], json: Option<&Value>) -> String {
    match json {
        Some(Value::Object(_)) => json.and_then(said).unwrap_or_default().chars().take(LONGEST).collect(),
        _ => one_line(&String::from_utf8_lossy(&body[..body.len().min(4 * LONGEST)])),
    }
}

fn said(json: &Value) -> Option<&str> {
    let words = |value: &'_ Value| value.as_str().is_some_and(|text| !text.trim().is_empty());
    let places = [&json["error"], &json["message"], &json["error"]["message"], &json["code"]];
    places.into_iter().find(|place| words(place)).and_then(Value::as_str).map(str::trim)
}

/// Plain text of an error page, in one line and without what is not for people.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if line.chars().count() + word.chars().count() >= LONGEST {
            break;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word.chars().filter(|c| !c.is_control()));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(body: &str) -> String {
        words_of(body.as_bytes(), serde_json::from_str(body).ok().as_ref())
    }

    #[test]
    fn the_words_are_found_wherever_they_stand() {
        assert_eq!(words(r#"{"status":400,"error":"invalid_user_id"}"#), "invalid_user_id");
        assert_eq!(words(r#"{"message":"No","code":"x"}"#), "No");
        assert_eq!(words(r#"{"error":{"message":"deep"}}"#), "deep");
        assert_eq!(words(r#"{"error":5,"code":"E42"}"#), "E42");
        assert_eq!(words(r#"{"result":"failure"}"#), "");
    }

    /// C23.
    #[test]
    fn empty_html_truncated_and_huge_bodies_do_no_harm() {
        assert_eq!(words(""), "");
        assert_eq!(words("<html>\n  <h1>502</h1>\u{7}</html>"), "<html> <h1>502</h1></html>");
        assert_eq!(words(r#"{"error":"cut o"#), r#"{"error":"cut o"#);
        assert_eq!(words_of(&[0xff, 0xfe, b'a'], None), "\u{fffd}\u{fffd}a");
        assert!(words(&"word ".repeat(200_000)).len() <= LONGEST);
        assert!(words(&format!(r#"{{"error":"{}"}}"#, "ä".repeat(100_000))).chars().count() <= LONGEST);
        assert_eq!(words("[1,2]"), "[1,2]");
    }
}
