//! The HTTP calls of the service: token, retries, refresh, and what the answers mean. Used by the
//! sink's task; safe to call from several at once.

mod body;
mod calls;
mod judge;
mod transport;

#[cfg(test)]
mod tests;

pub(crate) use body::words_of;
pub(crate) use calls::Start;

use std::sync::Arc;
use std::time::Duration;

use glottis_core::inlet::Emit;
use glottis_core::{SinkError, SinkEvent};
use glottis_net::backoff::jitter;
use glottis_net::secret::{Secret, Veil};
use glottis_net::tls::ClientConfig;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::config::Config;
use crate::trouble;
use judge::{Judgement, Rules, Step, judge};
use transport::{Call, Http, Transport};

/// A token lives for 24 hours; older than this it is replaced before a connect or a live start, so
/// that it does not die in the middle of one.
const STALE: Duration = Duration::from_secs(23 * 3600);

/// Retries after the first attempt, and the wait before the first of them.
const RETRIES: u32 = 3;
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The service's bearer token.
#[derive(Clone)]
pub(crate) struct Token {
    /// The token itself.
    pub(crate) secret: Secret,
    /// Which one in a row: what was learnt with another one may be out of date.
    pub(crate) generation: u64,
    received: Instant,
}

#[derive(Default)]
struct Slot {
    token: Option<Token>,
    generations: u64,
}

/// The service, as one user sees it.
pub(crate) struct Rest {
    transport: Box<dyn Transport>,
    rules: Rules,
    veil: Veil,
    user_id: String,
    project_id: String,
    /// Where attempts to come are told.
    told: Option<Emit>,
    /// Locked while a token is fetched: whoever else needs one waits for that one.
    slot: Mutex<Slot>,
}

impl Rest {
    /// The service of `config` for `user_id`. Sends nothing yet.
    pub(crate) fn new(
        config: &Config,
        user_id: String,
        tls: &Arc<ClientConfig>,
        veil: Veil,
    ) -> Result<Rest, SinkError> {
        let transport = Http::new(config, tls)?;
        Ok(Rest::over(Box::new(transport), config, user_id, veil))
    }

    fn over(transport: Box<dyn Transport>, config: &Config, user_id: String, veil: Veil) -> Rest {
        Rest {
            transport,
            rules: Rules { host: config.server.rest_host.clone(), busy_retry: config.busy_retry },
            veil,
            user_id,
            project_id: config.project_id.clone(),
            told: None,
            slot: Mutex::default(),
        }
    }

    /// Tells `emit` of attempts to come.
    pub(crate) fn tell(&mut self, emit: Emit) {
        self.told = Some(emit);
    }

    /// Waits before attempt `attempt`.
    async fn pause(&self, pause: Duration, attempt: u32, why: &'static str) {
        if let Some(emit) = &self.told {
            emit(SinkEvent::Retry { attempt, in_ms: pause.as_millis() as u64, why });
        }
        tokio::time::sleep(pause).await;
    }

    /// The user the calls are made for.
    pub(crate) fn user_id(&self) -> &str {
        &self.user_id
    }

    /// A token good for hours: the present one, or a new one if there is none or it is old.
    pub(crate) async fn fresh_token(&self) -> Result<Token, SinkError> {
        let mut slot = self.slot.lock().await;
        match &slot.token {
            Some(token) if token.received.elapsed() < STALE => Ok(token.clone()),
            _ => self.fetch(&mut slot).await,
        }
    }

    /// The token as it is, however old; a new one if there is none.
    pub(crate) async fn token(&self) -> Result<Token, SinkError> {
        let mut slot = self.slot.lock().await;
        match &slot.token {
            Some(token) => Ok(token.clone()),
            None => self.fetch(&mut slot).await,
        }
    }

    /// The token as it is, if there is one and nobody is fetching another.
    pub(crate) fn present_token(&self) -> Option<Token> {
        self.slot.try_lock().ok()?.token.clone()
    }

    /// A token other than `refused`: the one somebody else fetched meanwhile, or a new one.
    pub(crate) async fn refresh(&self, refused: &Token) -> Result<Token, SinkError> {
        let mut slot = self.slot.lock().await;
        match &slot.token {
            Some(token) if token.generation != refused.generation => Ok(token.clone()),
            _ => self.fetch(&mut slot).await,
        }
    }

    async fn fetch(&self, slot: &mut Slot) -> Result<Token, SinkError> {
        slot.token = None;
        let secret = self.request_token().await?;
        self.veil.hide(&secret);
        slot.generations += 1;
        let token = Token { secret, generation: slot.generations, received: Instant::now() };
        slot.token = Some(token.clone());
        Ok(token)
    }

    async fn request_token(&self) -> Result<Secret, SinkError> {
        let call = Call::jwt(&self.user_id, &self.project_id);
        let mut tries = 0;
        let value = loop {
            match self.attempt(&call, None).await {
                Judgement::Done(value) => break value,
                Judgement::Failed { step, error, .. } => match wait(step, &mut tries) {
                    Some(pause) => self.pause(pause, tries, error.code).await,
                    None => return Err(*error),
                },
            }
        };
        let text = |key: &str| value[key].as_str().filter(|text| !text.is_empty());
        let Some(token) = text("jwt").or_else(|| text("token")) else {
            return Err(trouble::protocol("login", "POST /jwt was answered without a token"));
        };
        if http::HeaderValue::from_str(token).is_err() {
            return Err(trouble::protocol("login", "POST /jwt was answered with a token that cannot be sent"));
        }
        Ok(Secret::new(token))
    }

    /// Makes a call with the token: retried as the endpoint allows, and once more with a new token
    /// if the present one is refused. Counts in `doubtful` the attempts that may have had an effect
    /// although they failed.
    async fn call(&self, call: &Call, doubtful: &mut u32) -> Result<Value, SinkError> {
        let mut token = self.token().await?;
        let (mut tries, mut refreshed) = (0, false);
        loop {
            match self.attempt(call, Some(&token.secret)).await {
                Judgement::Done(value) => return Ok(value),
                Judgement::Failed { step: Step::Refresh, error, .. } => {
                    if refreshed {
                        self.slot.lock().await.token = None;
                        return Err(*error);
                    }
                    refreshed = true;
                    token = self.refresh(&token).await?;
                }
                Judgement::Failed { step, error, doubt } => {
                    *doubtful += u32::from(doubt);
                    match wait(step, &mut tries) {
                        Some(pause) => self.pause(pause, tries, error.code).await,
                        None => return Err(*error),
                    }
                }
            }
        }
    }

    async fn attempt(&self, call: &Call, token: Option<&Secret>) -> Judgement {
        let outcome = self.transport.send(call, token).await;
        let judgement = judge(call.endpoint, &self.rules, &self.veil, outcome);
        match &judgement {
            Judgement::Done(_) => tracing::debug!(call = call.endpoint.name(), "done"),
            Judgement::Failed { error, .. } => tracing::debug!(call = call.endpoint.name(), %error, "failed"),
        }
        judgement
    }
}

/// How long to wait before the next attempt; `None` if there shall be none.
fn wait(step: Step, tries: &mut u32) -> Option<Duration> {
    let (most, asked) = match step {
        Step::Again(asked) => (RETRIES, asked),
        Step::Once => (1, None),
        Step::Refresh | Step::No => (0, None),
    };
    if *tries >= most {
        return None;
    }
    *tries += 1;
    Some(asked.unwrap_or_else(|| jitter(FIRST_WAIT * 2u32.pow(*tries - 1), 0.1)))
}
