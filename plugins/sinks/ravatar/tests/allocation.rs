//! The message of a chunk is made without touching the heap: this program stops at any allocation
//! inside the guarded part (in builds with debug assertions).

use assert_no_alloc::{AllocDisabler, assert_no_alloc};
use glottis_sink_ravatar::envelope::{Envelope, Identity};

#[cfg(debug_assertions)]
#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

#[test]
fn a_message_is_made_in_the_buffer_of_the_one_before() {
    let session = "s".repeat(4096);
    let identity = Identity {
        avatar: "av-1",
        user: "u-1",
        language: "en",
        source: "glottis",
        license: Some("lic-1"),
        session: Some(&session),
    };
    let mut envelope = Envelope::new(&identity);
    let body = [7; 8192];
    let first = envelope.pcm(&body).len();
    for _ in 0..100 {
        let len = assert_no_alloc(|| envelope.pcm(&body).len());
        assert_eq!(len, first);
    }
}
