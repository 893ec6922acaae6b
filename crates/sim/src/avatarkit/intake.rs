//! What frames do: from bytes to requests (AvatarKit dossier 10 and 18.3). Runs under the `State`'s
//! lock; nothing here waits.

use super::act::Act;
use super::connection::{Frame, Part, Speech};
use super::faults::{Kind, Point};
use super::findings::{Code, Findings};
use super::log::{Event, shown};
use super::proto::{AudioFormat, ClientAudioInput, Codec, Data, Message, ServerError, Type};
use super::state::{Stage, State};
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Arc;

/// Audio of one message above which it is worth a note (dossier 8).
const LARGE: usize = 64 << 10;

/// Takes a binary frame of a connection.
pub(crate) fn take(state: &mut State, number: u64, bytes: Bytes) {
    let message = Message::decode(bytes.clone()).ok();
    let now = state.clock.now();
    let first = state.connections.get(&number).is_none_or(|connection| connection.frames.is_empty());
    let kept = if state.keep(bytes.len()) { bytes.clone() } else { Bytes::new() };
    if let Some(connection) = state.connections.get_mut(&number) {
        connection.frames.push(Frame { t: now, bytes: kept, size: bytes.len() });
    }
    let mut findings = Findings::default();
    let seen = message.as_ref().map_or(json!({ "kind": "garbage", "bytes": bytes.len() }), shown);
    let accepted = match first {
        true => state.open_session(number, message.as_ref(), &mut findings),
        false => later(state, number, message, &mut findings),
    };
    record(state, number, seen, findings, accepted);
}

/// Takes a text frame.
pub(crate) fn take_text(state: &mut State, number: u64, length: usize) {
    let mut findings = Findings::default();
    findings.violation(Code::TextFrame, format!("{length} bytes"));
    let waiting = matches!(state.live.get(&number).map(|live| live.stage), Some(Stage::Waiting(_)));
    if waiting {
        state.open_session(number, None, &mut findings);
    }
    record(state, number, json!({ "kind": "text", "bytes": length }), findings, false);
}

/// A frame that was too large to be read.
pub(crate) fn too_large(state: &mut State, number: u64) {
    let mut findings = Findings::default();
    findings.violation(Code::TooLarge, format!("more than {} bytes", state.config.max_message_bytes));
    record(state, number, json!({ "kind": "too large" }), findings, false);
}

fn record(state: &mut State, socket: u64, message: Value, findings: Findings, accepted: bool) {
    let event = Event::Received { socket, message, findings: findings.codes(), accepted };
    state.blame(event, &format!("socket {socket}"), findings);
}

/// A frame after the first one; whether it had its effect.
fn later(state: &mut State, number: u64, message: Option<Message>, findings: &mut Findings) -> bool {
    let now = state.clock.now();
    let Some(live) = state.live.get(&number) else { return false };
    let confirmed = match live.stage {
        Stage::Confirmed(at) => at <= now,
        Stage::Closing => return false,
        Stage::Waiting(_) | Stage::Stuck => false,
    };
    if !confirmed {
        findings.violation(Code::TooEarly, "before the confirmation");
    }
    let Some(message) = message else {
        findings.violation(Code::Garbage, "no message");
        return false;
    };
    let kind = kind_of(&message, findings);
    let strike = state.strike(Point::Message(kind));
    let ignored = strike.as_ref().is_some_and(|strike| strike.deed.ignore);
    let due = strike.as_ref().map_or(now, |strike| strike.due);
    let mut effect = false;
    match message.data {
        _ if kind == Kind::Other || matches!(live_stage(state, number), Some(Stage::Stuck)) => {}
        Some(Data::Audio(audio)) => effect = audio_input(state, number, &audio, findings, ignored),
        Some(Data::Interrupt(named)) => effect = interrupt(state, number, &named.req_id, findings, ignored),
        Some(Data::Pause(named)) => effect = hold(state, number, &named.req_id, true, findings, ignored),
        Some(Data::Resume(named)) => effect = hold(state, number, &named.req_id, false, findings, ignored),
        _ => {}
    }
    if let Some(strike) = strike {
        strike.acts().for_each(|act| state.plan(number, due, act));
    }
    effect
}

fn live_stage(state: &State, number: u64) -> Option<Stage> {
    state.live.get(&number).map(|live| live.stage)
}

/// What a message is; its type and its content have to agree.
fn kind_of(message: &Message, findings: &mut Findings) -> Kind {
    match (Type::try_from(message.kind), &message.data) {
        (Ok(Type::ClientAudioInput), Some(Data::Audio(audio))) if audio.end => Kind::End,
        (Ok(Type::ClientAudioInput), Some(Data::Audio(_))) => Kind::Audio,
        (Ok(Type::ClientInterrupt), Some(Data::Interrupt(_))) => Kind::Interrupt,
        (Ok(Type::ClientPause), Some(Data::Pause(_))) => Kind::Pause,
        (Ok(Type::ClientResume), Some(Data::Resume(_))) => Kind::Resume,
        _ => {
            findings.violation(Code::UnexpectedType, format!("type {}", message.kind));
            Kind::Other
        }
    }
}

/// In `strict` a message with a violation is answered with an error and has no effect.
fn refused(state: &mut State, number: u64, req_id: &str, findings: &Findings) -> bool {
    let worst = findings.worst().map(|worst| worst.code.name()).filter(|_| state.config.strict());
    let Some(name) = worst else { return false };
    let now = state.clock.now();
    let connection_id = state.connections[&number].connection_id.clone().unwrap_or_default();
    let error = ServerError { connection_id, req_id: req_id.into(), code: 3, message: name };
    state.plan(number, now, Act::Say(Message::of(Data::Error(error))));
    true
}

fn audio_input(
    state: &mut State,
    number: u64,
    audio: &ClientAudioInput,
    findings: &mut Findings,
    ignored: bool,
) -> bool {
    let now = state.clock.now();
    let Some(live) = state.live.get_mut(&number) else { return false };
    live.heard = now;
    let opus = live.format == AudioFormat::OggOpus;
    let rate = live.rate;
    let serials = live.serials.clone();
    let Some(connection) = state.connections.get(&number) else { return false };
    let known = connection.speech(&audio.req_id);
    check(audio, known, opus, findings);
    if known.is_none() {
        check_id(&audio.req_id, state.clock.unix_ms(), findings);
        if connection.speeches.last().is_some_and(|last| !last.is_over()) {
            findings.violation(Code::Unfinished, "the request before is still open");
        }
    }
    let keep = state.keep(audio.audio.len());
    let Some(connection) = state.connections.get_mut(&number) else { return false };
    let at = match connection.speeches.iter().position(|speech| speech.req_id == audio.req_id) {
        Some(at) => at,
        None => {
            connection.speeches.push(Speech::new(&audio.req_id, rate, opus, audio.trace_context.as_ref()));
            connection.speeches.len() - 1
        }
    };
    let speech = &mut connection.speeches[at];
    let late = speech.is_over();
    speech.parts.push(Part { t: now, bytes: audio.audio.len(), end: audio.end });
    if !late {
        speech.bytes += audio.audio.len();
        if keep {
            speech.audio.extend_from_slice(&audio.audio);
        }
        speech.ended = audio.end;
        listen(speech, audio, &serials, findings);
    }
    let new_serial = speech.stream.as_ref().and_then(|stream| stream.serial());
    let (length, ended) = (speech.duration(), speech.ended);
    if let (Some(serial), Some(live)) = (new_serial, state.live.get_mut(&number))
        && live.serials.last() != Some(&serial)
    {
        live.serials.push(serial);
    }
    if late || ignored || refused(state, number, &audio.req_id, findings) {
        return false;
    }
    match state.live.get(&number).is_some_and(|live| live.playback.is_some()) {
        true => state.queue(number, &audio.req_id, length, ended),
        false => state.animate(number, &audio.req_id),
    }
    true
}

/// The Ogg stream of a request goes on.
fn listen(speech: &mut Speech, audio: &ClientAudioInput, serials: &[u32], findings: &mut Findings) {
    let Some(stream) = &mut speech.stream else {
        if audio.end && speech.bytes % 2 == 1 {
            findings.violation(Code::OddPcm, format!("{} bytes in all", speech.bytes));
        }
        return;
    };
    let began = stream.serial().is_none();
    stream.take(&audio.audio, findings);
    if let Some(serial) = stream.serial().filter(|serial| began && serials.contains(serial)) {
        findings.violation(Code::OggPage, format!("serial {serial} was used before"));
    }
    if audio.end {
        stream.end(findings);
    }
}

/// What is wrong with one audio message.
fn check(audio: &ClientAudioInput, known: Option<&Speech>, opus: bool, findings: &mut Findings) {
    if let Some(speech) = known.filter(|speech| speech.is_over()) {
        let how = speech.interrupted.unwrap_or("ended");
        findings.violation(Code::RequestReused, format!("`{}` is over: {how}", audio.req_id));
    }
    if known.is_some() && audio.trace_context.is_some() {
        findings.violation(Code::TraceContext, "on a message that is not the first");
    }
    if audio.audio.is_empty() && !audio.end {
        findings.violation(Code::EmptyAudio, "no audio and no end");
    }
    if !opus && audio.audio.len() % 2 == 1 {
        findings.violation(Code::OddPcm, format!("{} bytes", audio.audio.len()));
    }
    if audio.audio.len() > LARGE {
        findings.note(Code::LargeAudio, format!("{} bytes", audio.audio.len()));
    }
}

/// What is wrong with a new request id (dossier 10.1).
fn check_id(req_id: &str, unix_ms: u64, findings: &mut Findings) {
    let shape = |(at, byte): (usize, u8)| match at {
        0..=13 => byte.is_ascii_digit(),
        14 => byte == b'_',
        _ => byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-',
    };
    if req_id.len() != 27 || !req_id.bytes().enumerate().all(shape) {
        findings.violation(Code::RequestId, format!("`{req_id}`"));
        return;
    }
    let number = |from: usize, to: usize| req_id[from..to].parse::<i64>().unwrap_or_default();
    let days = days_from_civil(number(0, 4), number(4, 6), number(6, 8));
    let seconds = days * 86_400 + number(8, 10) * 3600 + number(10, 12) * 60 + number(12, 14);
    let off = seconds - (unix_ms / 1000) as i64;
    if off.abs() > 2 {
        findings.violation(Code::RequestTime, format!("{off} s off"));
    }
}

/// Days since 1970-01-01 of a date of the Gregorian calendar (Howard Hinnant's algorithm).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn interrupt(state: &mut State, number: u64, req_id: &str, findings: &mut Findings, ignored: bool) -> bool {
    let in_flight = state.config.in_flight as u64;
    let now = state.clock.now();
    let Some(connection) = state.connections.get_mut(&number) else { return false };
    let Some(speech) = connection.speeches.iter_mut().find(|speech| speech.req_id == req_id) else {
        findings.violation(Code::UnknownRequest, format!("`{req_id}`"));
        return false;
    };
    if ignored {
        return false;
    }
    speech.interrupted.get_or_insert("explicit");
    let req: Arc<str> = req_id.into();
    state.plan(number, now, Act::Forget { req_id: req, keep: in_flight });
    if state.is_playing(number, req_id) {
        state.stop_playing(number, req_id);
    }
    true
}

fn hold(state: &mut State, number: u64, req_id: &str, pause: bool, findings: &mut Findings, ignored: bool) -> bool {
    let Some(connection) = state.connections.get(&number) else { return false };
    if !connection.capabilities.iter().any(|capability| capability == "playback_control") {
        findings.violation(Code::NoCapability, if pause { "pause" } else { "resume" });
        return false;
    }
    if connection.speech(req_id).is_none() {
        findings.violation(Code::UnknownRequest, format!("`{req_id}`"));
    }
    if ignored || refused(state, number, req_id, findings) {
        return false;
    }
    state.hold(number, req_id, pause);
    true
}
