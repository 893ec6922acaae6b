//! C12: nothing that the sink, the library or the program says shows the token, the `session` value,
//! or a URL that holds the token, whatever goes wrong and whatever the service repeats. The one
//! exception is the event that was asked for.

mod support;

#[path = "wire_ravatar/proxy.rs"]
mod proxy;
#[path = "wire_ravatar/rig.rs"]
mod rig;

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use glottis_core::sink::SinkAction;
use glottis_core::{Reason, SinkEvent, TurnMode};
use glottis_sim::ravatar::{Config, SessionForm, Simulator, TokenForm};
use serde_json::{Value, json};

use proxy::{Fate, Proxy, response};
use rig::*;
use support::{Project, avatar, sound};

/// Long secrets, so that no piece of them is anywhere by chance.
fn service() -> Config {
    Config { session: SessionForm::Jwt, token_form: TokenForm::Awkward, ..Config::default() }
}

/// Bytes of a secret that nobody may find anywhere.
const PIECE: usize = 24;

/// No piece of any secret stands in `said`. What was said is not printed: it may be long.
#[track_caller]
fn assert_kept(secrets: &[String], said: &str, what: &str) {
    for secret in secrets.iter().filter(|secret| secret.len() >= PIECE) {
        let encoded = secret.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        for piece in secret.as_bytes().windows(PIECE).step_by(PIECE / 2).chain([&encoded.as_bytes()[..PIECE]]) {
            let piece = std::str::from_utf8(piece).expect("plain characters");
            if let Some(at) = said.find(piece) {
                let around: String = said[at.saturating_sub(200)..].chars().take(400).collect();
                panic!("{what} shows a secret: …{around}…");
            }
        }
    }
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<Vec<u8>>>);

impl Logged {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }

    /// Everything that is logged on this thread while the guard lives. A test's runtime has one thread,
    /// so that is all that its sinks log.
    fn listen(&self) -> tracing::subscriber::DefaultGuard {
        let writer = self.clone();
        let lines = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
        tracing::subscriber::set_default(lines.with_writer(move || writer.clone()).finish())
    }
}

impl Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Everything a sink has told, but for the event that was asked to hold the token.
fn told(rig: &Rig) -> String {
    let mut told = String::new();
    for event in rig.events() {
        if matches!(&event, SinkEvent::Session(session) if session.streaming_url.is_some()) {
            continue;
        }
        told.push_str(&format!("{event:?}\n"));
        if let SinkEvent::Error { error, .. } = event {
            told.push_str(&format!("{error} {error:?} {:?} {:?}\n", error.server_detail, error.server_code));
        }
    }
    told
}

/// Ways in which a service repeats what it was sent.
const SCENES: [&str; 8] = ["words", "answer", "end", "login", "handshake", "close", "cut words", "expiry"];

/// Lets the service repeat the secrets it has given out, in one of its ways.
fn repeat(scene: &str, simulator: &Simulator, proxy: &Proxy) {
    let known = proxy.secrets();
    let echo = format!("you sent {} in {}", known[0], known[1]);
    match scene {
        "words" => {
            simulator.push(json!({"type":"system","content":echo}));
            simulator.push(json!({"type":"event","status":500,"error":echo}));
        }
        "answer" => {
            let page = format!("https://cdn.example/a.mp4?token={}", known[0]);
            simulator.push(json!({"type":"incoming","answer":echo,"chat_type":"voice","fileUrl":page}));
            simulator.push(json!({"type":"incoming","answer":format!("> {echo}\n\nyes"),"chat_type":"voice"}));
            simulator.push(json!({"direction":"outgoing","request":echo}));
            simulator.push(json!({"status":402,"message":echo}));
        }
        "end" => {
            proxy.rule("POST /endLiveSession", [response(500, &json!({"error":echo}).to_string())]);
            simulator.push(json!({"type":"system","content":"Something went wrong"}));
        }
        "login" => {
            simulator.clock().advance(Duration::from_secs(25 * 3600));
            proxy.rule("POST /jwt", [response(401, &json!({"error":echo}).to_string())]);
            proxy.rule("GET /ws/chat", [response(403, &echo)]);
            proxy.cut();
        }
        "handshake" => {
            proxy.rule("GET /ws/chat", [response(402, &format!("<html>{echo}</html>"))]);
            proxy.cut();
        }
        "close" => {
            // A reason has room for 123 bytes: a token cut off.
            let reason = &echo[..120];
            let rule = json!({"on":"now","do":{"close":1009,"reason":reason}});
            simulator.add_faults(faults(rule)).expect("room for a rule");
        }
        // Words are kept to some hundred characters, which may cut a secret in the middle.
        "cut words" => {
            for before in [150, 200, 230] {
                let long = format!("{} {echo}", "x".repeat(before));
                simulator.push(json!({"type":"system","content":long}));
                proxy.rule("POST /endLiveSession", [response(500, &json!({"error":long}).to_string())]);
                simulator.push(json!({"type":"event","status":500,"error":long}));
            }
        }
        _ => {
            simulator.push(json!({"type":"system","content":"Session expired","error":echo}));
        }
    }
}

/// C12: in the process, for every way in which a service repeats what it was sent.
#[tokio::test]
async fn no_event_error_or_log_line_shows_a_secret() {
    for mode in ["live", "chat"] {
        for scene in SCENES {
            let logged = Logged::default();
            let guard = logged.listen();
            let state = tempfile::tempdir().unwrap();
            let simulator = simulator(service());
            let proxy = Proxy::to(&simulator.http_url()).await;
            let keys = keys(&proxy.url()).with("mode", mode);
            let mut rig = Rig::of(sink(&keys, &edge(TurnMode::PushToTalk), Some(state.path())), 16);
            rig.open().await;
            rig.say(&noise(CHUNK, 1), Reason::Release, 0).await;
            rig.ask(SinkAction::Text("hello".into())).await.unwrap();
            let _ = rig.ask(SinkAction::StreamingUrl).await;
            repeat(scene, &simulator, &proxy);
            tokio::time::sleep(Duration::from_millis(20)).await;
            rig.outfeed.close();
            let ended = rig.ended().await;
            drop(guard);
            let secrets = proxy.secrets();
            assert!(secrets.iter().all(|secret| secret.len() > 100), "{scene}");
            let log = logged.text();
            assert!(log.contains("the session is up"), "{scene}: nothing was heard of the log");
            assert_kept(&secrets, &log, &format!("the log of {scene}"));
            assert_kept(&secrets, &told(&rig), &format!("an event of {scene}"));
            assert_kept(&secrets, &format!("{:?} {:?}", ended.result, ended.ledger), scene);
            assert_kept(&secrets, &files(state.path()), &format!("a file of {scene}"));
        }
    }
}

/// Everything in a folder, names included.
fn files(folder: &std::path::Path) -> String {
    let mut all = String::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        all.push_str(&entry.file_name().to_string_lossy());
        let inside = if entry.path().is_dir() {
            files(&entry.path())
        } else {
            String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap_or_default()).into_owned()
        };
        all.push_str(&inside);
    }
    all
}

/// C12: the journal of a session that was left open, and what its release says.
#[tokio::test]
async fn neither_journal_nor_history_nor_release_shows_a_secret() {
    let logged = Logged::default();
    let guard = logged.listen();
    let state = tempfile::tempdir().unwrap();
    let simulator = simulator(service());
    let proxy = Proxy::to(&simulator.http_url()).await;
    let keys = keys(&proxy.url());
    let mut rig = Rig::of(sink(&keys, &edge(TurnMode::Always), Some(state.path())), 16);
    rig.open().await;
    assert_kept(&proxy.secrets(), &files(state.path()), "the journal");
    proxy.rule("POST /endLiveSession", [Fate::Drop]);
    rig.halt().await.result.unwrap();
    let echo = json!({"error":format!("you sent {}", proxy.secrets()[0])}).to_string();
    let account = account(&keys, Some(state.path()));
    for status in [500, 418] {
        proxy.rule("POST /endLiveSession", [response(status, &echo)]);
        let released = account.release().await;
        assert_eq!(released.len(), 1);
        assert_kept(&proxy.secrets(), &format!("{released:?}"), "a release");
        proxy.rule("GET /chat", [response(418, &echo)]);
        let history = account.history().await;
        assert_kept(&proxy.secrets(), &format!("{history:?} {}", history.as_ref().unwrap_err()), "a history");
    }
    drop(guard);
    assert_kept(&proxy.secrets(), &logged.text(), "the log");
    assert_kept(&proxy.secrets(), &files(state.path()), "the journal");
}

/// C12: a bug in whoever listens, in the middle of a session: what the panic says, and what is told of it.
#[tokio::test]
async fn a_panic_in_a_session_shows_no_secret() {
    let simulator = simulator(service());
    let proxy = Proxy::to(&simulator.http_url()).await;
    let said = Logged::default();
    let hook = said.clone();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let _ = writeln!(hook.clone(), "{panic} {panic:?}");
    }));
    let mut sink = sink(&keys(&proxy.url()), &edge(TurnMode::Always), None);
    let emit = Arc::new(|event: SinkEvent| assert_ne!(event, SinkEvent::State("open"), "nobody expected this"));
    let (outfeed, mut inlet, _control) = glottis_core::inlet::queue(8, CHUNK * 2, emit);
    let panicked = tokio::spawn(async move { sink.run(&mut inlet).await }).await.unwrap_err();
    std::panic::set_hook(before);
    drop(outfeed);
    assert!(panicked.is_panic() && said.text().contains("nobody expected this"));
    let words = format!("{panicked} {panicked:?}");
    assert_kept(&proxy.secrets(), &words, "the panic");
    assert_kept(&proxy.secrets(), &said.text(), "the hook");
}

/// Whether a type has a `Debug` output: an inherent constant, where there is one, hides that of a trait.
macro_rules! prints {
    ($type:ty) => {{
        #[allow(dead_code)]
        trait Otherwise {
            const PRINTS: bool = false;
        }
        struct Is<T: ?Sized>(std::marker::PhantomData<T>);
        impl<T: ?Sized> Otherwise for Is<T> {}
        #[allow(dead_code)]
        impl<T: ?Sized + std::fmt::Debug> Is<T> {
            const PRINTS: bool = true;
        }
        <Is<$type>>::PRINTS
    }};
}

/// C12: what a reader of the API can print.
#[test]
fn no_debug_output_of_what_is_public_shows_a_secret() {
    use glottis_sink_ravatar::{envelope, incoming, streaming_url};
    let token = "eyJhbGciOiJIUzI1NiJ9.eyJpZCI6MX0.c2lnbmF0dXJl".to_owned();
    // Those that hold a secret cannot be printed at all.
    assert!(
        !prints!(glottis_sink_ravatar::Account) && !prints!(envelope::Envelope) && !prints!(envelope::Identity<'_>)
    );
    assert!(prints!(incoming::Incoming), "as others can");
    let url = streaming_url::with_token("https://h/p", &token);
    assert!(url.contains(&token), "a secret by its own account, in plain text");
    let heard = incoming::read(&json!({"type":"system","content":"hello"}).to_string());
    assert_kept(&[token], &format!("{heard:?}"), "a message");
}

/// C12: the program, with everything it can say: events, report, and a log at the finest level.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_output_of_the_program_shows_a_secret() {
    for scene in SCENES {
        let simulator = simulator(service());
        let proxy = Proxy::to(&simulator.http_url()).await;
        let source = "version = 1\n[source]\ntype = \"file\"\npath = \"in.wav\"\npace = \"realtime\"\n";
        let keys = format!("endpoint = \"{}\"\nturn = {{ mode = \"always\" }}", proxy.url());
        let sink = avatar(&simulator, &keys).replacen(&format!("endpoint   = \"{}\"\n", simulator.http_url()), "", 1);
        let project = Project::new(&format!("{source}{sink}"));
        let project = project.with("in.wav", sound::wav(16_000, 1, &sound::noise(20 * 16_000, 5)));
        let report = project.path("report.json");
        let mut run = project.start(&["--log", "trace", "--report", &report.to_string_lossy()]);
        run.wait_for(|event| event["sink"] == "avatar" && event["state"] == "open");
        run.ask(r#"{"do":"text","text":"hello"}"#);
        run.say(r#"{"do":"streaming_url"}"#);
        run.wait_for(|event| event["streaming_url"].is_string());
        repeat(scene, &simulator, &proxy);
        run.say(r#"{"do":"stats"}"#);
        run.wait_for_event("stats");
        run.close_stdin();
        let ended = run.finish();
        let secrets = proxy.secrets();
        let asked = |line: &&str| {
            let event: Value = serde_json::from_str(line).unwrap_or_default();
            event["streaming_url"].is_string()
        };
        let lines: Vec<&str> = ended.stdout.lines().filter(|line| !asked(line)).collect();
        assert_eq!(ended.stdout.lines().filter(asked).count(), 1, "{scene}: asked for once");
        assert_kept(&secrets, &lines.join("\n"), &format!("stdout of {scene}"));
        assert!(ended.stderr.contains("the session is up"), "{scene}: nothing was heard of the log");
        assert_kept(&secrets, &ended.stderr, &format!("stderr of {scene}"));
        let report = std::fs::read_to_string(report).expect("a report");
        assert_kept(&secrets, &report, &format!("the report of {scene}"));
    }
}
