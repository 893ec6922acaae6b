//! Faults of tokens, licences and the clock: F1, F2, F3, F19, F25 (RAVATAR dossier 16.4).

mod common;

use common::*;
use glottis_sim::ravatar::*;
use tokio_tungstenite::tungstenite;

const SECOND: Duration = Duration::from_secs(1);

/// The HTTP status of a refused socket.
async fn refused(rig: &Rig) -> Option<u16> {
    match connect(&rig.sim, &rig.token).await {
        Err(tungstenite::Error::Http(response)) => Some(response.status().as_u16()),
        _ => None,
    }
}

#[tokio::test]
async fn f1_tokens_expire_and_sockets_stay() {
    let rig = Rig::new(quick()).await;
    let mut socket = rig.socket().await;
    rig.fault(json!({ "fault": "F1" }));
    assert_eq!(rig.get("/connection").await.status, 403);
    assert_eq!(refused(&rig).await, Some(403));
    say(&mut socket, &chat_text("still here")).await;
    assert_eq!(hear(&mut socket).await["request"], "still here");
    let rig = Rig { token: login(&rig.sim, "u-1").await, sim: rig.sim };
    assert_eq!(rig.get("/connection").await.status, 200, "a new token is good");
}

#[tokio::test]
async fn f1_after_a_while() {
    let rig = Rig::new(quick()).await;
    rig.fault(json!({ "fault": "F1", "delay": "10m" }));
    assert_eq!(rig.get("/connection").await.status, 200);
    rig.sim.clock().advance(600 * SECOND);
    assert_eq!(rig.get("/connection").await.status, 403);
}

#[tokio::test]
async fn f2_tokens_expire_and_sockets_close() {
    for code in [4401, 1008] {
        let rig = Rig::new(quick()).await;
        let mut sockets = [rig.socket().await, rig.socket().await];
        rig.fault(json!({ "fault": "F2", "code": code, "reason": "token expired" }));
        for socket in &mut sockets {
            assert_eq!(close_code(socket).await, code);
        }
        assert_eq!(refused(&rig).await, Some(403));
        assert_eq!(rig.get("/chat?user_id=u-1").await.status, 403);
    }
}

#[tokio::test]
async fn f3_new_tokens_are_refused_too() {
    let rig = Rig::new(quick()).await;
    rig.fault(json!({ "fault": "F3" }));
    assert_eq!(rig.get("/connection").await.status, 403);
    let again = Rig { token: login(&rig.sim, "u-1").await, sim: rig.sim };
    assert_eq!(again.get("/connection").await.status, 403, "the second 403");
    assert_eq!(refused(&again).await, Some(403));
    again.sim.clear_faults();
    assert_eq!(again.get("/connection").await.status, 200);
}

#[tokio::test]
async fn f19_a_licence_expires() {
    let rig = Rig::new(quick()).await;
    rig.fault(json!({ "fault": "F19", "on": "license", "delay": "30s" }));
    let id = rig.live().await;
    let other = rig.live().await;
    let mut socket = rig.socket().await;
    rig.sim.clock().advance(29 * SECOND);
    assert_eq!(rig.sim.active_sessions(), 2);
    rig.sim.clock().advance(2 * SECOND);
    say(&mut socket, &live_text(&id, "still there?")).await;
    assert_eq!(hear(&mut socket).await, json!({ "type": "system", "content": "Session expired" }));
    assert_eq!(rig.post("/endLiveSession", json!({ "LicenseId": id })).await.status, 404);
    let status = |id: &str| rig.sim.licenses().iter().find(|license| license.id == id).unwrap().status;
    assert_eq!((status(&id), status(&other)), (LicenseStatus::Expired, LicenseStatus::Active), "only one");
}

#[tokio::test]
async fn f19_the_operator_ends_it() {
    for (expiry, over_http) in [(Expiry::Lazy, false), (Expiry::Eager, false), (Expiry::Eager, true)] {
        let rig = Rig::new(Config { expiry, ..quick() }).await;
        let id = rig.live().await;
        let mut socket = rig.socket().await;
        let rule = json!({ "fault": "F19", "how": "end" });
        if over_http {
            rig.post("/__sim/faults", rule).await;
        } else {
            rig.fault(rule);
        }
        assert_eq!(rig.sim.active_sessions(), 0, "the slot is free");
        if expiry == Expiry::Lazy {
            say(&mut socket, &live_pcm(&id, &[0; 4096])).await;
        }
        assert_eq!(hear(&mut socket).await["content"], "Session expired");
        assert_eq!(rig.sim.licenses()[0].status, LicenseStatus::Revoked);
        assert_eq!(rig.post("/endLiveSession", json!({ "LicenseId": id })).await.status, 200);
        assert_eq!(rig.codes(), []);
    }
}

#[tokio::test]
async fn f19_unknown_after_a_reconnect() {
    let rig = Rig::new(quick()).await;
    let id = rig.live().await;
    rig.fault(json!({ "fault": "F19", "how": "forget" }));
    let mut first = rig.socket().await;
    say(&mut first, &live_text(&id, "one")).await;
    assert_eq!(hear(&mut first).await["request"], "one");
    drop(first);
    let mut second = rig.socket().await;
    say(&mut second, &live_text(&id, "two")).await;
    let told = hear(&mut second).await;
    assert_eq!((&told["status"], &told["error"]), (&json!(404), &json!("license_not_found")));
    assert_eq!(rig.codes(), [], "the client could not know");
    assert_eq!(rig.post("/endLiveSession", json!({ "LicenseId": id })).await.status, 404);
    assert_eq!(rig.post("/checkActiveInstance", json!({ "licenseId": id })).await.status, 403);
}

#[tokio::test]
async fn f25_the_clock_jumps() {
    let rig = Rig::new(quick()).await;
    let before = rig.sim.clock().now();
    rig.fault(json!({ "fault": "F25" }));
    assert!(rig.sim.clock().now() >= before + 25 * 3600 * SECOND);
    assert_eq!(rig.get("/connection").await.status, 403);
    rig.fault(json!({ "fault": "F25", "by": "1h", "on": "GET /connection" }));
    let before = rig.sim.clock().now();
    rig.get("/connection").await;
    assert!(rig.sim.clock().now() >= before + 3600 * SECOND);
}

#[tokio::test]
async fn effects_that_are_due_together_happen_in_order() {
    let rig = Rig::new(quick()).await;
    let mut socket = rig.socket().await;
    for (delay, n) in [("3h", 3), ("1h", 1), ("2h", 2)] {
        rig.fault(json!({ "on": "now", "do": { "delay": delay, "send": [{ "n": n }] } }));
    }
    rig.fault(json!({ "fault": "F25", "delay": "30m", "by": "24h" }));
    rig.sim.clock().advance(1800 * SECOND);
    for n in 1..=3 {
        assert_eq!(hear(&mut socket).await, json!({ "n": n }));
    }
}
