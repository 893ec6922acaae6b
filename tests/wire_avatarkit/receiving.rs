//! What comes back.

use glottis::SinkEvent;
use glottis::sim::avatarkit::proto::{
    Codec, Data, Message, ServerConfirmSession, ServerError, ServerResponseAnimation,
};
use glottis::sim::avatarkit::{Config, Event};
use serde_json::json;

use crate::rig::*;

/// K41.
#[tokio::test]
async fn animation_is_handed_on_as_it_came() {
    let simulator = plain();
    let mut rig = Rig::opened(&keys(&simulator)).await;
    rig.say(&noise(16_000, 1)).await;
    rig.played(2).await;
    // With fields that nobody knows, inside and outside.
    let strange = unhex("080532060a0163980601a00601");
    simulator.push_raw(&strange);
    simulator
        .push(Message::of(Data::Animation(ServerResponseAnimation { req_id: "last".into(), ..Default::default() })));
    let frames = rig.frames.clone();
    while frames.lock().unwrap().last().is_none_or(|frame| frame.req_id != "last") {
        tokio::task::yield_now().await;
    }
    rig.finish().await.result.expect("a good run");
    let frames = std::mem::take(&mut *frames.lock().unwrap());
    // A second of sound is 25 frames, in order, the last of them marked.
    let ends: Vec<_> = frames[..25].iter().map(|frame| frame.end).collect();
    assert_eq!(ends, [&[false; 24][..], &[true]].concat());
    for frame in &frames[..25] {
        let message = Message::decode(frame.bytes.clone()).expect("a message");
        let Some(Data::Animation(animation)) = message.data else { panic!("no animation") };
        assert_eq!((animation.req_id, animation.end), (frame.req_id.clone(), frame.end));
        assert!(frame.has_animation && frame.avatar_id == "demo-avatar");
    }
    assert_eq!(frames[25].bytes, strange);
    assert!(!frames[25].has_animation && frames.len() == 27);
}

/// K42.
#[tokio::test]
async fn a_repeated_end_completes_once() {
    let simulator = simulator(Config::default(), &[json!({ "fault": "F15", "times": 3 })]);
    let mut rig = Rig::opened(&keys(&simulator)).await;
    rig.say(&noise(3200, 1)).await;
    rig.say(&noise(3200, 2)).await;
    let both = rig.played(4).await;
    rig.finish().await.result.expect("a good run");
    let ended: Vec<_> = both.iter().filter(|playback| playback.end).map(|playback| playback.req_id.clone()).collect();
    assert_eq!(ended, simulator.speeches().iter().map(|speech| speech.req_id.clone()).collect::<Vec<_>>());
}

/// K43: also an end that comes before ours, and frames behind an interrupt.
#[tokio::test]
async fn frames_of_other_requests_complete_nothing() {
    let faults =
        [json!({ "fault": "F15", "how": "unknown-id" }), json!({ "fault": "F16", "frames": 5, "on": "message end" })];
    let simulator = simulator(Config::default(), &faults[..1]);
    let mut rig = Rig::opened(&keys(&simulator)).await;
    rig.say(&noise(3200, 1)).await;
    let told = rig.played(2).await;
    let id = simulator.speeches()[0].req_id.clone();
    assert!(told.iter().all(|playback| playback.req_id == id), "{told:?}");
    assert_eq!(told.iter().filter(|playback| playback.end).count(), 1);
    fault(&simulator, &json!({ "fault": "F16", "frames": 5 }));
    rig.ask(glottis::core::sink::SinkAction::Interrupt).await.expect("sent");
    until(&simulator, |state| {
        let ours = |message: &serde_json::Value| message["kind"] == "animation" && message["bytes"] == 16;
        state.log().sent().filter(|message| ours(message)).count() == 5
    })
    .await;
    let before = rig.playback().len();
    rig.say(&noise(3200, 2)).await;
    rig.played(before + 2).await;
    let frames = rig.frames.lock().unwrap().clone();
    rig.finish().await.result.expect("a good run");
    assert_eq!(frames.iter().filter(|frame| frame.bytes.len() < 100 && frame.req_id == id).count(), 0, "left out");
}

/// K44.
#[tokio::test]
async fn what_is_unknown_is_ignored() {
    let how = ["unknown-type", "type-6", "confirm-again", "unknown-fields"];
    let mut faults: Vec<_> = how.iter().map(|how| json!({ "fault": "F9", "how": how })).collect();
    faults.push(json!({ "fault": "F10", "how": "text" }));
    faults.push(json!({ "fault": "F10", "how": "empty" }));
    let simulator = simulator(Config::default(), &faults);
    let mut rig = Rig::opened(&keys(&simulator)).await;
    rig.say(&noise(16_000, 1)).await;
    rig.played(2).await;
    assert_eq!(simulator.log().faults().count(), 6);
    assert_eq!(rig.errors(), []);
    rig.finish().await.result.expect("a good run");
    assert_eq!(simulator.connections().len(), 1);
}

/// K45.
#[tokio::test]
async fn garbage_is_one_error_and_no_end() {
    for rule in [json!({ "fault": "F10" }), json!({ "on": "message audio", "do": { "raw": [{ "hex": "ff" }] } })] {
        let simulator = simulator(Config::default(), &[rule]);
        let mut rig = Rig::opened(&keys(&simulator)).await;
        rig.say(&noise(16_000, 1)).await;
        rig.played(2).await;
        let errors: Vec<_> = rig.errors().iter().map(named).collect();
        assert_eq!(errors, [("protocolError", "websocket_runtime")]);
        rig.finish().await.result.expect("a good run");
        assert_eq!(simulator.connections().len(), 1);
    }
}

/// K46.
#[tokio::test]
async fn an_error_of_the_service_is_told_and_the_request_it_names_is_given_up() {
    let boom = json!({ "on": "message audio", "do": { "error": { "code": 0, "message": "server boom" } } });
    let simulator = simulator(Config::default(), &[boom]);
    let mut rig = Rig::opened(&keys(&simulator)).await;
    rig.start_saying(&noise(1600, 1)).await;
    let error = rig.error().await;
    rig.go_on(&noise(1600, 2)).await;
    rig.end(glottis::Reason::Commit);
    let speeches = spoken(&simulator, 1).await;
    assert_eq!(named(&error), ("serverError", "websocket_runtime"));
    assert_eq!((error.server_code.as_deref(), error.server_detail.as_deref()), (Some("0"), Some("server boom")));
    assert_eq!(error.connection_id, simulator.connections()[0].connection_id);
    assert_eq!(error.req_id.as_deref(), Some(speeches[0].req_id.as_str()));
    assert_eq!((speeches.len(), speeches[0].ended, speeches[1].ended), (2, false, true));
    assert_eq!(rig.errors().len(), 1);
    let ended = rig.finish().await;
    balanced(&ended.ledger);
    assert_eq!(simulator.connections().len(), 1);
}

/// K47.
#[tokio::test]
async fn a_callback_that_panics_stops_nothing() {
    let simulator = simulator(Config { ping: Some(std::time::Duration::from_millis(20)), ..Config::default() }, &[]);
    let mut rig = Rig::opened(&keys(&simulator)).await;
    let panic = ServerResponseAnimation { req_id: "panic".into(), ..Default::default() };
    simulator.push(Message::of(Data::Animation(panic)));
    rig.say(&noise(3200, 1)).await;
    rig.played(2).await;
    let pongs = |state: &glottis::sim::avatarkit::State| {
        state.log().entries.iter().filter(|entry| matches!(entry.event, Event::Pong { .. })).count()
    };
    let before = simulator.look(pongs);
    until(&simulator, |state| pongs(state) > before + 2).await;
    let frames = rig.frames.clone();
    rig.finish().await.result.expect("a good run");
    assert_eq!(frames.lock().unwrap_or_else(std::sync::PoisonError::into_inner).len(), 5);
}

/// K62.
#[tokio::test]
async fn frames_of_both_lines_are_understood() {
    let confirms = [vec![], vec!["playback_control".to_string(), "playback_state".to_string()]];
    for capabilities in confirms {
        let simulator = simulator(Config { capabilities: Some(capabilities.clone()), ..Config::default() }, &[]);
        let mut rig = Rig::opened(&keys(&simulator)).await;
        let seen = rig
            .find(|event| match event {
                SinkEvent::Connected { capabilities, .. } => Some(capabilities.clone()),
                _ => None,
            })
            .await;
        assert_eq!(seen, capabilities);
        let animation = |animation: &'static [u8], avatar_id: &str| ServerResponseAnimation {
            req_id: "r".into(),
            animation: animation.into(),
            avatar_id: avatar_id.into(),
            ..Default::default()
        };
        simulator.push(Message::of(Data::Animation(animation(b"", ""))));
        simulator.push(Message::of(Data::Animation(animation(b"motion", "a1"))));
        simulator.push_raw(&unhex("08042a0b18ffffffffffffffffff01"));
        let zero = ServerError { message: "zero".into(), ..Default::default() };
        simulator.push(Message::of(Data::Error(zero)));
        rig.wait("two errors", |events| {
            events.iter().filter(|event| matches!(event, SinkEvent::Error { .. })).count() == 2
        })
        .await;
        let codes: Vec<_> = rig.errors().into_iter().map(|error| error.server_code).collect();
        assert_eq!(codes, [Some("-1".into()), Some("0".into())]);
        let frames = rig.frames.clone();
        rig.finish().await.result.expect("a good run");
        let kinds: Vec<_> =
            frames.lock().unwrap().iter().map(|frame| (frame.has_animation, frame.avatar_id.clone())).collect();
        assert_eq!(kinds, [(false, String::new()), (true, "a1".into())]);
    }
    let confirm =
        Message::of(Data::Confirm(ServerConfirmSession { connection_id: "conn-1".into(), capabilities: vec![] }));
    assert_eq!(hex(&confirm.encode_to_vec()), "08021a080a06636f6e6e2d31");
}
