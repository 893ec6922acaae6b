//! Against bytes made with the vendors' generated code.

use super::*;

fn bytes(hex: &str) -> Bytes {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap() as u8;
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    assert!(rest.is_empty());
    pairs.iter().map(|[high, low]| digit(*high) << 4 | digit(*low)).collect::<Vec<_>>().into()
}

fn text(text: &str) -> String {
    text.to_owned()
}

/// The bytes say this, and this makes these bytes.
#[track_caller]
fn both_ways(hex: &str, data: Data) {
    assert_eq!(encode(data.clone()), bytes(hex));
    let (number, read) = decode(bytes(hex)).unwrap();
    assert_eq!((number, read), (data.message_type() as i32, Some(data)));
}

fn configure(rate: i32) -> ClientConfigureSession {
    ClientConfigureSession { sample_rate: rate, ..Default::default() }
}

#[test]
fn configurations() {
    both_ways("0801120308807d", Data::ClientConfigureSession(configure(16_000)));
    let opus =
        ClientConfigureSession { bitrate: 32_000, audio_format: AudioFormat::OggOpus as i32, ..configure(24_000) };
    both_ways("0801120a08c0bb011080fa011801", Data::ClientConfigureSession(opus));
    let livekit = LiveKitEgressConfig {
        url: text("wss://lk.example"),
        api_token: text("jwt"),
        room_name: text("room-1"),
        publisher_id: text("avatar"),
        extra_attributes: [(text("role"), text("avatar"))].into(),
        idle_timeout: 30,
        ..Default::default()
    };
    let livekit = ClientConfigureSession {
        egress_type: EgressType::Livekit as i32,
        livekit_egress: Some(livekit),
        ..configure(16_000)
    };
    both_ways(
        "0801124008807d280132390a107773733a2f2f6c6b2e6578616d706c652206726f6f6d2d312a06617661746172320e0a04726f6c65\
         1206617661746172381e42036a7774",
        Data::ClientConfigureSession(livekit),
    );
    let agora = AgoraEgressConfig { channel_name: text("ch"), token: text("tok"), uid: 42, publisher_id: text("pub") };
    let agora = ClientConfigureSession {
        egress_type: EgressType::Agora as i32,
        agora_egress: Some(agora),
        ..configure(16_000)
    };
    both_ways("0801121708807d28023a100a0263681203746f6b182a2203707562", Data::ClientConfigureSession(agora));
    let extra = ClientConfigureSession { extra_params: [(text("quality"), text("high"))].into(), ..configure(16_000) };
    both_ways("0801121408807d420f0a077175616c697479120468696768", Data::ClientConfigureSession(extra));
}

#[test]
fn confirmations() {
    let confirm = |capabilities: &[&str]| {
        let capabilities = capabilities.iter().map(|name| text(name)).collect();
        Data::ServerConfirmSession(ServerConfirmSession { connection_id: text("conn-1"), capabilities })
    };
    both_ways("08021a080a06636f6e6e2d31", confirm(&[]));
    both_ways(
        "08021a2a0a06636f6e6e2d311210706c61796261636b5f636f6e74726f6c120e706c61796261636b5f7374617465",
        confirm(&["playback_control", "playback_state"]),
    );
}

#[test]
fn audio() {
    let input = |req_id: &str, audio: &'static [u8], end| ClientAudioInput {
        req_id: text(req_id),
        end,
        audio: Bytes::from_static(audio),
        trace_context: None,
    };
    both_ways("0803220d0a057265712d311a0401020304", Data::ClientAudioInput(input("req-1", &[1, 2, 3, 4], false)));
    both_ways("0803220d0a057265712d3110011a020102", Data::ClientAudioInput(input("req-1", &[1, 2], true)));
    both_ways("080322090a057265712d311001", Data::ClientAudioInput(input("req-1", &[], true)));
    let traceparent = format!("00-{}-{}-01", "1".repeat(32), "2".repeat(16));
    let trace_context = Some(TraceContext { traceparent, tracestate: String::new() });
    let traced = ClientAudioInput { trace_context, ..input("req-42", &[1, 2, 0xff], true) };
    both_ways(
        "0803224a0a067265712d343210011a030102ff22390a3730302d31313131313131313131313131313131313131313131313131313131\
         313131312d323232323232323232323232323232322d3031",
        Data::ClientAudioInput(traced),
    );
}

#[test]
fn errors() {
    let error = |code, message: &str| {
        let (connection_id, req_id) = (text("cid"), text("rid"));
        Data::ServerError(ServerError { connection_id, req_id, code, message: text(message) })
    };
    both_ways(
        "08042a200a03636964120372696418a11f22114372656469747320657868617573746564",
        error(4001, "Credits exhausted"),
    );
    both_ways(
        "08042a200a03636964120372696418a21f22116475726174696f6e206578636565646564",
        error(4002, "duration exceeded"),
    );
    let negative = ServerError { code: -1, ..Default::default() };
    both_ways("08042a0b18ffffffffffffffffff01", Data::ServerError(negative));
}

#[test]
fn what_else_goes_over_the_wire() {
    let animation = |end| {
        Data::ServerResponseAnimation(ServerResponseAnimation {
            connection_id: text("conn-1"),
            req_id: text("req-1"),
            end,
            ..Default::default()
        })
    };
    both_ways("0805320f0a06636f6e6e2d3112057265712d31", animation(false));
    both_ways("080532110a06636f6e6e2d3112057265712d311801", animation(true));
    let req_id = || text("req-1");
    both_ways("080742070a057265712d31", Data::ClientInterrupt(ClientInterrupt { req_id: req_id() }));
    both_ways("08084a070a057265712d31", Data::ClientPause(ClientPause { req_id: req_id() }));
    both_ways("080952070a057265712d31", Data::ClientResume(ClientResume { req_id: req_id() }));
    let playback = |state: PlaybackState, reason: &str| {
        Data::ServerPlaybackState(ServerPlaybackState {
            connection_id: text("conn-1"),
            req_id: text("req-1"),
            state: state as i32,
            played_ms: 1240,
            reason: text(reason),
        })
    };
    both_ways("080a5a140a06636f6e6e2d3112057265712d31180220d809", playback(PlaybackState::Paused, ""));
    both_ways(
        "080a5a230a06636f6e6e2d3112057265712d31180420d8092a0d70617573655f74696d656f7574",
        playback(PlaybackState::Interrupted, "pause_timeout"),
    );
}

#[test]
fn what_is_no_message_is_an_error_and_what_is_unknown_is_not() {
    for garbage in [bytes("1aff"), bytes("ff"), Bytes::from_static(b"not valid protobuf")] {
        assert!(decode(garbage).is_err());
    }
    assert_eq!(decode(Bytes::new()).unwrap(), (0, None));
    // Type 6 with its internal content in field 7, a type of the future, and an unknown field 99.
    assert_eq!(decode(bytes("08063a020a00")).unwrap(), (6, None));
    assert_eq!(decode(bytes("0863")).unwrap(), (99, None));
    let (_, confirm) = decode(bytes("08021a080a06636f6e6e2d319a0601ff")).unwrap();
    assert!(matches!(confirm, Some(Data::ServerConfirmSession(confirm)) if confirm.connection_id == "conn-1"));
}

#[test]
fn type_and_content_must_agree_and_an_absent_content_is_an_empty_one() {
    assert_eq!(decode(bytes("080542070a057265712d31")).unwrap(), (5, None), "an interrupt that calls itself animation");
    assert_eq!(decode(bytes("0802")).unwrap(), (2, Some(Data::ServerConfirmSession(Default::default()))));
    assert_eq!(decode(bytes("0804")).unwrap(), (4, Some(Data::ServerError(Default::default()))));
}

/// An animation of either line, with and without its optional fields.
#[test]
fn animations_of_both_lines_are_read() {
    let full = ServerResponseAnimation {
        connection_id: text("c"),
        req_id: text("r"),
        end: false,
        animation: Bytes::from_static(b"opaque"),
        avatar_id: text("a"),
    };
    let (_, read) = decode(encode(Data::ServerResponseAnimation(full.clone()))).unwrap();
    assert_eq!(read, Some(Data::ServerResponseAnimation(full)));
}
