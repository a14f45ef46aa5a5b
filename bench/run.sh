#!/usr/bin/env bash
# CPU per model call of an agent beside raw Beast, on this machine, now: bench/run.sh [DELAY_MS ...]. Figures of shared
# machines are noisy; compare the ratio.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -x build/release/bin/react_load ] || ./build.sh release react_load raw_beast completion_server
ulimit -n 8192 2>/dev/null || true
bin=build/release/bin
trap 'kill "${server_PID:-}" 2>/dev/null || true' EXIT  # also when a measurement fails
value() { sed "s/.*$1=\([0-9.]*\).*/\1/"; }
printf '%8s %12s %12s %12s %7s %10s %9s\n' delay concurrency agent_ms raw_ms ratio agent_wall agent_mb
for delay in "${@:-0 200}"; do
    for delay in $delay; do
        coproc server { exec $bin/completion_server "$delay"; }
        read -r port <&"${server[0]}"
        for concurrency in 1 64 1000; do
            runs=$concurrency
            [ "$delay" -eq 0 ] && runs=2000
            [ "$concurrency" -eq 1 ] && [ "$delay" -gt 0 ] && runs=4
            agent=$($bin/react_load "$port" "$runs" "$concurrency")
            raw=$($bin/raw_beast "$port" "$runs" "$concurrency" 5)
            a=$(echo "$agent" | value cpu_ms_per_call) r=$(echo "$raw" | value cpu_ms_per_call)
            printf '%8s %12s %12s %12s %7s %10s %9s\n' "$delay" "$concurrency" "$a" "$r" "$(awk "BEGIN {printf \"%.2f\", $a / $r}")" \
                "$(echo "$agent" | value wall_s)" "$(echo "$agent" | value peak_mb)"
        done
        kill "$server_PID" 2>/dev/null || true
        wait "$server_PID" 2>/dev/null || true
    done
done
