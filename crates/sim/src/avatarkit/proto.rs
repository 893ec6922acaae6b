//! The messages of the wire (AvatarKit dossier 7): the union of both lines' schemas, written by hand
//! so that the simulator shares no code and no schema with the clients it judges. Plain values.
//!
//! Field numbers are one above the number of their message's type from interrupt on: type 7 travels
//! in field 8.

use prost::{Enumeration, Message as Proto, Oneof};
use std::collections::BTreeMap;

/// A decoder or encoder of these messages, for callers that do not name prost.
pub use prost::Message as Codec;

/// The types of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum Type {
    /// Not set.
    Unspecified = 0,
    /// The client configures the session.
    ClientConfigureSession = 1,
    /// The server confirms it.
    ServerConfirmSession = 2,
    /// Audio.
    ClientAudioInput = 3,
    /// An error.
    ServerError = 4,
    /// An animation frame, or a signal about playback.
    ServerResponseAnimation = 5,
    /// The client interrupts a request.
    ClientInterrupt = 7,
    /// The client pauses playback.
    ClientPause = 8,
    /// The client resumes playback.
    ClientResume = 9,
    /// The state of playback.
    ServerPlaybackState = 10,
}

/// Audio of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum AudioFormat {
    /// 16-bit little-endian mono.
    PcmS16le = 0,
    /// One Ogg Opus stream per request.
    OggOpus = 1,
}

/// Where the avatar is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum EgressType {
    /// Animation comes back on the socket.
    Direct = 0,
    /// A LiveKit room.
    Livekit = 1,
    /// An Agora channel.
    Agora = 2,
}

/// What playback does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum PlaybackState {
    /// Not set.
    Unspecified = 0,
    /// It runs.
    Playing = 1,
    /// It is paused.
    Paused = 2,
    /// It came to its end.
    Ended = 3,
    /// It was cut off.
    Interrupted = 4,
}

/// One frame.
#[derive(Clone, PartialEq, Proto)]
pub struct Message {
    /// Which [`Type`] it is; this decides, not the field below.
    #[prost(int32, tag = "1")]
    pub kind: i32,
    /// Its content.
    #[prost(oneof = "Data", tags = "2, 3, 4, 5, 6, 8, 9, 10, 11")]
    pub data: Option<Data>,
}

/// The content of a frame.
#[derive(Clone, PartialEq, Oneof)]
pub enum Data {
    /// Type 1.
    #[prost(message, tag = "2")]
    Configure(ClientConfigureSession),
    /// Type 2.
    #[prost(message, tag = "3")]
    Confirm(ServerConfirmSession),
    /// Type 3.
    #[prost(message, tag = "4")]
    Audio(ClientAudioInput),
    /// Type 4.
    #[prost(message, tag = "5")]
    Error(ServerError),
    /// Type 5.
    #[prost(message, tag = "6")]
    Animation(ServerResponseAnimation),
    /// Type 7.
    #[prost(message, tag = "8")]
    Interrupt(Named),
    /// Type 8.
    #[prost(message, tag = "9")]
    Pause(Named),
    /// Type 9.
    #[prost(message, tag = "10")]
    Resume(Named),
    /// Type 10.
    #[prost(message, tag = "11")]
    Playback(ServerPlaybackState),
}

impl Message {
    /// A frame with its content and the type that belongs to it.
    pub fn of(data: Data) -> Self {
        let kind = match data {
            Data::Configure(_) => Type::ClientConfigureSession,
            Data::Confirm(_) => Type::ServerConfirmSession,
            Data::Audio(_) => Type::ClientAudioInput,
            Data::Error(_) => Type::ServerError,
            Data::Animation(_) => Type::ServerResponseAnimation,
            Data::Interrupt(_) => Type::ClientInterrupt,
            Data::Pause(_) => Type::ClientPause,
            Data::Resume(_) => Type::ClientResume,
            Data::Playback(_) => Type::ServerPlaybackState,
        };
        Self { kind: kind.into(), data: Some(data) }
    }
}

/// What a client asks for.
#[derive(Clone, PartialEq, Proto)]
pub struct ClientConfigureSession {
    /// Hz.
    #[prost(int32, tag = "1")]
    pub sample_rate: i32,
    /// Bits per second of Ogg Opus; 0 leaves it to the encoder.
    #[prost(int32, tag = "2")]
    pub bitrate: i32,
    /// An [`AudioFormat`].
    #[prost(int32, tag = "3")]
    pub audio_format: i32,
    /// Always 0.
    #[prost(int32, tag = "4")]
    pub transport_compression: i32,
    /// An [`EgressType`].
    #[prost(int32, tag = "5")]
    pub egress_type: i32,
    /// With LiveKit.
    #[prost(message, optional, tag = "6")]
    pub livekit_egress: Option<LiveKitEgressConfig>,
    /// With Agora.
    #[prost(message, optional, tag = "7")]
    pub agora_egress: Option<AgoraEgressConfig>,
    /// Spatius only.
    #[prost(btree_map = "string, string", tag = "8")]
    pub extra_params: BTreeMap<String, String>,
}

/// A LiveKit room.
#[derive(Clone, PartialEq, Proto)]
pub struct LiveKitEgressConfig {
    /// Of the LiveKit server.
    #[prost(string, tag = "1")]
    pub url: String,
    /// Deprecated.
    #[prost(string, tag = "2")]
    pub api_key: String,
    /// Deprecated.
    #[prost(string, tag = "3")]
    pub api_secret: String,
    /// The room.
    #[prost(string, tag = "4")]
    pub room_name: String,
    /// Identity in the room.
    #[prost(string, tag = "5")]
    pub publisher_id: String,
    /// Attributes of the participant.
    #[prost(btree_map = "string, string", tag = "6")]
    pub extra_attributes: BTreeMap<String, String>,
    /// Seconds; 0 is the server's default.
    #[prost(int32, tag = "7")]
    pub idle_timeout: i32,
    /// A ready access token.
    #[prost(string, tag = "8")]
    pub api_token: String,
}

/// An Agora channel.
#[derive(Clone, PartialEq, Proto)]
pub struct AgoraEgressConfig {
    /// The channel.
    #[prost(string, tag = "1")]
    pub channel_name: String,
    /// RTC token of the publisher.
    #[prost(string, tag = "2")]
    pub token: String,
    /// 0 is assigned automatically.
    #[prost(uint32, tag = "3")]
    pub uid: u32,
    /// The publisher.
    #[prost(string, tag = "4")]
    pub publisher_id: String,
}

/// The confirmation.
#[derive(Clone, PartialEq, Proto)]
pub struct ServerConfirmSession {
    /// Of this connection.
    #[prost(string, tag = "1")]
    pub connection_id: String,
    /// What the server can do (SpatialReal).
    #[prost(string, repeated, tag = "2")]
    pub capabilities: Vec<String>,
}

/// Audio of a request.
#[derive(Clone, PartialEq, Proto)]
pub struct ClientAudioInput {
    /// The request.
    #[prost(string, tag = "1")]
    pub req_id: String,
    /// Nothing more comes for it.
    #[prost(bool, tag = "2")]
    pub end: bool,
    /// PCM or a piece of an Ogg stream.
    #[prost(bytes = "bytes", tag = "3")]
    pub audio: bytes::Bytes,
    /// On the first message of a request only (Spatius).
    #[prost(message, optional, tag = "4")]
    pub trace_context: Option<TraceContext>,
}

/// A trace in W3C form.
#[derive(Clone, PartialEq, Proto)]
pub struct TraceContext {
    /// `traceparent`.
    #[prost(string, tag = "1")]
    pub traceparent: String,
    /// `tracestate`.
    #[prost(string, tag = "2")]
    pub tracestate: String,
}

/// An error.
#[derive(Clone, PartialEq, Proto)]
pub struct ServerError {
    /// The connection.
    #[prost(string, tag = "1")]
    pub connection_id: String,
    /// The request, if it is about one.
    #[prost(string, tag = "2")]
    pub req_id: String,
    /// A number of the service, or of gRPC.
    #[prost(int32, tag = "3")]
    pub code: i32,
    /// Words.
    #[prost(string, tag = "4")]
    pub message: String,
}

/// An animation frame; without animation a signal about playback.
#[derive(Clone, PartialEq, Proto)]
pub struct ServerResponseAnimation {
    /// The connection.
    #[prost(string, tag = "1")]
    pub connection_id: String,
    /// The request.
    #[prost(string, tag = "2")]
    pub req_id: String,
    /// The last one of the request.
    #[prost(bool, tag = "3")]
    pub end: bool,
    /// Opaque.
    #[prost(bytes = "bytes", tag = "4")]
    pub animation: bytes::Bytes,
    /// The avatar (SpatialReal).
    #[prost(string, tag = "5")]
    pub avatar_id: String,
}

/// A message about a request that says no more than its name: interrupt, pause, resume.
#[derive(Clone, PartialEq, Proto)]
pub struct Named {
    /// The request.
    #[prost(string, tag = "1")]
    pub req_id: String,
}

/// The state of playback (SpatialReal).
#[derive(Clone, PartialEq, Proto)]
pub struct ServerPlaybackState {
    /// The connection.
    #[prost(string, tag = "1")]
    pub connection_id: String,
    /// The request.
    #[prost(string, tag = "2")]
    pub req_id: String,
    /// A [`PlaybackState`].
    #[prost(int32, tag = "3")]
    pub state: i32,
    /// Milliseconds of content written out.
    #[prost(int64, tag = "4")]
    pub played_ms: i64,
    /// Why it was interrupted.
    #[prost(string, tag = "5")]
    pub reason: String,
}
