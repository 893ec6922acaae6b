//! Sound and pictures of an answer: where they are and of which kind. Pure.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use glottis_core::event::Media;
use serde_json::Value;

use super::field;

/// The media of a message: inline sound first, then a URL.
pub(super) fn of_message(message: &Value) -> Option<Media> {
    let inline = field(message, "file_base64_data").or_else(|| field(message, "audio_base64"));
    inline.and_then(of_inline).or_else(|| field(message, "fileUrl").map(of_url))
}

/// The media behind `url`, by its extension as the official demo client tells it: `webm` is video,
/// and what is neither sound nor pictures is a link.
///
/// ```
/// use glottis_sink_ravatar::incoming::media_of_url;
///
/// assert_eq!(media_of_url("https://h/a.MP4?x=1").kind, "video");
/// assert_eq!(media_of_url("https://h/page").kind, "link");
/// ```
pub fn of_url(url: &str) -> Media {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
    let kind = match extension.as_str() {
        "mp4" | "webm" | "mov" => "video",
        "mp3" | "wav" | "m4a" | "aac" | "ogg" | "opus" => "audio",
        _ => "link",
    };
    Media { kind, url: Some(url.to_owned()), bytes_base64: None }
}

/// Inline media, with or without a `data:` prefix. The bytes are looked at because the prefix is
/// often missing and the name of the field says little.
fn of_inline(text: &str) -> Option<Media> {
    let (head, payload) = match text.strip_prefix("data:") {
        Some(data) => data.split_once(',')?,
        None => ("", text),
    };
    let first = payload.get(..payload.len().min(32) / 4 * 4)?;
    let bytes = STANDARD.decode(first).ok().filter(|bytes| !bytes.is_empty())?;
    let is_video = head.starts_with("video/") || is_mp4_video(&bytes);
    let kind = if is_video { "video" } else { "audio" };
    Some(Media { kind, url: None, bytes_base64: Some(payload.to_owned()) })
}

/// ISO base media whose brand is not the one for sound alone.
fn is_mp4_video(bytes: &[u8]) -> bool {
    bytes.get(4..8) == Some(b"ftyp") && bytes.get(8..11) != Some(b"M4A")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn urls_are_told_by_their_extension() {
        for (url, kind) in [
            ("https://h/a.mp4", "video"),
            ("https://h/a.WebM?token=1.mp3", "video"),
            ("https://h/a.mov", "video"),
            ("https://h/a.opus#t=1", "audio"),
            ("https://h/a.b.M4A", "audio"),
            ("https://h/a.pdf", "link"),
            ("https://h", "link"),
            ("", "link"),
        ] {
            assert_eq!(of_url(url).kind, kind, "{url}");
        }
    }

    /// C62.
    #[test]
    fn inline_beats_url_and_the_first_field_beats_the_second() {
        let all = json!({"file_base64_data":"UklGRgAA","audio_base64":"T2dnUwAA","fileUrl":"https://h/a.mp4"});
        assert_eq!(of_message(&all).unwrap().bytes_base64.as_deref(), Some("UklGRgAA"));
        let second = json!({"audio_base64":"T2dnUwAA","fileUrl":"https://h/a.mp4"});
        assert_eq!(of_message(&second).unwrap().bytes_base64.as_deref(), Some("T2dnUwAA"));
        let broken = json!({"audio_base64":"!!!!","fileUrl":"https://h/a.mp4"});
        assert_eq!(of_message(&broken).unwrap().kind, "video");
        assert_eq!(of_message(&json!({"audio_base64":"ä"})), None);
    }

    #[test]
    fn inline_media_lose_their_prefix_and_are_told_by_their_bytes() {
        let kind = |text: &str| of_inline(text).map(|media| (media.kind, media.bytes_base64.unwrap()));
        let mp4 = STANDARD.encode(b"\0\0\0\x18ftypisom0000");
        let m4a = STANDARD.encode(b"\0\0\0\x18ftypM4A 0000");
        assert_eq!(kind(&mp4), Some(("video", mp4.clone())));
        assert_eq!(kind(&m4a), Some(("audio", m4a.clone())));
        assert_eq!(kind("data:audio/webm;base64,GkXfowAA"), Some(("audio", "GkXfowAA".to_owned())));
        assert_eq!(kind("data:video/webm;base64,GkXfowAA"), Some(("video", "GkXfowAA".to_owned())));
        assert_eq!(kind("data:nothing"), None);
    }
}
