//! Exit code 4: the service cannot be reached or refuses. Its code and what to do are printed.

use glottis::sim::ravatar::{Config, Mode, Rule};
use serde_json::{Value, json};

use crate::support::{Ended, Project, avatar, simulator, sound};

/// A file into a live session at `simulator`.
fn project(simulator: &glottis::sim::ravatar::Simulator, more: &str) -> Project {
    let source = "version = 1\n[source]\ntype = \"file\"\npath = \"in.wav\"\npace = \"fast\"\n";
    let keys = format!("turn = {{ mode = \"always\" }}\n{more}");
    let pipeline = format!("{source}{}", avatar(simulator, &keys));
    Project::new(&pipeline).with("in.wav", sound::wav(16_000, 1, &sound::noise(16_000, 1)))
}

/// The run gave the sink up for this reason, and says so to programs and to people.
#[track_caller]
fn gave_up(ended: &Ended, code: &str) -> Value {
    let events = ended.exits(4).events();
    let error = events.named("error").find(|error| error["fatal"] == true).expect("a fatal error").clone();
    assert_eq!((&error["code"], &error["sink"]), (&code.into(), &"avatar".into()), "{error}");
    for part in [code, error["message"].as_str().unwrap(), error["advice"].as_str().unwrap()] {
        assert!(!part.is_empty() && ended.stderr.contains(part), "no {part:?} in {}", ended.stderr);
    }
    assert!(events.named("state").any(|event| event["state"] == "gave_up"));
    assert_eq!(events.report()["balanced"], true);
    assert!(events.sink("avatar")["errors"][code].as_u64() >= Some(1));
    error
}

#[test]
fn a_busy_service_is_given_up_at_once() {
    let simulator = simulator(Config { slots: 0, ..Config::default() });
    let error = gave_up(&project(&simulator, "").run(&["--events", "-"]), "Busy");
    assert_eq!((&error["http_status"], &error["retryable"]), (&503.into(), &true.into()));
    assert_eq!(simulator.log().requests("POST /startLiveSession").count(), 1);
    assert_eq!(simulator.violations(), []);
}

#[test]
fn a_refused_user_project_or_account_is_named() {
    let refused = simulator(Config { users: Some(vec![]), ..Config::default() });
    let error = gave_up(&project(&refused, "").run(&["--events", "-"]), "AuthFailed");
    assert_eq!(error["http_status"], 403);

    let unknown = simulator(Config { projects: vec!["another".into()], ..Config::default() });
    gave_up(&project(&unknown, "").run(&["--events", "-"]), "Config");

    let unpaid = simulator(Config::default());
    unpaid.add_fault(Rule::try_from(json!({ "fault": "F5" })).expect("a rule")).expect("a good rule");
    gave_up(&project(&unpaid, "").run(&["--events", "-"]), "PaymentRequired");
}

#[test]
fn an_avatar_that_is_not_there_is_named_with_those_that_are() {
    let simulator = simulator(Config::default());
    let error = gave_up(&project(&simulator, "avatar = \"av-9\"").run(&["--events", "-"]), "Config");
    assert!(error["message"].as_str().unwrap().contains("av-9"), "{error}");
    assert!(error["advice"].as_str().unwrap().contains("av-1"), "{error}");
    assert_eq!(simulator.active_sessions(), 0);
}

/// The one test that waits out all retries.
#[test]
fn a_port_where_nobody_listens_is_named_after_the_last_attempt() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
    let simulator = simulator(Config::default());
    let endpoint = format!("sink.avatar.endpoint=http://{closed}");
    let ended = project(&simulator, "").run(&["--events", "-", "--set", &endpoint]);
    let error = gave_up(&ended, "Network");
    assert!(error["message"].as_str().unwrap().contains(&closed.to_string()), "{error}");
    assert_eq!((&error["retryable"], &error["phase"]), (&true.into(), &"login".into()));
    let events = ended.events();
    assert_eq!(events.sink("avatar")["connects"], 0);
    let told: Vec<_> = events.named("retry").map(|e| (e["attempt"].as_u64(), e["why"].as_str())).collect();
    assert_eq!(told, [1, 2, 3].map(|attempt| (Some(attempt), Some("Network"))));
}

/// With another sink left the run goes on to its end, and says then that one was lost.
#[test]
fn the_other_sinks_go_on() {
    let simulator = simulator(Config { slots: 0, ..Config::default() });
    let project = project(&simulator, "[[sink]]\ntype = \"file\"\npath = \"out.raw\"\nformat = \"raw\"\n");
    let ended = project.run(&["--events", "-"]);
    gave_up(&ended, "Busy");
    assert_eq!(project.read("out.raw"), sound::bytes(&sound::noise(16_000, 1)));
    let events = ended.events();
    assert_eq!(events.sink("file")["ledger"]["delivered"], 16_000);
    assert_eq!(events.sink("avatar")["ledger"]["delivered"], 0);
}

/// A service that refuses everything that does not conform finds nothing to refuse.
#[test]
fn a_strict_service_is_content() {
    let simulator = simulator(Config { mode: Mode::Strict, ..Config::default() });
    project(&simulator, "").run(&[]).exits(0);
    assert_eq!(simulator.violations(), []);
    assert_eq!(simulator.pcm(&simulator.licenses()[0].id).len(), 16_384);
}
