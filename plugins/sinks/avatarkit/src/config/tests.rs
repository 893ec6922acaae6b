//! What a configuration may say, and what it may not.

use std::path::Path;

use glottis_core::param::{Table, check};
use glottis_core::registry::ComponentKind;
use glottis_core::sink::Edge;
use glottis_core::{Rate, Registry, Sink, TurnMode};
use glottis_encoder_opus::Application;

use super::*;

pub(crate) fn build(table: Table) -> Result<Config, Vec<Problem>> {
    let settings = check(&table, PARAMS, "sink[0]", Path::new(""), &Registry::new())?;
    Config::new(&settings, &Context::default())
}

pub(crate) fn good() -> Table {
    Table::default().with("app_id", "app").with("avatar_id", "avatar").with("api_key_env", "KEY")
}

fn room() -> Table {
    Table::default()
        .with("url", "wss://room.example")
        .with("room_name", "room")
        .with("publisher_id", "avatar")
        .with("api_token_env", "TOKEN")
}

/// What is wrong, with where: one thing, and it has a remedy.
#[track_caller]
fn complaint(table: Table) -> String {
    let problems = build(table).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(!problems[0].help.is_empty(), "{:?} has no remedy", problems[0]);
    problems[0].to_string()
}

#[test]
fn the_defaults_are_those_of_the_interface() {
    let config = build(good()).unwrap();
    let seconds = Duration::from_secs;
    assert_eq!(config.dialect, Dialect::Spatius);
    assert_eq!((config.expires_in, config.use_query_auth), (seconds(3600), false));
    assert_eq!((config.audio.format, config.audio.sample_rate, config.audio.bitrate), (Format::Pcm, 16_000, 0));
    assert_eq!((config.token_timeout, config.connect_timeout), (seconds(10), seconds(10)));
    assert_eq!((config.handshake_timeout, config.ping), (seconds(10), Some(seconds(30))));
    assert_eq!((config.stall_guard, config.tries), (Some(Duration::from_millis(1200)), 6));
    assert_eq!((config.egress, config.trace), (None, None));
    assert_eq!(build(good().with("livekit", room())).unwrap().handshake_timeout, seconds(30));
    let opus = build(good().with("audio", "ogg-opus")).unwrap().audio.format;
    assert_eq!(opus, Format::OggOpus { frame: Duration::from_millis(20), application: Application::Voip });
}

#[test]
fn the_api_key_is_named_once() {
    let none = Table::default().with("app_id", "app").with("avatar_id", "avatar");
    assert!(complaint(none).contains("API key"));
    assert!(complaint(good().with("api_key_file", "key")).contains("twice"));
    for key in ["app_id", "avatar_id"] {
        assert!(complaint(good().with(key, " ")).contains(key));
    }
}

#[test]
fn rates_are_those_of_the_format() {
    for rate in [8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000] {
        assert!(build(good().with("sample_rate", rate)).is_ok(), "{rate}");
    }
    for rate in [8_000, 12_000, 16_000, 24_000, 48_000] {
        assert!(build(good().with("sample_rate", rate).with("audio", "ogg-opus")).is_ok(), "{rate}");
    }
    assert!(complaint(good().with("sample_rate", 12_000)).contains("PCM at 12000"));
    assert!(complaint(good().with("sample_rate", 22_050).with("audio", "ogg-opus")).contains("Opus at 22050"));
}

#[test]
fn the_encoder_is_set_by_either_name_but_not_by_both_nor_without_opus() {
    let own = || Table::default().with("frame", "60ms").with("application", "audio");
    let vendors = || Table::default().with("frame_duration_ms", 60).with("application", "audio");
    let opus = || good().with("audio", "ogg-opus");
    let format = |table: Table| build(table).unwrap().audio.format;
    let wanted = Format::OggOpus { frame: Duration::from_millis(60), application: Application::Audio };
    assert_eq!(format(opus().with("opus", own())), wanted);
    assert_eq!(format(opus().with("ogg_opus_encoder", vendors())), wanted);
    assert!(complaint(opus().with("opus", own()).with("ogg_opus_encoder", vendors())).contains("twice"));
    assert!(complaint(good().with("opus", own())).contains("without Opus"));
    assert!(complaint(good().with("ogg_opus_encoder", vendors())).contains("without Opus"));
    let odd = Table::default().with("frame_duration_ms", 30);
    assert!(complaint(opus().with("ogg_opus_encoder", odd)).contains("30 ms"));
    assert!(complaint(opus().with("bitrate", 499)).contains("499"));
    assert!(complaint(good().with("bitrate", 32_000)).contains("PCM"));
    assert_eq!(build(opus().with("bitrate", 500)).unwrap().audio.bitrate, 500);
}

/// K19, as far as it can be known without a network: refused before anything is opened.
#[test]
fn an_avatar_speaks_in_one_place_with_all_it_needs() {
    let agora = || Table::default().with("channel_name", "channel").with("uid", 42);
    assert!(complaint(good().with("livekit", room()).with("agora", agora())).contains("one place"));
    for key in ["url", "room_name", "publisher_id"] {
        let mut room = room();
        room.remove(key);
        assert!(complaint(good().with("livekit", room)).contains(key));
    }
    let mut bare = room();
    bare.remove("api_token_env");
    assert!(complaint(good().with("livekit", bare.clone())).contains("enter the room"));
    assert!(complaint(good().with("livekit", bare.clone().with("api_key_env", "K"))).contains("enter the room"));
    assert!(build(good().with("livekit", bare.with("api_key_env", "K").with("api_secret_env", "S"))).is_ok());
    assert!(complaint(good().with("agora", Table::default().with("uid", 1))).contains("channel_name"));
    assert!(build(good().with("livekit", room().with("idle_timeout", -1))).is_err());
    let Some(Egress::Agora(agora)) = build(good().with("agora", agora())).unwrap().egress else { panic!() };
    assert_eq!((agora.channel_name.as_str(), agora.uid, agora.token), ("channel", 42, None));
}

/// K11: other schemes fail before any connection.
#[test]
fn addresses_must_be_addresses() {
    for scheme in ["http", "ws"] {
        assert!(build(good().with("ingress_endpoint", format!("{scheme}://127.0.0.1:1"))).is_ok());
        assert!(complaint(good().with("ingress_endpoint", format!("{scheme}://h"))).contains("allow_insecure"));
    }
    for scheme in ["https", "wss"] {
        assert!(build(good().with("ingress_endpoint", format!("{scheme}://h/v2?x=y"))).is_ok());
    }
    for bad in ["ftp://h", "h/path", "//h"] {
        assert!(complaint(good().with("ingress_endpoint", bad)).contains("ingress_endpoint"), "{bad}");
    }
    assert!(complaint(good().with("console_endpoint", "ws://127.0.0.1")).contains("scheme"));
    assert!(complaint(good().with("region", "evil.example")).contains("region"));
}

#[test]
fn what_one_line_does_not_have_is_refused_there() {
    let real = || good().with("dialect", "spatialreal");
    assert!(complaint(real().with("extra_params", Table::default().with("k", "v"))).contains("extra_params"));
    assert!(complaint(real().with("traceparent", "00-1-1-01")).contains("traceparent"));
    assert!(complaint(good().with("tracestate", "a=b")).contains("traceparent"));
    assert!(build(good().with("extra_params", Table::default().with("k", 1))).is_err(), "texts only");
}

#[test]
fn a_day_is_a_minute_too_long_for_a_token() {
    let config = build(good().with("expires_in", "24h")).unwrap();
    assert_eq!(config.expires_in, Duration::from_secs(24 * 3600 - 60));
    assert!(build(good().with("expires_in", "25h")).is_err());
}

fn sink(table: &Table) -> Box<dyn Sink> {
    let mut registry = Registry::new();
    crate::register(&mut registry);
    let component = registry.get(ComponentKind::Sink, "avatarkit").unwrap();
    let settings = check(table, component.params, "", Path::new(""), &registry).unwrap();
    registry.sink("avatarkit", &settings, &Context::default()).unwrap()
}

/// The help names what to insert; a rate that no edge can have is made from any.
#[test]
fn an_edge_of_another_rate_is_refused_with_the_node_to_insert() {
    let edge = |hz, chunk_frames| {
        let rate = Rate::new(hz).unwrap();
        Edge { rate, chunk_frames, pad: false, turn: TurnMode::Always, voice: false, waits: false }
    };
    let sink = |table: Table, edge: &Edge| self::sink(&table).prepare(edge);
    let refused = sink(good().with("sample_rate", 24_000), &edge(16_000, 1600)).unwrap_err();
    assert!(refused.help.contains("\"resample\" and rate = 24000"), "{refused}");
    assert_eq!(sink(good().with("sample_rate", 24_000), &edge(24_000, 2400)), Ok(()));
    for hz in [16_000, 44_100, 48_000] {
        assert_eq!(sink(good().with("sample_rate", 22_050), &edge(hz, hz / 10)), Ok(()));
    }
    let opus = || good().with("audio", "ogg-opus").with("sample_rate", 12_000);
    assert_eq!(sink(opus(), &edge(48_000, 4800)), Ok(()));
    let slow = sink(good(), &edge(16_000, 32_000)).unwrap_err();
    assert!(slow.message.contains("stall_guard") && slow.help.contains("smaller chunks"), "{slow}");
}

#[test]
fn the_registry_makes_the_sink() {
    let wants = sink(&good().with("sample_rate", 24_000)).wants();
    assert_eq!((wants.encoder, wants.chunk_frames, wants.pad, wants.cut_on_interrupt), ("pcm16", 2400, false, true));
}
