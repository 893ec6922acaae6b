//! What a run can be told while it runs, and the JSON it is told in. Control side.

use std::path::PathBuf;

use serde_json::{Map, Value};

/// A command. `sink: None` means all that understand it.
#[derive(Clone, PartialEq, Debug)]
pub enum Command {
    /// The push-to-talk key went down or up.
    Talk {
        /// The sink's name.
        sink: Option<String>,
        /// Down.
        on: bool,
    },
    /// Nothing is sent while muted; the segment in progress is cancelled.
    Mute {
        /// The sink's name.
        sink: Option<String>,
        /// Mute.
        on: bool,
    },
    /// With a sink: the service's own playback pause. Without: the source.
    Pause {
        /// The sink's name.
        sink: Option<String>,
        /// Pause.
        on: bool,
    },
    /// End the segment now and send it.
    Commit {
        /// The sink's name.
        sink: Option<String>,
    },
    /// Drop the segment.
    Cancel {
        /// The sink's name.
        sink: Option<String>,
    },
    /// Stop the service's answer.
    Interrupt {
        /// The sink's name.
        sink: Option<String>,
    },
    /// A text turn.
    Text {
        /// The sink's name.
        sink: Option<String>,
        /// The text.
        text: String,
    },
    /// Set a live parameter of a node.
    Set {
        /// The node's name.
        node: String,
        /// The parameter.
        param: String,
        /// Its value; booleans are 0 and 1.
        value: f64,
    },
    /// Put new versions of nodes in the place of the old ones, between two blocks. At least one of the two
    /// is given.
    Swap {
        /// The node's name; without it, every node that came from this library.
        node: Option<String>,
        /// The library with the new version; without it, the one the node came from, loaded again.
        plugin: Option<PathBuf>,
    },
    /// Hand out the streaming URL, with its token.
    StreamingUrl {
        /// The sink's name.
        sink: Option<String>,
    },
    /// The report so far.
    Stats,
    /// End the run: the turn in progress is delivered.
    Stop,
}

/// A line that is no command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadCommand {
    /// Its `do`, if it has one.
    pub name: Option<String>,
    /// What is wrong with it.
    pub message: String,
}

const NAMES: [&str; 12] =
    ["talk", "mute", "pause", "commit", "cancel", "interrupt", "text", "set", "swap", "streaming_url", "stats", "stop"];

impl Command {
    /// The command a line of JSON holds.
    ///
    /// # Errors
    /// The line is no JSON object, has no known `do`, lacks a field, or has one too many.
    pub fn parse(line: &str) -> Result<Command, BadCommand> {
        let bad = |message: String| BadCommand { name: None, message };
        let value: Value = serde_json::from_str(line).map_err(|error| bad(format!("not JSON: {error}")))?;
        let Value::Object(fields) = value else { return Err(bad("not a JSON object".to_owned())) };
        let Some(Value::String(name)) = fields.get("do") else {
            return Err(bad("there is no \"do\" with the name of a command".to_owned()));
        };
        let name = name.clone();
        Fields { fields }.command(&name).map_err(|message| BadCommand { name: Some(name), message })
    }

    /// The command's name.
    pub const fn name(&self) -> &'static str {
        match self {
            Command::Talk { .. } => "talk",
            Command::Mute { .. } => "mute",
            Command::Pause { .. } => "pause",
            Command::Commit { .. } => "commit",
            Command::Cancel { .. } => "cancel",
            Command::Interrupt { .. } => "interrupt",
            Command::Text { .. } => "text",
            Command::Set { .. } => "set",
            Command::Swap { .. } => "swap",
            Command::StreamingUrl { .. } => "streaming_url",
            Command::Stats => "stats",
            Command::Stop => "stop",
        }
    }

    /// The sink it names.
    pub fn sink(&self) -> Option<&str> {
        match self {
            Command::Talk { sink, .. }
            | Command::Mute { sink, .. }
            | Command::Pause { sink, .. }
            | Command::Commit { sink }
            | Command::Cancel { sink }
            | Command::Interrupt { sink }
            | Command::Text { sink, .. }
            | Command::StreamingUrl { sink } => sink.as_deref(),
            Command::Set { .. } | Command::Swap { .. } | Command::Stats | Command::Stop => None,
        }
    }
}

struct Fields {
    fields: Map<String, Value>,
}

impl Fields {
    fn command(&mut self, name: &str) -> Result<Command, String> {
        let command = match name {
            "talk" => Command::Talk { on: self.on()?, sink: self.sink()? },
            "mute" => Command::Mute { on: self.on()?, sink: self.sink()? },
            "pause" => Command::Pause { on: self.on()?, sink: self.sink()? },
            "commit" => Command::Commit { sink: self.sink()? },
            "cancel" => Command::Cancel { sink: self.sink()? },
            "interrupt" => Command::Interrupt { sink: self.sink()? },
            "text" => Command::Text { text: self.text("text")?, sink: self.sink()? },
            "set" => {
                Command::Set { node: self.text("node")?, param: self.text("param")?, value: self.number("value")? }
            }
            "swap" => self.swap()?,
            "streaming_url" => Command::StreamingUrl { sink: self.sink()? },
            "stats" => Command::Stats,
            "stop" => Command::Stop,
            other => return Err(unknown(other)),
        };
        self.fields.remove("do");
        match self.fields.keys().next() {
            Some(key) => Err(format!("`{name}` has no field \"{key}\"")),
            None => Ok(command),
        }
    }

    fn on(&mut self) -> Result<bool, String> {
        match self.fields.remove("on") {
            Some(Value::Bool(on)) => Ok(on),
            _ => Err("it needs \"on\": true or false".to_owned()),
        }
    }

    fn text(&mut self, key: &str) -> Result<String, String> {
        match self.fields.remove(key) {
            Some(Value::String(text)) => Ok(text),
            _ => Err(format!("it needs \"{key}\", a text")),
        }
    }

    fn number(&mut self, key: &str) -> Result<f64, String> {
        match self.fields.remove(key) {
            Some(Value::Number(number)) => number.as_f64().ok_or_else(|| format!("\"{key}\" is out of range")),
            Some(Value::Bool(on)) => Ok(f64::from(u8::from(on))),
            _ => Err(format!("it needs \"{key}\", a number or true or false")),
        }
    }

    fn swap(&mut self) -> Result<Command, String> {
        let node = self.name("node", "the name of a node")?;
        let plugin = self.name("plugin", "the file of a library")?.map(PathBuf::from);
        if node.is_none() && plugin.is_none() {
            return Err("it needs \"node\", the name of a node, or \"plugin\", the file of a library".to_owned());
        }
        Ok(Command::Swap { node, plugin })
    }

    fn sink(&mut self) -> Result<Option<String>, String> {
        self.name("sink", "the name of a sink")
    }

    /// A text that may be absent, null or empty.
    fn name(&mut self, key: &str, what: &str) -> Result<Option<String>, String> {
        match self.fields.remove(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(name)) if name.is_empty() => Ok(None),
            Some(Value::String(name)) => Ok(Some(name)),
            Some(_) => Err(format!("\"{key}\" is {what}")),
        }
    }
}

fn unknown(name: &str) -> String {
    match glottis_core::param::nearest(name, NAMES.into_iter()) {
        Some(near) => format!("there is no command \"{name}\": did you mean \"{near}\"?"),
        None => format!("there is no command \"{name}\": there are {}", NAMES.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_come_as_json_lines() {
        let talk = Command::parse(r#"{"do":"talk","on":true}"#);
        assert_eq!(talk, Ok(Command::Talk { sink: None, on: true }));
        let set = Command::parse(r#"{"do":"set","node":"gain","param":"db","value":-6}"#);
        assert_eq!(set, Ok(Command::Set { node: "gain".into(), param: "db".into(), value: -6.0 }));
        let text = Command::parse(r#"{"do":"text","text":"hi","sink":"avatar"}"#);
        assert_eq!(text, Ok(Command::Text { sink: Some("avatar".into()), text: "hi".into() }));
        let swap = Command::parse(r#"{"do":"swap","node":"gain","plugin":"./new.so"}"#);
        assert_eq!(swap, Ok(Command::Swap { node: Some("gain".into()), plugin: Some("./new.so".into()) }));
    }

    #[test]
    fn what_is_wrong_with_a_line_is_said() {
        for (line, name, part) in [
            ("", None, "not JSON"),
            ("[1]", None, "not a JSON object"),
            ("{}", None, "no \"do\""),
            (r#"{"do":"tlak","on":true}"#, Some("tlak"), "did you mean \"talk\"?"),
            (r#"{"do":"talk"}"#, Some("talk"), "needs \"on\""),
            (r#"{"do":"stop","now":true}"#, Some("stop"), "no field \"now\""),
            (r#"{"do":"swap"}"#, Some("swap"), "needs \"node\""),
        ] {
            let bad = Command::parse(line).unwrap_err();
            assert_eq!(bad.name.as_deref(), name, "{line}");
            assert!(bad.message.contains(part), "{line}: {}", bad.message);
        }
    }
}
