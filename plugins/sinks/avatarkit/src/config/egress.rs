//! The room or channel an avatar speaks in, instead of sending its animation back. Control side only;
//! secrets are read later.

use glottis_core::Problem;
use glottis_core::param::{Kind, Param, Settings};
use glottis_net::secret::Kept;

/// The keys of `livekit`.
pub(super) const LIVEKIT: &[Param] = &[
    Param::new("url", Kind::Text, "the room's server, wss://…; required"),
    Param::new("room_name", Kind::Text, "the room; required"),
    Param::new("publisher_id", Kind::Text, "the avatar's identity in it, as in its token; required"),
    Param::new("api_token_env", Kind::SecretEnv, "environment variable with the avatar's access token"),
    Param::new("api_key_env", Kind::SecretEnv, "instead of a token: environment variable with the server's key"),
    Param::new("api_secret_env", Kind::SecretEnv, "and one with its secret"),
    Param::new("extra_attributes", Kind::Map, "attributes of the avatar as a participant"),
    Param::new("idle_timeout", Kind::Int(0, i32::MAX as i64), "silence after which it leaves; 0: the service's choice")
        .unit("s"),
];

/// The keys of `agora`.
pub(super) const AGORA: &[Param] = &[
    Param::new("channel_name", Kind::Text, "the channel; required"),
    Param::new("token_env", Kind::SecretEnv, "environment variable with the avatar's token"),
    Param::new("uid", Kind::Int(0, u32::MAX as i64), "the avatar's uid; 0, where absent: assigned by the service"),
    Param::new("publisher_id", Kind::Text, "the avatar's identity"),
];

/// Where the avatar speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Egress {
    LiveKit(LiveKit),
    Agora(Agora),
}

/// A LiveKit room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LiveKit {
    pub(crate) url: String,
    pub(crate) room_name: String,
    pub(crate) publisher_id: String,
    pub(crate) credentials: Credentials,
    pub(crate) extra_attributes: Vec<(String, String)>,
    pub(crate) idle_timeout: i32,
}

/// How the service gets into a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Credentials {
    Token(Kept),
    KeyAndSecret(Kept, Kept),
}

/// An Agora channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Agora {
    pub(crate) channel_name: String,
    pub(crate) token: Option<Kept>,
    pub(crate) uid: u32,
    pub(crate) publisher_id: String,
}

impl Egress {
    pub(super) fn new(settings: &Settings, problems: &mut Vec<Problem>) -> Option<Egress> {
        let (livekit, agora) = (settings.table("livekit"), settings.table("agora"));
        let written = |table: &Settings, keys: &[Param]| keys.iter().any(|param| table.has(param.name));
        let (has_livekit, has_agora) = (written(&livekit, LIVEKIT), written(&agora, AGORA));
        if has_livekit && has_agora {
            let problem = settings.problem("agora", "an avatar speaks in one place, and livekit names another");
            problems.push(problem.help("keep livekit or agora"));
        }
        if has_livekit {
            room(&livekit, problems).map(Egress::LiveKit)
        } else if has_agora {
            channel(&agora, problems).map(Egress::Agora)
        } else {
            None
        }
    }
}

fn room(settings: &Settings, problems: &mut Vec<Problem>) -> Option<LiveKit> {
    let url = required(settings, "url", problems);
    let room_name = required(settings, "room_name", problems);
    let publisher_id = required(settings, "publisher_id", problems);
    let credentials = credentials(settings, problems);
    Some(LiveKit {
        url: url?,
        room_name: room_name?,
        publisher_id: publisher_id?,
        credentials: credentials?,
        extra_attributes: settings.map("extra_attributes"),
        idle_timeout: settings.opt_int("idle_timeout").unwrap_or(0) as i32,
    })
}

/// A token is preferred where both are given, as the service does.
fn credentials(settings: &Settings, problems: &mut Vec<Problem>) -> Option<Credentials> {
    let (token, key, secret) =
        (Kept::of(settings, "api_token"), Kept::of(settings, "api_key"), Kept::of(settings, "api_secret"));
    match (token, key, secret) {
        (Some(token), _, _) => Some(Credentials::Token(token)),
        (None, Some(key), Some(secret)) => Some(Credentials::KeyAndSecret(key, secret)),
        _ => {
            let problem = settings.problem("api_token_env", "the avatar has nothing to enter the room with");
            problems.push(problem.help("add api_token_env, or both api_key_env and api_secret_env"));
            None
        }
    }
}

fn channel(settings: &Settings, problems: &mut Vec<Problem>) -> Option<Agora> {
    Some(Agora {
        channel_name: required(settings, "channel_name", problems)?,
        token: Kept::of(settings, "token"),
        uid: settings.opt_int("uid").unwrap_or(0) as u32,
        publisher_id: settings.opt_text("publisher_id").unwrap_or_default().to_owned(),
    })
}

fn required(settings: &Settings, key: &str, problems: &mut Vec<Problem>) -> Option<String> {
    let text = settings.opt_text(key).map(str::trim).filter(|text| !text.is_empty());
    if text.is_none() {
        problems.push(settings.problem(key, format!("{key} is missing")).help(format!("add {key} = \"…\"")));
    }
    text.map(str::to_owned)
}
