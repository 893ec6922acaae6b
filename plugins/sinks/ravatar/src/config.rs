//! The keys of the `ravatar` sink, and what is wrong with them. Control side only.

use std::path::PathBuf;
use std::time::Duration;

use glottis_core::param::{Kind, Param, Settings};
use glottis_core::{Context, Problem, TurnMode};
use glottis_net::address;

use crate::blob::Container;
use crate::reconnect::Profile;
use crate::server::{Server, server};
use crate::user;
use crate::voice::{Audio, Flag, Mode};

const MINUTE: u64 = 60_000;

/// The keys. Their meaning in full is in the README.
pub(crate) const PARAMS: &[Param] = &[
    Param::new("endpoint", Kind::Text, "base URL of the service").default("\"https://chat.rvtr.ai\""),
    Param::new("ws_endpoint", Kind::Text, "URL of the socket without its query; follows from endpoint where absent"),
    Param::new("project_id", Kind::Text, "the project, as the vendor issued it: 1 to 64 of A-Z a-z 0-9 -").required(),
    Param::new(
        "user_id",
        Kind::Text,
        "this installation: 1 to 128 of A-Z a-z 0-9 _ -; generated once and kept where absent",
    ),
    Param::new("avatar", Kind::Text, "\"first\", or the id of an avatar of the project").default("\"first\""),
    Param::new("language", Kind::Text, "\"first\", or the code of a language of the project").default("\"first\""),
    Param::new("mode", Kind::Choice(&["live", "chat"]), "live: a session with a rendered avatar; chat: turn by turn")
        .default("\"live\""),
    Param::new(
        "audio",
        Kind::Choice(&["pcm", "blob"]),
        "pcm: chunk by chunk while one speaks; blob: whole turns; where absent pcm, but blob in chat mode and for push-to-talk",
    ),
    Param::new("blob", Kind::Choice(&["wav", "webm-opus", "ogg-opus"]), "the format of whole turns").default("\"wav\""),
    Param::new("source_name", Kind::Text, "how this client calls itself in messages").default("\"glottis\""),
    Param::new("origin", Kind::Text, "Origin header of the socket's handshake"),
    Param::new("width", Kind::Int(1, 1920), "width of the avatar's video").default("1280").unit("px"),
    Param::new("height", Kind::Int(1, 1080), "height of the avatar's video").default("720").unit("px"),
    Param::new("http_timeout", Kind::Duration(100, 10 * MINUTE), "longest wait for one answer or handshake")
        .default("\"30s\""),
    Param::new("busy_retry", Kind::Bool, "try again after 1, 2 and 4 s when no avatar is free").default("false"),
    Param::new("unattended", Kind::Bool, "no human is there: reconnect for ever, start new sessions").default("false"),
    Param::new("reconnect", Kind::Choice(&["default", "demo"]), "how to reconnect: after 2, 4 and 8 s, or as the demo")
        .default("\"default\""),
    Param::new("ping", Kind::ChoiceOrDuration(&["off"], 100, 60 * MINUTE), "silence of the service before a ping")
        .default("\"30s\""),
    Param::new("max_message", Kind::Bytes(16 << 10, 64 << 20), "longest message to send").default("\"1MiB\""),
    Param::new("push_to_talk_flag", Kind::Choice(&["docs", "demo"]), "which blobs carry isPushToTalk")
        .default("\"docs\""),
    Param::new("pace_limit", Kind::Choice(&["4x", "off"]), "fastest sending, in multiples of real time")
        .default("\"4x\""),
    Param::new("linger", Kind::Duration(0, 60 * MINUTE), "longest wait for the answer to the last turn")
        .default("\"0s\""),
    Param::new("trailing", Kind::Duration(0, MINUTE), "audio or silence sent after the last voice of a turn")
        .default("\"1024ms\""),
    Param::new("allow_insecure", Kind::Bool, "plain http and ws beyond this machine").default("false"),
    Param::new("allow_nonstandard", Kind::Bool, "chunks other than 4096 padded frames").default("false"),
];

/// The keys, checked.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) server: Server,
    pub(crate) project_id: String,
    pub(crate) user_id: Option<String>,
    /// `None`: the first one.
    pub(crate) avatar: Option<String>,
    /// `None`: the first one.
    pub(crate) language: Option<String>,
    pub(crate) mode: Mode,
    /// `None`: what is usual for mode and turns.
    pub(crate) audio: Option<Audio>,
    pub(crate) container: Container,
    pub(crate) flag: Flag,
    pub(crate) source_name: String,
    pub(crate) origin: Option<http::HeaderValue>,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) http_timeout: Duration,
    pub(crate) busy_retry: bool,
    pub(crate) unattended: bool,
    pub(crate) profile: Profile,
    pub(crate) ping: Option<Duration>,
    pub(crate) max_message: usize,
    pub(crate) pace_limit: Option<u32>,
    pub(crate) linger: Duration,
    pub(crate) trailing: Duration,
    pub(crate) allow_nonstandard: bool,
    pub(crate) state_dir: Option<PathBuf>,
    /// The sink's name.
    pub(crate) name: String,
}

impl Config {
    /// The checked keys of `settings`, or everything wrong with them.
    pub(crate) fn new(settings: &Settings, context: &Context) -> Result<Config, Vec<Problem>> {
        let mut problems = Vec::new();
        misfits(settings, &mut problems);
        ids(settings, &mut problems);
        let origin = origin(settings, &mut problems);
        let server = addresses(settings, &mut problems);
        let (Some(server), true) = (server, problems.is_empty()) else { return Err(problems) };
        let unless_first = |key| Some(settings.text(key).to_owned()).filter(|text| text != "first");
        Ok(Config {
            server,
            project_id: settings.text("project_id").to_owned(),
            user_id: settings.opt_text("user_id").map(str::to_owned),
            avatar: unless_first("avatar"),
            language: unless_first("language"),
            mode: mode(settings),
            audio: audio(settings),
            container: Container::of(settings),
            flag: if settings.text("push_to_talk_flag") == "demo" { Flag::Demo } else { Flag::Docs },
            source_name: settings.text("source_name").to_owned(),
            origin,
            width: settings.int("width") as u32,
            height: settings.int("height") as u32,
            http_timeout: settings.duration("http_timeout"),
            busy_retry: settings.bool("busy_retry"),
            unattended: settings.bool("unattended"),
            profile: if settings.text("reconnect") == "demo" { Profile::Demo } else { Profile::Default },
            ping: settings.opt_duration("ping"),
            max_message: settings.bytes("max_message") as usize,
            pace_limit: (settings.text("pace_limit") == "4x").then_some(4),
            linger: settings.duration("linger"),
            trailing: settings.duration("trailing"),
            allow_nonstandard: settings.bool("allow_nonstandard"),
            state_dir: context.state_dir.clone(),
            name: context.name.clone(),
        })
    }

    /// How turns in mode `turn` go out; `None` as long as the service decides.
    pub(crate) fn audio(&self, turn: TurnMode) -> Option<Audio> {
        self.audio.or_else(|| Audio::usual(self.mode, turn))
    }
}

fn mode(settings: &Settings) -> Mode {
    if settings.text("mode") == "chat" { Mode::Chat } else { Mode::Live }
}

fn audio(settings: &Settings) -> Option<Audio> {
    settings.opt_text("audio").map(|audio| if audio == "blob" { Audio::Blob } else { Audio::Pcm })
}

/// Refuses what does not go together: to take it in silence would be to do something else than asked.
fn misfits(settings: &Settings, problems: &mut Vec<Problem>) {
    if mode(settings) == Mode::Chat && audio(settings) == Some(Audio::Pcm) {
        let problem = settings.problem("audio", "chat mode takes whole turns, not \"pcm\"");
        problems.push(problem.help("leave audio out, or use mode = \"live\""));
    }
}

fn ids(settings: &Settings, problems: &mut Vec<Problem>) {
    if !user::is_project_id(settings.text("project_id")) {
        let problem = settings.problem("project_id", "this is not a project id");
        problems.push(problem.help("1 to 64 of A-Z a-z 0-9 and -, as the vendor issued it"));
    }
    if settings.opt_text("user_id").is_some_and(|id| !user::is_user_id(id)) {
        let problem = settings.problem("user_id", "this is not a user id");
        problems.push(problem.help("1 to 128 of A-Z a-z 0-9 _ and -; leave it out to have one generated and kept"));
    }
    for key in ["avatar", "language", "source_name"] {
        if settings.text(key).trim().is_empty() {
            problems.push(settings.problem(key, "this is empty").help("leave it out for the default"));
        }
    }
}

fn origin(settings: &Settings, problems: &mut Vec<Problem>) -> Option<http::HeaderValue> {
    let origin = http::HeaderValue::from_str(settings.opt_text("origin")?);
    if origin.is_err() {
        let problem = settings.problem("origin", "this cannot be a header");
        problems.push(problem.help("write it as https://host"));
    }
    origin.ok()
}

fn addresses(settings: &Settings, problems: &mut Vec<Problem>) -> Option<Server> {
    let insecure = settings.bool("allow_insecure");
    let mut parse = |key: &str, schemes| {
        let parsed = address::parse(settings.opt_text(key)?, schemes, insecure);
        parsed.map_err(|(message, help)| problems.push(settings.problem(key, message).help(help))).ok()
    };
    let endpoint = parse("endpoint", address::HTTP);
    let socket = parse("ws_endpoint", address::WS);
    Some(server(&endpoint?, socket.as_ref()))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;

    use glottis_core::Registry;
    use glottis_core::param::{Table, check};
    use glottis_core::registry::ComponentKind;

    use super::*;

    fn build(table: Table) -> Result<Config, Vec<Problem>> {
        let settings = check(&table, PARAMS, "sink[0]", Path::new(""), &Registry::new())?;
        Config::new(&settings, &Context::default())
    }

    fn good() -> Table {
        Table::default().with("project_id", "demo-project")
    }

    /// A configuration for a simulator at `endpoint`.
    pub(crate) fn config_for(endpoint: &str) -> Config {
        build(good().with("endpoint", endpoint).with("user_id", "tester")).unwrap()
    }

    fn complaint(table: Table) -> String {
        let problems = build(table).unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(!problems[0].help.is_empty(), "{:?} has no remedy", problems[0]);
        problems[0].to_string()
    }

    #[test]
    fn the_defaults_are_those_of_the_interface() {
        let config = build(good()).unwrap();
        assert_eq!(config.server.rest, "https://chat.rvtr.ai");
        assert_eq!(config.server.socket, "wss://chat.rvtr.ai/ws/chat");
        assert_eq!((config.width, config.height), (1280, 720));
        assert_eq!((config.http_timeout, config.ping), (Duration::from_secs(30), Some(Duration::from_secs(30))));
        assert_eq!((config.max_message, config.pace_limit), (1 << 20, Some(4)));
        assert_eq!((config.linger, config.trailing), (Duration::ZERO, Duration::from_millis(1024)));
        assert_eq!((config.avatar, config.language, config.user_id), (None, None, None));
        assert_eq!(config.source_name, "glottis");
        assert_eq!((config.profile, config.unattended, config.busy_retry), (Profile::Default, false, false));
    }

    /// C2, C22: refused before anything is sent.
    #[test]
    fn what_the_service_would_refuse_is_refused_here() {
        for id in ["", "a b", "ä", &"x".repeat(129)] {
            assert!(complaint(good().with("user_id", id)).contains("sink[0].user_id"), "{id}");
        }
        for id in ["", "a_b", &"x".repeat(65)] {
            assert!(complaint(Table::default().with("project_id", id)).contains("sink[0].project_id"), "{id}");
        }
        assert!(build(good().with("width", 1921)).is_err());
        assert!(build(good().with("height", 1081)).is_err());
        assert!(build(Table::default()).is_err(), "project_id is required");
        assert!(complaint(good().with("endpoint", "http://chat.rvtr.ai")).contains("allow_insecure"));
        assert!(build(good().with("endpoint", "http://chat.rvtr.ai").with("allow_insecure", true)).is_ok());
    }

    #[test]
    fn chat_takes_no_pcm() {
        assert!(complaint(good().with("mode", "chat").with("audio", "pcm")).contains("sink[0].audio"));
        let audio = |table: Table, turn| build(table).unwrap().audio(turn);
        assert_eq!(audio(good().with("mode", "chat"), TurnMode::Auto), Some(Audio::Blob));
        assert_eq!(audio(good().with("mode", "chat").with("audio", "blob"), TurnMode::Speech), Some(Audio::Blob));
        assert_eq!(audio(good().with("audio", "blob"), TurnMode::Auto), Some(Audio::Blob));
        assert_eq!(audio(good().with("audio", "pcm"), TurnMode::PushToTalk), Some(Audio::Pcm));
        assert_eq!(audio(good(), TurnMode::Auto), None);
    }

    #[test]
    fn the_registry_makes_the_sink() {
        let mut registry = Registry::new();
        crate::register(&mut registry);
        let component = registry.get(ComponentKind::Sink, "ravatar").unwrap();
        let settings = check(&good(), component.params, "", Path::new(""), &registry).unwrap();
        let sink = registry.sink("ravatar", &settings, &Context::default()).unwrap();
        assert_eq!((sink.wants().encoder, sink.wants().chunk_frames, sink.wants().pad), ("pcm16", 4096, true));
    }
}
