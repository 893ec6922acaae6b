//! The chat socket: who gets in, what is checked, how it ends (RAVATAR dossier 5, 6.1, 16.3).

mod common;

use common::*;
use futures_util::{SinkExt, StreamExt};
use glottis_sim::ravatar::*;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Bytes, Message as Frame};

/// The HTTP status of a refused handshake.
fn status<T>(result: Result<T, tungstenite::Error>) -> Option<u16> {
    match result {
        Err(tungstenite::Error::Http(response)) => Some(response.status().as_u16()),
        _ => None,
    }
}

/// Sends messages on a fresh socket in a fresh run; what was found in each.
async fn findings(config: Config, license: bool, messages: &[Value]) -> Vec<Vec<Code>> {
    let rig = Rig::new(config).await;
    if license {
        rig.live().await;
    }
    let license = rig.sim.licenses().first().map(|license| license.id.clone());
    let mut socket = rig.socket().await;
    for message in messages {
        // Tests write licences as "L", not knowing the real one.
        let mut message = message.clone();
        let id = message.get_mut("LicenseId").filter(|id| **id == json!("L"));
        if let (Some(id), Some(known)) = (id, &license) {
            *id = known.as_str().into();
        }
        say(&mut socket, &message).await;
    }
    rig.messages(messages.len()).await;
    let log = rig.sim.log();
    log.messages().map(|message| message.findings.clone()).collect()
}

#[tokio::test]
async fn all_five_kinds_pass() {
    let rig = Rig::new(quick()).await;
    let session = rig.get("/connection").await.json()["session"].clone();
    let id = rig.live().await;
    let mut socket = rig.socket().await;
    let sound = wav(&speech(1600));
    let messages = [
        chat_text("hello"),
        with(chat_blob(&sound), json!({ "isPushToTalk": true })),
        live_text(&id, "hello"),
        with(live_blob(&id, &sound), json!({ "session": session })),
        live_pcm(&id, &[0; 4096]),
    ];
    for message in &messages {
        say(&mut socket, message).await;
    }
    rig.messages(5).await;
    assert_eq!((rig.sim.violations(), rig.sim.notes()), (vec![], vec![]));
    let log = rig.sim.log();
    let kinds: Vec<_> = log.messages().map(|message| message.kind).collect();
    let all = [Kind::ChatText, Kind::ChatBlob, Kind::LiveText, Kind::LiveBlob, Kind::LivePcm];
    assert_eq!(kinds, all);
    assert!(log.messages().all(|message| message.accepted));
    let sessions: Vec<_> = log.messages().map(|message| message.session).collect();
    assert_eq!(sessions[2..4], [SessionUse::Absent, SessionUse::Same]);
    let blob = log.messages().nth(1).unwrap();
    assert_eq!(blob.fields["file_base64_data"], "<4328 characters>");
    assert_eq!(blob.blob.as_ref().unwrap().samples, Some(1600));
}

#[tokio::test]
async fn every_check_of_the_envelope() {
    use Code::*;
    let cases = [
        (json!({ "extra": 1 }), vec![UnknownField]),
        (json!({ "source": null }), vec![MissingField]),
        (json!({ "source": 5 }), vec![WrongType]),
        (json!({ "avatar_id": "" }), vec![WrongType]),
        (json!({ "avatar_id": "av-9" }), vec![UnknownAvatar]),
        (json!({ "language": "xx" }), vec![UnknownLanguage]),
        (json!({ "user_id": "u-2" }), vec![ForeignUser]),
        (json!({ "isLive": null }), vec![MissingField]),
        (json!({ "isLive": "false" }), vec![WrongType]),
        (json!({ "chat_type": "voice" }), vec![KindMismatch]),
        (json!({ "requestType": "audio" }), vec![KindMismatch]),
        (json!({ "request": null }), vec![MissingField]),
        (json!({ "request": 1 }), vec![WrongType]),
        (json!({ "request": " \n" }), vec![EmptyRequest]),
        (json!({ "session": "" }), vec![EmptySession]),
        (json!({ "session": 7 }), vec![WrongType]),
        (json!({ "session": "other" }), vec![UnknownSession]),
        (json!({ "LicenseId": "L" }), vec![LicenseInChat]),
        (json!({ "isPushToTalk": true }), vec![PushToTalkMisplaced]),
        (json!({ "isPushToTalk": false }), vec![PushToTalkFalse]),
        (json!({ "isPushToTalk": "yes" }), vec![WrongType]),
    ];
    let messages: Vec<_> = cases.iter().map(|(change, _)| with(chat_text("x"), change.clone())).collect();
    let found = findings(quick(), true, &messages).await;
    for ((change, expected), found) in cases.iter().zip(&found) {
        assert_eq!(found, expected, "{change}");
    }
    assert_eq!(found.len(), cases.len());
}

#[tokio::test]
async fn every_check_of_licences() {
    use Code::*;
    let live = |change: Value| with(live_text("L", "x"), change);
    let messages = [
        live(json!({})),
        live(json!({ "LicenseId": null })),
        live(json!({ "LicenseId": "lic-x" })),
        live(json!({ "LicenseId": 5 })),
        live(json!({ "avatar_id": "av-2" })),
    ];
    let expected = [vec![], vec![MissingLicense], vec![UnknownLicense], vec![WrongType], vec![LicenseAvatar]];
    assert_eq!(findings(quick(), true, &messages).await, expected);
    let rig = Rig::new(quick()).await;
    let id = rig.live().await;
    let mut other = connect(&rig.sim, &login(&rig.sim, "u-2").await).await.unwrap();
    say(&mut other, &with(live_text(&id, "x"), json!({ "user_id": "u-2" }))).await;
    rig.messages(1).await;
    assert_eq!(rig.codes(), [ForeignLicense]);
}

#[tokio::test]
async fn every_check_of_audio() {
    use Code::*;
    let pcm = |samples: &[i16], change: Value| with(live_pcm("L", samples), change);
    let chunk = [0; 4096];
    let encoded = STANDARD.encode([0; 8192]);
    let cases = [
        (pcm(&chunk, json!({})), vec![]),
        (pcm(&chunk[1..], json!({})), vec![PcmChunkSize]),
        (pcm(&chunk, json!({ "audio_base64_pcm": STANDARD.encode([0; 8193]) })), vec![OddPcm]),
        (pcm(&chunk, json!({ "audio_base64_pcm": format!("data:audio/pcm;base64,{encoded}") })), vec![DataPrefix]),
        (pcm(&chunk, json!({ "audio_base64_pcm": encoded.trim_end_matches('=') })), vec![Base64]),
        (pcm(&chunk, json!({ "audio_base64_pcm": "###" })), vec![Base64]),
        (pcm(&chunk, json!({ "audio_base64_pcm": [1] })), vec![WrongType]),
        (pcm(&chunk, json!({ "file_base64_data": STANDARD.encode(wav(&[])) })), vec![BothPayloads]),
        (pcm(&chunk, json!({ "isPushToTalk": true })), vec![PushToTalkMisplaced]),
        (pcm(&chunk, json!({ "chat_type": "text" })), vec![KindMismatch]),
        (pcm(&chunk, json!({ "isLive": false, "LicenseId": null })), vec![KindMismatch]),
        (chat_blob(&wav(&speech(160))), vec![]),
        (chat_blob(b"\x1a\x45\xdf\xa3webm"), vec![]),
        (chat_blob(b"OggS"), vec![]),
        (chat_blob(b"ID3 no container"), vec![BlobContainer]),
        (chat_blob(b"RIFFxxxx"), vec![WavFormat]),
        (chat_blob(&[&wav(&speech(160))[..], &[0; 8]].concat()), vec![WavSizes]),
        (with(chat_blob(&wav(&[])), json!({ "file_base64_data": null })), vec![MissingField]),
    ];
    let messages: Vec<_> = cases.iter().map(|(message, _)| message.clone()).collect();
    let found = findings(quick(), true, &messages).await;
    for (n, ((_, expected), found)) in cases.iter().zip(&found).enumerate() {
        assert_eq!(found, expected, "case {n}");
    }
    let mut stereo = wav(&speech(160));
    stereo[22] = 2;
    let found = findings(quick(), false, &[chat_blob(&stereo)]).await;
    assert_eq!(found, [[WavFormat]]);
}

#[tokio::test]
async fn frames_that_are_no_messages() {
    let rig = Rig::new(quick()).await;
    let mut socket = rig.socket().await;
    for text in ["{", "5", "null", "[]", ""] {
        socket.send(Frame::text(text)).await.unwrap();
    }
    socket.send(Frame::binary(vec![1, 2, 3])).await.unwrap();
    say(&mut socket, &chat_text("still alive?")).await;
    assert_eq!(hear(&mut socket).await["answer"], "You said: still alive?");
    let expected = [
        Code::InvalidJson,
        Code::NotAnObject,
        Code::NotAnObject,
        Code::NotAnObject,
        Code::InvalidJson,
        Code::BinaryFrame,
    ];
    assert_eq!(rig.codes(), expected);
}

#[tokio::test]
async fn strict_refuses_and_says_why() {
    let rig = Rig::new(Config { mode: Mode::Strict, ..quick() }).await;
    let id = rig.live().await;
    let mut socket = rig.socket().await;
    say(&mut socket, &live_pcm(&id, &speech(100))).await;
    let notice = hear(&mut socket).await;
    assert_eq!(notice["type"], "system");
    assert_eq!(notice["status"], 400);
    assert_eq!(notice["error"], "pcm_chunk_size");
    assert!(rig.sim.pcm(&id).is_empty(), "no effect");
    socket.send(Frame::binary(vec![0])).await.unwrap();
    assert_eq!(hear(&mut socket).await["error"], "binary_frame");
    let mut stereo = wav(&speech(160));
    stereo[22] = 2;
    say(&mut socket, &live_blob(&id, &stereo)).await;
    let answer = hear(&mut socket).await;
    assert_eq!(answer["direction"], "incoming", "a note is not refused");
    let accepted: Vec<_> = rig.sim.log().messages().map(|message| message.accepted).collect();
    assert_eq!(accepted, [false, true]);
}

#[tokio::test]
async fn messages_that_are_too_large() {
    let limits = Config { max_message_bytes: 1000, hard_message_bytes: 5000, ..quick() };
    for (mode, first_closes) in [(Mode::Observe, false), (Mode::Strict, true)] {
        let rig = Rig::new(Config { mode, ..limits.clone() }).await;
        let mut socket = rig.socket().await;
        say(&mut socket, &chat_text(&"x".repeat(2000))).await;
        if first_closes {
            assert_eq!(close_code(&mut socket).await, 1009);
        } else {
            assert_eq!(hear(&mut socket).await["direction"], "incoming");
            // The rest of it may be refused by a reset while we still write.
            let _ = socket.send(Frame::text(chat_text(&"x".repeat(100_000)).to_string())).await;
            assert_eq!(close_code(&mut socket).await, 1009);
            assert_eq!(rig.codes(), [Code::TooLarge, Code::TooLarge]);
        }
    }
}

#[tokio::test]
async fn a_protocol_error_and_invalid_utf8_close_with_their_codes() {
    let rig = Rig::new(quick()).await;
    let mut socket = rig.socket().await;
    use tungstenite::protocol::frame::coding::{Data, OpCode};
    let invalid =
        tungstenite::protocol::frame::Frame::message(Bytes::from_static(&[0xff, 0xfe]), OpCode::Data(Data::Text), true);
    socket.send(Frame::Frame(invalid)).await.unwrap();
    assert_eq!(close_code(&mut socket).await, 1007);
    let mut socket = rig.socket().await;
    use tokio::io::AsyncWriteExt;
    socket.get_mut().write_all(&[0x83, 0x80, 0, 0, 0, 0]).await.unwrap();
    assert_eq!(close_code(&mut socket).await, 1002);
}

#[tokio::test]
async fn bad_tokens_at_the_door() {
    let forms = [(Refusal::Http403, 403), (Refusal::Http401, 401)];
    for (refusal, code) in forms {
        let rig = Rig::new(Config { refusal, ..Config::default() }).await;
        assert_eq!(status(connect(&rig.sim, "nonsense").await), Some(code));
        let bare = tokio_tungstenite::connect_async(rig.sim.ws_url()).await;
        assert_eq!(status(bare), Some(code));
        rig.sim.clock().advance(Duration::from_secs(24 * 3600));
        assert_eq!(status(connect(&rig.sim, &rig.token).await), Some(code));
        assert_eq!(rig.codes(), [Code::MissingToken]);
        let refused = |entry: &&Entry| matches!(entry.event, Event::SocketRefused { .. });
        assert_eq!(rig.sim.log().entries.iter().filter(refused).count(), 3);
    }
    for (refusal, code) in [(Refusal::Close1008, 1008), (Refusal::Close4401, 4401)] {
        let rig = Rig::new(Config { refusal, ..Config::default() }).await;
        let mut socket = connect(&rig.sim, "nonsense").await.unwrap();
        assert_eq!(close_code(&mut socket).await, code);
        assert_eq!(rig.sim.open_sockets(), 0);
    }
}

#[tokio::test]
async fn a_token_may_expire_under_an_open_socket() {
    let rig = Rig::new(quick()).await;
    let mut socket = rig.socket().await;
    rig.sim.clock().advance(Duration::from_secs(25 * 3600));
    say(&mut socket, &chat_text("hello")).await;
    assert_eq!(hear(&mut socket).await["answer"], "You said: hello");
}

#[tokio::test]
async fn awkward_tokens_need_percent_encoding() {
    let rig = Rig::new(Config { token_form: TokenForm::Awkward, ..Config::default() }).await;
    assert!(rig.token.ends_with("+/=%2B"));
    rig.socket().await;
    assert_eq!(rig.codes(), []);
    let raw = format!("{}?token={}", rig.sim.ws_url(), rig.token);
    assert_eq!(status(tokio_tungstenite::connect_async(raw).await), Some(403));
    assert_eq!(rig.codes(), [Code::UnencodedToken]);
}

#[tokio::test]
async fn offers_at_the_handshake() {
    let rig = Rig::new(Config::default()).await;
    let url = format!("{}?token={}", rig.sim.ws_url(), encode(&rig.token));
    let mut request = url.into_client_request().unwrap();
    let headers = request.headers_mut();
    headers.insert("sec-websocket-extensions", "permessage-deflate".parse().unwrap());
    headers.insert("origin", "https://kiosk.example".parse().unwrap());
    let (_socket, response) = tokio_tungstenite::connect_async(request).await.unwrap();
    assert!(!response.headers().contains_key("sec-websocket-extensions"), "no compression");
    assert_eq!((rig.codes(), rig.note_codes()), (vec![], vec![Code::Extension]));
    let origin = |entry: &Entry| match &entry.event {
        Event::SocketOpened { origin, .. } => origin.clone(),
        _ => None,
    };
    let log = rig.sim.log();
    assert_eq!(log.entries.iter().find_map(origin).as_deref(), Some("https://kiosk.example"));
    let url = format!("/ws/chat?token={}", encode(&rig.token));
    assert_eq!(rig.get(&url).await.status, 426, "no upgrade asked for");
}

#[tokio::test]
async fn how_sockets_end() {
    let rig = Rig::new(Config::default()).await;
    let mut polite = rig.socket().await;
    polite.close(None).await.unwrap();
    assert!(matches!(next(&mut polite).await, None | Some(Frame::Close(_))));
    rig.until("the end", |state| state.open_sockets() == 0).await;
    drop(rig.socket().await);
    rig.until("both ends", |state| {
        let closed = |entry: &&Entry| matches!(entry.event, Event::SocketClosed { .. });
        state.log().entries.iter().filter(closed).count() == 2
    })
    .await;
    let by = |entry: &Entry| match &entry.event {
        Event::SocketClosed { by, .. } => Some(*by),
        _ => None,
    };
    let log = rig.sim.log();
    let ends: Vec<_> = log.entries.iter().filter_map(by).collect();
    assert_eq!(ends, [CloseBy::Client, CloseBy::Loss]);
}

#[tokio::test]
async fn pings_are_answered_unless_told_otherwise() {
    for (ignore_pings, expected) in [(false, true), (true, false)] {
        let rig = Rig::new(Config { ignore_pings, ping: None, ..quick() }).await;
        let mut socket = rig.socket().await;
        socket.send(Frame::Ping(Bytes::from_static(b"are you there"))).await.unwrap();
        say(&mut socket, &chat_text("x")).await;
        // The answer comes after the pong, if there is one.
        let mut pong = false;
        loop {
            match tokio::time::timeout(LONG, socket.next()).await.unwrap().unwrap().unwrap() {
                Frame::Pong(_) => pong = true,
                Frame::Text(_) => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(pong, expected);
    }
}

#[tokio::test]
async fn the_server_pings_by_its_clock() {
    let rig = Rig::new(Config::default()).await;
    let mut socket = rig.socket().await;
    rig.sim.clock().advance(Duration::from_secs(30));
    let frame = tokio::time::timeout(LONG, socket.next()).await.unwrap().unwrap().unwrap();
    assert!(matches!(frame, Frame::Ping(_)), "{frame:?}");
}
