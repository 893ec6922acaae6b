//! The keys of the `avatarkit` sink, and what is wrong with them. Control side only; secrets are not
//! read here, so that a configuration can be checked where they are not at hand.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use glottis_core::param::{Kind, Param, Settings};
use glottis_core::{Context, Problem};
use glottis_net::secret::Kept;

use crate::region::Places;

mod audio;
mod egress;

pub(crate) use audio::{Audio, Format};
pub(crate) use egress::{Credentials, Egress};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

/// Sessions may not last longer than a day; the service's clock may be ahead of ours.
const LONGEST_SESSION: Duration = Duration::from_millis(24 * HOUR - MINUTE);

/// The keys. Their meaning in full is in the README.
pub(crate) const PARAMS: &[Param] = &[
    Param::new("dialect", Kind::Choice(&["spatius", "spatialreal"]), "which line of the product")
        .default("\"spatius\""),
    Param::new("app_id", Kind::Text, "the app, as the vendor issued it").required(),
    Param::new("avatar_id", Kind::Text, "the avatar that shall speak").required(),
    Param::new("api_key_env", Kind::SecretEnv, "environment variable with the API key"),
    Param::new("api_key_file", Kind::SecretFile, "file with the API key"),
    Param::new("console_endpoint", Kind::Text, "where session tokens come from; follows from region where absent"),
    Param::new("ingress_endpoint", Kind::Text, "where the socket is; follows from region where absent"),
    Param::new("region", Kind::Text, "region of both; \"auto\" asks the service for one").default("\"us-west\""),
    Param::new("bootstrap_url", Kind::Text, "where a region is asked for"),
    Param::new("ca_file", Kind::Path, "certificates (PEM) to trust besides the web's"),
    Param::new("use_query_auth", Kind::Bool, "credentials of the socket in its URL instead of headers")
        .default("false"),
    Param::new("expires_in", Kind::Duration(1000, 24 * HOUR), "how long a session token is good for").default("\"1h\""),
    Param::new("audio", Kind::Choice(&["pcm", "ogg-opus"]), "how speech travels").default("\"pcm\""),
    Param::new("sample_rate", Kind::Int(1, 192_000), "rate the service is told; the edge must have it")
        .default("16000")
        .unit("Hz"),
    Param::new("bitrate", Kind::Int(0, 512_000), "of Opus, 500 and more; 0: the encoder's choice")
        .default("0")
        .unit("bit/s"),
    Param::new("opus", Kind::Table(audio::OPUS), "the Opus encoder"),
    Param::new("ogg_opus_encoder", Kind::Table(audio::OGG_OPUS_ENCODER), "the same with the vendor's names"),
    Param::new("extra_params", Kind::Map, "further parameters for the service, as the vendor names them"),
    Param::new("livekit", Kind::Table(egress::LIVEKIT), "the LiveKit room the avatar speaks in"),
    Param::new("agora", Kind::Table(egress::AGORA), "the Agora channel the avatar speaks in"),
    Param::new("traceparent", Kind::Text, "W3C trace context sent with each request's first audio"),
    Param::new("tracestate", Kind::Text, "the trace context's state"),
    Param::new("token_timeout", Kind::Duration(100, 10 * MINUTE), "longest wait for a session token")
        .default("\"10s\""),
    Param::new("connect_timeout", Kind::Duration(100, 10 * MINUTE), "longest wait for the socket").default("\"10s\""),
    Param::new(
        "handshake_timeout",
        Kind::Duration(100, 10 * MINUTE),
        "longest wait for the confirmation; 10s, or 30s with an egress, where absent",
    ),
    Param::new("ping", Kind::ChoiceOrDuration(&["off"], 100, HOUR), "from one ping to the next").default("\"30s\""),
    Param::new(
        "stall_guard",
        Kind::ChoiceOrDuration(&["off"], 100, 10 * MINUTE),
        "a request without audio for so long is ended; the next audio begins another",
    )
    .default("\"1.2s\""),
    Param::new("tries", Kind::Int(1, 1000), "attempts in a row before the sink gives up, the first included")
        .default("6"),
    Param::new(
        "linger",
        Kind::Duration(0, 10 * MINUTE),
        "at the end of the run, longest wait for the service to finish what it was sent",
    )
    .default("\"5s\""),
    Param::new("allow_insecure", Kind::Bool, "plain http and ws beyond this machine").default("false"),
];

/// Which line of the product the service belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// Spatius, and spatialwalk before it.
    Spatius,
    /// SpatialReal.
    SpatialReal,
}

/// The keys, checked.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) dialect: Dialect,
    pub(crate) app_id: String,
    pub(crate) avatar_id: String,
    pub(crate) api_key: Kept,
    pub(crate) places: Places,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) use_query_auth: bool,
    pub(crate) expires_in: Duration,
    pub(crate) audio: Audio,
    pub(crate) extra_params: Vec<(String, String)>,
    pub(crate) egress: Option<Egress>,
    /// `traceparent` and `tracestate`.
    pub(crate) trace: Option<(String, String)>,
    pub(crate) token_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) handshake_timeout: Duration,
    pub(crate) ping: Option<Duration>,
    pub(crate) stall_guard: Option<Duration>,
    pub(crate) tries: u32,
    pub(crate) linger: Duration,
    /// The sink's name.
    pub(crate) name: Arc<str>,
}

impl Config {
    /// The checked keys of `settings`, or everything wrong with them.
    pub(crate) fn new(settings: &Settings, context: &Context) -> Result<Config, Vec<Problem>> {
        let mut problems = Vec::new();
        let dialect = match settings.text("dialect") {
            "spatialreal" => Dialect::SpatialReal,
            _ => Dialect::Spatius,
        };
        for key in ["app_id", "avatar_id"] {
            if settings.text(key).trim().is_empty() {
                problems.push(settings.problem(key, "this is empty").help("as the vendor issued it"));
            }
        }
        if http::HeaderValue::from_str(settings.text("app_id")).is_err() {
            problems.push(settings.problem("app_id", "this cannot be a header").help("as the vendor issued it"));
        }
        let api_key = api_key(settings, &mut problems);
        let places = Places::new(settings, dialect, &mut problems);
        let audio = Audio::new(settings, &mut problems);
        let egress = Egress::new(settings, &mut problems);
        dialect_only(settings, dialect, &mut problems);
        let (Some(api_key), Some(places), Some(audio), true) = (api_key, places, audio, problems.is_empty()) else {
            return Err(problems);
        };
        let patience = Duration::from_secs(if egress.is_some() { 30 } else { 10 });
        Ok(Config {
            dialect,
            app_id: settings.text("app_id").to_owned(),
            avatar_id: settings.text("avatar_id").to_owned(),
            api_key,
            places,
            ca_file: settings.opt_path("ca_file"),
            use_query_auth: settings.bool("use_query_auth"),
            expires_in: settings.duration("expires_in").min(LONGEST_SESSION),
            audio,
            extra_params: settings.map("extra_params"),
            egress,
            trace: settings
                .opt_text("traceparent")
                .map(|parent| (parent.to_owned(), settings.opt_text("tracestate").unwrap_or_default().to_owned())),
            token_timeout: settings.duration("token_timeout"),
            connect_timeout: settings.duration("connect_timeout"),
            handshake_timeout: settings.opt_duration("handshake_timeout").unwrap_or(patience),
            ping: settings.opt_duration("ping"),
            stall_guard: settings.opt_duration("stall_guard"),
            tries: settings.int("tries") as u32,
            linger: settings.duration("linger"),
            name: context.name.as_str().into(),
        })
    }
}

fn api_key(settings: &Settings, problems: &mut Vec<Problem>) -> Option<Kept> {
    let (env, file) = (settings.has("api_key_env"), settings.has("api_key_file"));
    if env && file {
        let problem = settings.problem("api_key_file", "the API key is named twice");
        problems.push(problem.help("keep api_key_env or api_key_file"));
        return None;
    }
    let key = Kept::of(settings, "api_key");
    if key.is_none() {
        let problem = settings.problem("api_key_env", "the sink needs an API key");
        problems
            .push(problem.help("add api_key_env = \"NAME\" of an environment variable, or api_key_file = \"PATH\""));
    }
    key
}

/// Keys that only one line of the product has.
fn dialect_only(settings: &Settings, dialect: Dialect, problems: &mut Vec<Problem>) {
    if settings.has("tracestate") && !settings.has("traceparent") {
        let problem = settings.problem("tracestate", "a trace's state needs the trace");
        problems.push(problem.help("add traceparent, or leave tracestate out"));
    }
    if dialect == Dialect::Spatius {
        return;
    }
    for key in ["extra_params", "traceparent"] {
        if settings.has(key) {
            let problem = settings.problem(key, format!("SpatialReal has no {key}"));
            problems.push(problem.help("leave it out, or use dialect = \"spatius\""));
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
