#!/usr/bin/env bash
# What durability and telemetry cost: CPU per model call with the memory journal, with SQLite and with spans sent, beside raw Beast, on this
# machine, now: bench/durable.sh [RUNS [CONCURRENCY [DELAY_MS]]]. Compare the ratios.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${1:-1000} concurrency=${2:-64} delay=${3:-0}
[ -x build/release/bin/react_load ] || ./build.sh release react_load raw_beast completion_server
ulimit -n 8192 2>/dev/null || true
bin=build/release/bin
work=$(mktemp -d)
trap 'kill "${server_PID:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
coproc server { exec $bin/completion_server "$delay"; }
read -r port <&"${server[0]}"
value() { sed -n "s/.*$1=\([0-9.]*\).*/\1/p"; }
raw=$($bin/raw_beast "$port" "$runs" "$concurrency" 5 | value cpu_ms_per_call)
printf '%-10s %12s %7s %10s\n' journal cpu_ms ratio wall_s
printf '%-10s %12s %7s\n' 'raw Beast' "$raw" 1.00
for mode in memory sqlite traced; do
    case $mode in
        memory) out=$($bin/react_load "$port" "$runs" "$concurrency") ;;
        sqlite) out=$($bin/react_load "$port" "$runs" "$concurrency" stalls "$work/runs.db") ;;
        traced) out=$($bin/react_load "$port" "$runs" "$concurrency" traced) ;;
    esac
    cpu=$(echo "$out" | value cpu_ms_per_call)
    printf '%-10s %12s %7s %10s  %s\n' "$mode" "$cpu" "$(awk "BEGIN {printf \"%.2f\", $cpu / $raw}")" "$(echo "$out" | value wall_s)" "$(echo "$out" | grep stall || true)"
done
