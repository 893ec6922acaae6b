//! `glottis sim`: the simulator as a server for integrators.

use serde_json::Value;

use crate::support::process::{Run, glottis, glottis_with};
use crate::support::{Project, http, sound};

fn server(service: &str, more: &[&str]) -> (Run, Value) {
    let mut command = glottis();
    command.args(["sim", service]).args(more);
    let mut run = Run::spawn(command);
    let urls = serde_json::from_str(&run.wait_for_line()).expect("one line of JSON");
    (run, urls)
}

#[test]
fn a_run_can_talk_to_a_simulator_of_another_process() {
    let (server, urls) = server("ravatar", &["--strict"]);
    let base = urls["http"].as_str().expect("a URL");
    assert!(urls["ws"].as_str().unwrap().starts_with("ws://127.0.0.1:"), "{urls}");
    let pipeline = format!(
        "version = 1\n[source]\ntype = \"file\"\npath = \"in.wav\"\npace = \"fast\"\n[[sink]]\ntype = \"ravatar\"\n\
         endpoint = \"{base}\"\nproject_id = \"demo-project\"\nuser_id = \"tester\"\nturn = {{ mode = \"always\" }}\n"
    );
    let project = Project::new(&pipeline).with("in.wav", sound::wav(16_000, 1, &sound::noise(9_000, 1)));
    project.run(&[]).exits(0);
    let licenses = http::call(base, "GET", "/__sim/licenses", None, "");
    assert!(licenses.to_string().contains("\"samples\":12288"), "{licenses}");
    assert!(licenses.to_string().contains("\"status\":\"ended\""), "{licenses}");
    server.signal("INT");
    server.finish().exits(130);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let ended = glottis_with(&["sim", "ravatar", "--listen", &address]);
    ended.exits(2).says(&[&address, "in use"]);
    assert_eq!(ended.stdout, "");
}

#[test]
fn bad_settings_are_named() {
    let project = Project::new("slots = 1\nsolts = 2\n");
    let file = project.path("pipeline.toml");
    glottis_with(&["sim", "ravatar", "--config", file.to_str().unwrap()]).exits(2).says(&["pipeline.toml", "solts"]);
    glottis_with(&["sim", "ravatar", "--config", "no/such.toml"]).exits(2).says(&["no/such.toml"]);
    glottis_with(&["sim", "ravatar", "--listen", "nowhere"]).exits(2).says(&["nowhere"]);
}

#[test]
fn settings_are_taken_from_a_file() {
    let project = Project::new("slots = 0\n");
    let (server, urls) = server("ravatar", &["--config", project.path("pipeline.toml").to_str().unwrap()]);
    let base = urls["http"].as_str().expect("a URL");
    let token = http::call(base, "POST", "/jwt", None, r#"{"user_id":"u","project_id":"demo-project"}"#);
    let body = r#"{"avatar_id":"av-1","width":"640","height":"480"}"#;
    let busy = http::call(base, "POST", "/startLiveSession", token["jwt"].as_str(), body);
    assert_eq!(busy["status"], 503, "{busy}");
    server.signal("TERM");
    server.finish().exits(130);
}

#[test]
fn an_avatar_of_another_process_speaks() {
    let (server, urls) = server("avatarkit", &["--strict", "--dialect", "spatialreal"]);
    assert_eq!((urls["service"].as_str(), urls["dialect"].as_str()), (Some("avatarkit"), Some("spatialreal")));
    let (base, ingress) = (urls["http"].as_str().expect("a URL"), urls["ingress"].as_str().expect("a URL"));
    let pipeline = format!(
        "version = 1\n[source]\ntype = \"file\"\npath = \"in.wav\"\npace = \"fast\"\n[[sink]]\ntype = \"avatarkit\"\n\
         dialect = \"spatialreal\"\napp_id = \"demo-app\"\navatar_id = \"demo-avatar\"\napi_key_file = \"key\"\n\
         console_endpoint = \"{base}\"\ningress_endpoint = \"{ingress}\"\n"
    );
    let project =
        Project::new(&pipeline).with("key", b"demo-key").with("in.wav", sound::wav(16_000, 1, &sound::noise(9_000, 1)));
    project.run(&[]).exits(0);
    let connections = http::call(base, "GET", "/__sim/connections", None, "");
    let speech = &connections["connections"][0]["speeches"][0];
    assert_eq!((speech["bytes"].as_u64(), speech["ended"].as_bool()), (Some(18_000), Some(true)), "{connections}");
    server.signal("INT");
    server.finish().exits(130);
}

#[test]
fn faults_of_an_avatar_are_read_from_a_file() {
    let project = Project::new("").with("faults.toml", b"[[rule]]\nfault = \"F2\"\nhttp = 503\n");
    let file = project.path("faults.toml");
    let (server, urls) = server("avatarkit", &["--faults", file.to_str().unwrap()]);
    let base = urls["http"].as_str().expect("a URL");
    let faults = http::call(base, "GET", "/__sim/faults", None, "");
    assert_eq!(faults["rules"][0]["rule"]["http"], 503, "{faults}");
    server.signal("INT");
    server.finish().exits(130);
    let project = Project::new("").with("faults.toml", b"[[rule]]\nfault = \"F23\"\n");
    let file = project.path("faults.toml");
    let ended = glottis_with(&["sim", "avatarkit", "--faults", file.to_str().unwrap()]);
    ended.exits(2).says(&["faults.toml", "F1 to F22"]);
    glottis_with(&["sim", "avatarkit", "--dialect", "other"]).exits(2).says(&["spatius", "spatialreal"]);
}
