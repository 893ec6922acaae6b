//! The first frame of a connection and its answer (AvatarKit dossier 6 and 18.2). Runs under the
//! `State`'s lock; nothing here waits.

use super::act::Act;
use super::config::Dialect;
use super::faults::{Confirmation, Point};
use super::findings::{Code, Findings};
use super::playback::Playback;
use super::proto::{
    AudioFormat, ClientConfigureSession, Data, EgressType, Message, ServerConfirmSession, ServerError, Type,
};
use super::state::{Stage, State};
use crate::common::ids::Ids;
use std::time::Duration;

/// Rates of PCM (dossier 8).
const PCM_RATES: [i32; 7] = [8000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];
/// Rates of Ogg Opus (dossier 9.1).
const OPUS_RATES: [i32; 5] = [8000, 12_000, 16_000, 24_000, 48_000];
/// Everything a SpatialReal server with an egress can do.
const CAPABILITIES: [&str; 2] = ["playback_control", "playback_state"];

/// Why a configuration is refused: the number and the words of the error.
type Refusal = (i32, String);

impl State {
    /// Takes the first frame. Returns whether it was accepted.
    pub(crate) fn open_session(&mut self, number: u64, message: Option<&Message>, findings: &mut Findings) -> bool {
        let now = self.clock.now();
        let strike = self.strike(Point::Handshake);
        let due = strike.as_ref().map_or(now, |strike| strike.due);
        let usual = Confirmation::default();
        let confirmation = strike.as_ref().map_or(&usual, |strike| &strike.deed.confirmation);
        let judged = judge(message, findings);
        let worst = findings.worst().map(|worst| worst.code.name()).filter(|_| self.config.strict());
        let accepted = if strike.as_ref().is_some_and(|strike| strike.deed.ignore) {
            self.set_stage(number, Stage::Stuck);
            false
        } else {
            match (judged, worst) {
                (Err((code, words)), _) => self.refuse(number, due, code, &words),
                (Ok(_), Some(name)) => self.refuse(number, due, 3, &name),
                (Ok(configure), None) => self.confirm(number, due, configure, confirmation),
            }
        };
        if let Some(strike) = strike {
            strike.acts().for_each(|act| self.plan(number, due, act));
        }
        accepted
    }

    fn set_stage(&mut self, number: u64, stage: Stage) {
        if let Some(live) = self.live.get_mut(&number) {
            live.stage = stage;
        }
    }

    fn refuse(&mut self, number: u64, due: Duration, code: i32, words: &str) -> bool {
        let error = ServerError { code, message: words.into(), ..Default::default() };
        self.plan(number, due, Act::Say(Message::of(Data::Error(error))));
        self.plan(number, due, Act::Close(Some(1000), "".into()));
        false
    }

    fn confirm(&mut self, number: u64, due: Duration, configure: &ClientConfigureSession, how: &Confirmation) -> bool {
        let egress = configure.egress_type != EgressType::Direct as i32;
        let capable = egress && self.config.dialect == Dialect::SpatialReal;
        let usual = || if capable { CAPABILITIES.map(String::from).to_vec() } else { Vec::new() };
        let capabilities = how.capabilities.clone().or_else(|| self.config.capabilities.clone()).unwrap_or_else(usual);
        let named = |ids: &mut Ids| ids.tagged("conn");
        let connection_id = how.connection_id.clone().unwrap_or_else(|| named(&mut self.ids));
        let states = capabilities.iter().any(|capability| capability == "playback_state");
        let playback = egress.then(|| Playback::new(states, self.config.pause_limit));
        let idle = match configure.livekit_egress.as_ref().map(|livekit| livekit.idle_timeout) {
            Some(seconds @ 1..) => (Duration::from_secs(seconds as u64), "LiveKit silence timeout"),
            _ if egress => (self.config.idle, "LiveKit silence timeout"),
            _ => (self.config.idle, ""),
        };
        if let Some(live) = self.live.get_mut(&number) {
            live.stage = Stage::Confirmed(due);
            live.rate = configure.sample_rate.max(0) as u32;
            live.format = AudioFormat::try_from(configure.audio_format).unwrap_or(AudioFormat::PcmS16le);
            live.heard = due;
            live.idle = idle;
            live.playback = playback;
        }
        if let Some(connection) = self.connections.get_mut(&number) {
            connection.connection_id = Some(connection_id.clone());
            connection.capabilities = capabilities.clone();
        }
        let message = Message::of(Data::Confirm(ServerConfirmSession { connection_id, capabilities }));
        if let Some(bytes) = how.pieces {
            self.plan(number, due, Act::Pieces(bytes));
        }
        self.plan(
            number,
            due,
            match how.fragments {
                Some(count) => Act::Fragments(message, count),
                None => Act::Say(message),
            },
        );
        true
    }
}

/// What is wrong with a first frame; an error is one the service refuses.
fn judge<'a>(message: Option<&'a Message>, findings: &mut Findings) -> Result<&'a ClientConfigureSession, Refusal> {
    let refused = |words: &str| Err((0, words.to_string()));
    let configure = match message {
        None => {
            findings.violation(Code::NotConfigured, "the first frame is no message");
            return refused("failed to unmarshal initial message");
        }
        Some(message) if message.kind != Type::ClientConfigureSession as i32 => {
            findings.violation(Code::NotConfigured, format!("the first frame has type {}", message.kind));
            return refused("expected ClientConfigureSession message");
        }
        Some(Message { data: Some(Data::Configure(configure)), .. }) => configure,
        Some(_) => {
            findings.violation(Code::NotConfigured, "the configuration is missing");
            return refused("ClientConfigureSession message is nil");
        }
    };
    if configure.transport_compression != 0 {
        findings.violation(Code::Compression, configure.transport_compression.to_string());
    }
    let rates = match AudioFormat::try_from(configure.audio_format) {
        Ok(AudioFormat::PcmS16le) => &PCM_RATES[..],
        Ok(AudioFormat::OggOpus) => &OPUS_RATES[..],
        Err(_) => {
            findings.violation(Code::AudioFormat, configure.audio_format.to_string());
            return Err((3, "unknown audio format".into()));
        }
    };
    if !rates.contains(&configure.sample_rate) {
        findings.violation(Code::SampleRate, configure.sample_rate.to_string());
        return Err((0, format!("unsupported sample rate: {}", configure.sample_rate)));
    }
    egress(configure).inspect_err(|(_, words)| findings.violation(Code::Egress, words.clone()))?;
    Ok(configure)
}

/// Whether the egress is complete and the only one (dossier 11.3).
fn egress(configure: &ClientConfigureSession) -> Result<(), Refusal> {
    let wrong = |words: &str| Err((3, words.to_string()));
    match (EgressType::try_from(configure.egress_type), &configure.livekit_egress, &configure.agora_egress) {
        (Ok(EgressType::Direct), None, None) => Ok(()),
        (Ok(EgressType::Livekit), Some(livekit), None) => {
            let missing =
                [("url", &livekit.url), ("room_name", &livekit.room_name), ("publisher_id", &livekit.publisher_id)];
            if let Some((name, _)) = missing.iter().find(|(_, value)| value.is_empty()) {
                return wrong(&format!("livekit_egress.{name} is required"));
            }
            let pair = !livekit.api_key.is_empty() && !livekit.api_secret.is_empty();
            if livekit.api_token.is_empty() && !pair {
                let words = "missing LiveKit credentials: provide api_token or both api_key and api_secret";
                return wrong(words);
            }
            if livekit.idle_timeout < 0 { wrong("livekit_egress.idle_timeout is negative") } else { Ok(()) }
        }
        (Ok(EgressType::Agora), None, Some(agora)) if !agora.channel_name.is_empty() => Ok(()),
        (Ok(EgressType::Agora), None, Some(_)) => wrong("agora_egress.channel_name is required"),
        (Ok(EgressType::Livekit), ..) => wrong("livekit_egress and nothing else is required"),
        (Ok(EgressType::Agora), ..) => wrong("agora_egress and nothing else is required"),
        (Ok(EgressType::Direct), ..) => wrong("livekit_egress or agora_egress without an egress type"),
        (Err(_), ..) => wrong("unknown egress type"),
    }
}
