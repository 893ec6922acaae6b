//! The C header is what the Rust source says. `GLOTTIS_WRITE_HEADER=1 cargo test -p glottis-plugin --test
//! header` writes it anew.

use std::path::Path;

#[test]
fn the_header_is_in_step_with_the_source() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml");
    let builder = ["mod.rs", "stream.rs", "ends.rs"]
        .iter()
        .fold(cbindgen::Builder::new().with_config(config), |b, file| b.with_src(root.join("src/abi").join(file)));
    let mut header = Vec::new();
    builder.generate().expect("a header").write(&mut header);
    let header = String::from_utf8(header).expect("UTF-8");

    let file = root.join("include/glottis_plugin.h");
    if std::env::var_os("GLOTTIS_WRITE_HEADER").is_some() {
        std::fs::write(&file, &header).expect("the header");
    }
    let there = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        there == header,
        "include/glottis_plugin.h is not what src/abi says: run this test with GLOTTIS_WRITE_HEADER=1"
    );
}
