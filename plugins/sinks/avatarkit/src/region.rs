//! Where the service is: token URL and socket URL, written, derived from a region, or asked for. The
//! asking is on the async runtime, and only where a configuration wants it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use glottis_core::Problem;
use glottis_core::param::Settings;
use glottis_net::address::{self, Schemes, Url, join};
use glottis_net::http::exchange;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::config::Dialect;

/// The region where everything is if nobody says otherwise.
const HOME: &str = "us-west";

/// How long an answer is believed.
const FRESH: Duration = Duration::from_secs(300);

/// Where regions are asked for, and how long.
const SPATIUS_BOOTSTRAP: &str = "https://global.spatialwalk.top/bootstrap";
const SPATIUS_PATIENCE: Duration = Duration::from_secs(5);
const SPATIALREAL_BOOTSTRAP: &str = "https://config.spatialreal.cloud/sdk";
const SPATIALREAL_PATIENCE: Duration = Duration::from_secs(3);

const CONSOLE: Schemes = Schemes { plain: &["http"], tls: &["https"], query: true };
const INGRESS: Schemes = Schemes { plain: &["http", "ws"], tls: &["https", "wss"], query: true };

/// Both bases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bases {
    console: Url,
    ingress: Url,
}

/// Where the service is, as far as the configuration says.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    dialect: Dialect,
    console: Option<Url>,
    ingress: Option<Url>,
    region: String,
    bootstrap: Url,
    insecure: bool,
}

impl Places {
    pub(crate) fn new(settings: &Settings, dialect: Dialect, problems: &mut Vec<Problem>) -> Option<Places> {
        let insecure = settings.bool("allow_insecure");
        let before = problems.len();
        let mut parse = |key: &str, schemes| {
            let text = settings.opt_text(key).map(str::trim).filter(|text| !text.is_empty())?;
            let parsed = address::parse(text, schemes, insecure);
            parsed.map_err(|(message, help)| problems.push(settings.problem(key, message).help(help))).ok()
        };
        let console = parse("console_endpoint", CONSOLE);
        let ingress = parse("ingress_endpoint", INGRESS);
        let bootstrap = parse("bootstrap_url", CONSOLE);
        let region = match settings.text("region").trim() {
            "" => "auto",
            region => region,
        };
        if region != "auto" && !is_region(region) {
            let problem = settings.problem("region", format!("\"{region}\" is no region"));
            problems.push(problem.help("a name like \"us-west\", or \"auto\""));
        }
        let bootstrap = bootstrap.or_else(|| {
            Url::parse(match dialect {
                Dialect::Spatius => SPATIUS_BOOTSTRAP,
                Dialect::SpatialReal => SPATIALREAL_BOOTSTRAP,
            })
            .ok()
        });
        let places = Places { dialect, console, ingress, region: region.to_owned(), bootstrap: bootstrap?, insecure };
        (problems.len() == before).then_some(places)
    }

    /// Both addresses, asking for them if need be. An answer that does not come or makes no sense does
    /// no harm where there is a region to fall back on.
    ///
    /// # Errors
    /// The configured region is none the service knows; in words.
    pub(crate) async fn find(&self, client: &Client, app_id: &str) -> Result<Endpoints, String> {
        let written = match (&self.console, &self.ingress) {
            (Some(_), Some(_)) => None,
            // One written address is a decision already: the other is where everything is.
            (Some(_), None) | (None, Some(_)) if self.region == "auto" => Some(HOME.to_owned()),
            _ => Some(self.region.clone()),
        };
        let bases = match written {
            None => None,
            Some(region) => Some(match self.dialect {
                Dialect::Spatius if region == "auto" => of_spatius(&self.ask_spatius(client, app_id).await),
                Dialect::Spatius => of_spatius(&region),
                Dialect::SpatialReal if region == HOME => of_spatialreal(),
                Dialect::SpatialReal => self.ask_spatialreal(client, &region).await,
            }?),
        };
        let pick = |written: &Option<Url>, derived: Option<Url>| written.clone().or(derived);
        let (console, ingress) = bases.map(|bases| (bases.console, bases.ingress)).unzip();
        let (Some(console), Some(ingress)) = (pick(&self.console, console), pick(&self.ingress, ingress)) else {
            return Err("there is no address for the service".to_owned());
        };
        Ok(Endpoints { tokens: self.token_url(&console), socket: join(&ingress, "/websocket") })
    }

    fn token_url(&self, console: &Url) -> Url {
        match self.dialect {
            Dialect::Spatius => join(console, "/session-tokens"),
            Dialect::SpatialReal => {
                let mut origin = console.clone();
                let path = console.path().trim_end_matches('/');
                origin.set_path(path.strip_suffix("/v1/console").unwrap_or(path));
                join(&origin, "/v1/auth/session-token")
            }
        }
    }

    /// The region the service recommends; the last one it recommended, or the home of everything, if it
    /// does not.
    async fn ask_spatius(&self, client: &Client, app_id: &str) -> String {
        let key = self.bootstrap.to_string();
        if let Some(region) = remembered(&key, FRESH) {
            return region;
        }
        let body = json!({
            "app_id": app_id,
            "sdk_version": concat!("glottis/", env!("CARGO_PKG_VERSION")),
            "region": "auto",
            "platform": "rust",
        });
        let request = client.post(self.bootstrap.clone()).header("content-type", "application/json");
        let answer = ask(request.body(body.to_string()), SPATIUS_PATIENCE).await;
        let region = answer.and_then(|answer| {
            let region = answer["region"]["current"].as_str()?;
            is_region(region).then(|| region.to_owned())
        });
        match region {
            Some(region) => {
                remember(&key, &region);
                region
            }
            None => {
                tracing::warn!(host = address::host(&self.bootstrap), "the service named no region");
                remembered(&key, Duration::MAX).unwrap_or_else(|| HOME.to_owned())
            }
        }
    }

    /// The addresses of an environment the service lists.
    async fn ask_spatialreal(&self, client: &Client, region: &str) -> Result<Bases, String> {
        let name = if region == "auto" { HOME } else { region };
        let answer = ask(client.get(self.bootstrap.clone()), SPATIALREAL_PATIENCE).await;
        let environment = answer.as_ref().map(|answer| &answer["environments"][name]);
        let origin = |key: &str| {
            let text = environment?[key].as_str()?;
            address::parse(text, CONSOLE, self.insecure).ok()
        };
        match (origin("api"), origin("driveningress")) {
            (Some(api), Some(ingress)) => Ok(Bases { console: api, ingress: join(&ingress, "/v2/driveningress") }),
            _ if name == HOME => of_spatialreal(),
            _ => Err(format!("{} knows no region \"{name}\"", address::host(&self.bootstrap))),
        }
    }
}

/// Where tokens come from, and where the socket is, without its query of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoints {
    pub(crate) tokens: Url,
    pub(crate) socket: Url,
}

fn of_spatius(region: &str) -> Result<Bases, String> {
    let domain = if region.starts_with("cn-") { "spatialwalk.top" } else { "spatius.ai" };
    bases(
        &format!("https://console.{region}.{domain}/v1/console"),
        &format!("wss://api.{region}.{domain}/v2/driveningress"),
    )
}

fn of_spatialreal() -> Result<Bases, String> {
    bases("https://api.spatialreal.cloud", "https://driven.us-west.spatialreal.cloud/v2/driveningress")
}

fn bases(console: &str, ingress: &str) -> Result<Bases, String> {
    let parse = |text: &str| Url::parse(text).map_err(|error| format!("{text}: {error}"));
    Ok(Bases { console: parse(console)?, ingress: parse(ingress)? })
}

/// A region becomes part of a host name, so an answer must not smuggle anything else into it: words of
/// small letters and digits with hyphens between, at least two.
fn is_region(name: &str) -> bool {
    let word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    name.len() <= 63 && name.contains('-') && name.split('-').all(word)
}

async fn ask(request: reqwest::RequestBuilder, patience: Duration) -> Option<Value> {
    let answer = exchange(request, patience).await.ok().filter(|answer| answer.status == 200)?;
    serde_json::from_slice(&answer.body).ok()
}

/// Regions by where they were asked for: one answer serves every sink of the process.
static KNOWN: Mutex<Option<HashMap<String, (String, Instant)>>> = Mutex::new(None);

fn remembered(place: &str, age: Duration) -> Option<String> {
    let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let (region, since) = known.as_ref()?.get(place)?;
    (since.elapsed() < age).then(|| region.clone())
}

fn remember(place: &str, region: &str) {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.get_or_insert_default().insert(place.to_owned(), (region.to_owned(), Instant::now()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{build, good};

    /// The addresses of a configuration that asks nobody.
    fn found(dialect: &str, keys: &[(&str, &str)]) -> (String, String) {
        let table = keys.iter().fold(good().with("dialect", dialect), |table, (key, value)| table.with(key, *value));
        let config = build(table).unwrap();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(glottis_net::tls::client(None).unwrap().as_ref().clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let found = runtime.block_on(config.places.find(&client.build().unwrap(), "app")).unwrap();
        (found.tokens.to_string(), found.socket.to_string())
    }

    #[test]
    fn addresses_follow_from_the_region() {
        let (tokens, socket) = found("spatius", &[]);
        assert_eq!(tokens, "https://console.us-west.spatius.ai/v1/console/session-tokens");
        assert_eq!(socket, "wss://api.us-west.spatius.ai/v2/driveningress/websocket");
        let (tokens, socket) = found("spatius", &[("region", "cn-beijing")]);
        assert_eq!(tokens, "https://console.cn-beijing.spatialwalk.top/v1/console/session-tokens");
        assert_eq!(socket, "wss://api.cn-beijing.spatialwalk.top/v2/driveningress/websocket");
        let (tokens, socket) = found("spatialreal", &[]);
        assert_eq!(tokens, "https://api.spatialreal.cloud/v1/auth/session-token");
        assert_eq!(socket, "https://driven.us-west.spatialreal.cloud/v2/driveningress/websocket");
    }

    #[test]
    fn written_addresses_win_and_one_of_them_needs_nobody_asked() {
        let console = ("console_endpoint", "http://127.0.0.1:1/base/?a=b");
        let (tokens, socket) = found("spatius", &[console, ("region", "auto")]);
        assert_eq!(tokens, "http://127.0.0.1:1/base/session-tokens?a=b");
        assert_eq!(socket, "wss://api.us-west.spatius.ai/v2/driveningress/websocket");
        let (_, socket) = found("spatius", &[console, ("ingress_endpoint", "http://127.0.0.1:2/in/")]);
        assert_eq!(socket, "http://127.0.0.1:2/in/websocket");
    }

    #[test]
    fn a_console_base_of_the_other_line_works_for_spatialreal() {
        for base in ["http://127.0.0.1:1/v1/console", "http://127.0.0.1:1/v1/console/", "http://127.0.0.1:1"] {
            let (tokens, _) = found("spatialreal", &[("console_endpoint", base)]);
            assert_eq!(tokens, "http://127.0.0.1:1/v1/auth/session-token", "{base}");
        }
    }

    #[test]
    fn only_names_of_regions_become_part_of_a_host() {
        for region in ["us-west", "ap-northeast", "cn-beijing-2"] {
            assert!(is_region(region), "{region}");
        }
        for no in ["", "us", "us-", "-us", "us_west", "US-west", "evil.example/x-", "a-b.evil", "a--b", "us-west@h"] {
            assert!(!is_region(no), "{no}");
        }
    }
}
