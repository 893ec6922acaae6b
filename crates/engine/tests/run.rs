//! A run from start to stop: what is delivered, what is told, and how it ends.

mod support;

use glottis_core::param::Table;
use glottis_engine::Command;
use support::*;

#[test]
fn everything_a_waiting_source_has_arrives_at_every_sink_in_order() {
    let run = start(table("frames", 123_457), vec![Table::default(), table("slow", true), table("name", "third")]);
    let report = run.running.wait();
    assert_eq!(report.exit, Some(0));
    assert!(report.balanced);
    let want: Vec<f32> = (0..123_457).map(ramp).collect();
    for (sink, name) in report.sinks.iter().zip(["collect", "collect-2", "third"]) {
        assert_eq!(sink.name, name);
        assert_eq!((sink.ledger.captured, sink.ledger.delivered), (123_457, 123_457));
        assert_eq!((sink.segments.begun, sink.segments.ended), (1, 1));
        assert!(Run::heard(&run.collected, name) == want, "{name}");
    }
}

#[test]
fn the_first_event_is_ready_and_the_last_the_report_and_time_never_goes_back() {
    let run = start(table("frames", 16_000), vec![Table::default()]);
    run.running.wait();
    let events = run.events.all();
    assert_eq!(events[0]["event"], "ready");
    assert_eq!(events[0]["source"]["rate"], 16_000);
    assert_eq!(events[0]["sinks"][0]["name"], "collect");
    let last = events.last().unwrap();
    assert_eq!((&last["event"], &last["balanced"]), (&"report".into(), &true.into()));
    assert_eq!(last["sinks"][0]["ledger"]["delivered"], 16_000);
    let times: Vec<f64> = events.iter().map(|e| e["t"].as_f64().unwrap()).collect();
    assert!(times.is_sorted());
    assert_eq!(of(&events, "level").len(), 10);
    let end = of(&events, "segment_end");
    assert_eq!((end.len(), &end[0]["reason"], &end[0]["frames"]), (1, &"stop".into(), &16_000.into()));
}

#[test]
fn two_waiting_runs_tell_the_same_apart_from_times() {
    let told = || {
        let run = start(table("frames", 48_000), vec![Table::default(), Table::default()]);
        run.running.wait();
        let events = run.events.all();
        let strip = |event: &serde_json::Value| {
            let mut event = event.clone();
            event.as_object_mut().unwrap().retain(|key, _| key != "t");
            event.to_string()
        };
        events.iter().filter(|e| e["event"] != "report").map(strip).collect::<Vec<_>>()
    };
    assert_eq!(told(), told());
}

#[test]
fn a_source_that_cannot_be_opened_ends_the_run_with_three_and_says_why() {
    let run = start(table("broken", true), vec![Table::default()]);
    let report = run.running.wait();
    assert_eq!((report.exit, report.balanced), (Some(3), true));
    let events = run.events.all();
    assert_eq!(events[0]["event"], "ready");
    let error = of(&events, "error")[0];
    assert_eq!((&error["code"], &error["fatal"]), (&"no_specified_media_found".into(), &true.into()));
    assert_eq!(error["advice"], "build one");
}

#[test]
fn stop_delivers_what_was_captured() {
    let run = start(table("waits", false).with("endless", true), vec![Table::default()]);
    run.events.wait_for(|e| e["event"] == "level");
    run.running.stop();
    let report = run.running.wait();
    assert_eq!((report.exit, report.balanced), (Some(0), true));
    let ledger = &report.sinks[0].ledger;
    assert_eq!(ledger.captured, report.source.captured);
    assert_eq!(ledger.delivered + ledger.gated, ledger.captured, "{ledger:?}");
}

#[test]
fn a_halt_ends_the_run_with_130_even_if_a_sink_hangs() {
    let run = start(table("waits", false).with("endless", true), vec![table("fail", "hang"), Table::default()]);
    run.events.wait_for(|e| e["event"] == "level");
    run.running.halt();
    let report = run.running.wait();
    assert_eq!((report.exit, report.balanced), (Some(130), true), "{:?}", report.sinks);
}

#[test]
fn a_sink_that_never_connects_is_retried_and_given_up_and_alone_it_ends_the_run_with_four() {
    let run = start(table("frames", 1_600_000), vec![table("fail", "connect")]);
    let report = run.running.wait();
    assert_eq!((report.exit, report.balanced), (Some(4), true), "{report:?}");
    assert_eq!(report.sinks[0].errors["Network"], 3);
    let events = run.events.all();
    let attempts: Vec<_> = of(&events, "retry").iter().map(|e| e["attempt"].clone()).collect();
    assert_eq!(attempts, [1, 2]);
    assert_eq!(of(&events, "error").last().unwrap()["fatal"], true);
    assert!(of(&events, "state").iter().any(|e| e["state"] == "gave_up"));
}

#[test]
fn the_other_sink_goes_on_when_one_gives_up() {
    let run = start(table("frames", 50_000), vec![table("fail", "connect"), Table::default()]);
    let report = run.running.wait();
    assert_eq!((report.exit, report.balanced), (Some(4), true));
    assert_eq!(report.sinks[1].ledger.delivered, 50_000);
    assert_eq!(report.sinks[0].ledger.dropped["gave_up"], 50_000);
}

#[test]
fn a_sink_that_panics_is_an_internal_error_and_the_others_go_on() {
    let run = start(table("frames", 50_000), vec![table("fail", "panic"), Table::default()]);
    let report = run.running.wait();
    assert_eq!((report.exit, report.balanced), (Some(5), true), "{report:?}");
    assert_eq!(report.sinks[1].ledger.delivered, 50_000);
}

#[test]
fn a_connection_that_comes_back_loses_nothing_of_a_source_that_can_wait_but_what_the_sink_dropped() {
    let run = start(table("frames", 30_000), vec![table("fail", "drop")]);
    let report = run.running.wait();
    assert_eq!((report.exit, report.balanced), (Some(0), true), "{report:?}");
    let sink = &report.sinks[0];
    assert_eq!(sink.ledger.dropped["disconnected"], 160);
    assert_eq!(sink.ledger.delivered, 30_000 - 160);
    assert_eq!((sink.connects, sink.reconnects), (2, 1));
}

#[test]
fn a_live_source_starts_a_new_segment_when_the_connection_is_back() {
    let run = start(table("waits", false).with("endless", true), vec![table("fail", "drop")]);
    run.events.wait_for(|e| e["event"] == "segment_begin" && e["segment"] == 1);
    run.running.stop();
    let report = run.running.wait();
    assert!(report.balanced, "{report:?}");
    let events = run.events.all();
    assert_eq!(of(&events, "segment_end")[0]["reason"], "disconnected");
    assert_eq!(of(&events, "segment_begin").len(), of(&events, "segment_end").len());
}

#[test]
fn commands_are_answered_once_each_and_refused_by_name() {
    let source = table("waits", false).with("endless", true);
    let run = start(source, vec![table("turn", table("mode", "push-to-talk")), table("name", "tape")]);
    run.events.wait_for(|e| e["event"] == "level");
    for line in [
        r#"{"do":"talk","on":true}"#,
        r#"{"do":"talk","on":true,"sink":"tape"}"#,
        r#"{"do":"cancel","sink":"tape"}"#,
        r#"{"do":"text","text":"hi","sink":"tape"}"#,
        r#"{"do":"streaming_url"}"#,
        r#"{"do":"commit","sink":"tpae"}"#,
        r#"{"do":"set","node":"gain","param":"db","value":1}"#,
        r#"{"do":"mute","on":true}"#,
        r#"{"do":"stats"}"#,
        r#"{"do":"stop"}"#,
    ] {
        run.running.command(Command::parse(line).unwrap());
    }
    run.running.commander().refuse(Command::parse("nonsense").unwrap_err());
    let report = run.running.wait();
    assert_eq!((report.exit, report.balanced), (Some(0), true));
    let events = run.events.all();
    let mut done: Vec<_> = of(&events, "done").iter().map(|e| e["do"].as_str().unwrap().to_owned()).collect();
    done.sort();
    assert_eq!(done, ["mute", "stats", "stop", "talk", "text"]);
    let refused: Vec<_> = of(&events, "error").iter().map(|e| (e["code"].clone(), e["do"].clone())).collect();
    assert_eq!(refused.len(), 6, "{refused:?}");
    assert!(refused.iter().all(|(code, _)| code == "BadCommand"));
    assert!(refused.iter().any(|(_, command)| command.is_null()));
    assert!(of(&events, "error").iter().any(|e| e["message"].as_str().unwrap().contains("did you mean \"tape\"?")));
    assert_eq!(of(&events, "stats").len(), 1);
}

#[test]
fn muted_frames_are_gated_and_the_segment_in_progress_is_cancelled() {
    let run = start(table("waits", false).with("endless", true), vec![Table::default()]);
    run.events.wait_for(|e| e["event"] == "segment_begin");
    run.running.command(Command::Mute { sink: None, on: true });
    run.events.wait_for(|e| e["event"] == "segment_end");
    run.running.command(Command::Mute { sink: None, on: false });
    run.events.wait_for(|e| e["event"] == "segment_begin" && e["segment"] == 1);
    run.running.stop();
    let report = run.running.wait();
    assert!(report.balanced);
    assert!(report.sinks[0].ledger.gated >= 160);
    let events = run.events.all();
    assert_eq!(of(&events, "segment_end")[0]["reason"], "cancel");
}

/// A sink that speaks what it is sent is cut by an interrupt; one that answers it goes on. The sink is
/// asked in either case, after its segment was cut.
#[test]
fn an_interrupt_cuts_the_segment_of_the_sinks_that_ask_for_it() {
    let sinks = vec![table("name", "speaks").with("cut", true), table("name", "answers")];
    let run = start(table("endless", true).with("waits", false), sinks);
    let of_sink = |kind: &'static str, sink: &'static str| {
        move |e: &serde_json::Value| e["event"] == kind && e["sink"] == sink && e["segment"] == 0
    };
    run.events.wait_for(of_sink("segment_begin", "speaks"));
    run.events.wait_for(of_sink("segment_begin", "answers"));
    run.running.command(Command::Interrupt { sink: None });
    run.events.wait_for(|e| e["event"] == "done" && e["do"] == "interrupt");
    run.running.command(Command::Interrupt { sink: Some("answers".to_owned()) });
    run.events.wait_for(|e| e["event"] == "error" && e["do"] == "interrupt");
    run.running.command(Command::Stop);
    let report = run.running.wait();
    assert!(report.balanced);
    let events = run.events.all();
    let position = |wanted: &dyn Fn(&serde_json::Value) -> bool| events.iter().position(wanted).unwrap();
    let cut = position(&of_sink("segment_end", "speaks"));
    assert_eq!(events[cut]["reason"], "interrupt");
    assert!(cut < position(&|e| e["event"] == "done" && e["do"] == "interrupt"));
    assert_eq!(events[position(&of_sink("segment_end", "answers"))]["reason"], "stop");
}
