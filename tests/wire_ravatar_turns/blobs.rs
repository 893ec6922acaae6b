//! Whole turns, in a live session and in a chat.

use glottis_core::ledger::LedgerFigures;
use glottis_core::param::Table;
use glottis_core::{Cause, Reason, SinkEvent, TurnMode};
use glottis_sim::ravatar::{Blob, Config, Container, Kind, Simulator, VadFlag};

use crate::rig::*;

/// Keys for whole turns in a live session.
pub fn blobs(simulator: &Simulator) -> Table {
    keys(&simulator.http_url()).with("audio", "blob")
}

pub fn chat(simulator: &Simulator) -> Table {
    keys(&simulator.http_url()).with("mode", "chat")
}

/// The samples of every turn the service got.
pub fn turns(simulator: &Simulator) -> Vec<Vec<i16>> {
    simulator.blobs().iter().map(|blob| blob.samples().expect("a WAV of 16 bits")).collect()
}

/// The service got these turns, in this order, and no others.
#[track_caller]
pub fn assert_turns(simulator: &Simulator, said: &[Vec<i16>]) {
    let heard = turns(simulator);
    let lengths = |turns: &[Vec<i16>]| turns.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(lengths(&heard), lengths(said));
    for (heard, said) in heard.iter().zip(said) {
        assert_same(heard, said);
    }
}

/// Which of the turns said `isPushToTalk`.
fn flags(simulator: &Simulator) -> Vec<bool> {
    let log = simulator.log();
    log.messages().map(|message| message.fields.get("isPushToTalk").is_some_and(|flag| flag == true)).collect()
}

/// Everything was sent whole, once.
#[track_caller]
pub fn all_delivered(ledger: &LedgerFigures, frames: usize) {
    assert!(ledger.balanced(), "{ledger:?}");
    assert_eq!((ledger.captured, ledger.delivered, ledger.padded), (frames as u64, frames as u64, 0), "{ledger:?}");
}

/// C34, C35, C36, C38, C39: one message per turn, bit for bit, with the fields there are and no others.
#[tokio::test]
async fn a_turn_is_one_message_bit_for_bit() {
    let expected = ["avatar_id", "chat_type", "file_base64_data", "isLive", "isPushToTalk", "language", "requestType"];
    for live in [true, false] {
        let simulator = simulator(Config::default());
        let keys = if live { blobs(&simulator) } else { chat(&simulator) };
        let mut rig = Rig::start(&keys, patient(TurnMode::PushToTalk));
        rig.open().await;
        let (first, second) = (noise(3 * CHUNK + 100, 1), noise(CHUNK, 2));
        rig.say(&first, Reason::Release, 0).await;
        rig.say(&second, Reason::Stop, 0).await;
        let stats = rig.control.stats().clone();
        let ended = rig.finish().await;
        ended.result.unwrap();
        assert_turns(&simulator, &[first, second]);
        for Blob { facts, bytes, .. } in simulator.blobs() {
            assert_eq!((facts.container, facts.sizes_match), (Container::Riff, Some(true)));
            assert_eq!((facts.rate, facts.channels, facts.bits), (Some(16_000), Some(1), Some(16)));
            assert_eq!(bytes[..4], *b"RIFF");
            assert_eq!(bytes[12..20], *b"fmt \x10\0\0\0", "the canonical header");
            assert_eq!(bytes[36..40], *b"data");
        }
        all_delivered(&ended.ledger, 4 * CHUNK + 100);
        let messages = stats.messages.load(std::sync::atomic::Ordering::Relaxed);
        assert_eq!(messages, 2);
        for message in simulator.log().messages() {
            assert_eq!(message.kind, if live { Kind::LiveBlob } else { Kind::ChatBlob });
            let names = message.fields.keys().map(String::as_str);
            let mut names: Vec<&str> = names.filter(|name| !["session", "LicenseId"].contains(name)).collect();
            names.sort_unstable();
            assert_eq!(names, [&expected[..], &["source", "user_id"]].concat());
            assert_eq!(message.license_id.is_some(), live);
            assert_eq!(message.fields["isLive"], live);
        }
        assert_eq!(count(&simulator, "POST /startLiveSession"), usize::from(live));
        assert_eq!(count(&simulator, "POST /endLiveSession"), usize::from(live));
        assert_eq!(simulator.violations(), []);
        assert_eq!(simulator.notes(), []);
    }
}

/// The other containers: as long as what was said, to the sample.
#[tokio::test]
async fn a_turn_can_be_opus_in_webm_or_ogg() {
    for (blob, container) in [("webm-opus", Container::Ebml), ("ogg-opus", Container::Ogg)] {
        for live in [true, false] {
            let simulator = simulator(Config::default());
            let keys = if live { blobs(&simulator) } else { chat(&simulator) };
            let mut rig = Rig::start(&keys.with("blob", blob), patient(TurnMode::PushToTalk));
            rig.open().await;
            let said = [3 * CHUNK + 100, 20 * CHUNK];
            for frames in said {
                rig.say(&noise(frames, 1), Reason::Release, 0).await;
            }
            let ended = rig.finish().await;
            ended.result.unwrap();
            for (blob, frames) in simulator.blobs().iter().zip(said) {
                assert_eq!(blob.facts.container, container);
                let (seconds, wanted) = (blob.facts.seconds.expect("a length"), frames as f64 / 16_000.0);
                assert!((seconds - wanted).abs() < 1.0 / 16_000.0, "{container:?}: {seconds} s of {wanted} s");
                assert!(blob.facts.bytes < frames, "half the size of WAV at most");
            }
            assert_eq!(simulator.blobs().len(), said.len());
            all_delivered(&ended.ledger, said.iter().sum());
            assert_eq!(simulator.violations(), []);
        }
    }
}

/// An Opus turn that does not fit is cut as well, and no sample is lost at the cut.
#[tokio::test]
async fn a_long_opus_turn_is_cut() {
    let simulator = simulator(Config::default());
    let keys = chat(&simulator).with("blob", "ogg-opus").with("max_message", "64KiB");
    let mut rig = Rig::start(&keys, patient(TurnMode::Always));
    rig.open().await;
    rig.say(&noise(100 * CHUNK, 1), Reason::Stop, 0).await;
    let ended = rig.finish().await;
    ended.result.unwrap();
    let seconds: f64 = simulator.blobs().iter().filter_map(|blob| blob.facts.seconds).sum();
    assert!((seconds - (100 * CHUNK) as f64 / 16_000.0).abs() < 0.001, "{seconds} s");
    assert!(simulator.blobs().len() > 1);
    assert!(simulator.log().messages().all(|message| message.bytes <= 64 << 10));
    all_delivered(&ended.ledger, 100 * CHUNK);
}

/// C36: by who marked the turn's borders, under both rules.
#[tokio::test]
async fn the_push_to_talk_flag_follows_who_marked_the_turn() {
    let hand = [Reason::Release, Reason::Max, Reason::Commit];
    let record = [Reason::Commit, Reason::Stop];
    let voice = [Reason::SpeechEnd, Reason::Max, Reason::Commit];
    for (rule, turn, reasons, flagged) in [
        ("docs", TurnMode::PushToTalk, &hand[..], &[true, true, true][..]),
        ("demo", TurnMode::PushToTalk, &hand, &[true, true, false]),
        ("docs", TurnMode::Always, &record, &[true, true]),
        ("demo", TurnMode::Always, &record, &[false, false]),
        ("docs", TurnMode::Speech, &voice, &[false, false, false]),
        ("demo", TurnMode::Speech, &voice, &[false, false, false]),
    ] {
        let simulator = simulator(Config::default());
        let mut rig = Rig::start(&chat(&simulator).with("push_to_talk_flag", rule), patient(turn));
        rig.open().await;
        for reason in reasons {
            rig.say(&noise(CHUNK, 3), *reason, 0).await;
        }
        rig.finish().await.result.unwrap();
        assert_eq!(flags(&simulator), flagged, "{rule} {turn:?}");
        assert_eq!(simulator.violations(), []);
    }
}

/// What the service says of its microphone decides who marks turns, and that decides how audio is sent.
#[tokio::test]
async fn push_to_talk_sends_whole_turns_and_an_open_microphone_pcm() {
    for (vad_enabled, kind) in [(VadFlag::Off, Kind::LiveBlob), (VadFlag::On, Kind::LivePcm)] {
        let simulator = simulator(Config { vad_enabled, ..Config::default() });
        let keys = keys(&simulator.http_url()).with("trailing", "0s");
        let mut rig = Rig::start(&keys, patient(TurnMode::Auto));
        rig.open().await;
        rig.say(&noise(CHUNK, 1), Reason::Release, 0).await;
        rig.finish().await.result.unwrap();
        let kinds: Vec<Kind> = simulator.log().messages().map(|message| message.kind).collect();
        assert_eq!(kinds, [kind]);
        assert_eq!(simulator.violations(), []);
    }
    // Who wants it otherwise says so.
    let simulator = simulator(Config { vad_enabled: VadFlag::Off, ..Config::default() });
    let mut rig = Rig::start(&keys(&simulator.http_url()).with("audio", "pcm"), patient(TurnMode::Auto));
    rig.open().await;
    rig.say(&noise(CHUNK, 1), Reason::Max, 0).await;
    rig.finish().await.result.unwrap();
    assert_eq!(simulator.log().messages().next().unwrap().kind, Kind::LivePcm);
}

/// C47: nothing of a turn that was given up is sent, and its frames are on the ledger by name.
#[tokio::test]
async fn a_turn_that_is_given_up_is_not_sent() {
    let simulator = simulator(Config::default());
    let mut rig = Rig::start(&blobs(&simulator), edge(TurnMode::PushToTalk));
    rig.open().await;
    let reasons = [Reason::Cancel, Reason::Misfire, Reason::Overflow, Reason::Interrupt, Reason::Gap];
    for reason in reasons {
        rig.room(4).await;
        rig.begin();
        rig.chunk(&noise(CHUNK, 1));
        rig.chunk(&noise(100, 2));
        rig.abort(reason);
    }
    // An empty turn is none.
    rig.room(2).await;
    rig.begin();
    rig.end(Reason::Commit, 0);
    let ended = rig.finish().await;
    ended.result.unwrap();
    assert_eq!(simulator.log().messages().count(), 0);
    let (turn, ledger) = (CHUNK as u64 + 100, ended.ledger);
    assert_eq!((ledger.gated, ledger.delivered), (2 * turn, 0), "cancelled and too short");
    for cause in [Cause::Overflow, Cause::Interrupted, Cause::Gap] {
        assert_eq!(ledger.dropped_by(cause), turn, "{cause:?}");
    }
    assert!(ledger.balanced());
}

/// C47: Ctrl-C throws the turn in progress away.
#[tokio::test]
async fn a_halt_sends_nothing_of_the_turn_in_progress() {
    let simulator = simulator(Config::default());
    let mut rig = Rig::start(&blobs(&simulator), edge(TurnMode::PushToTalk));
    rig.open().await;
    rig.begin();
    rig.chunk(&noise(CHUNK, 1));
    rig.room(16).await;
    let ended = rig.halt().await;
    ended.result.unwrap();
    assert_eq!(simulator.log().messages().count(), 0);
    assert_eq!((ended.ledger.dropped_by(Cause::Stopped), ended.ledger.balanced()), (CHUNK as u64, true));
    assert_eq!(simulator.active_sessions(), 0);
}

/// A turn that does not fit into a message goes out in several, and nothing is lost at the cut.
#[tokio::test]
async fn a_turn_longer_than_a_message_is_cut() {
    let simulator = simulator(Config::default());
    let keys = chat(&simulator).with("max_message", "64KiB");
    let mut rig = Rig::start(&keys, patient(TurnMode::Always));
    rig.open().await;
    let said = noise(21 * CHUNK + 5, 1);
    rig.say(&said, Reason::Stop, 0).await;
    let ended = rig.finish().await;
    ended.result.unwrap();
    assert_same(&turns(&simulator).concat(), &said);
    let lengths: Vec<usize> = turns(&simulator).iter().map(Vec::len).collect();
    assert_eq!(lengths, [&[5 * CHUNK; 4][..], &[CHUNK + 5]].concat(), "as much as 64 KiB hold");
    assert!(simulator.log().messages().all(|message| message.bytes <= 64 << 10));
    all_delivered(&ended.ledger, said.len());
}

#[tokio::test]
async fn a_chunk_that_fits_no_message_is_refused_before_any_audio() {
    let simulator = simulator(Config { session: glottis_sim::ravatar::SessionForm::Long, ..Config::default() });
    let mut edge = patient(TurnMode::Always);
    edge.chunk_frames = 16_000;
    let mut rig = Rig::of(sink(&chat(&simulator).with("max_message", "16KiB"), &edge, None), 16);
    let error = rig.ended().await.result.unwrap_err();
    assert_eq!(error.code, "Config");
    assert!(error.message.contains("16000 frames") && error.advice.contains("max_message"), "{error}");
}

/// An answer belongs to each turn, and the sink waits for all of them.
#[tokio::test]
async fn every_turn_is_answered_before_the_sink_leaves() {
    let simulator = simulator(Config { reply_delay: std::time::Duration::from_millis(200), ..Config::default() });
    let mut rig = Rig::start(&blobs(&simulator).with("linger", "30s"), patient(TurnMode::PushToTalk));
    rig.open().await;
    for frames in [CHUNK, 1000] {
        rig.say(&noise(frames, 4), Reason::Release, 0).await;
    }
    rig.outfeed.close();
    rig.ended().await.result.unwrap();
    let replies: Vec<_> = rig.events().into_iter().filter(|event| matches!(event, SinkEvent::Reply(_))).collect();
    assert_eq!(replies.len(), 2);
    let SinkEvent::Reply(reply) = &replies[1] else { panic!("{replies:?}") };
    assert!(reply.transcript.as_deref().unwrap().contains("1000 samples"), "{reply:?}");
}
