//! What becomes of texts and turns when the connection is lost, or takes nothing.

use std::time::Duration;

use glottis_core::sink::SinkAction;
use glottis_core::{Cause, Reason, SinkEvent, TurnMode};
use glottis_sim::ravatar::Config;

use crate::blobs::{all_delivered, assert_turns, blobs, turns};
use crate::proxy::{Fate, Proxy};
use crate::rig::*;
use crate::warp::Warp;

async fn disconnected(rig: &mut Rig) {
    rig.find(|event| matches!(event, SinkEvent::Disconnected { .. }).then_some(())).await;
}

/// The beginning of a turn is kept and sent as one blob, once.
#[tokio::test]
async fn a_turn_cut_off_by_a_loss_is_sent_when_the_connection_is_back() {
    for mode in ["live", "chat"] {
        let simulator = simulator(Config::default());
        let proxy = Proxy::to(&simulator.http_url()).await;
        let keys = keys(&proxy.url()).with("mode", mode).with("audio", "blob");
        let mut rig = Rig::start(&keys, edge(TurnMode::PushToTalk));
        rig.open().await;
        let said = noise(3 * CHUNK + 7, 1);
        rig.begin();
        rig.chunk(&said[..CHUNK]);
        rig.chunk(&said[CHUNK..2 * CHUNK]);
        rig.room(16).await;
        proxy.cut();
        // What was captured until the loss was noticed comes behind it, as from the pipeline.
        rig.chunk(&said[2 * CHUNK..3 * CHUNK]);
        rig.chunk(&said[3 * CHUNK..]);
        disconnected(&mut rig).await;
        rig.abort(Reason::Disconnected);
        rig.state("open", 2).await;
        let whole = noise(CHUNK, 2);
        rig.say(&whole, Reason::Release, 0).await;
        let ended = rig.finish().await;
        ended.result.unwrap();
        all_delivered(&ended.ledger, said.len() + CHUNK);
        assert_turns(&simulator, &[said, whole]);
        assert_eq!(simulator.violations(), []);
        assert!(simulator.licenses().len() <= 1, "the session outlives the connection");
    }
}

/// The demo keeps nothing, and says so.
#[tokio::test]
async fn the_demo_profile_loses_the_turn_by_name() {
    let simulator = simulator(Config::default());
    let proxy = Proxy::to(&simulator.http_url()).await;
    let keys = keys(&proxy.url()).with("audio", "blob").with("reconnect", "demo");
    let mut rig = Rig::start(&keys, edge(TurnMode::PushToTalk));
    rig.open().await;
    rig.begin();
    rig.chunk(&noise(CHUNK, 1));
    rig.room(16).await;
    proxy.cut();
    disconnected(&mut rig).await;
    rig.abort(Reason::Disconnected);
    rig.state("open", 2).await;
    let ended = rig.finish().await;
    ended.result.unwrap();
    assert_eq!(simulator.log().messages().count(), 0);
    assert_eq!((ended.ledger.dropped_by(Cause::Disconnected), ended.ledger.balanced()), (CHUNK as u64, true));
}

/// Texts typed while the connection is down are sent in their order when it is back, but only eight.
#[tokio::test]
async fn texts_wait_for_the_connection() {
    let simulator = simulator(Config::default());
    let proxy = Proxy::to(&simulator.http_url()).await;
    let mut rig = Rig::start(&keys(&proxy.url()).with("mode", "chat"), edge(TurnMode::PushToTalk));
    rig.open().await;
    proxy.rule("GET /ws/chat", [Fate::Hang]);
    proxy.cut();
    disconnected(&mut rig).await;
    let ids: Vec<u64> = (0..9).map(|n| rig.command(SinkAction::Text(format!("text {n}")))).collect();
    let answered = |id: u64| {
        move |event: &SinkEvent| match event {
            SinkEvent::Answer(answer) if answer.id == id => Some(answer.result.clone()),
            _ => None,
        }
    };
    let refused = rig.find(answered(ids[8])).await.unwrap_err();
    assert!(refused.contains("8 messages wait"), "{refused}");
    proxy.rule("GET /ws/chat", [Fate::Pass]);
    proxy.cut();
    rig.state("open", 2).await;
    for id in &ids[..8] {
        rig.find(answered(*id)).await.unwrap();
    }
    rig.finish().await.result.unwrap();
    let log = simulator.log();
    let texts: Vec<&str> = log.messages().filter_map(|message| message.fields["request"].as_str()).collect();
    assert_eq!(texts, (0..8).map(|n| format!("text {n}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_demo_profile_refuses_texts_while_the_connection_is_down() {
    let simulator = simulator(Config::default());
    let proxy = Proxy::to(&simulator.http_url()).await;
    let mut rig = Rig::start(&keys(&proxy.url()).with("reconnect", "demo"), edge(TurnMode::Always));
    rig.open().await;
    proxy.rule("GET /ws/chat", [Fate::Hang]);
    proxy.cut();
    disconnected(&mut rig).await;
    assert!(rig.ask(SinkAction::Text("hello?".into())).await.is_err());
    proxy.rule("GET /ws/chat", [Fate::Pass]);
    proxy.cut();
    rig.state("open", 2).await;
    rig.finish().await.result.unwrap();
    assert_eq!(simulator.log().messages().count(), 0);
}

/// The beginning of a turn is kept for 10 s, a whole message for 30 s.
#[tokio::test]
async fn what_waited_too_long_is_lost_by_name() {
    for (away, kept) in [(9, ["turn", "text"].as_slice()), (11, &["text"]), (31, &[])] {
        let warp = Warp::start(1);
        let simulator = simulator(Config::default());
        warp.drive(&simulator);
        let proxy = Proxy::to(&simulator.http_url()).await;
        let keys = keys(&proxy.url()).with("mode", "chat").with("http_timeout", "2m").with("ping", "off");
        let mut rig = Rig::start(&keys, edge(TurnMode::PushToTalk));
        rig.open().await;
        rig.begin();
        rig.chunk(&noise(CHUNK, 1));
        rig.room(16).await;
        proxy.rule("GET /ws/chat", [Fate::Hang]);
        proxy.cut();
        disconnected(&mut rig).await;
        rig.abort(Reason::Disconnected);
        let text = rig.command(SinkAction::Text("late".into()));
        // Answered at once, so the one before is taken by then.
        rig.ask(SinkAction::Text(String::new())).await.unwrap_err();
        warp.skip(Duration::from_secs(away)).await;
        proxy.rule("GET /ws/chat", [Fate::Pass]);
        proxy.cut();
        rig.state("open", 2).await;
        let answer = |event: &SinkEvent| match event {
            SinkEvent::Answer(answer) if answer.id == text => Some(answer.result.is_ok()),
            _ => None,
        };
        assert_eq!(rig.find(answer).await, kept.contains(&"text"), "{away} s");
        let unsent = rig.errors().iter().filter(|(error, _)| error.message.contains("a turn of 0.3 s")).count();
        let ended = rig.finish().await;
        ended.result.unwrap();
        assert_eq!(turns(&simulator).len(), usize::from(kept.contains(&"turn")), "{away} s");
        assert_eq!(unsent, usize::from(!kept.contains(&"turn")), "{away} s");
        let lost = if kept.contains(&"turn") { 0 } else { CHUNK as u64 };
        assert_eq!((ended.ledger.dropped_by(Cause::Disconnected), ended.ledger.balanced()), (lost, true));
    }
}

/// C33, the half of the blobs: while the service does not read, eight messages wait, the newest is
/// refused by name, and what waited arrives once and in order.
#[tokio::test]
async fn a_service_that_does_not_read_loses_no_turn_in_silence() {
    let simulator =
        simulator(Config { hard_message_bytes: 64 << 20, max_message_bytes: 64 << 20, ..Config::default() });
    let proxy = Proxy::to(&simulator.http_url()).await;
    // Longer than any buffer of the kernel's: the first message never gets through.
    let keys = keys(&proxy.url()).with("mode", "chat").with("max_message", "32MiB").with("ping", "off");
    let mut rig = Rig::start(&keys, edge(TurnMode::PushToTalk));
    rig.open().await;
    proxy.stop(true);
    let long = noise(2400 * CHUNK, 1);
    rig.say(&long, Reason::Release, 0).await;
    rig.room(16).await;
    let brief: Vec<Vec<i16>> = (0..10).map(|n| noise(100 + n, 2 * n as u32)).collect();
    for turn in &brief {
        rig.say(turn, Reason::Release, 0).await;
    }
    let refused =
        |event: &SinkEvent| matches!(event, SinkEvent::Error { error, .. } if error.code == "Overflow").then_some(());
    rig.find(refused).await;
    rig.room(16).await;
    proxy.stop(false);
    until(&simulator, |state| state.blobs().count() == 9).await;
    let ended = rig.finish().await;
    ended.result.unwrap();
    let heard = turns(&simulator);
    assert_same(&heard[0], &long);
    assert!(heard[1..] == brief[..8], "{} turns", heard.len());
    let lost: usize = brief[8..].iter().map(Vec::len).sum();
    assert_eq!((ended.ledger.dropped_by(Cause::Overflow), ended.ledger.balanced()), (lost as u64, true));
}

/// A message that was cut on its way is the next again, and arrives once.
#[tokio::test]
async fn a_message_cut_on_its_way_is_sent_again_once() {
    for patience in [true, false] {
        let simulator =
            simulator(Config { hard_message_bytes: 64 << 20, max_message_bytes: 64 << 20, ..Config::default() });
        let proxy = Proxy::to(&simulator.http_url()).await;
        let keys = keys(&proxy.url()).with("audio", "blob").with("max_message", "32MiB").with("ping", "off");
        let edge = if patience { patient(TurnMode::PushToTalk) } else { edge(TurnMode::PushToTalk) };
        let mut rig = Rig::start(&keys, edge);
        rig.open().await;
        proxy.stop(true);
        let (long, brief) = (noise(2400 * CHUNK, 1), noise(100, 2));
        rig.say(&long, Reason::Release, 0).await;
        rig.say(&brief, Reason::Release, 0).await;
        rig.room(16).await;
        proxy.cut();
        disconnected(&mut rig).await;
        proxy.stop(false);
        rig.state("open", 2).await;
        // Without pings the sink does not ask whether all has arrived before it leaves.
        until(&simulator, |state| state.blobs().count() == 2).await;
        let ended = rig.finish().await;
        ended.result.unwrap();
        all_delivered(&ended.ledger, long.len() + brief.len());
        assert_turns(&simulator, &[long, brief]);
    }
}

/// A file waits for its service: more turns than may wait arrive all the same.
#[tokio::test]
async fn a_file_loses_no_turn() {
    let simulator = simulator(Config::default());
    let proxy = Proxy::to(&simulator.http_url()).await;
    let mut rig = Rig::start(&keys(&proxy.url()).with("audio", "blob"), patient(TurnMode::Speech));
    rig.open().await;
    let said: Vec<Vec<i16>> = (0..40).map(|n| noise(1000 + n, n as u32)).collect();
    for turn in &said[..20] {
        rig.say(turn, Reason::SpeechEnd, 0).await;
    }
    // What was written whole and lost in the network nobody can know of.
    until(&simulator, |state| state.blobs().count() == 20).await;
    proxy.cut();
    disconnected(&mut rig).await;
    for turn in &said[20..] {
        rig.say(turn, Reason::SpeechEnd, 0).await;
    }
    let ended = rig.finish().await;
    ended.result.unwrap();
    all_delivered(&ended.ledger, said.iter().map(Vec::len).sum());
    assert_turns(&simulator, &said);
}

/// The next session begins with nothing of the one that is over.
#[tokio::test]
async fn giving_up_drops_what_waits() {
    let simulator = simulator(Config::default());
    let mut rig = Rig::start(&blobs(&simulator), edge(TurnMode::PushToTalk));
    rig.open().await;
    rig.begin();
    rig.chunk(&noise(CHUNK, 1));
    rig.room(16).await;
    simulator.push(serde_json::json!({"type":"system","content":"Session expired"}));
    let ended = rig.ended().await;
    assert_eq!(ended.result.unwrap_err().code, "SessionExpired");
    assert_eq!(ended.ledger.dropped_by(Cause::GaveUp), CHUNK as u64);
    assert_eq!(simulator.log().messages().count(), 0);
}
