//! The driver of the calls against a scripted service on a paused clock: retries and refreshes at
//! their exact times. Over real sockets it is tested with the simulator, in `tests/wire_ravatar/` of the workspace.

use std::collections::VecDeque;
use std::sync::Mutex as StdMutex;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use super::transport::Endpoint;
use super::*;
use crate::config::tests::config_for;
use glottis_core::sink::BoxFuture;
use glottis_net::http::{Answer, Unreached};

type Seen = Arc<StdMutex<Vec<(&'static str, Option<String>, Instant)>>>;

/// Answers each endpoint from its own list, the last entry for ever.
#[derive(Default)]
struct Script {
    jwt: StdMutex<VecDeque<Result<Answer, Unreached>>>,
    other: StdMutex<VecDeque<Result<Answer, Unreached>>>,
    tokens: AtomicU32,
    seen: Seen,
}

fn answer(status: u16, body: &str) -> Result<Answer, Unreached> {
    Ok(Answer { status, retry_after: None, body: body.as_bytes().to_vec() })
}

fn next(list: &StdMutex<VecDeque<Result<Answer, Unreached>>>) -> Option<Result<Answer, Unreached>> {
    let mut list = list.lock().unwrap();
    if list.len() > 1 { list.pop_front() } else { list.front().cloned() }
}

impl Transport for Script {
    fn send<'a>(&'a self, call: &'a Call, token: Option<&'a Secret>) -> BoxFuture<'a, Result<Answer, Unreached>> {
        Box::pin(async move {
            let token = token.map(|token| token.reveal().to_owned());
            self.seen.lock().unwrap().push((call.endpoint.name(), token, Instant::now()));
            // Gives other callers the chance to come in between.
            tokio::time::sleep(Duration::from_millis(1)).await;
            if call.endpoint == Endpoint::Jwt {
                let n = self.tokens.fetch_add(1, SeqCst) + 1;
                next(&self.jwt).unwrap_or_else(|| answer(200, &format!(r#"{{"jwt":"token-{n}"}}"#)))
            } else {
                next(&self.other).unwrap_or_else(|| answer(200, "{}"))
            }
        })
    }
}

fn rest(jwt: Vec<Result<Answer, Unreached>>, other: Vec<Result<Answer, Unreached>>) -> (Rest, Seen) {
    let script = Script { jwt: StdMutex::new(jwt.into()), other: StdMutex::new(other.into()), ..Script::default() };
    let seen = script.seen.clone();
    let config = config_for("http://127.0.0.1:1");
    (Rest::over(Box::new(script), &config, "u".to_owned(), Veil::default()), seen)
}

fn names(seen: &Seen) -> Vec<&'static str> {
    seen.lock().unwrap().iter().map(|(name, ..)| *name).collect()
}

const JWT: &str = "POST /jwt";
const CONNECTION: &str = "GET /connection";

/// C17.
#[tokio::test(start_paused = true)]
async fn a_gateway_timeout_is_retried_after_1_2_and_4_seconds() {
    let (rest, seen) = rest(vec![], vec![answer(504, "")]);
    let error = rest.connection().await.unwrap_err();
    assert_eq!((error.code, error.http_status), ("GatewayTimeout", Some(504)));
    let times: Vec<Instant> = seen.lock().unwrap()[1..].iter().map(|(_, _, at)| *at).collect();
    let waits: Vec<f64> = times.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
    assert_eq!(waits.len(), 3);
    for (wait, want) in waits.iter().zip([1.0, 2.0, 4.0]) {
        assert!((wait / want - 1.0).abs() <= 0.11, "{wait} s instead of {want} s");
    }
}

/// C7, C9.
#[tokio::test(start_paused = true)]
async fn a_refused_token_is_refreshed_once_and_the_call_repeated_once() {
    let (once, seen) = rest(vec![], vec![answer(403, ""), answer(200, r#"{"avatars_info":[{"id":"a"}]}"#)]);
    once.connection().await.unwrap();
    assert_eq!(names(&seen), [JWT, CONNECTION, JWT, CONNECTION]);
    assert_eq!(seen.lock().unwrap()[3].1.as_deref(), Some("token-2"));
    let (always, seen) = rest(vec![], vec![answer(403, "")]);
    assert_eq!(always.connection().await.unwrap_err().code, "AuthFailed");
    assert_eq!(names(&seen), [JWT, CONNECTION, JWT, CONNECTION]);
}

/// C8.
#[tokio::test(start_paused = true)]
async fn ten_refused_calls_share_one_refresh() {
    let mut other = vec![answer(403, ""); 10];
    other.push(answer(200, ""));
    let (rest, seen) = rest(vec![], other);
    let rest = Arc::new(rest);
    rest.token().await.unwrap();
    let calls: Vec<_> = (0..10)
        .map(|_| {
            let rest = rest.clone();
            tokio::spawn(async move { rest.end_live("lic").await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(names(&seen).iter().filter(|name| **name == JWT).count(), 2);
}

/// C10.
#[tokio::test(start_paused = true)]
async fn retries_and_refresh_have_counters_of_their_own() {
    let ok = answer(200, r#"{"avatars_info":[{"id":"a"}]}"#);
    let busy = || answer(503, "");
    let (rest, seen) = rest(vec![], vec![busy(), answer(403, ""), busy(), busy(), ok]);
    rest.connection().await.unwrap();
    assert_eq!(names(&seen), [JWT, CONNECTION, CONNECTION, JWT, CONNECTION, CONNECTION, CONNECTION]);
}

/// C11.
#[tokio::test(start_paused = true)]
async fn a_token_older_than_23_hours_is_replaced_before_it_is_needed() {
    let (rest, seen) = rest(vec![], vec![]);
    let first = rest.fresh_token().await.unwrap();
    tokio::time::advance(STALE - Duration::from_secs(1)).await;
    assert_eq!(rest.fresh_token().await.unwrap().generation, first.generation);
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(rest.token().await.unwrap().generation, first.generation, "good enough to end a session");
    assert_ne!(rest.fresh_token().await.unwrap().generation, first.generation);
    assert_eq!(names(&seen), [JWT, JWT]);
}

/// C3, C4, C5.
#[tokio::test(start_paused = true)]
async fn a_login_gives_a_token_or_says_why_not() {
    for (status, body, code, words) in [
        (200, "{}", "Protocol", "without a token"),
        (200, r#"{"jwt":"","token":""}"#, "Protocol", "without a token"),
        (200, r#"{"jwt":"a\nb"}"#, "Protocol", "cannot be sent"),
        (200, "not json", "Protocol", "without a token"),
        (200, r#"{"result":"failure","jwt":"x"}"#, "AuthFailed", "200"),
        (400, r#"{"error":"invalid_user_id"}"#, "Config", "invalid_user_id"),
        (401, r#"{"error":"project_not_found"}"#, "Config", "project_not_found"),
        (403, "", "AuthFailed", "403"),
    ] {
        let (rest, seen) = rest(vec![answer(status, body)], vec![]);
        let error = rest.connection().await.unwrap_err();
        assert_eq!(error.code, code, "{status} {body}");
        assert!(error.message.contains(words), "{error}");
        assert_eq!(names(&seen), [JWT], "no retry, and nothing after it");
    }
    let (rest, _) = rest(vec![answer(200, r#"{"token":"second name"}"#)], vec![]);
    assert_eq!(rest.token().await.unwrap().secret.reveal(), "second name");
}

/// C18, C19.
#[tokio::test(start_paused = true)]
async fn payment_and_busy_are_not_retried_unless_asked() {
    for (status, code) in [(402, "PaymentRequired"), (503, "Busy")] {
        let (rest, seen) = rest(vec![], vec![answer(status, "")]);
        assert_eq!(rest.start_live("a", 1, 1).await.result.err().unwrap().code, code);
        assert_eq!(names(&seen).len(), 2);
    }
    let (mut rest, seen) = rest(vec![], vec![answer(503, "")]);
    rest.rules.busy_retry = true;
    assert_eq!(rest.start_live("a", 1, 1).await.result.err().unwrap().code, "Busy");
    assert_eq!(names(&seen).len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_may_have_worked_is_not_repeated_blindly_and_leaves_a_doubt() {
    let lost = |established| Err(Unreached { established, why: "gone".to_owned() });
    let (sent, seen) = rest(vec![], vec![lost(true)]);
    let start = sent.start_live("a", 1, 1).await;
    assert_eq!((start.result.err().unwrap().code, start.doubtful, names(&seen).len()), ("Network", 1, 2));
    let (unsent, seen) = rest(vec![], vec![lost(false)]);
    let start = unsent.start_live("a", 1, 1).await;
    assert_eq!((start.result.err().unwrap().code, start.doubtful, names(&seen).len()), ("Network", 0, 3));
    // C59: a slot may be taken although the session after it is ours.
    let (late, _) = rest(vec![], vec![answer(504, ""), answer(200, r#"{"LicenseId":"l"}"#)]);
    let start = late.start_live("a", 1, 1).await;
    assert_eq!((start.result.unwrap().license.as_str(), start.doubtful), ("l", 1));
}

#[tokio::test(start_paused = true)]
async fn a_session_the_service_no_longer_knows_has_ended() {
    for status in [200, 400, 404, 410] {
        let (rest, seen) = rest(vec![], vec![answer(status, "")]);
        rest.end_live("lic").await.unwrap();
        assert_eq!(names(&seen).len(), 2);
    }
    let (rest, seen) = rest(vec![], vec![answer(503, "")]);
    assert_eq!(rest.end_live("lic").await.unwrap_err().code, "ServiceUnavailable");
    assert_eq!(names(&seen).len(), 5);
}

/// C12.
#[tokio::test(start_paused = true)]
async fn a_server_that_repeats_the_token_does_not_make_us_print_it() {
    let (rest, _) = rest(vec![], vec![answer(403, r#"{"error":"bad token token-2 and token-1"}"#)]);
    let error = rest.connection().await.unwrap_err();
    assert_eq!(error.server_detail.as_deref(), Some("bad token *** and ***"));
    assert!(!format!("{error} {error:?}").contains("token-"));
}
