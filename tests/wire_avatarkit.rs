//! The statements K1 to K62 of the AvatarKit dossier, each over real sockets between the sink and the
//! simulator. Each test's first line names what it shows; the sink's README lists them all.

#[path = "wire_avatarkit/audio.rs"]
mod audio;
#[path = "wire_avatarkit/connect.rs"]
mod connect;
#[path = "wire_avatarkit/control.rs"]
mod control;
#[path = "wire_avatarkit/errors.rs"]
mod errors;
#[path = "wire_avatarkit/opus.rs"]
mod opus;
#[path = "wire_avatarkit/receiving.rs"]
mod receiving;
#[path = "wire_avatarkit/resilience.rs"]
mod resilience;
#[path = "wire_avatarkit/rig.rs"]
mod rig;
#[path = "wire_avatarkit/table.rs"]
mod table;
#[path = "wire_avatarkit/token.rs"]
mod token;
