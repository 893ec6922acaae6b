//! Connections that are lost, stopped up, or cannot be had again.

use std::time::Duration;

use glottis_core::inlet::Link;
use glottis_core::{Cause, Reason, SinkEvent, TurnMode};
use glottis_sim::ravatar::Config;
use serde_json::json;

use crate::proxy::{Fate, Proxy, response};
use crate::rig::*;

fn disconnects(rig: &Rig) -> usize {
    rig.events().iter().filter(|event| matches!(event, SinkEvent::Disconnected { .. })).count()
}

/// C53, first half: the session outlives the connection.
#[tokio::test]
async fn a_drop_keeps_the_session_and_loses_nothing_of_a_file() {
    let simulator = simulator(Config::default());
    let proxy = Proxy::to(&simulator.http_url()).await;
    let mut rig = Rig::start(&keys(&proxy.url()), patient(TurnMode::Always));
    rig.open().await;
    let said = noise(8 * CHUNK, 1);
    rig.begin();
    for chunk in said[..4 * CHUNK].chunks(CHUNK) {
        rig.chunk(chunk);
    }
    until(&simulator, |state| state.log().messages().count() == 4).await;
    proxy.cut();
    rig.find(|event| matches!(event, SinkEvent::Disconnected { .. }).then_some(())).await;
    for chunk in said[4 * CHUNK..].chunks(CHUNK) {
        rig.chunk(chunk);
    }
    rig.end(Reason::Stop, 0);
    rig.outfeed.close();
    let ended = rig.ended().await;
    ended.result.unwrap();
    assert_waits(&ended.waits, &[2]);
    assert_same(&simulator.pcm(&license(&simulator)), &said);
    assert_eq!((ended.ledger.delivered, ended.ledger.dropped_total()), (8 * 4096, 0));
    assert_eq!(count(&simulator, "POST /startLiveSession"), 1);
    assert_eq!(count(&simulator, "POST /jwt"), 1);
    assert_eq!(disconnects(&rig), 2, "the lost one and the last one");
    let errors = rig.errors();
    assert_eq!((errors.len(), errors[0].0.code, errors[0].1), (1, "Disconnected", false));
}

#[tokio::test]
async fn a_live_source_loses_by_name_what_no_socket_took() {
    let simulator = simulator(Config::default());
    let proxy = Proxy::to(&simulator.http_url()).await;
    let mut rig = Rig::start(&keys(&proxy.url()), edge(TurnMode::Always));
    rig.open().await;
    // Three refused handshakes, and then one that is slow to come.
    proxy.rule("GET /ws/chat", [Fate::Drop, Fate::Drop, Fate::Pass]);
    proxy.cut();
    rig.find(|event| matches!(event, SinkEvent::Disconnected { .. }).then_some(())).await;
    rig.state("open", 2).await;
    rig.say(&noise(CHUNK, 1), Reason::Stop, 0).await;
    let ended = rig.finish().await;
    ended.result.unwrap();
    assert_waits(&ended.waits, &[2, 4, 8]);
    assert!(ended.ledger.balanced(), "{:?}", ended.ledger);
    assert_eq!(ended.ledger.delivered, 4096);
}

/// C53, second half.
#[tokio::test]
async fn giving_up_on_the_socket_ends_the_session() {
    let simulator = simulator(Config::default());
    let proxy = Proxy::to(&simulator.http_url()).await;
    let mut rig = Rig::start(&keys(&proxy.url()), edge(TurnMode::Always));
    rig.open().await;
    proxy.rule("GET /ws/chat", [response(503, "")]);
    proxy.cut();
    let ended = rig.ended().await;
    let error = ended.result.unwrap_err();
    assert_eq!((error.code, error.phase, error.http_status), ("Disconnected", "connect", Some(503)));
    assert_waits(&ended.waits, &[2, 4, 8]);
    assert_eq!(count(&simulator, "POST /endLiveSession"), 1);
    assert_eq!(simulator.active_sessions(), 0);
    assert_eq!(rig.errors().iter().filter(|(_, fatal)| *fatal).count(), 1);
    assert_eq!(rig.outfeed.link(), Link::GaveUp);
}

/// C28 after a drop.
#[tokio::test]
async fn a_token_that_died_meanwhile_is_replaced_at_the_handshake() {
    let simulator = simulator(Config::default());
    let proxy = Proxy::to(&simulator.http_url()).await;
    let mut rig = Rig::start(&keys(&proxy.url()), edge(TurnMode::Always));
    rig.open().await;
    simulator.clock().advance(Duration::from_secs(25 * 3600));
    proxy.cut();
    rig.state("open", 2).await;
    let ended = rig.finish().await;
    ended.result.unwrap();
    assert_eq!((ended.waits.len(), count(&simulator, "POST /jwt")), (1, 2));
    assert_eq!(count(&simulator, "GET /connection"), 1, "a running session keeps its conversation");
}

/// A service that does not read stops neither hearing nor halting, nor does it eat memory.
#[tokio::test]
async fn a_stopped_up_socket_still_hears_and_still_halts() {
    let simulator = simulator(Config::default());
    let proxy = Proxy::to(&simulator.http_url()).await;
    let keys = keys(&proxy.url()).with("pace_limit", "off");
    let mut rig = Rig::with_queue(&keys, edge(TurnMode::Always), 8);
    rig.open().await;
    proxy.stop(true);
    rig.begin();
    // The kernel's buffers fill first, whatever their size.
    let chunk = noise(CHUNK, 1);
    let overflow = |rig: &Rig| rig.control.stats().ledger.read().dropped_by(Cause::Overflow);
    for _ in 0..20_000 {
        if overflow(&rig) >= 8 * CHUNK as u64 {
            break;
        }
        rig.room(1).await;
        rig.chunk(&chunk);
        tokio::task::yield_now().await;
    }
    assert!(overflow(&rig) >= 8 * CHUNK as u64, "the oldest are dropped by name");
    simulator.push(json!({"type":"system","content":"still there?"}));
    let notice = |event: &SinkEvent| (*event == SinkEvent::Notice("still there?".into())).then_some(());
    rig.find(notice).await;
    // No more is let through: the end of the session goes over another connection.
    let ended = rig.halt().await;
    ended.result.unwrap();
    assert!(ended.ledger.balanced(), "{:?}", ended.ledger);
}

/// A chunk that was cut on its way is sent again, first.
#[tokio::test]
async fn a_file_goes_on_with_the_chunk_that_was_cut() {
    let simulator = simulator(Config::default());
    let proxy = Proxy::to(&simulator.http_url()).await;
    let keys = keys(&proxy.url()).with("pace_limit", "off");
    let mut rig = Rig::with_queue(&keys, patient(TurnMode::Always), 8);
    rig.open().await;
    proxy.stop(true);
    rig.begin();
    let mut sent = 0u32;
    // Until the sink takes no more, which is when the kernel does not.
    loop {
        let full = tokio::time::timeout(Duration::from_millis(500), async {
            while rig.outfeed.room() == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        if full.await.is_err() {
            break;
        }
        rig.chunk(&noise(CHUNK, 2 * sent));
        sent += 1;
    }
    proxy.cut();
    rig.find(|event| matches!(event, SinkEvent::Disconnected { .. }).then_some(())).await;
    proxy.stop(false);
    rig.state("open", 2).await;
    let stats = rig.control.stats().clone();
    let ended = rig.finish().await;
    ended.result.unwrap();
    assert_eq!((ended.ledger.dropped_total(), ended.ledger.delivered), (0, u64::from(sent) * 4096));
    let messages = stats.messages.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(messages, u64::from(sent), "each chunk was written whole once");
    let again = simulator.log().messages().filter(|message| message.socket == 2).count() as u32;
    assert!(again >= 1 && again < sent);
    let rest: Vec<i16> = (sent - again..sent).flat_map(|i| noise(CHUNK, 2 * i)).collect();
    let heard = simulator.pcm(&license(&simulator));
    assert_same(&heard[heard.len() - rest.len()..], &rest);
}
