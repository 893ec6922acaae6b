//! Compiles the schema. `protox` is a compiler written in Rust: no `protoc` is needed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    const SCHEMA: &str = "proto/driveningress.proto";
    println!("cargo:rerun-if-changed={SCHEMA}");
    let files = protox::compile([SCHEMA], ["proto"])?;
    let mut config = prost_build::Config::new();
    // Frames are handed on as they came: no copy of their payload. Sorted maps make the bytes of a
    // message the same each time.
    config.bytes(["."]).btree_map(["."]);
    config.compile_fds(files)?;
    Ok(())
}
