//! The token and the `session` value: handed out once, on request, and nowhere else.

use std::time::Duration;

use glottis::sim::ravatar::{Config, SessionForm, StreamUrl, TokenForm};

use crate::live;
use crate::support::{CHUNK, http, simulator, sound, wait_for_samples, was_left_in_order};

#[test]
fn the_streaming_url_is_the_only_place_of_the_token() {
    for (stream_url, token_form) in [
        (StreamUrl::Plain, TokenForm::Jwt),
        (StreamUrl::WithQuery, TokenForm::Awkward),
        (StreamUrl::WithToken, TokenForm::Jwt),
    ] {
        let service = Config { stream_url, token_form, session: SessionForm::Jwt, ..Config::default() };
        let simulator = simulator(Config { reply_delay: Duration::ZERO, ..service });
        let sent = sound::noise(60 * 16_000, 41);
        let mut run = live(&simulator, &sent, "turn = { mode = \"always\" }").start(&["--log", "trace"]);
        wait_for_samples(&simulator, CHUNK as u64);
        run.say(r#"{"do":"streaming_url"}"#);
        let told = run.wait_for(|event| event["streaming_url"].is_string());
        assert_eq!((&told["event"], &told["live"]), (&"session".into(), &true.into()));
        let next = run.wait_for(|_| true);
        assert_eq!((&next["event"], &next["do"]), (&"done".into(), &"streaming_url".into()), "the answer comes next");
        run.ask(r#"{"do":"text","text":"hello"}"#);
        run.wait_for_event("reply");
        run.close_stdin();
        let ended = run.finish();
        ended.exits(0);

        let url = told["streaming_url"].as_str().expect("a URL");
        let token = token_of(url);
        let session = session(&simulator.http_url());
        let line = ended.stdout.lines().find(|line| line.contains("\"streaming_url\":\"")).expect("the event");
        assert_eq!(ended.stdout.matches("\"streaming_url\":").count(), 1, "one event with the URL");
        assert!(line.contains(&token));
        let rest = ended.stdout.replace(line, "");
        // A token is longer than any piece of it that could be told by chance.
        for secret in [&token, &decoded(&token), &session] {
            for piece in [secret.as_str(), &secret[..24], &secret[secret.len() - 24..]] {
                assert!(!rest.contains(piece), "an event holds {piece}:\n{rest}");
                assert!(!ended.stderr.contains(piece), "stderr holds {piece}:\n{}", ended.stderr);
            }
        }
        assert!(!line.contains(&session));
        was_left_in_order(&simulator);
    }
}

/// A service that answers with errors, and repeats what it was sent, gets no secret into a message.
#[test]
fn no_secret_gets_into_an_error() {
    let simulator = simulator(Config { session: SessionForm::Jwt, ..Config::default() });
    let sent = sound::noise(60 * 16_000, 42);
    let mut run = live(&simulator, &sent, "turn = { mode = \"always\" }").start(&["--log", "trace"]);
    wait_for_samples(&simulator, CHUNK as u64);
    run.say(r#"{"do":"streaming_url"}"#);
    let told = run.wait_for(|event| event["streaming_url"].is_string());
    let token = token_of(told["streaming_url"].as_str().expect("a URL"));
    let session = session(&simulator.http_url());
    let words = format!("the token {token} with session {session} is odd");
    simulator.push(serde_json::json!({ "type": "system", "content": words }));
    let notice = run.wait_for(|event| event["event"] == "notice");
    assert!(notice["text"].as_str().unwrap().contains("is odd"), "{notice}");
    simulator.push(serde_json::json!({ "type": "system", "status": 402, "content": words }));
    run.wait_for(|event| event["event"] == "error");
    let ended = run.finish();
    ended.exits(4);
    let line = ended.stdout.lines().find(|line| line.contains("\"streaming_url\":\"")).expect("the event");
    let rest = ended.stdout.replace(line, "");
    for secret in [&token, &session] {
        assert!(!rest.contains(secret.as_str()), "an event holds {secret}:\n{rest}");
        assert!(!ended.stderr.contains(secret.as_str()), "stderr holds {secret}:\n{}", ended.stderr);
    }
}

/// The token of a URL, as it stands there.
fn token_of(url: &str) -> String {
    let (_, token) = url.split_once("token=").expect("a token");
    token.split(['&', '#']).next().unwrap().to_owned()
}

/// Without percent-encoding: as it travels in a header.
fn decoded(token: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = token.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next().unwrap(), rest.next().unwrap()];
        bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
    }
    String::from_utf8(bytes).expect("text")
}

/// The `session` that the service gives this user: the same to everyone who asks for it.
fn session(base: &str) -> String {
    let body = r#"{"user_id":"tester","project_id":"demo-project"}"#;
    let token = http::call(base, "POST", "/jwt", None, body);
    let token = token["jwt"].as_str().expect("a token").to_owned();
    let connection = http::call(base, "GET", "/connection", Some(&token), "");
    let session = find(&connection, "session").expect("a session");
    assert!(session.len() > 100, "long enough not to be there by chance");
    session
}

fn find(value: &serde_json::Value, key: &str) -> Option<String> {
    match value {
        serde_json::Value::Object(fields) => {
            fields.get(key).and_then(|v| v.as_str()).map(str::to_owned).or(fields.values().find_map(|v| find(v, key)))
        }
        _ => None,
    }
}
