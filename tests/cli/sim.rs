//! `glottis sim`: the simulator as a server for integrators.

use serde_json::Value;

use crate::support::process::{Run, glottis, glottis_with};
use crate::support::{Project, http, sound};

fn server(more: &[&str]) -> (Run, Value) {
    let mut command = glottis();
    command.args(["sim", "ravatar"]).args(more);
    let mut run = Run::spawn(command);
    let urls = serde_json::from_str(&run.wait_for_line()).expect("one line of JSON");
    (run, urls)
}

#[test]
fn a_run_can_talk_to_a_simulator_of_another_process() {
    let (server, urls) = server(&["--strict"]);
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
    let (server, urls) = server(&["--config", project.path("pipeline.toml").to_str().unwrap()]);
    let base = urls["http"].as_str().expect("a URL");
    let token = http::call(base, "POST", "/jwt", None, r#"{"user_id":"u","project_id":"demo-project"}"#);
    let body = r#"{"avatar_id":"av-1","width":"640","height":"480"}"#;
    let busy = http::call(base, "POST", "/startLiveSession", token["jwt"].as_str(), body);
    assert_eq!(busy["status"], 503, "{busy}");
    server.signal("TERM");
    server.finish().exits(130);
}
