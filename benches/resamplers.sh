#!/usr/bin/env bash
# CPU time of resamplers for a block of 10 ms, in rounds that alternate: the least of all rounds, and as
# multiples of `high` in the same run.
#
#   benches/resamplers.sh [ROUNDS]
#
# Needs cc and the libraries it compares with (Debian: libspeexdsp-dev libsoxr-dev).
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-15}
blocks=20000
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cc -O2 -o "$work/theirs" benches/programs/resamplers.c -lspeexdsp -lsoxr
cargo build --quiet --release --example resamplers
ours=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release/examples/resamplers

names="high low-delay fast rubato speexdsp soxr"
run() { # name, from, to
    case $1 in
    speexdsp | soxr) "$work/theirs" "$@" "$blocks" ;;
    *) "$ours" "$@" "$blocks" ;;
    esac
}

echo "| to 16 kHz from | resampler | µs per block | × high |"
echo "|---|---|---:|---:|"
for from in 48000 44100; do
    for _ in $(seq "$rounds"); do
        for name in $names; do run "$name" "$from" 16000 >>"$work/$name.$from"; done
    done
    least() { sort -g "$work/$1.$from" | head -1; }
    base=$(least high)
    for name in $names; do
        awk -v from="$from" -v name="$name" -v t="$(least "$name")" -v base="$base" -v blocks="$blocks" \
            'BEGIN { printf "| %d Hz | %s | %.2f | %.2f |\n", from, name, t / blocks * 1e6, t / base }'
    done
done
