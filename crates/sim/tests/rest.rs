//! The REST endpoints over real connections (RAVATAR dossier 4, 16.2).

mod common;

use common::*;
use glottis_sim::ravatar::*;

async fn jwt(sim: &Simulator, body: &str) -> (u16, Value) {
    let headers = [("content-type", "application/json")];
    let answer = http(&sim.http_url(), "POST", "/jwt", &headers, body).await;
    (answer.status, answer.json())
}

#[tokio::test]
async fn logging_in_and_reading_the_configuration() {
    let rig = Rig::new(Config::default()).await;
    assert_eq!(rig.token.split('.').count(), 3);
    let answer = rig.get("/connection").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/json");
    let body = answer.json();
    assert_eq!(body["status"], 200);
    assert_eq!(body["vadEnabled"], true);
    assert_eq!(body["chat_types"], json!(["text", "voice"]));
    assert_eq!(body["avatars_info"][0]["_id"], "av-1");
    assert_eq!(body["avatars_info"][0]["hasLiveMode"], true);
    assert_eq!(body["languages"][0], json!({ "name": "English", "language_code": "en" }));
    assert_eq!(body["session"], rig.get("/connection").await.json()["session"]);
    assert_eq!(rig.codes(), []);
    let log = rig.sim.log();
    let login = log.requests("POST /jwt").next().unwrap();
    assert_eq!(login.body, Some(json!({ "user_id": "u-1", "project_id": "demo-project" })));
    assert_eq!(log.requests("/connection").next().unwrap().token, TokenUse::Valid("token-1".into()));
    assert!(!format!("{log:?}").contains(&rig.token), "the log holds no token");
}

#[tokio::test]
async fn equal_seeds_give_equal_ids() {
    let config = Config { epoch_ms: Some(1_769_698_497_000), ..Config::default() };
    let one = Rig::new(config.clone()).await;
    let two = Rig::new(config).await;
    assert_eq!(one.live().await, two.live().await);
    let three = Rig::new(Config { seed: 2, ..Config::default() }).await;
    assert_ne!(one.sim.licenses()[0].id, three.live().await);
}

#[tokio::test]
async fn jwt_errors_word_for_word() {
    let config = Config { users: Some(vec!["u-1".into()]), ..Config::default() };
    let sim = Simulator::start(config).unwrap();
    let failure = |status: u16, error: &str| (status, json!({ "status": status, "result": "failure", "error": error }));
    let user = |user: &str| json!({ "user_id": user, "project_id": "demo-project" }).to_string();
    for bad in ["", "a b", "ü", &"x".repeat(129)] {
        assert_eq!(jwt(&sim, &user(bad)).await, failure(400, "invalid_user_id"), "{bad}");
    }
    assert_eq!(jwt(&sim, r#"{"project_id":"demo-project"}"#).await, failure(400, "invalid_user_id"));
    let bad = r#"{"user_id":"u-1","project_id":"a_b"}"#;
    assert_eq!(jwt(&sim, bad).await, failure(400, "invalid_project_id"));
    let unknown = r#"{"user_id":"u-1","project_id":"other"}"#;
    assert_eq!(jwt(&sim, unknown).await, failure(401, "project_not_found"));
    assert_eq!(jwt(&sim, &user("u-2")).await, failure(403, "Forbidden"));
    assert_eq!(jwt(&sim, "{").await, failure(400, "invalid_json"));
    assert_eq!(jwt(&sim, "[]").await.0, 400);
    assert_eq!(jwt(&sim, r#"{"user_id":"u-1"}"#).await.0, 200, "the project is optional");
    let sim = Simulator::start(Config { require_project_id: true, ..Config::default() }).unwrap();
    assert_eq!(jwt(&sim, r#"{"user_id":"u-1"}"#).await, failure(400, "invalid_project_id"));
    let any = Config { projects: vec!["*".into()], ..Config::default() };
    let sim = Simulator::start(any).unwrap();
    assert_eq!(jwt(&sim, unknown).await.0, 200);
}

#[tokio::test]
async fn violations_of_jwt_are_recorded_and_refused_only_when_strict() {
    for (mode, status) in [(Mode::Observe, 200), (Mode::Strict, 400)] {
        let rig = Rig::new(Config { mode, ..Config::default() }).await;
        let body = r#"{"user_id":"u-1","project_id":"demo-project","extra":1}"#;
        let headers = [("authorization", "Bearer x"), ("content-type", "text/plain")];
        let answer = http(&rig.sim.http_url(), "POST", "/jwt", &headers, body).await;
        assert_eq!(answer.status, status);
        let expected = [Code::UnwantedAuthorization, Code::ContentType, Code::UnknownField];
        assert_eq!(rig.codes(), expected);
        if mode == Mode::Strict {
            assert_eq!(answer.json()["result"], "failure");
        }
    }
}

#[tokio::test]
async fn bad_tokens_are_forbidden() {
    let rig = Rig::new(Config::default()).await;
    let forbidden = json!({ "status": 403, "error": "Forbidden" });
    let without = http(&rig.sim.http_url(), "GET", "/connection", &[], "").await;
    assert_eq!((without.status, without.json()), (403, forbidden.clone()));
    assert_eq!(rig.codes(), [Code::MissingToken]);
    let headers = [("authorization", "Bearer nonsense")];
    let unknown = http(&rig.sim.http_url(), "GET", "/connection", &headers, "").await;
    assert_eq!((unknown.status, unknown.json()), (403, forbidden.clone()));
    rig.sim.clock().advance(Duration::from_secs(24 * 3600));
    let expired = rig.get("/connection").await;
    assert_eq!((expired.status, expired.json()), (403, forbidden));
    let log = rig.sim.log();
    let uses: Vec<_> = log.requests("/connection").map(|request| &request.token).collect();
    let expired = TokenUse::Expired("token-1".into());
    assert_eq!(uses, [&TokenUse::Absent, &TokenUse::Unknown, &expired]);
    let renewed = login(&rig.sim, "u-1").await;
    assert_ne!(renewed, rig.token);
    let rig = Rig { token: renewed, ..rig };
    assert_eq!(rig.get("/connection").await.status, 200);
}

#[tokio::test]
async fn variants_of_the_configuration() {
    let config =
        Config { naming: Naming::Demo, session: SessionForm::Long, vad_enabled: VadFlag::Absent, ..Config::default() };
    let body = Rig::new(config).await.get("/connection").await.json();
    assert_eq!(body["avatars_info"][0]["id"], "av-1");
    assert_eq!(body["avatars_info"][0].get("_id"), None);
    assert_eq!(body["languages"][0]["code"], "en");
    assert_eq!(body["session"].as_str().unwrap().len(), 4096);
    assert_eq!(body.get("vadEnabled"), None);
    let config = Config {
        naming: Naming::Both,
        session: SessionForm::Absent,
        vad_enabled: VadFlag::Off,
        avatars: vec![],
        ..Config::default()
    };
    let body = Rig::new(config).await.get("/connection").await.json();
    assert_eq!(body["avatars_info"], json!([]));
    assert_eq!(body["languages"][0]["code"], body["languages"][0]["language_code"]);
    assert_eq!(body.get("session"), None);
    assert_eq!(body["vadEnabled"], false);
    let config = Config { session: SessionForm::Jwt, ..Config::default() };
    let body = Rig::new(config).await.get("/connection").await.json();
    let session = body["session"].as_str().unwrap();
    assert_eq!((session.split('.').count(), session.len()), (3, 170));
}

#[tokio::test]
async fn history_is_paged_newest_first_and_mixed_inside_a_page() {
    let rig = Rig::new(Config { past_turns: 35, ..Config::default() }).await;
    let mut dates = Vec::new();
    for page in 1..=4 {
        let answer = rig.get(&format!("/chat?user_id=u-1&per_page=20&page={page}")).await;
        assert_eq!(answer.status, 200);
        let body = answer.json();
        assert_eq!(body["has_more_messages"], page < 4, "page {page}");
        let records = body["payload"].as_array().unwrap();
        assert_eq!(records.len(), if page < 4 { 20 } else { 10 });
        let mut page_dates: Vec<_> = records.iter().map(|r| r["date"].as_u64().unwrap()).collect();
        assert!(!page_dates.is_sorted());
        page_dates.sort_unstable();
        page_dates.reverse();
        dates.extend(page_dates);
    }
    assert_eq!(dates.len(), 70);
    assert!(dates.is_sorted_by(|a, b| a >= b), "pages follow each other");
    let empty = rig.get("/chat?user_id=u-1&per_page=20&page=5").await.json();
    assert_eq!(empty, json!({ "payload": [], "has_more_messages": false }));
    let default = rig.get("/chat?user_id=u-1").await.json();
    assert_eq!(default["payload"].as_array().unwrap().len(), 50);
    assert_eq!(rig.codes(), []);
}

#[tokio::test]
async fn history_records_have_all_fields_and_can_be_sorted() {
    let config = Config { past_turns: 2, history_sorted: true, ..Config::default() };
    let rig = Rig::new(config).await;
    let body = rig.get("/chat?user_id=u-1").await.json();
    let records = body["payload"].as_array().unwrap();
    assert!(records.is_sorted_by_key(|record| record["date"].as_u64()));
    let directions: Vec<_> = records.iter().map(|r| r["direction"].as_str().unwrap()).collect();
    assert_eq!(directions, ["outgoing", "incoming", "outgoing", "incoming"]);
    assert_eq!(records[3]["request"], "Old question 2");
    assert_eq!(records[3]["answer"], "Old answer 2");
    for name in ["_id", "user_id", "avatar_id", "chat_type", "language_code"] {
        assert!(records[0][name].is_string(), "{name}");
    }
}

#[tokio::test]
async fn history_checks() {
    let rig = Rig::new(Config { past_turns: 60, ..Config::default() }).await;
    let foreign = rig.get("/chat?user_id=u-2").await;
    let forbidden = json!({ "status": 403, "error": "Forbidden" });
    assert_eq!((foreign.status, foreign.json()), (403, forbidden));
    let clamped = rig.get("/chat?user_id=u-1&per_page=500").await.json();
    assert_eq!(clamped["payload"].as_array().unwrap().len(), 100);
    assert_eq!(rig.get("/chat?user_id=u-1&page=0").await.status, 200);
    assert_eq!(rig.get("/chat").await.status, 200);
    let expected = [Code::ForeignUser, Code::PageTooLarge, Code::InvalidPage, Code::MissingField];
    assert_eq!(rig.codes(), expected);
    let huge = format!("/chat?user_id=u-1&page={}", usize::MAX);
    assert_eq!(rig.get(&huge).await.json()["payload"], json!([]));
    let strict = Rig::new(Config { mode: Mode::Strict, ..Config::default() }).await;
    assert_eq!(strict.get("/chat?user_id=u-1&page=x").await.status, 400);
    assert_eq!(strict.get("/chat?user_id=u-1&page=1").await.status, 200);
}

#[tokio::test]
async fn unknown_endpoints_and_oversized_bodies() {
    let rig = Rig::new(Config::default()).await;
    assert_eq!(rig.get("/nothing").await.status, 404);
    assert_eq!(rig.get("/jwt").await.status, 405);
    let large = json!({ "user_id": "x".repeat(2 << 20) });
    assert_eq!(rig.post("/jwt", large).await.status, 413);
    let expected = [Code::NoSuchEndpoint, Code::NoSuchEndpoint, Code::TooLarge];
    assert_eq!(rig.codes(), expected);
    assert_eq!(rig.get("/connection").await.status, 200, "still there");
}

#[tokio::test]
async fn garbage_and_silence_do_no_harm() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let rig = Rig::new(Config::default()).await;
    let mut silent = tokio::net::TcpStream::connect(rig.sim.address()).await.unwrap();
    for garbage in [&b"\0\xff\xfe garbage\r\n\r\n"[..], b"POST /jwt HTTP/1.1\r\ncontent-length: 99\r\n\r\n{"] {
        let mut stream = tokio::net::TcpStream::connect(rig.sim.address()).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        stream.shutdown().await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
    assert_eq!(rig.get("/connection").await.status, 200);
    rig.sim.stop();
    assert_eq!(silent.read(&mut [0; 1]).await.unwrap_or(0), 0, "stopping ends idle connections");
}
