//! The chat history, as a library call and on the command line.

use glottis::ravatar::Message;
use glottis_core::SinkError;
use glottis_sim::ravatar::{Config, Simulator};
use serde_json::{Value, json};

use crate::rig::{account, count, faults, keys, requests};
use crate::support::process::glottis;
use crate::support::{Project, Run, avatar};

async fn history(simulator: &Simulator) -> Result<Vec<Message>, SinkError> {
    account(&keys(&simulator.http_url()), None).history().await
}

/// Questions and answers of `turns` old turns, in the order they were said.
fn said(turns: usize) -> Vec<(Option<String>, Option<String>)> {
    let turn = |n| [(Some(format!("Old question {n}")), None), (None, Some(format!("Old answer {n}")))];
    (1..=turns).flat_map(turn).collect()
}

fn words(messages: Vec<Message>) -> Vec<(Option<String>, Option<String>)> {
    messages.into_iter().map(|message| (message.request, message.answer)).collect()
}

fn pages(simulator: &Simulator) -> Vec<Vec<(String, String)>> {
    simulator.log().requests("GET /chat").map(|request| request.query.clone()).collect()
}

/// C67, C68, C69.
#[tokio::test]
async fn every_page_is_read_and_all_is_put_in_order() {
    let simulator = Simulator::start(Config { past_turns: 60, ..Config::default() }).unwrap();
    let messages = history(&simulator).await.unwrap();
    assert!(messages.is_sorted_by_key(|message| message.date) && messages.iter().all(|message| message.id.is_some()));
    assert_eq!(words(messages), said(60));
    let page = |n: &str| [("user_id", "tester"), ("per_page", "50"), ("page", n)].map(|(k, v)| (k.into(), v.into()));
    assert_eq!(pages(&simulator), [page("1"), page("2"), page("3")]);
    assert!(simulator.log().requests("GET /chat").all(|request| request.authorization));
    assert_eq!(simulator.violations(), []);
}

/// C68, C69 with F24: what the service leaves out or says twice.
#[tokio::test]
async fn odd_pages_give_the_same_history() {
    for how in ["unsorted", "duplicate-ids"] {
        let simulator = Simulator::start(Config { past_turns: 40, ..Config::default() }).unwrap();
        simulator.add_faults(faults(json!({"fault":"F24","how":how,"count":"always"}))).unwrap();
        assert_eq!(words(history(&simulator).await.unwrap()), said(40), "{how}");
    }
    let simulator = Simulator::start(Config { past_turns: 3, ..Config::default() }).unwrap();
    simulator.add_faults(faults(json!({"fault":"F24","how":"more-pages"}))).unwrap();
    assert_eq!(words(history(&simulator).await.unwrap()), said(3));
    assert_eq!(count(&simulator, "GET /chat"), 4, "until the service says that there is no more");
    let simulator = Simulator::start(Config { past_turns: 3, ..Config::default() }).unwrap();
    simulator.add_faults(faults(json!({"fault":"F24","how":"no-payload"}))).unwrap();
    assert_eq!(history(&simulator).await.unwrap(), []);
    // Without a direction a record stands for both sides.
    let simulator = Simulator::start(Config { past_turns: 1, ..Config::default() }).unwrap();
    simulator.add_faults(faults(json!({"fault":"F24","how":"no-direction","count":"always"}))).unwrap();
    let both = words(history(&simulator).await.unwrap());
    assert_eq!(both[1], (Some("Old question 1".into()), Some("Old answer 1".into())));
}

#[tokio::test]
async fn a_history_that_cannot_be_had_is_an_error_of_the_table() {
    let simulator = Simulator::start(Config::default()).unwrap();
    simulator.add_faults(faults(json!({"fault":"F3"}))).unwrap();
    let error = history(&simulator).await.unwrap_err();
    assert_eq!((error.code, error.phase), ("AuthFailed", "history"));
    assert_eq!(requests(&simulator), ["POST /jwt", "GET /chat", "POST /jwt", "GET /chat"]);
}

/// One JSON message per line, oldest first.
#[test]
fn the_command_prints_one_message_per_line() {
    let simulator = Simulator::start(Config { past_turns: 30, ..Config::default() }).unwrap();
    let source = "version = 1\n[source]\ntype = \"file\"\npath = \"in.wav\"\n";
    let project = Project::new(&format!("{source}{}", avatar(&simulator, "")));
    let run = |more: &[&str]| {
        let mut command = glottis();
        command.args(["ravatar", "history"]).arg(project.path("pipeline.toml")).args(more);
        Run::spawn(command).finish()
    };
    let ended = run(&["--sink", "avatar"]);
    ended.exits(0);
    let lines: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let text = |line: &Value, key: &str| line[key].as_str().map(str::to_owned);
    let printed: Vec<_> = lines.iter().map(|line| (text(line, "request"), text(line, "answer"))).collect();
    assert_eq!(printed, said(30));
    assert!(lines.iter().all(|line| line["date"].is_u64() && line["direction"].is_string()));
    run(&["--set", "sink.avatar.user_id=a b"]).exits(2).says(&["user_id"]);
    run(&["--set", "sink.avatar.project_id=another"]).exits(4).says(&["Config", "project_not_found"]);
}
