//! Live sessions over REST, the streaming page and the end of licences (RAVATAR dossier 4.4, 4.5,
//! 9, 16.2, 16.3).

mod common;

use common::*;
use glottis_sim::ravatar::*;

const SECOND: Duration = Duration::from_secs(1);
/// Longer than the grace of `quick`.
const LATER: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_session_from_start_to_end() {
    let rig = Rig::new(Config::default()).await;
    let body = json!({ "avatar_id": "av-1", "width": "1920", "height": "1080" });
    let answer = rig.post("/startLiveSession", body).await;
    let body = answer.json();
    let id = body["LicenseId"].as_str().unwrap();
    let url = format!("{}/stream/{id}", rig.sim.http_url());
    assert_eq!(body, json!({ "status": 200, "LicenseId": id, "streamingUrl": url }));
    assert_eq!(rig.sim.active_sessions(), 1);
    let license = rig.sim.licenses().remove(0);
    assert_eq!((license.width, license.height), (1920, 1080));
    let end = rig.post("/endLiveSession", json!({ "LicenseId": id })).await;
    assert_eq!((end.status, end.json()), (200, json!({ "status": 200 })));
    assert_eq!(rig.sim.licenses()[0].status, LicenseStatus::Ended);
    assert_eq!(rig.sim.active_sessions(), 0);
    let again = rig.post("/endLiveSession", json!({ "LicenseId": id })).await;
    assert_eq!(again.status, 200, "ending is idempotent by default");
    assert_eq!(rig.codes(), []);
}

#[tokio::test]
async fn ending_what_is_not_there() {
    let rig = Rig::new(Config { ending: Ending::Once, ..Config::default() }).await;
    let not_found = json!({ "status": 404, "error": "license_not_found" });
    let unknown = rig.post("/endLiveSession", json!({ "LicenseId": "lic-x" })).await;
    assert_eq!((unknown.status, unknown.json()), (404, not_found.clone()));
    let id = rig.live().await;
    let other = Rig { token: login(&rig.sim, "u-2").await, sim: rig.sim };
    let foreign = other.post("/endLiveSession", json!({ "LicenseId": id })).await;
    assert_eq!((foreign.status, foreign.json()), (404, not_found.clone()));
    let rig = Rig { token: login(&other.sim, "u-1").await, sim: other.sim };
    let misspelt = rig.post("/endLiveSession", json!({ "licenseId": id })).await;
    assert_eq!(misspelt.status, 200, "observed, not refused");
    let again = rig.post("/endLiveSession", json!({ "LicenseId": id })).await;
    assert_eq!((again.status, again.json()), (404, not_found));
    assert_eq!(rig.post("/endLiveSession", json!({})).await.status, 400);
    let expected = [Code::UnknownLicense, Code::ForeignLicense, Code::WrongFieldName, Code::MissingField];
    assert_eq!(rig.codes(), expected);
}

#[tokio::test]
async fn no_free_slot_is_busy() {
    let busy = json!({ "status": 503, "error": "All AI assistants are busy at the moment" });
    for (busy_as_ok, status) in [(false, 503), (true, 200)] {
        let rig = Rig::new(Config { slots: 1, busy_as_ok, ..Config::default() }).await;
        let id = rig.live().await;
        let second = rig.post("/startLiveSession", json!({ "avatar_id": "av-1" })).await;
        assert_eq!((second.status, second.json()), (status, busy.clone()));
        rig.post("/endLiveSession", json!({ "LicenseId": id })).await;
        assert_ne!(rig.live().await, id, "the slot is free again");
        assert_eq!(rig.codes(), []);
    }
}

#[tokio::test]
async fn wrong_avatars_and_sizes() {
    let rig = Rig::new(Config::default()).await;
    let start = async |body: Value| {
        let answer = rig.post("/startLiveSession", body).await;
        (answer.status, answer.json()["error"].as_str().unwrap_or_default().to_string())
    };
    let avatar = (400, "invalid_avatar_id".to_string());
    let size = (400, "invalid_resolution".to_string());
    assert_eq!(start(json!({})).await, avatar);
    assert_eq!(start(json!({ "avatar_id": "av-9" })).await, avatar);
    assert_eq!(start(json!({ "avatar_id": "av-2" })).await, avatar, "no live mode");
    for bad in ["0", "1921", "-1", "x", "", "12.5"] {
        assert_eq!(start(json!({ "avatar_id": "av-1", "width": bad })).await, size, "{bad}");
    }
    assert_eq!(start(json!({ "avatar_id": "av-1", "height": "1081" })).await, size);
    assert_eq!(start(json!({ "avatar_id": "av-1", "width": true })).await, size);
    let codes = rig.codes();
    assert_eq!(codes[..3], [Code::MissingField, Code::UnknownAvatar, Code::NoLiveMode]);
    assert!(codes[3..].iter().all(|code| *code == Code::InvalidResolution));
    assert_eq!(start(json!({ "avatar_id": "av-1", "width": 1280, "x": 1 })).await.0, 200);
    assert_eq!(rig.codes()[codes.len()..], [Code::UnknownField, Code::SizeNotText]);
    let strict = Rig::new(Config { mode: Mode::Strict, ..Config::default() }).await;
    let body = json!({ "avatar_id": "av-1", "width": 1280 });
    let refused = strict.post("/startLiveSession", body).await;
    assert_eq!(refused.json(), json!({ "status": 400, "error": "invalid_resolution" }));
    assert_eq!(strict.sim.active_sessions(), 0);
}

#[tokio::test]
async fn forms_of_the_streaming_url() {
    let forms = [
        (StreamUrl::WithQuery, Some(("http://", "?quality=high&hover=false#view"))),
        (StreamUrl::WithToken, Some(("http://", "?quality=high&token=old#view"))),
        (StreamUrl::Https, Some(("https://", ""))),
        (StreamUrl::Absent, None),
    ];
    for (stream_url, expected) in forms {
        let rig = Rig::new(Config { stream_url, ..Config::default() }).await;
        let body = rig.post("/startLiveSession", json!({ "avatar_id": "av-1" })).await.json();
        match expected {
            None => assert_eq!(body.get("streamingUrl"), None),
            Some((start, end)) => {
                let url = body["streamingUrl"].as_str().unwrap();
                assert!(url.starts_with(start) && url.ends_with(end), "{url}");
            }
        }
    }
}

#[tokio::test]
async fn the_streaming_page() {
    let rig = Rig::new(Config::default()).await;
    let id = rig.live().await;
    let visit = async |path: String| {
        let answer = http(&rig.sim.http_url(), "GET", &path, &[], "").await;
        let location = answer.headers.get("location").map(|to| to.to_str().unwrap().to_string());
        (answer.status, location)
    };
    let token = encode(&rig.token);
    assert_eq!(visit(format!("/stream/{id}?token={token}")).await, (200, None));
    assert_eq!(rig.sim.licenses()[0].page_views, 1);
    assert_eq!(rig.codes(), []);
    let forbidden = (302, Some("/forbidden".to_string()));
    assert_eq!(visit(format!("/stream/{id}")).await, forbidden);
    assert_eq!(visit(format!("/stream/{id}?token=x")).await, forbidden);
    assert_eq!(visit(format!("/stream/lic-x?token={token}")).await, forbidden);
    assert_eq!(visit(format!("/stream/{id}?token={token}&token=x")).await.0, 200);
    assert_eq!(rig.codes(), [Code::MissingToken, Code::RepeatedToken]);
    rig.post("/endLiveSession", json!({ "LicenseId": id })).await;
    assert_eq!(visit(format!("/stream/{id}?token={token}")).await, forbidden);
    let page = http(&rig.sim.http_url(), "GET", "/forbidden", &[], "").await;
    assert!(String::from_utf8_lossy(&page.body).contains("ravatar-session-close"));
}

#[tokio::test]
async fn the_streaming_hosts_check() {
    let rig = Rig::new(Config::default()).await;
    let id = rig.live().await;
    let check = async |id: &str| {
        let body = json!({ "licenseId": id, "instance": "i-1" });
        rig.post("/checkActiveInstance", body).await.status
    };
    assert_eq!(check(&id).await, 200);
    assert_eq!(check("lic-x").await, 403);
    rig.post("/endLiveSession", json!({ "LicenseId": id })).await;
    assert_eq!(check(&id).await, 403);
    let headers = [("content-type", "application/json")];
    let body = json!({ "licenseId": id }).to_string();
    let bare = http(&rig.sim.http_url(), "POST", "/checkActiveInstance", &headers, &body).await;
    assert_eq!(bare.status, 403);
}

fn expiring(expiry: Expiry) -> Config {
    Config { license_ttl: Some(60 * SECOND), expiry, ..quick() }
}

fn expired() -> Value {
    json!({ "type": "system", "content": "Session expired" })
}

#[tokio::test]
async fn lazy_expiry_is_told_with_the_next_message() {
    let rig = Rig::new(expiring(Expiry::Lazy)).await;
    let id = rig.live().await;
    let mut socket = rig.socket().await;
    rig.sim.clock().advance(60 * SECOND);
    assert_eq!(rig.sim.active_sessions(), 0, "the slot is free");
    assert_eq!(rig.sim.push(json!({ "type": "event", "answer": "nothing before this" })), 1);
    assert_eq!(hear(&mut socket).await["type"], "event");
    say(&mut socket, &live_text(&id, "still there?")).await;
    assert_eq!(hear(&mut socket).await, expired());
    assert_eq!(rig.codes(), [], "the client could not know");
    rig.sim.clock().advance(LATER);
    say(&mut socket, &live_text(&id, "again")).await;
    assert_eq!(hear(&mut socket).await, expired());
    assert_eq!(rig.codes(), [Code::ExpiredLicense], "now it could");
    let end = rig.post("/endLiveSession", json!({ "LicenseId": id })).await;
    assert_eq!(end.status, 404);
}

#[tokio::test]
async fn eager_expiry_is_told_at_once() {
    let rig = Rig::new(expiring(Expiry::Eager)).await;
    let id = rig.live().await;
    let mut socket = rig.socket().await;
    rig.sim.clock().advance(60 * SECOND);
    assert_eq!(hear(&mut socket).await, expired());
    say(&mut socket, &live_text(&id, "crossing")).await;
    rig.messages(1).await;
    assert_eq!((rig.codes(), rig.note_codes()), (vec![], vec![Code::ExpiredLicense]));
    say(&mut socket, &chat_text("hello")).await;
    assert_eq!(hear(&mut socket).await["direction"], "incoming", "chat goes on");
}

#[tokio::test]
async fn closing_expiry_is_told_and_the_socket_closed() {
    let rig = Rig::new(expiring(Expiry::Close)).await;
    rig.live().await;
    let mut socket = rig.socket().await;
    rig.sim.clock().advance(60 * SECOND);
    assert_eq!(hear(&mut socket).await, expired());
    assert_eq!(close_code(&mut socket).await, 1000);
    rig.until("the end of the socket", |state| state.open_sockets() == 0).await;
    let closed = |entry: &Entry| match &entry.event {
        Event::SocketClosed { code, by, .. } => Some((*code, *by)),
        _ => None,
    };
    let log = rig.sim.log();
    assert_eq!(log.entries.iter().find_map(closed), Some((Some(1000), CloseBy::Simulator)));
}

#[tokio::test]
async fn an_ended_licence_is_no_longer_good() {
    let rig = Rig::new(quick()).await;
    let id = rig.live().await;
    let mut socket = rig.socket().await;
    rig.post("/endLiveSession", json!({ "LicenseId": id })).await;
    say(&mut socket, &live_text(&id, "crossing")).await;
    rig.messages(1).await;
    assert_eq!((rig.codes(), rig.note_codes()), (vec![], vec![Code::EndedLicense]));
    rig.sim.clock().advance(LATER);
    say(&mut socket, &live_pcm(&id, &[0; 4096])).await;
    rig.messages(2).await;
    assert_eq!(rig.codes(), [Code::EndedLicense]);
    assert!(rig.sim.log().messages().all(|message| !message.accepted));
    assert!(rig.sim.pcm(&id).is_empty());
}
