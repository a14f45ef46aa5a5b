#!/usr/bin/env bash
# Requests per second and p99 of a served program beside raw Beast, in turns on this machine now: bench/serve.sh [REQUESTS [CONNECTIONS]]
set -euo pipefail
cd "$(dirname "$0")/.."
[ -x build/release/bin/serve_load ] || ./build.sh release serve_load
bin=build/release/bin/serve_load
requests=${1:-20000} connections=${2:-64}
for round in 1 2 3; do
    for what in raw program; do
        coproc server { exec $bin $what; }
        pid=$server_PID
        read -r port <&"${server[0]}"
        echo "$what: $($bin load "$port" "$requests" "$connections") peak_mb=$(awk '/VmHWM/ {print $2 / 1024}' "/proc/$pid/status")"
        kill -TERM "$pid"
        wait "$pid" 2>/dev/null || true
    done
done
