//! Fault rules: their grammar, when they strike, and `/__sim/faults` (RAVATAR dossier 16.4).

mod common;

use common::*;
use glottis_sim::ravatar::*;

/// The dossier's example.
const EXAMPLE: &str = r#"{"on":"POST /startLiveSession","nth":1,"count":2,"do":{"http":503,"body":{"status":503,"error":"All AI assistants are busy at the moment"}}}"#;

async fn statuses(rig: &Rig, calls: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..calls {
        statuses.push(rig.get("/connection").await.status);
    }
    statuses
}

#[tokio::test]
async fn the_dossiers_example_word_for_word() {
    let rig = Rig::new(Config::default()).await;
    rig.sim.add_fault(EXAMPLE.parse().unwrap()).unwrap();
    for _ in 0..2 {
        let busy = rig.try_live().await;
        let body = json!({ "status": 503, "error": "All AI assistants are busy at the moment" });
        assert_eq!((busy.status, busy.json()), (503, body));
    }
    assert_eq!(rig.sim.active_sessions(), 0);
    assert_eq!(rig.try_live().await.status, 200);
    let status = &rig.sim.faults()[0];
    assert_eq!((status.number, status.seen, status.struck), (1, 3, 2));
    assert_eq!(rig.sim.log().faults().collect::<Vec<_>>(), [1, 1]);
}

#[tokio::test]
async fn nth_count_and_the_order_of_rules() {
    let rig = Rig::new(Config::default()).await;
    let rule =
        |nth: u64, count: Value, http: u16| json!({ "on": "any", "nth": nth, "count": count, "do": { "http": http } });
    rig.fault(rule(2, json!(2), 503));
    rig.fault(rule(3, json!("always"), 504));
    assert_eq!(statuses(&rig, 5).await, [200, 503, 503, 504, 504]);
    rig.sim.clear_faults();
    rig.fault(json!({ "on": "any", "do": { "http": 500 } }));
    assert_eq!(statuses(&rig, 2).await, [500, 200], "once, if nothing else is said");
    let number = rig.fault(rule(1, json!("always"), 502));
    assert_eq!(statuses(&rig, 1).await, [502]);
    assert!(rig.sim.remove_fault(number) && !rig.sim.remove_fault(number));
    assert_eq!(statuses(&rig, 1).await, [200]);
}

#[tokio::test]
async fn chance_is_the_same_for_the_same_seed() {
    async fn run(seed: u64, rule_seed: Option<u64>) -> Vec<u16> {
        let rig = Rig::new(Config { seed, ..Config::default() }).await;
        let mut rule = json!({ "on": "GET /connection", "probability": 0.5, "do": { "http": 503 } });
        if let Some(seed) = rule_seed {
            rule["seed"] = seed.into();
        }
        rig.fault(rule);
        statuses(&rig, 40).await
    }
    let first = run(1, None).await;
    assert_eq!(first, run(1, None).await);
    assert_ne!(first, run(2, None).await);
    assert_eq!(run(1, Some(9)).await, run(2, Some(9)).await);
    let struck = first.iter().filter(|status| **status == 503).count();
    assert!((8..=32).contains(&struck), "{struck} of 40");
    let rig = Rig::new(Config::default()).await;
    rig.fault(json!({ "on": "any", "probability": 1.0, "count": 2, "do": { "http": 503 } }));
    assert_eq!(statuses(&rig, 3).await, [503, 503, 200]);
}

#[tokio::test]
async fn rules_of_a_configuration_come_back_with_a_reset() {
    let text = r#"
        [[faults.rule]]
        on = "GET /connection"
        do = { http = 503, headers = { retry-after = 2 } }
        [[faults.rule]]
        fault = "F6"
        count = "always"
    "#;
    let config: Config = toml::from_str(text).unwrap();
    let rig = Rig::new(config).await;
    for round in 0..2 {
        let token = if round == 0 { rig.token.clone() } else { login(&rig.sim, "u-1").await };
        let bearer = format!("Bearer {token}");
        let get = async || http(&rig.sim.http_url(), "GET", "/connection", &[("authorization", &bearer)], "").await;
        let first = get().await;
        assert_eq!((first.status, first.headers["retry-after"].to_str().unwrap()), (503, "2"));
        assert_eq!(get().await.status, 200);
        rig.sim.reset();
    }
    assert_eq!(rig.sim.faults().len(), 2);
}

#[test]
fn files_of_rules() {
    let toml = Rules::parse_toml(
        "[[rule]]\non = \"POST /jwt\"\nnth = 2\ndo = { http = 500 }\n[[rule]]\nfault = \"F12\"\nnth = 3\n",
    );
    let list = r#"[{"on":"POST /jwt","nth":2,"do":{"http":500}},{"fault":"F12","nth":3}]"#;
    let toml = toml.unwrap();
    assert_eq!(Ok(toml.clone()), Rules::parse_json(list));
    assert_eq!(Ok(toml), Rules::parse_json(&format!("{{\"rule\":{list}}}")));
    assert_eq!(Rules::parse_json(EXAMPLE).map(|rules| rules.len()), Ok(1));
    assert_eq!(Rules::parse_toml(""), Ok(Rules::default()));
}

#[test]
fn mistakes_are_told_with_rule_key_and_remedy() {
    let cases = [
        (r#"[{"fault":"F6"},{"on":"POST /jwd","do":{"http":500}}]"#, 2, "on", "`POST /jwd`", "`POST /jwt`"),
        (r#"[{"do":{"http":500}}]"#, 1, "on", "missing", "fault"),
        (r#"[{"on":"any"}]"#, 1, "do", "missing", "http"),
        (r#"[{"on":"any","do":{}}]"#, 1, "do", "nothing", "at least one"),
        (r#"[{"on":"any","do":{"htp":500}}]"#, 1, "do.htp", "unknown", "`http`"),
        (r#"[{"on":"message","do":{"http":500}}]"#, 1, "do.http", "`message`", "`ignore`"),
        (r#"[{"on":"any","do":{"http":99}}]"#, 1, "do.http", "99", "200 to 599"),
        (r#"[{"on":"any","count":0,"do":{"http":500}}]"#, 1, "count", "0", "always"),
        (r#"[{"on":"any","nth":"two","do":{"http":500}}]"#, 1, "nth", "two", "whole number"),
        (r#"[{"on":"any","probability":2,"do":{"http":500}}]"#, 1, "probability", "2", "0.0 to 1.0"),
        (r#"[{"on":"any","often":2,"do":{"http":500}}]"#, 1, "often", "unknown", "`nth`"),
        (r#"[{"on":"now","nth":2,"do":{"clock":"1h"}}]"#, 1, "nth", "now", "leave it out"),
        (r#"[{"on":"now","do":{"clock":"soon"}}]"#, 1, "do.clock", "soon", "24h"),
        (r#"[{"on":"message","do":{"close":1006}}]"#, 1, "do.close", "1006", "drop"),
        (r#"[{"on":"any","do":{"body":{},"text":""}}]"#, 1, "do.", "one body", "keep one"),
        (r#"[{"on":"any","do":{"filler":"1GB"}}]"#, 1, "do.filler", "1GB", "16MiB"),
        (r#"[{"on":"open","do":{"raw":[{"binry":1}]}}]"#, 1, "do.raw", "binry", "binary"),
        (r#"[{"fault":"F26"}]"#, 1, "fault", "F26", "F1 to F25"),
        (r#"[{"fault":"F4"}]"#, 1, "how", "missing", "invalid_user_id"),
        (r#"[{"fault":"F1","code":1000}]"#, 1, "code", "unknown", "`delay`"),
        (r#"[{"fault":"F11","how":"number","on":"open"}]"#, 1, "do.merge", "`open`", "`stall`"),
        (r#"[7]"#, 1, "", "no object", "on"),
        (r#"{"rule":[],"x":1}"#, 0, "x", "unknown", "only"),
        ("[", 0, "", "no JSON", "correct"),
    ];
    for (text, rule, key, problem, remedy) in cases {
        let error = Rules::parse_json(text).unwrap_err();
        assert_eq!((error.rule, error.key.as_str()), (rule, key), "{text}: {error}");
        assert!(error.problem.contains(problem), "{text}: {error}");
        assert!(error.remedy.contains(remedy), "{text}: {error}");
        let shown = error.to_string();
        assert!(shown.contains(key) && shown.contains(problem) && shown.contains(remedy), "{shown}");
    }
    let error = Rules::parse_toml("[[rule]]\non = ").unwrap_err();
    assert!(error.to_string().contains("line 2"), "{error}");
}

#[tokio::test]
async fn faults_over_http() {
    let rig = Rig::new(Config::default()).await;
    let steer = async |body: Value| rig.post("/__sim/faults", body).await;
    let rule: Value = serde_json::from_str(EXAMPLE).unwrap();
    let added = steer(rule.clone()).await;
    let listed = json!({ "status": 200, "rules": [{ "number": 1, "rule": rule, "seen": 0, "struck": 0 }] });
    assert_eq!(added.json(), listed);
    assert_eq!(steer(json!({ "list": true })).await.json(), listed);
    assert_eq!(rig.get("/__sim/faults").await.json(), listed);
    steer(json!([{ "fault": "F8" }])).await;
    let more = steer(json!({ "add": { "fault": "F7" } })).await.json();
    assert_eq!(more["rules"].as_array().unwrap().len(), 3);
    assert_eq!(rig.try_live().await.status, 503);
    let removed = steer(json!({ "remove": 1 })).await.json();
    assert_eq!(removed["rules"][0]["number"], 2);
    let replaced = steer(json!({ "replace": [{ "fault": "F7", "http": 504 }] })).await.json();
    assert_eq!(replaced["rules"].as_array().unwrap().len(), 1);
    assert_eq!(rig.get("/connection").await.status, 504);
    assert_eq!(steer(json!({ "clear": true })).await.json()["rules"], json!([]));
    for wrong in [json!({ "fault": "F99" }), json!({ "add": [], "clear": true }), json!("x")] {
        assert_eq!(steer(wrong).await.status, 400);
    }
    assert_eq!(steer(json!({ "remove": 1 })).await.status, 404);
    let error = steer(json!({ "replace": [{ "fault": "F7" }, { "fault": "F7", "htp": 1 }] })).await.json();
    assert!(error["error"].as_str().unwrap().contains("fault rule 2 (F7), key `htp`"), "{error}");
}

#[tokio::test]
async fn the_number_of_rules_is_limited() {
    let rig = Rig::new(Config::default()).await;
    let many = vec![json!({ "fault": "F7" }); 1000];
    rig.sim.add_faults(Rules::try_from(json!(many)).unwrap()).unwrap();
    let error = rig.sim.add_fault(Rule::try_from(json!({ "fault": "F7" })).unwrap()).unwrap_err();
    assert!(error.to_string().contains("limit is 1000"), "{error}");
    assert_eq!(rig.sim.faults().len(), 1000);
}

#[test]
fn the_readmes_rules_are_rules() {
    let readme = include_str!("../README.md");
    let block = |fence: &str| {
        let (_, rest) = readme.split_once(fence).expect("a block");
        rest.split_once("```").expect("its end").0
    };
    assert_eq!(Rules::parse_json(block("```json\n")).unwrap().len(), 3);
    assert_eq!(Rules::parse_toml(block("```toml\n")).unwrap().len(), 2);
    for number in 1..=25 {
        assert!(readme.contains(&format!("\n| F{number} |")), "F{number} is in the table");
    }
}
