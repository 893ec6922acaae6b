//! Voice and text in, answers out: reassembly, endpointing, blobs, shapes, delays (RAVATAR dossier
//! 7.3, 7.4, 8.5, 16.3).

mod common;

use common::*;
use glottis_sim::ravatar::*;

/// Speech in the middle of silence, a whole number of chunks.
fn spoken(before: usize, samples: usize, chunks: usize) -> Vec<i16> {
    let mut audio = vec![0; before];
    audio.extend(speech(samples));
    audio.resize(chunks * 4096, 0);
    audio
}

async fn stream(socket: &mut Socket, license: &str, audio: &[i16]) {
    for chunk in audio.chunks(4096) {
        say(socket, &live_pcm(license, chunk)).await;
    }
}

#[tokio::test]
async fn pcm_is_reassembled_bit_for_bit_over_a_reconnect() {
    let rig = Rig::new(quick()).await;
    let id = rig.live().await;
    let audio = speech(40 * 4096);
    let (first, second) = audio.split_at(20 * 4096);
    let mut socket = rig.socket().await;
    stream(&mut socket, &id, first).await;
    rig.until("the first half", |state| state.pcm(&id).len() == first.len()).await;
    drop(socket);
    let mut socket = rig.socket().await;
    stream(&mut socket, &id, second).await;
    rig.until("the second half", |state| state.pcm(&id).len() == audio.len()).await;
    assert_eq!(rig.sim.pcm(&id), audio);
    let raw = rig.get(&format!("/__sim/pcm/{id}")).await;
    let bytes: Vec<u8> = audio.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    assert_eq!(raw.body, bytes);
    assert_eq!(rig.codes(), []);
    let log = rig.sim.log();
    let firsts: Vec<_> = log.messages().map(|m| m.pcm.unwrap().first.unwrap()).collect();
    assert_eq!(firsts, (0..40).map(|n| n * 4096).collect::<Vec<u64>>());
    let level = log.messages().next().unwrap().pcm.unwrap().level;
    assert!(level.rms > 0.5 && level.peak <= 1.0, "{level:?}");
}

#[tokio::test]
async fn extreme_samples_survive_and_unknown_licences_have_none() {
    let rig = Rig::new(quick()).await;
    let id = rig.live().await;
    let mut socket = rig.socket().await;
    let message = with(live_pcm(&id, &[]), json!({ "audio_base64_pcm": "AAABAP///38AgA==" }));
    say(&mut socket, &message).await;
    rig.messages(1).await;
    assert_eq!(rig.sim.pcm(&id), [0, 1, -1, 32767, -32768]);
    assert!(rig.sim.pcm("lic-x").is_empty());
}

#[tokio::test]
async fn a_spoken_turn_is_answered_with_its_length() {
    let rig = Rig::new(quick()).await;
    let id = rig.live().await;
    let mut socket = rig.socket().await;
    // Speech from 1600 to 17600, then more than 800 ms of silence; whole frames of 10 ms.
    stream(&mut socket, &id, &spoken(1600, 16_000, 10)).await;
    let answer = hear(&mut socket).await;
    assert_eq!(answer["direction"], "incoming");
    assert_eq!(answer["request"], "1.000 s of audio, 16000 samples");
    let text = "> 1.000 s of audio, 16000 samples\n\nYou said: 1.000 s of audio, 16000 samples";
    assert_eq!(answer["answer"], text);
    assert_eq!(answer["chat_type"], "voice");
    assert_eq!(answer["requestType"], "audio");
    assert_eq!(rig.sim.licenses()[0].turns, [Turn { start: 1600, end: 17_600 }]);
    stream(&mut socket, &id, &spoken(0, 8000, 6)).await;
    assert_eq!(hear(&mut socket).await["request"], "0.500 s of audio, 8000 samples");
    assert_eq!(rig.codes(), []);
}

#[tokio::test]
async fn silence_alone_is_never_answered() {
    let rig = Rig::new(quick()).await;
    let id = rig.live().await;
    let mut socket = rig.socket().await;
    stream(&mut socket, &id, &[10; 20 * 4096]).await;
    say(&mut socket, &live_text(&id, "typed")).await;
    assert_eq!(hear(&mut socket).await["answer"], "You said: typed", "text in live mode");
    assert!(rig.sim.licenses()[0].turns.is_empty());
}

#[tokio::test]
async fn pcm_faster_than_four_times_real_time_is_noticed() {
    let rig = Rig::new(Config { reply_delay: Duration::ZERO, ..Config::default() }).await;
    let id = rig.live().await;
    let mut socket = rig.socket().await;
    stream(&mut socket, &id, &[0; 4 * 4096]).await;
    rig.messages(4).await;
    assert_eq!(rig.codes(), [], "a burst of four chunks is tolerated");
    rig.sim.clock().advance(Duration::from_secs(1));
    stream(&mut socket, &id, &[0; 40 * 4096]).await;
    rig.messages(44).await;
    let codes = rig.codes();
    assert!(!codes.is_empty() && codes.iter().all(|code| *code == Code::PcmTooFast));
    assert_eq!(rig.sim.pcm(&id).len(), 44 * 4096, "observed, not refused");
}

#[tokio::test]
async fn kept_pcm_is_bounded_and_has_no_holes() {
    let rig = Rig::new(Config { max_pcm_samples: 6000, ..quick() }).await;
    let id = rig.live().await;
    let mut socket = rig.socket().await;
    let audio = speech(3 * 4096);
    stream(&mut socket, &id, &audio).await;
    rig.messages(3).await;
    assert_eq!(rig.sim.pcm(&id), audio[..6000]);
    let license = rig.sim.licenses().remove(0);
    assert_eq!((license.samples, license.samples_cut), (3 * 4096, 3 * 4096 - 6000));
}

#[tokio::test]
async fn blobs_are_kept_measured_and_answered() {
    let rig = Rig::new(quick()).await;
    let id = rig.live().await;
    let mut socket = rig.socket().await;
    let audio = speech(24_000);
    say(&mut socket, &live_blob(&id, &wav(&audio))).await;
    let answer = hear(&mut socket).await;
    assert_eq!(answer["request"], "1.500 s of audio, 24000 samples");
    say(&mut socket, &chat_blob(b"\x1a\x45\xdf\xa3webm")).await;
    let answer = hear(&mut socket).await;
    assert_eq!(answer["request"], "unknown s of audio, unknown samples");
    let blobs = rig.sim.blobs();
    assert_eq!(blobs[0].samples().unwrap(), audio);
    assert_eq!(blobs[0].license_id.as_deref(), Some(id.as_str()));
    assert_eq!(*blobs[0].bytes, wav(&audio));
    let facts = &blobs[0].facts;
    assert_eq!((facts.rate, facts.channels, facts.bits), (Some(16_000), Some(1), Some(16)));
    assert_eq!(facts.seconds, Some(1.5));
    assert_eq!(facts.sizes_match, Some(true));
    assert!(facts.level.unwrap().rms > 0.5);
    assert_eq!(blobs[1].facts.container, Container::Ebml);
    assert_eq!((blobs[1].license_id.as_deref(), blobs[1].samples()), (None, None));
}

#[tokio::test]
async fn kept_blobs_are_bounded() {
    let rig = Rig::new(Config { max_blob_bytes: 100, ..quick() }).await;
    let mut socket = rig.socket().await;
    for n in 0..5 {
        say(&mut socket, &chat_blob(&wav(&[n]))).await;
        hear(&mut socket).await;
    }
    let kept: Vec<_> = rig.sim.blobs().iter().map(|blob| blob.samples().unwrap()[0]).collect();
    assert_eq!(kept, [3, 4]);
    assert_eq!(rig.sim.look(State::blobs_cut), 3);
}

#[tokio::test]
async fn turns_are_in_the_history_once_answered() {
    let rig = Rig::new(Config { history_sorted: true, ..quick() }).await;
    let id = rig.live().await;
    let mut socket = rig.socket().await;
    say(&mut socket, &chat_text("one")).await;
    let first = hear(&mut socket).await;
    say(&mut socket, &live_text(&id, "two")).await;
    hear(&mut socket).await;
    rig.sim.clock().advance(Duration::from_secs(1));
    let body = rig.get("/chat?user_id=u-1").await.json();
    let records = body["payload"].as_array().unwrap();
    assert_eq!(records.len(), 4);
    assert_eq!(records[0]["request"], "one");
    assert_eq!(records[0].get("answer"), None);
    assert_eq!(records[1]["answer"], "You said: one");
    assert_eq!(records[1]["avatar_name"], "Ada");
    assert_eq!(records[1]["_id"], first["_id"], "the message and its record are one");
    assert_eq!(records[1]["date"], first["date"]);
}

#[tokio::test]
async fn answers_wait_for_the_clock_and_keep_their_order() {
    let hour = Duration::from_secs(3600);
    let rig = Rig::new(Config { reply_delay: hour, ..quick() }).await;
    let mut socket = rig.socket().await;
    for text in ["one", "two"] {
        say(&mut socket, &chat_text(text)).await;
    }
    rig.messages(2).await;
    assert_eq!(rig.sim.log().sent().count(), 0);
    let early = rig.get("/chat?user_id=u-1").await.json();
    assert_eq!(early["payload"].as_array().unwrap().len(), 2, "questions only");
    rig.sim.clock().advance(hour);
    for text in ["one", "two"] {
        assert_eq!(hear(&mut socket).await["request"], text);
    }
}

#[tokio::test]
async fn an_answer_without_a_socket_is_left_to_the_history() {
    let hour = Duration::from_secs(3600);
    let rig = Rig::new(Config { reply_delay: hour, ..quick() }).await;
    let mut socket = rig.socket().await;
    say(&mut socket, &chat_text("one")).await;
    rig.messages(1).await;
    drop(socket);
    rig.until("the note", |state| {
        let undelivered = |entry: &Entry| matches!(entry.event, Event::Undelivered { .. });
        state.log().entries.iter().any(undelivered)
    })
    .await;
}

#[tokio::test]
async fn shapes_and_dates() {
    let epoch_ms = Some(1_769_698_497_263);
    let answer = async |shape: Shape, date: DateForm, message: Value| {
        let config = Config { shape, date, epoch_ms, reply_delay: Duration::ZERO, ..Config::default() };
        let rig = Rig::new(config).await;
        let mut socket = rig.socket().await;
        say(&mut socket, &message).await;
        hear(&mut socket).await
    };
    let names = |answer: &Value| {
        let mut names: Vec<_> = answer.as_object().unwrap().keys().cloned().collect();
        names.sort();
        names.join(" ")
    };
    let a = answer(Shape::A, DateForm::Native, chat_text("x")).await;
    let expected = "_id answer avatar_id avatar_name chat_type date direction language_code \
                    request requestType user_id";
    assert_eq!(names(&a), expected);
    let age = a["date"].as_u64().unwrap() - 1_769_698_497_263;
    assert!(age < 60_000, "milliseconds since the start");
    let b = answer(Shape::B, DateForm::Native, chat_text("x")).await;
    assert_eq!(names(&b), "content timestamp type");
    assert!(b["timestamp"].as_str().unwrap().starts_with("2026-01-29T14:5"));
    assert_eq!(b["content"], "You said: x");
    let voice = answer(Shape::B, DateForm::None, chat_blob(&wav(&speech(160)))).await;
    assert_eq!(names(&voice), "chat_type content requestType type");
    let seconds = answer(Shape::A, DateForm::Seconds, chat_text("x")).await;
    assert!(seconds["date"].as_u64().unwrap() < 100_000_000_000);
    let none = answer(Shape::A, DateForm::None, chat_text("x")).await;
    assert_eq!((none.get("date"), none.get("timestamp")), (None, None));
    let text = answer(Shape::A, DateForm::Timestamp, chat_text("x")).await;
    assert!(text["timestamp"].is_string() && text.get("date").is_none());
}

#[tokio::test]
async fn scripts_media_and_notices() {
    let config = Config {
        answers: vec!["First.".into(), "Second to {request}.".into()],
        transcripts: vec!["What day?".into()],
        echo_transcript: false,
        file_url: Some("https://cdn.invalid/a.mp4".into()),
        inline_audio: InlineAudio::AudioBase64,
        notices: vec![json!({ "type": "system", "content": "Thinking" })],
        ..quick()
    };
    let rig = Rig::new(config.clone()).await;
    let mut socket = rig.socket().await;
    say(&mut socket, &chat_text("x")).await;
    assert_eq!(hear(&mut socket).await, json!({ "type": "system", "content": "Thinking" }));
    let answer = hear(&mut socket).await;
    assert_eq!(answer["answer"], "First.");
    assert_eq!(answer["fileUrl"], "https://cdn.invalid/a.mp4");
    let sound = unbase64(&answer["audio_base64"]);
    assert!(sound.starts_with(b"RIFF") && sound.len() == 44 + 3200);
    say(&mut socket, &chat_blob(&wav(&[0; 160]))).await;
    hear(&mut socket).await;
    assert_eq!(hear(&mut socket).await["answer"], "Second to What day?.");
    let log = rig.sim.log();
    let logged = log.sent().find(|message| message.get("audio_base64").is_some()).unwrap();
    assert!(logged["audio_base64"].as_str().unwrap().len() < 30, "the log keeps no audio");
    let config = Config { inline_audio: InlineAudio::FileBase64Data, ..config };
    let rig = Rig::new(config).await;
    let mut socket = rig.socket().await;
    say(&mut socket, &chat_text("x")).await;
    hear(&mut socket).await;
    assert!(hear(&mut socket).await["file_base64_data"].is_string());
}

fn unbase64(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap()).unwrap()
}
