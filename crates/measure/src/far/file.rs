//! What a `file` sink wrote, in any of its formats. The sink writes to a folder of its own here, so that no
//! recording of the user's is replaced by noise.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use glottis_core::param::Table;
use serde_json::Value;

use super::{Far, Heard, set};
use crate::sound;

struct Written {
    path: PathBuf,
    format: String,
    floats: bool,
    /// The message of each line, for `ndjson`.
    message: String,
    name: String,
}

pub(super) fn far(name: &str, keys: &mut Table, folder: &Path) -> Result<Box<dyn Far>, String> {
    let format = keys.text("format").unwrap_or("wav").to_owned();
    let path = folder.join(format!("written-{}.{format}", name.replace(|c: char| !c.is_ascii_alphanumeric(), "_")));
    let message = keys.text("message").unwrap_or_default().to_owned();
    set(keys, "path", &*path.to_string_lossy());
    set(keys, "overwrite", true);
    let floats = keys.text("sample") == Some("f32");
    Ok(Box::new(Written { path, format, floats, message, name: name.to_owned() }))
}

impl Far for Written {
    fn heard(&self) -> Result<Heard, String> {
        let what = |error: String| format!("what sink \"{}\" wrote cannot be read: {error}", self.name);
        let bytes = std::fs::read(&self.path).map_err(|error| what(error.to_string()))?;
        let plain = |bytes: &[u8]| if self.floats { sound::from_f32(bytes) } else { sound::from_s16(bytes) };
        match self.format.as_str() {
            // Neither says its rate; it is the edge's.
            "raw" => Ok(Heard { samples: plain(&bytes), ..Heard::default() }),
            "ndjson" => Ok(Heard { samples: plain(&lines(&self.message, &bytes).map_err(what)?), ..Heard::default() }),
            _ => {
                let sound = sound::decode(bytes).map_err(what)?;
                Ok(Heard { hz: sound.hz, samples: sound.samples, arrivals: Vec::new() })
            }
        }
    }
}

/// The bytes of the audio in messages, one per line.
fn lines(message: &str, text: &[u8]) -> Result<Vec<u8>, String> {
    let place = Place::of(message).ok_or("the message has no text with {audio} in it")?;
    let mut bytes = Vec::new();
    for line in text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        let json: Value = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let audio = place.audio(&json).ok_or("a line is not like its message")?;
        bytes.extend(STANDARD.decode(audio).map_err(|error| error.to_string())?);
    }
    Ok(bytes)
}

/// Where in a message the audio is.
struct Place {
    pointer: String,
    before: usize,
    after: usize,
}

impl Place {
    fn of(message: &str) -> Option<Place> {
        // Outside a text the other places are numbers.
        let filled = ["{seq}", "{segment}", "{at}", "{rate}", "{frames}"]
            .iter()
            .fold(message.to_owned(), |text, place| text.replace(place, "0"));
        let json: Value = serde_json::from_str(&filled).ok()?;
        Place::within(&json, String::new())
    }

    fn within(json: &Value, pointer: String) -> Option<Place> {
        let (before, after) = match json {
            Value::String(text) => text.split_once("{audio}")?,
            Value::Array(items) => {
                return items.iter().enumerate().find_map(|(i, item)| Place::within(item, format!("{pointer}/{i}")));
            }
            Value::Object(fields) => {
                let name = |key: &str| key.replace('~', "~0").replace('/', "~1");
                return fields.iter().find_map(|(key, v)| Place::within(v, format!("{pointer}/{}", name(key))));
            }
            _ => return None,
        };
        Some(Place { pointer, before: before.len(), after: after.len() })
    }

    fn audio<'a>(&self, json: &'a Value) -> Option<&'a str> {
        let text = json.pointer(&self.pointer)?.as_str()?;
        text.get(self.before..text.len().checked_sub(self.after)?)
    }
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn audio_is_found_wherever_the_message_has_it() {
        let message = r#"{"n":{seq},"list":[1,{"a/b":"data:{audio};"}]}"#;
        let text = "{\"n\":7,\"list\":[1,{\"a/b\":\"data:AAE=;\"}]}\n{\"n\":8,\"list\":[1,{\"a/b\":\"data:Ag==;\"}]}\n";
        assert_eq!(lines(message, text.as_bytes()).unwrap(), [0, 1, 2]);
        assert!(lines(message, b"{\"n\":7}\n").is_err());
    }
}
