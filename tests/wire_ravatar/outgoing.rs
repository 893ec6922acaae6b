//! What the sink says, as it crosses the wire.
