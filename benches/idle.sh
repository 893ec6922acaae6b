#!/usr/bin/env bash
# What a live session costs while nobody speaks: CPU time and wake-ups of each thread of `glottis run`, with a
# source of silence in real time and a RAVATAR live session at a simulator in another process. Beside it, in the same
# seconds, a thread that only sleeps, 10 ms at a time: what waking costs on this machine. `× naps` is a thread's CPU
# time as a multiple of that one's.
#
#   benches/idle.sh [SECONDS] [KEY=VALUE …]    SECONDS: 60 where none are given; the rest is for --set
#
# Needs Linux, a release build and rustc. CPU time is exact (the scheduler's own count), also on a busy machine;
# wake-ups are as often as the scheduler let the thread run.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-60}
shift || true
sets=()
for key in "$@"; do sets+=(--set "$key"); done

glottis=${GLOTTIS:-${CARGO_TARGET_DIR:-target}/release/glottis}
[ -x "$glottis" ] || { echo "build it first: cargo build --release" >&2; exit 2; }
folder=$(mktemp -d)
end() { kill "$run" "$sim" "$naps" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$folder"; }
trap end EXIT
run="" sim="" naps=""

rustc -O -o "$folder/naps" benches/programs/naps.rs
"$folder/naps" &
naps=$!

"$glottis" sim ravatar --listen 127.0.0.1:0 >"$folder/sim" &
sim=$!
while [ ! -s "$folder/sim" ]; do sleep 0.1; done
http=$(sed 's/.*"http":"\([^"]*\)".*/\1/' "$folder/sim")

cat >"$folder/pipeline.toml" <<END
version = 1
[source]
type = "stdin"
format = "s16le"
rate = 48000
channels = 1
pace = "realtime"
[[node]]
type = "resample"
rate = 16000
[[node]]
type = "vad"
[[sink]]
type = "ravatar"
endpoint = "$http"
project_id = "demo-project"
user_id = "demo"
turn = { mode = "speech" }
END
XDG_STATE_HOME="$folder" "$glottis" run "$folder/pipeline.toml" --events "$folder/events" "${sets[@]}" </dev/zero 2>"$folder/messages" &
run=$!
until grep -qs '"event":"session"' "$folder/events"; do
    kill -0 "$run" 2>/dev/null || { cat "$folder/messages" >&2; exit 1; }
    sleep 0.1
done
sleep 2

# Thread, its name, nanoseconds on a CPU, times it was put there.
threads() {
    for task in /proc/{"$naps","$run"}/task/*; do
        read -r ns _ times <"$task/schedstat" && echo "${task##*/} $(tr ' ' '-' <"$task/comm") $ns $times"
    done
}
threads >"$folder/before"
sleep "$seconds"
threads >"$folder/after"

awk -v seconds="$seconds" '
    function row(name, cpu, wakes) { printf "| %-16s | %6.3f %% | %6.1f /s | %6.2f |\n", name, cpu, wakes, cpu / bare }
    NR == FNR { ns[$1] = $3; times[$1] = $4; next }
    { cpu = ($3 - ns[$1]) / seconds / 1e7; wakes = ($4 - times[$1]) / seconds }
    $2 == "naps" { bare = cpu; row("(naps)", cpu, wakes); next }
    {
        if (cpu >= 0.001) row($2, cpu, wakes)
        all += cpu; every += wakes
    }
    BEGIN { printf "| %-16s | %8s | %9s | %6s |\n|---|--:|--:|--:|\n", "thread", "of a core", "wake-ups", "× naps" }
    END { row("all", all, every) }
' "$folder/before" "$folder/after"
