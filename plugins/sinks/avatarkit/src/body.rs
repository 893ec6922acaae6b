//! What the body of an HTTP answer says: errors come in several shapes. Pure.

use glottis_net::secret::Veil;
use serde_json::Value;

use crate::classify::Said;

/// Characters of a body that are kept.
const LONGEST: usize = 2048;

/// What a body says, and the body itself, both without secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) said: Said,
    pub(crate) raw: Option<String>,
}

/// Reads the body of a refusal with `status`. `plain`: a body that is no JSON object is itself the
/// detail.
pub(crate) fn refusal(status: u16, body: &[u8], plain: bool, veil: &Veil) -> Told {
    let json: Option<Value> = serde_json::from_slice(body).ok().filter(Value::is_object);
    let mut said = json.as_ref().map(details).unwrap_or_default();
    if json.is_none() && plain {
        said.detail = Some(short(&String::from_utf8_lossy(body), veil));
    }
    said.status = Some(status);
    for part in [&mut said.code, &mut said.title, &mut said.detail] {
        *part = part.take().map(|text| short(&text, veil)).filter(|text| !text.is_empty());
    }
    let raw = short(&String::from_utf8_lossy(body), veil);
    Told { said, raw: Some(raw).filter(|raw| !raw.is_empty()) }
}

/// The status of the first error a body lists, if it lists any: a 200 may carry a failure.
pub(crate) fn listed_error(json: &Value) -> Option<Option<u16>> {
    let error = json["errors"].as_array()?.first()?;
    let status = match &error["status"] {
        Value::Number(number) => number.as_u64().and_then(|status| u16::try_from(status).ok()),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    Some(status)
}

/// Code, title and detail: of the first listed error, else of the body itself.
fn details(json: &Value) -> Said {
    let first = |object: &Value, keys: [&str; 2]| keys.into_iter().find_map(|key| text(&object[key]));
    let said = |object: &Value, codes| Said {
        status: None,
        code: first(object, codes),
        title: text(&object["title"]),
        detail: first(object, ["detail", "message"]),
    };
    match json["errors"].as_array().and_then(|errors| errors.first()) {
        Some(error) if error.is_object() => {
            let (inner, outer) = (said(error, ["code", "id"]), said(json, ["code", "error"]));
            Said {
                status: None,
                code: inner.code.or(outer.code),
                title: inner.title.or(outer.title),
                detail: inner.detail.or(outer.detail),
            }
        }
        _ => said(json, ["code", "error"]),
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn short(text: &str, veil: &Veil) -> String {
    veil.scrub(text.trim()).chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use glottis_net::secret::Secret;
    use serde_json::json;

    fn said(body: &str, plain: bool) -> (Option<String>, Option<String>, Option<String>) {
        let Said { code, title, detail, .. } = refusal(400, body.as_bytes(), plain, &Veil::default()).said;
        (code, title, detail)
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn details_are_found_in_every_shape() {
        let listed =
            r#"{"errors":[{"id":"x","status":400,"code":"INVALID_ARGUMENT","title":"Invalid","detail":"no"}]}"#;
        assert_eq!(said(listed, false), (some("INVALID_ARGUMENT"), some("Invalid"), some("no")));
        assert_eq!(said(r#"{"errors":[{"id":7,"message":"m"}]}"#, false), (some("7"), None, some("m")));
        assert_eq!(said(r#"{"errors":[{}],"error":"e","detail":"d"}"#, false), (some("e"), None, some("d")));
        assert_eq!(said(r#"{"code":5,"title":"t","message":"m"}"#, false), (some("5"), some("t"), some("m")));
        assert_eq!(said("{\"message\":\"Avatar not found: a1\"}\n", true), (None, None, some("Avatar not found: a1")));
    }

    #[test]
    fn plain_text_is_a_detail_only_where_the_protocol_says_so() {
        assert_eq!(said(" unauthorized\n", true), (None, None, some("unauthorized")));
        assert_eq!(said(" unauthorized\n", false), (None, None, None));
        assert_eq!(said("", true), (None, None, None));
        assert_eq!(refusal(500, b"boom", false, &Veil::default()).raw, some("boom"));
    }

    #[test]
    fn long_and_broken_bodies_do_no_harm_and_secrets_are_taken_out() {
        let veil = Veil::default();
        veil.hide(&Secret::new("s3cret-key"));
        let told = refusal(401, b"bad key s3cret-key", true, &veil);
        assert_eq!((told.said.detail, told.raw), (some("bad key ***"), some("bad key ***")));
        let raw = refusal(500, "ä".repeat(1 << 19).as_bytes(), true, &veil).raw.unwrap();
        assert_eq!(raw.chars().count(), LONGEST);
        assert_eq!(refusal(500, &[0xff, 0xfe], true, &veil).said.detail, some("\u{fffd}\u{fffd}"));
    }

    #[test]
    fn a_listed_error_has_a_status_as_number_or_text() {
        assert_eq!(listed_error(&json!({"errors":[{"status":402}]})), Some(Some(402)));
        assert_eq!(listed_error(&json!({"errors":[{"status":"402"}]})), Some(Some(402)));
        assert_eq!(listed_error(&json!({"errors":[{}]})), Some(None));
        for none in [json!({"errors":[]}), json!({}), json!({"errors":"x"})] {
            assert_eq!(listed_error(&none), None);
        }
    }
}
