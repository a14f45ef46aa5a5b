#!/usr/bin/env bash
# Instructions per model call by callgrind, of an agent beside the same requests with Beast and Boost.JSON alone, and what journals and traces
# add: bench/instructions.sh. The number of calls that the server answers at once, 64 at a time, is changed; what is told is the slope, so
# that start and end of the programs do not count. The server is another process, which is not counted. Needs valgrind.
set -euo pipefail
cd "$(dirname "$0")/.."
./build.sh release react_load raw_beast completion_server >/dev/null
bin=build/release/bin few=100 many=400 concurrency=64
work=$(mktemp -d)
. bench/slope.sh
trap 'stop_server; rm -rf "$work"' EXIT  # also when a measurement fails

value() { sed -n "s/.*$1=\([0-9.]*\).*/\1/p"; }
row() { printf '%-34s %12s %8s   %s\n' "$@"; }

start_server 0 3
raw=$(($(per_run raw_beast $concurrency 5) / 5))
agent=$(($(per_run react_load $concurrency) / 5))
sqlite=$(($(per_run react_load $concurrency durable "$work/runs.db") / 5))
traced=$(($(per_run react_load $concurrency traced) / 5))
row 'instructions a model call' '' 'of raw' target
row 'raw Beast' "$raw" 1.00 ''
row 'agent, journal in memory' "$agent" "$(calc %.2f "$agent / $raw")" 'at most 1.5'
row 'journal in SQLite, more' $((sqlite - agent)) "$(calc %.2f "($sqlite - $agent) / $raw")" 'at most 1.5'
row 'traced, more' $((traced - agent)) "$(calc %.2f "($traced - $agent) / $raw")" 'at most 1'
stop_server

# An agent of n steps beside one of n - 1: the n-th step, with its tool.
runs_of() {  # STEPS
    start_server 0 "$1"
    per_run react_load $concurrency
    stop_server
}
few=64 many=128
step_3=$(($(runs_of 3) - $(runs_of 2)))
step_20=$(($(runs_of 20) - $(runs_of 19)))
printf '\n'
row 'instructions of a step' '' 'of 3rd' target
row 'step 3' $step_3 1.00 ''
row 'step 20' $step_20 "$(calc %.2f "$step_20 / $step_3")" 'at most 1.3'

start_server 200 3
agent_200=$($bin/react_load "$port" 1000 1000)
raw_200=$($bin/raw_beast "$port" 1000 1000 5)
stop_server
printf '\n'
row '1,000 runs at once, 200 ms a call' '' 'of raw' target
row 'raw Beast, seconds' "$(value wall_s <<<"$raw_200")" 1.00 ''
row 'agent, seconds' "$(value wall_s <<<"$agent_200")" "$(calc %.2f "$(value wall_s <<<"$agent_200") / $(value wall_s <<<"$raw_200")")" 'at most 1.15'
row 'raw Beast, peak MB' "$(value peak_mb <<<"$raw_200")" '' ''
row 'agent, peak MB' "$(value peak_mb <<<"$agent_200")" '' 'at most 40'
