//! From nothing to a confirmed session: addresses, token, upgrade, handshake. Owned by the sink's task.

use std::sync::Arc;
use std::time::Duration;

use glottis_core::inlet::Inlet;
use glottis_core::sink::SinkCommand;
use glottis_core::{SinkError, SinkEvent};
use glottis_net::address::{Url, host};
use glottis_net::attend::attend;
use glottis_net::http::client;
use glottis_net::secret::{Kept, Secret, Veil};
use glottis_net::socket::{Bytes, Heard, How, Keepalive, Lost, Message, Opening, Refused, Socket};
use glottis_net::tls::{self, ClientConfig};
use http::{HeaderMap, HeaderValue};
use reqwest::Client;

use crate::body::refusal;
use crate::classify::Phase;
use crate::code::Code;
use crate::config::{Config, Credentials, Egress, Format};
use crate::farewell::QUICK_GOODBYE;
use crate::region::Endpoints;
use crate::sink::{AvatarKit, End};
use crate::wire::{self, Data};
use crate::{token, trouble};

/// Longest wait for the first byte of anything.
const REACH: Duration = Duration::from_secs(10);

/// Longest message to send: 100 ms of the fastest PCM, and a room's configuration.
const LONGEST_OUT: usize = 128 << 10;

/// Longest message to receive.
const LONGEST_IN: usize = 16 << 20;

/// Longest wait for the answer to a ping.
const PONG: Duration = Duration::from_secs(20);

/// The way to the service, made once.
pub(crate) struct Service {
    tls: Arc<ClientConfig>,
    client: Client,
    api_key: Secret,
    configuration: Bytes,
    endpoints: Option<Endpoints>,
}

impl Service {
    /// Host and port of the socket.
    pub(crate) fn socket_host(&self) -> String {
        self.endpoints.as_ref().map(|endpoints| host(&endpoints.socket)).unwrap_or_default()
    }
}

/// What the service confirmed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Confirmed {
    pub(crate) connection_id: String,
    pub(crate) capabilities: Vec<String>,
}

impl Confirmed {
    /// Whether the service said that it can do this.
    pub(crate) fn can(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|known| known == capability)
    }
}

impl AvatarKit {
    /// A confirmed session, with a token of its own.
    pub(crate) async fn connect(&mut self, inlet: &mut Inlet) -> Result<(Socket, Confirmed), End> {
        if self.service.is_none() {
            self.service = Some(self.reach().map_err(End::error)?);
        }
        let (config, veil) = (&self.config, &self.veil);
        let Some(service) = &mut self.service else { return Err(End::Finished) };
        if service.endpoints.is_none() {
            let find = config.places.find(&service.client, &config.app_id);
            let found = attend(inlet, too_early, find).await.ok_or(End::Halted)?;
            let advice = "correct region, or write console_endpoint and ingress_endpoint";
            let found = found.map_err(|why| End::error(trouble::setting(Phase::SessionToken, why, advice)))?;
            service.endpoints = Some(found);
        }
        let mut retried = false;
        let mut socket = loop {
            let opened = attend(inlet, too_early, open(service, config, veil)).await.ok_or(End::Halted)?;
            match opened {
                Ok(socket) => break socket,
                // A token that was too old when it arrived: the clocks may differ by its whole life.
                Err(error) if is_expired(&error) && !retried => {
                    retried = true;
                    inlet.emit(SinkEvent::Retry { attempt: 1, in_ms: 0, why: error.code });
                }
                Err(error) => return Err(End::error(error)),
            }
        };
        let handshake = handshake(&mut socket, service, config, veil);
        let confirmed = match attend(inlet, too_early, handshake).await {
            Some(Ok(confirmed)) => confirmed,
            refused => {
                socket.close(QUICK_GOODBYE).await;
                return Err(refused.and_then(Result::err).map_or(End::Halted, End::error));
            }
        };
        tracing::debug!(connection_id = confirmed.connection_id, "the session is confirmed");
        let Confirmed { connection_id, capabilities } = confirmed.clone();
        inlet.emit(SinkEvent::Connected { connection_id: Some(connection_id), capabilities });
        inlet.emit(SinkEvent::State("connected"));
        Ok((socket, confirmed))
    }

    /// What does not change between connections: TLS, secrets, the first message.
    fn reach(&self) -> Result<Service, SinkError> {
        let setting = |why: String, advice: &str| trouble::setting(Phase::SessionToken, why, advice);
        let tls = tls::client(self.config.ca_file.as_deref());
        let tls = tls.map_err(|why| setting(why, "correct ca_file"))?;
        let client = client(&tls, REACH, 0).map_err(|why| setting(why, "check the system's network"))?;
        let read = |kept: &Kept| {
            let secret = kept.read().map_err(|why| setting(why, "set it, or correct the key that names it"))?;
            self.veil.hide(&secret);
            Ok(secret)
        };
        let api_key = read(&self.config.api_key)?;
        let configuration = wire::encode(Data::ClientConfigureSession(configuration(&self.config, &read)?));
        Ok(Service { tls, client, api_key, configuration, endpoints: None })
    }
}

/// Refuses what comes before the session is up.
fn too_early(inlet: &mut Inlet, command: SinkCommand) {
    inlet.answer(&command, Err("the session is not up".to_owned()));
}

fn is_expired(error: &SinkError) -> bool {
    error.code == Code::SessionTokenExpired.name() && error.phase == Phase::Connect.name()
}

/// The first message of a connection.
fn configuration(
    config: &Config,
    read: &dyn Fn(&Kept) -> Result<Secret, SinkError>,
) -> Result<wire::ClientConfigureSession, SinkError> {
    let reveal = |kept: &Kept| read(kept).map(|secret| secret.reveal().to_owned());
    let mut message = wire::ClientConfigureSession {
        sample_rate: config.audio.sample_rate as i32,
        bitrate: config.audio.bitrate as i32,
        audio_format: match config.audio.format {
            Format::Pcm => wire::AudioFormat::PcmS16le as i32,
            Format::OggOpus { .. } => wire::AudioFormat::OggOpus as i32,
        },
        extra_params: config.extra_params.iter().cloned().collect(),
        ..Default::default()
    };
    match &config.egress {
        None => {}
        Some(Egress::LiveKit(room)) => {
            let (token, key, secret) = match &room.credentials {
                Credentials::Token(token) => (reveal(token)?, String::new(), String::new()),
                Credentials::KeyAndSecret(key, secret) => (String::new(), reveal(key)?, reveal(secret)?),
            };
            message.egress_type = wire::EgressType::Livekit as i32;
            message.livekit_egress = Some(wire::LiveKitEgressConfig {
                url: room.url.clone(),
                api_key: key,
                api_secret: secret,
                room_name: room.room_name.clone(),
                publisher_id: room.publisher_id.clone(),
                extra_attributes: room.extra_attributes.iter().cloned().collect(),
                idle_timeout: room.idle_timeout,
                api_token: token,
            });
        }
        Some(Egress::Agora(channel)) => {
            message.egress_type = wire::EgressType::Agora as i32;
            message.agora_egress = Some(wire::AgoraEgressConfig {
                channel_name: channel.channel_name.clone(),
                token: channel.token.as_ref().map(reveal).transpose()?.unwrap_or_default(),
                uid: channel.uid,
                publisher_id: channel.publisher_id.clone(),
            });
        }
    }
    Ok(message)
}

/// A socket with a token of its own.
async fn open(service: &Service, config: &Config, veil: &Veil) -> Result<Socket, SinkError> {
    let Some(endpoints) = &service.endpoints else {
        return Err(trouble::error(Code::ConnectionFailed, Phase::Connect, "there is no address"));
    };
    let token = token::fetch(&service.client, config, endpoints, &service.api_key, veil).await?;
    let (url, headers) = credentials(&endpoints.socket, config, &token);
    let opening = Opening {
        url: &url,
        headers: &headers,
        limit: config.connect_timeout,
        longest_out: LONGEST_OUT,
        longest_in: LONGEST_IN,
        keepalive: config.ping.map(|every| Keepalive { every, pings: 1, answer: every.min(PONG), only_pongs: true }),
    };
    let host = host(&endpoints.socket);
    Socket::connect(&service.tls, &opening, veil).await.map_err(|refused| match refused {
        Refused::Answered(answer) => {
            let told = refusal(answer.status, &answer.body, true, veil);
            trouble::refused(config.dialect, Phase::Connect, &format!("the upgrade at {host}"), told)
        }
        Refused::Failed(why) => {
            trouble::error(Code::ConnectionFailed, Phase::Connect, format!("{host} opens no socket: {why}"))
        }
    })
}

/// The socket's URL and headers: the avatar always in the query, the credentials in either. What the
/// base URL has in its query stays, but for credentials of another time.
fn credentials(socket: &Url, config: &Config, token: &Secret) -> (Url, HeaderMap) {
    let mut url = socket.clone();
    let kept: Vec<(String, String)> = socket
        .query_pairs()
        .filter(|(key, _)| !["id", "appId", "sessionKey"].contains(&key.as_ref()))
        .map(|(key, value)| (key.into_owned(), value.into_owned()))
        .collect();
    let mut headers = HeaderMap::new();
    {
        let mut query = url.query_pairs_mut();
        query.clear().extend_pairs(kept).append_pair("id", &config.avatar_id);
        if config.use_query_auth {
            query.append_pair("appId", &config.app_id).append_pair("sessionKey", token.reveal());
        }
    }
    if !config.use_query_auth {
        for (name, text) in [("x-app-id", config.app_id.as_str()), ("x-session-key", token.reveal())] {
            // Both were found fit for a header when they came in.
            if let Ok(mut value) = HeaderValue::from_str(text) {
                value.set_sensitive(true);
                headers.insert(name, value);
            }
        }
    }
    (url, headers)
}

/// Says what is wanted, and hears what the service makes of it.
async fn handshake(
    socket: &mut Socket,
    service: &Service,
    config: &Config,
    veil: &Veil,
) -> Result<Confirmed, SinkError> {
    let host = service.socket_host();
    let shake = async {
        let lost = |lost: &Lost| trouble::lost(Phase::Handshake, &host, lost).1;
        if let Err(gone) = socket.send(Message::Binary(service.configuration.clone())) {
            return Err(lost(&gone));
        }
        loop {
            match socket.hear().await {
                Heard::Flushed | Heard::Arrived => {}
                Heard::Binary(bytes) => return confirmation(bytes, config, veil),
                Heard::Text(_) => return Err(protocol("with a text")),
                Heard::Lost(gone) if gone.how == How::Closed => return Err(closed(&host, &gone)),
                Heard::Lost(gone) => return Err(lost(&gone)),
            }
        }
    };
    let limit = config.handshake_timeout;
    tokio::time::timeout(limit, shake).await.unwrap_or_else(|_| {
        let limit = glottis_core::param::show_duration(limit);
        let message = format!("{host} did not confirm the session within {limit}");
        Err(trouble::error(Code::ConnectionFailed, Phase::Handshake, message))
    })
}

/// A close before the confirmation is a failure, however clean.
fn closed(host: &str, lost: &Lost) -> SinkError {
    let (code, error) = trouble::lost(Phase::Handshake, host, lost);
    if code == Code::IdleTimeout {
        // A session that is not up cannot have been idle.
        let mut error = trouble::error(Code::ConnectionClosed, Phase::Handshake, error.message);
        (error.close_code, error.close_reason) = (lost.code, lost.reason.clone());
        return error;
    }
    error
}

fn protocol(how: &str) -> SinkError {
    let message = format!("the service answered the session's configuration {how}");
    trouble::error(Code::ProtocolError, Phase::Handshake, message)
}

fn confirmation(bytes: Bytes, config: &Config, veil: &Veil) -> Result<Confirmed, SinkError> {
    let (number, data) = wire::decode(bytes).map_err(|_| protocol("with something that is no message"))?;
    match data {
        Some(Data::ServerConfirmSession(confirm)) if confirm.connection_id.is_empty() => {
            Err(protocol("without a connection id"))
        }
        Some(Data::ServerConfirmSession(confirm)) => {
            Ok(Confirmed { connection_id: confirm.connection_id, capabilities: confirm.capabilities })
        }
        Some(Data::ServerError(error)) => Err(trouble::server(config.dialect, Phase::Handshake, error, veil).1),
        _ => Err(protocol(&format!("with a message of type {number}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{build, good};

    fn url_and_headers(query_auth: bool, ingress: &str) -> (Url, HeaderMap) {
        let table = good().with("avatar_id", "a b&c/ü").with("use_query_auth", query_auth);
        credentials(&Url::parse(ingress).unwrap(), &build(table).unwrap(), &Secret::new("tok/en"))
    }

    /// K9, K10.
    #[test]
    fn the_avatar_is_in_the_query_and_the_credentials_in_one_place_only() {
        let (url, headers) = url_and_headers(false, "ws://h/v2/websocket?x=1&appId=old&sessionKey=old&id=old");
        assert_eq!(url.as_str(), "ws://h/v2/websocket?x=1&id=a+b%26c%2F%C3%BC");
        assert_eq!(
            (headers["x-app-id"].as_bytes(), headers["x-session-key"].as_bytes()),
            (&b"app"[..], &b"tok/en"[..])
        );
        assert_eq!(format!("{:?}", headers["x-session-key"]), "Sensitive");
        let (url, headers) = url_and_headers(true, "ws://h/websocket");
        assert_eq!(url.as_str(), "ws://h/websocket?id=a+b%26c%2F%C3%BC&appId=app&sessionKey=tok%2Fen");
        assert!(headers.is_empty());
    }

    #[test]
    fn only_a_confirmation_with_a_name_confirms() {
        let config = build(good()).unwrap();
        let code = |data: Data| confirmation(wire::encode(data), &config, &Veil::default()).unwrap_err().code;
        assert_eq!(code(Data::ServerConfirmSession(Default::default())), "protocolError");
        assert_eq!(code(Data::ServerResponseAnimation(Default::default())), "protocolError");
        assert_eq!(confirmation(Bytes::new(), &config, &Veil::default()).unwrap_err().code, "protocolError");
        assert_eq!(
            confirmation(Bytes::from_static(b"\xff"), &config, &Veil::default()).unwrap_err().phase,
            "websocket_handshake"
        );
        let error = wire::ServerError { message: "unsupported sample rate: 1".to_owned(), ..Default::default() };
        assert_eq!(code(Data::ServerError(error)), "unsupportedSampleRate");
        let confirm = wire::ServerConfirmSession { connection_id: "c".to_owned(), capabilities: vec!["x".to_owned()] };
        let confirmed =
            confirmation(wire::encode(Data::ServerConfirmSession(confirm)), &config, &Veil::default()).unwrap();
        assert!(confirmed.connection_id == "c" && confirmed.can("x") && !confirmed.can("y"));
    }
}
