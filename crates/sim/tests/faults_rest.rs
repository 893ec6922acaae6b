//! Faults of REST calls: F4 to F8, F11, F22 to F24 (RAVATAR dossier 16.4).

mod common;

use common::*;
use glottis_sim::ravatar::*;

const SECOND: Duration = Duration::from_secs(1);

async fn jwt(rig: &Rig) -> Answer {
    rig.post("/jwt", json!({ "user_id": "u-1", "project_id": "demo-project" })).await
}

#[tokio::test]
async fn f4_every_failure_of_jwt() {
    let rig = Rig::new(quick()).await;
    let cases = [
        (json!("invalid_user_id"), 400, json!("invalid_user_id")),
        (json!("invalid_project_id"), 400, json!("invalid_project_id")),
        (json!("project_not_found"), 401, json!("project_not_found")),
        (json!("forbidden"), 403, json!("Forbidden")),
        (json!("token_generation_failed"), 500, json!("token_generation_failed")),
        (json!(503), 503, json!("Service Unavailable")),
        (json!(504), 504, json!("Gateway Timeout")),
        (json!("failure"), 200, Value::Null),
    ];
    for (how, status, error) in cases {
        rig.fault(json!({ "fault": "F4", "how": how }));
        let answer = jwt(&rig).await;
        let body = answer.json();
        assert_eq!((answer.status, &body["result"], &body["error"]), (status, &json!("failure"), &error), "{how}");
    }
    rig.fault(json!({ "fault": "F4", "how": "no-token" }));
    assert_eq!(jwt(&rig).await.json(), json!({ "result": "success" }));
    rig.fault(json!({ "fault": "F4", "how": "token-field" }));
    let body = jwt(&rig).await.json();
    assert!(body.get("jwt").is_none() && body["token"].is_string(), "{body}");
    let rig = Rig { token: body["token"].as_str().unwrap().into(), sim: rig.sim };
    assert_eq!(rig.get("/connection").await.status, 200);
}

#[tokio::test]
async fn f5_payment_required_everywhere() {
    let rig = Rig::new(quick()).await;
    rig.fault(json!({ "fault": "F5", "count": "always" }));
    let answers =
        [rig.get("/connection").await, rig.get("/chat?user_id=u-1").await, rig.try_live().await, jwt(&rig).await];
    for answer in answers {
        assert_eq!((answer.status, &answer.json()["status"]), (402, &json!(402)));
    }
    assert!(rig.sim.licenses().is_empty());
    rig.sim.clear_faults();
    rig.fault(json!({ "fault": "F5", "how": "handshake" }));
    let refused = connect(&rig.sim, &rig.token).await;
    assert!(matches!(refused, Err(tokio_tungstenite::tungstenite::Error::Http(response)) if response.status() == 402));
    let mut socket = rig.socket().await;
    rig.fault(json!({ "fault": "F5", "how": "notice" }));
    say(&mut socket, &chat_text("hello")).await;
    assert_eq!(hear(&mut socket).await["status"], 402);
    assert!(!rig.sim.log().messages().last().unwrap().accepted);
    rig.fault(json!({ "fault": "F5", "how": "notice", "on": "now" }));
    assert_eq!(hear(&mut socket).await["status"], 402);
}

#[tokio::test]
async fn f6_busy() {
    let busy = json!({ "status": 503, "error": "All AI assistants are busy at the moment" });
    for (how, status) in [("http", 503), ("ok", 200)] {
        let rig = Rig::new(quick()).await;
        rig.fault(json!({ "fault": "F6", "how": how, "count": 2 }));
        for _ in 0..2 {
            let answer = rig.try_live().await;
            assert_eq!((answer.status, answer.json()), (status, busy.clone()));
        }
        assert!(rig.try_live().await.json()["LicenseId"].is_string());
        rig.fault(json!({ "fault": "F6", "how": how, "count": "always" }));
        for _ in 0..5 {
            assert_eq!(rig.try_live().await.json(), busy);
        }
        assert_eq!(rig.sim.active_sessions(), 1);
    }
}

#[tokio::test]
async fn f7_unavailable_for_a_while() {
    let rig = Rig::new(quick()).await;
    rig.fault(json!({ "fault": "F7", "count": 2, "retry_after": 3 }));
    for path in ["/connection", "/chat?user_id=u-1"] {
        let answer = rig.get(path).await;
        assert_eq!((answer.status, answer.headers["retry-after"].to_str().unwrap()), (503, "3"));
    }
    assert_eq!(rig.get("/connection").await.status, 200);
    rig.fault(json!({ "fault": "F7", "http": 504, "on": "GET /connection", "nth": 2 }));
    assert_eq!(rig.get("/connection").await.status, 200);
    let answer = rig.get("/connection").await;
    assert!(answer.status == 504 && !answer.headers.contains_key("retry-after"));
    assert_eq!(answer.json(), json!({ "status": 504, "error": "Gateway Timeout" }));
}

#[tokio::test]
async fn f8_the_slot_leaks() {
    let rig = Rig::new(Config { slots: 1, ..quick() }).await;
    rig.fault(json!({ "fault": "F8" }));
    assert_eq!(rig.try_live().await.status, 504);
    assert_eq!(rig.sim.active_sessions(), 1, "taken all the same");
    assert_eq!(rig.try_live().await.status, 503);
}

#[tokio::test]
async fn f11_a_start_without_its_fields() {
    let rig = Rig::new(quick()).await;
    for (how, field, value) in [
        ("no-license", "LicenseId", None),
        ("no-url", "streamingUrl", None),
        ("number", "LicenseId", Some(json!(12_345))),
    ] {
        rig.fault(json!({ "fault": "F11", "how": how }));
        let answer = rig.try_live().await;
        assert_eq!((answer.status, answer.json().get(field)), (200, value.as_ref()), "{how}");
    }
    assert_eq!(rig.sim.active_sessions(), 3, "they really began");
}

#[tokio::test]
async fn f22_ending_fails() {
    let rig = Rig::new(quick()).await;
    let id = rig.live().await;
    let end = async || rig.post("/endLiveSession", json!({ "LicenseId": id })).await.status;
    rig.fault(json!({ "fault": "F22" }));
    rig.fault(json!({ "fault": "F22", "how": "503" }));
    rig.fault(json!({ "fault": "F22", "how": "hang" }));
    assert_eq!([end().await, end().await], [404, 503]);
    assert_eq!(rig.sim.active_sessions(), 1);
    let clock = rig.sim.clock();
    let started = clock.now();
    let hang = async {
        rig.struck(3).await;
        clock.advance(60 * SECOND);
    };
    let (status, ()) = tokio::join!(end(), hang);
    assert_eq!(status, 200);
    assert!(clock.now() >= started + 60 * SECOND);
    assert_eq!(rig.sim.active_sessions(), 0);
}

#[tokio::test]
async fn f23_odd_configurations() {
    let rig = Rig::new(quick()).await;
    let with_fault = async |how: &str| {
        rig.fault(json!({ "fault": "F23", "how": how }));
        rig.get("/connection").await.json()
    };
    assert_eq!(with_fault("no-avatars").await["avatars_info"], json!([]));
    assert!(with_fault("no-session").await.get("session").is_none());
    assert_eq!(with_fault("vad-flips").await["vadEnabled"], false);
    assert_eq!(rig.get("/connection").await.json()["vadEnabled"], true);
    let body = with_fault("no-live").await;
    let avatars = body["avatars_info"].as_array().unwrap();
    assert!(avatars.len() == 2 && avatars.iter().all(|avatar| avatar["hasLiveMode"] == false));
}

#[tokio::test]
async fn f24_odd_histories() {
    let rig = Rig::new(Config { past_turns: 4, history_sorted: true, ..quick() }).await;
    let page = async |how: Option<&str>, page: u64| {
        if let Some(how) = how {
            rig.fault(json!({ "fault": "F24", "how": how }));
        }
        rig.get(&format!("/chat?user_id=u-1&per_page=100&page={page}")).await.json()
    };
    let plain = page(None, 1).await;
    let records = plain["payload"].as_array().unwrap();
    assert_eq!(records.len(), 8);
    assert!(page(Some("no-payload"), 1).await.get("payload").is_none());
    let mixed = page(Some("unsorted"), 1).await;
    let mixed = mixed["payload"].as_array().unwrap();
    assert!(!mixed.is_sorted_by_key(|record| record["date"].as_u64()));
    assert!(records.iter().all(|record| mixed.contains(record)), "the same records");
    let bare = page(Some("no-direction"), 1).await;
    assert!(bare["payload"].as_array().unwrap().iter().all(|record| record.get("direction").is_none()));
    let twice = page(Some("duplicate-ids"), 1).await;
    let twice = twice["payload"].as_array().unwrap();
    assert!(twice.len() == 16 && twice[0]["_id"] == twice[1]["_id"]);
    rig.fault(json!({ "fault": "F24", "how": "more-pages" }));
    let mut more = Vec::new();
    for number in 1..=4 {
        more.push(page(None, number).await["has_more_messages"].as_bool().unwrap());
    }
    assert_eq!(more, [true, true, true, false]);
}

#[tokio::test]
async fn a_refused_call_is_not_patched() {
    let rig = Rig::new(quick()).await;
    rig.fault(json!({ "fault": "F23", "how": "no-avatars" }));
    let plain = http(&rig.sim.http_url(), "GET", "/connection", &[], "").await;
    assert_eq!((plain.status, plain.json()), (403, json!({ "status": 403, "error": "Forbidden" })));
}
