#!/usr/bin/env bash
# CPU seconds of whole programs that do the job of examples/pipelines/messages.toml on the same recording,
# in rounds that alternate, as medians and as multiples of glottis:
#
#   benches/whole.sh [RECORDING.wav] [ROUNDS]
#
# Without a recording ten minutes of 48 kHz stereo are made of the speech of the tests. What is not
# installed is left out. gstreamer and ffmpeg do less than the job: no chunks, no base64, no messages.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${2:-7}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cargo build --quiet --release --bin glottis --example afternoon
target=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release

recording=${1:-$work/recording.wav}
if [ ! -e "$recording" ]; then
    command -v sox >/dev/null || { echo "sox is needed to make a recording; or give one" >&2; exit 2; }
    sox tests/fixtures/speech/*.wav "$work/once.wav"
    sox "$work/once.wav" -r 48000 -c 2 -b 16 "$recording" repeat 60 trim 0 600
fi
recording=$(realpath "$recording")

glottis() { "$target/glottis" run examples/pipelines/messages.toml --set "source.path=$recording" --set "sink.0.path=$work/g.ndjson" --set sink.0.overwrite=true; }
afternoon() { "$target/examples/afternoon" "$recording" "$work/a.ndjson"; }
gstreamer() {
    gst-launch-1.0 -q filesrc "location=$recording" ! wavparse ! audioconvert ! audioresample quality=4 \
        ! audio/x-raw,rate=16000,channels=1 ! webrtcdsp echo-cancel=false noise-suppression=false \
        gain-control=false voice-detection=true ! fakesink sync=false
}
ffmpeg_silencedetect() {
    ffmpeg -nostdin -loglevel error -i "$recording" -af aresample=16000:resampler=soxr,silencedetect -ac 1 -f null -
}

programs="glottis afternoon"
if command -v gst-inspect-1.0 >/dev/null && gst-inspect-1.0 --exists webrtcdsp; then programs="$programs gstreamer"; fi
if command -v ffmpeg >/dev/null; then programs="$programs ffmpeg_silencedetect"; fi

TIMEFORMAT='%U %S'
for _ in $(seq "$rounds"); do
    for program in $programs; do
        { time "$program" >"$work/log" 2>&1; } 2>"$work/time" || { cat "$work/log" >&2; exit 1; }
        awk '{ print $1 + $2 }' "$work/time" >>"$work/$program.times"
    done
done

median() { sort -n "$work/$1.times" | sed -n "$(((rounds + 1) / 2))p"; }
base=$(median glottis)
echo "| program | CPU s (median of $rounds) | × glottis |"
echo "|---|---:|---:|"
for program in $programs; do
    awk -v name="$program" -v t="$(median "$program")" -v base="$base" \
        'BEGIN { printf "| %s | %.3f | %.2f |\n", name, t, t / base }'
done
