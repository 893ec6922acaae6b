#!/usr/bin/env bash
# CPU seconds of whole programs that do the job of examples/pipelines/messages.toml on the same recording,
# in rounds that alternate, as medians and as multiples of glottis:
#
#   benches/whole.sh [RECORDING.wav] [ROUNDS]
#
# Without a recording ten minutes of 48 kHz stereo are made of the speech of the tests. What is not
# installed is left out, and named with what it wants. gstreamer and ffmpeg do less than the job: no chunks,
# no base64, no messages; pipecat and livekit judge with Silero, the detector they come with. Programs that
# take many times as long run in one round of three, for their ratios are large.
#
#   PYTHON, LIVEKIT_PYTHON   interpreters that have the packages (default: python3)
#   NODE_MODULES_AT          the folder that npm installed into, with a slash at its end (default: here)
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

python=${PYTHON:-python3}
livekit_python=${LIVEKIT_PYTHON:-$python}
export NODE_MODULES_AT=${NODE_MODULES_AT:-$PWD/}
export PYTHONWARNINGS=ignore
python_soxr() { "$python" benches/programs/with_python.py "$recording" "$work/p.ndjson"; }
node_wasm() { node benches/programs/with_node.mjs "$recording" "$work/n.ndjson"; }
pipecat() { "$python" benches/programs/with_pipecat.py "$recording" "$work/c.ndjson"; }
livekit() { "$livekit_python" benches/programs/with_livekit.py "$recording" "$work/l.ndjson"; }

programs="glottis afternoon"
slow=""
absent=""
has() { # a command that succeeds if it is installed, what it wants
    local wants=$1
    shift
    "$@" >/dev/null 2>&1 || { absent="$absent\n$wants"; return 1; }
}
if has "gstreamer: gst-launch-1.0 with webrtcdsp (plugins-bad)" gst-inspect-1.0 --exists webrtcdsp; then programs="$programs gstreamer"; fi
if has "ffmpeg_silencedetect: ffmpeg" ffmpeg -version; then programs="$programs ffmpeg_silencedetect"; fi
if has "python_soxr: $python with numpy, soxr and webrtcvad" "$python" -c "import numpy, soxr, webrtcvad"; then programs="$programs python_soxr"; fi
if has "node_wasm: node with @alexanderolsen/libsamplerate-js and @ozymandiasthegreat/vad" \
    node -e "require('module').createRequire(process.env.NODE_MODULES_AT).resolve('@ozymandiasthegreat/vad')"; then programs="$programs node_wasm"; fi
if has "pipecat: $python with pipecat-ai[silero]" "$python" -c "import pipecat.audio.vad.silero"; then slow="$slow pipecat"; fi
if has "livekit: $livekit_python with livekit-agents and livekit-plugins-silero" "$livekit_python" -c "import livekit.plugins.silero"; then slow="$slow livekit"; fi

TIMEFORMAT='%U %S'
for round in $(seq "$rounds"); do
    now=$programs
    if [ $((round % 3)) -eq 1 ]; then now="$programs $slow"; fi
    for program in $now; do
        { time "$program" >"$work/log" 2>&1; } 2>"$work/time" || { cat "$work/log" >&2; exit 1; }
        awk '{ print $1 + $2 }' "$work/time" >>"$work/$program.times"
    done
done

median() { sort -n "$work/$1.times" | awk '{ t[NR] = $1 } END { print t[int((NR + 1) / 2)] }'; }
base=$(median glottis)
echo "| program | CPU s (median of $rounds) | × glottis |"
echo "|---|---:|---:|"
for program in $programs $slow; do
    awk -v name="$program" -v t="$(median "$program")" -v base="$base" \
        'BEGIN { printf "| %s | %.3f | %.2f |\n", name, t, t / base }'
done
[ -z "$absent" ] || printf 'left out, for want of:%b\n' "$absent" | sed '2,$s/^/  /' >&2
