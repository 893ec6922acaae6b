#!/bin/sh
# Runs every bench of this folder and prints what they found as one Markdown table. Arguments go to the
# benches: `benches/table.sh --quick` for a rough look.
set -eu
cd "$(dirname "$0")/.."

# What an earlier run left of benches that have another name now.
rm -rf "${CARGO_TARGET_DIR:-target}/criterion"
names=
for file in benches/*.rs; do
    names="$names --bench $(basename "$file" .rs)"
done
# `plugin` loads this one.
cargo build --release --package glottis-node-gain --features export >&2
cargo bench $names -- "$@" >&2
cargo run --quiet --release --example bench-table
