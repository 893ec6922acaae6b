//! Faults of what is said: F17, F18, F20 (RAVATAR dossier 16.4).

mod common;

use common::*;
use glottis_sim::ravatar::*;

const TEXTS: [(&str, &str); 4] = [
    ("expired", "Session expired"),
    ("wrong", "Something went wrong"),
    ("timeout", "Connection timeout"),
    ("busy", "All AI assistants are busy at the moment"),
];

#[tokio::test]
async fn f17_the_four_texts_as_notices() {
    let rig = Rig::new(quick()).await;
    let mut socket = rig.socket().await;
    for (name, words) in TEXTS {
        for (form, notice) in [
            ("system", json!({ "type": "system", "content": words })),
            ("message", json!({ "type": "system", "message": words })),
            ("event", json!({ "type": "event", "answer": words })),
            ("error", json!({ "error": words })),
        ] {
            rig.fault(json!({ "fault": "F17", "text": name, "as": form, "on": "now" }));
            assert_eq!(hear(&mut socket).await, notice);
        }
        rig.fault(json!({ "fault": "F17", "text": name, "period": true, "case": "upper" }));
        say(&mut socket, &chat_text("x")).await;
        assert_eq!(hear(&mut socket).await["content"], format!("{}.", words.to_uppercase()));
        assert_eq!(hear(&mut socket).await["direction"], "incoming");
    }
}

#[tokio::test]
async fn f17_the_four_texts_as_bodies() {
    let rig = Rig::new(quick()).await;
    for ((name, words), status) in TEXTS.into_iter().zip([404, 500, 504, 503]) {
        rig.fault(json!({ "fault": "F17", "text": name, "as": "http" }));
        let answer = rig.try_live().await;
        assert_eq!((answer.status, answer.json()), (status, json!({ "status": status, "error": words })));
    }
    let rule = json!({
        "fault": "F17", "text": "expired", "as": "http", "http": 410, "case": "lower", "period": true,
        "on": "POST /endLiveSession",
    });
    rig.fault(rule);
    let answer = rig.post("/endLiveSession", json!({ "LicenseId": "lic-x" })).await;
    assert_eq!((answer.status, answer.json()["error"].as_str()), (410, Some("session expired.")));
}

#[tokio::test]
async fn f18_the_four_texts_as_answers() {
    for shape in [Shape::A, Shape::B] {
        let rig = Rig::new(Config { shape, ..quick() }).await;
        let mut socket = rig.socket().await;
        for (name, words) in TEXTS {
            rig.fault(json!({ "fault": "F18", "text": name }));
            say(&mut socket, &chat_text("x")).await;
            let answer = hear(&mut socket).await;
            let (kind, text) = match shape {
                Shape::A => (&answer["direction"], &answer["answer"]),
                Shape::B => (&answer["type"], &answer["content"]),
            };
            assert_eq!((kind, text), (&json!("incoming"), &json!(words)));
        }
    }
}

#[tokio::test]
async fn f20_no_answer() {
    let rig = Rig::new(quick()).await;
    let mut socket = rig.socket().await;
    rig.fault(json!({ "fault": "F20", "how": "none", "on": "answer chat_text" }));
    say(&mut socket, &chat_text("one")).await;
    say(&mut socket, &chat_text("two")).await;
    assert_eq!(hear(&mut socket).await["request"], "two");
    rig.sim.clock().advance(Duration::from_secs(1));
    let history = rig.get("/chat?user_id=u-1").await.json();
    assert_eq!(history["payload"].as_array().unwrap().len(), 4, "the history has both");
}

#[tokio::test]
async fn f20_late_and_out_of_order() {
    let rig = Rig::new(quick()).await;
    let mut socket = rig.socket().await;
    rig.fault(json!({ "fault": "F20", "how": "swapped" }));
    for text in ["one", "two", "three"] {
        say(&mut socket, &chat_text(text)).await;
    }
    let mut order = Vec::new();
    for _ in 0..3 {
        order.push(hear(&mut socket).await["request"].clone());
    }
    assert_eq!(order, [json!("two"), json!("one"), json!("three")]);
    rig.fault(json!({ "fault": "F20", "how": "late" }));
    say(&mut socket, &chat_text("late")).await;
    say(&mut socket, &chat_text("early")).await;
    assert_eq!(hear(&mut socket).await["request"], "early");
    rig.sim.clock().advance(Duration::from_secs(31));
    assert_eq!(hear(&mut socket).await["request"], "late");
}

#[tokio::test]
async fn f20_after_a_reconnect() {
    let rig = Rig::new(quick()).await;
    let mut first = rig.socket().await;
    rig.fault(json!({ "fault": "F20", "how": "after-reconnect" }));
    say(&mut first, &chat_text("held")).await;
    say(&mut first, &chat_text("sent")).await;
    assert_eq!(hear(&mut first).await["request"], "sent");
    drop(first);
    let mut other = connect(&rig.sim, &login(&rig.sim, "u-2").await).await.unwrap();
    let mut second = rig.socket().await;
    assert_eq!(hear(&mut second).await["request"], "held");
    rig.sim.push(json!({ "n": 1 }));
    assert_eq!(hear(&mut other).await, json!({ "n": 1 }), "nothing for another user");
}

#[tokio::test]
async fn f20_twice_and_without_text() {
    let rig = Rig::new(quick()).await;
    let mut socket = rig.socket().await;
    rig.fault(json!({ "fault": "F20", "how": "twice" }));
    say(&mut socket, &chat_text("x")).await;
    assert_eq!(hear(&mut socket).await, hear(&mut socket).await);
    rig.fault(json!({ "fault": "F20", "how": "audio-only" }));
    say(&mut socket, &chat_text("y")).await;
    let answer = hear(&mut socket).await;
    assert!(answer.get("answer").is_none() && answer.get("content").is_none());
    let sound = STANDARD.decode(answer["file_base64_data"].as_str().unwrap()).unwrap();
    assert!(sound.starts_with(b"RIFF") && answer["direction"] == "incoming");
}

#[tokio::test]
async fn what_is_held_back_is_bounded_and_accounted_for() {
    let rig = Rig::new(quick()).await;
    let mut socket = rig.socket().await;
    rig.fault(json!({ "fault": "F20", "how": "after-reconnect", "count": "always" }));
    for _ in 0..300 {
        say(&mut socket, &chat_text("x")).await;
    }
    rig.messages(300).await;
    let lost = |state: &State| {
        let lost = |entry: &&Entry| matches!(entry.event, Event::Undelivered { .. });
        state.log().entries.iter().filter(lost).count()
    };
    assert_eq!(rig.sim.look(lost), 300 - 256);
    rig.sim.clear_faults();
    rig.fault(json!({ "on": "answer", "do": { "hold": 5 } }));
    say(&mut socket, &chat_text("never released")).await;
    rig.messages(301).await;
    drop(socket);
    rig.until("the end of the socket", |state| state.open_sockets() == 0).await;
    let mut again = rig.socket().await;
    for _ in 0..256 {
        assert_eq!(hear(&mut again).await["request"], "x");
    }
    assert!(rig.sim.look(lost) > 300 - 256);
}
