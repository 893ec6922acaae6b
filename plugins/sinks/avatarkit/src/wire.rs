//! The messages of the socket. Pure.
//!
//! Fields are written in ascending order and maps sorted, so that the same message is always the same
//! bytes.

use bytes::Bytes;
use prost::Message as _;

/// What `build.rs` makes of `proto/driveningress.proto`, which explains it.
#[allow(missing_docs, clippy::all, clippy::pedantic)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/driveningress.v2.rs"));
}

pub use generated::message::Data;
pub use generated::server_playback_state::State as PlaybackState;
pub use generated::{
    AgoraEgressConfig, AudioFormat, ClientAudioInput, ClientConfigureSession, ClientInterrupt, ClientPause,
    ClientResume, EgressType, LiveKitEgressConfig, Message, MessageType, ServerConfirmSession, ServerError,
    ServerPlaybackState, ServerResponseAnimation, TraceContext,
};

impl Data {
    /// The type a message with this content has.
    pub fn message_type(&self) -> MessageType {
        match self {
            Data::ClientConfigureSession(_) => MessageType::MessageClientConfigureSession,
            Data::ServerConfirmSession(_) => MessageType::MessageServerConfirmSession,
            Data::ClientAudioInput(_) => MessageType::MessageClientAudioInput,
            Data::ServerError(_) => MessageType::MessageServerError,
            Data::ServerResponseAnimation(_) => MessageType::MessageServerResponseAnimation,
            Data::ClientInterrupt(_) => MessageType::MessageClientInterrupt,
            Data::ClientPause(_) => MessageType::MessageClientPause,
            Data::ClientResume(_) => MessageType::MessageClientResume,
            Data::ServerPlaybackState(_) => MessageType::MessageServerPlaybackState,
        }
    }
}

/// The bytes of a message with this content.
pub fn encode(data: Data) -> Bytes {
    let message = Message { r#type: data.message_type() as i32, data: Some(data) };
    message.encode_to_vec().into()
}

/// A message, and its content if type and content agree.
///
/// # Errors
/// The bytes are no message.
pub fn decode(bytes: Bytes) -> Result<(i32, Option<Data>), prost::DecodeError> {
    let message = Message::decode(bytes)?;
    let number = message.r#type;
    let data = match message.data {
        Some(data) if data.message_type() as i32 == number => Some(data),
        // A content without any field set is as absent as its fields.
        None => empty(number),
        Some(_) => None,
    };
    Ok((number, data))
}

/// The content of a server's message of this type when nothing in it is set.
fn empty(number: i32) -> Option<Data> {
    match MessageType::try_from(number) {
        Ok(MessageType::MessageServerConfirmSession) => Some(Data::ServerConfirmSession(Default::default())),
        Ok(MessageType::MessageServerError) => Some(Data::ServerError(Default::default())),
        Ok(MessageType::MessageServerResponseAnimation) => Some(Data::ServerResponseAnimation(Default::default())),
        Ok(MessageType::MessageServerPlaybackState) => Some(Data::ServerPlaybackState(Default::default())),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
