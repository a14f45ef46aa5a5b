#!/usr/bin/env bash
# Configures and builds a preset: build.sh PRESET [TARGET ...]. Quiet while all is well.
set -euo pipefail
cd "$(dirname "$0")"
preset=$1
shift
jobs=$(nproc)
memory=$(awk '/MemAvailable/ {print int($2 / 1500000)}' /proc/meminfo)
[ "$memory" -lt 1 ] && memory=1
[ "$jobs" -gt "$memory" ] && jobs=$memory
export NINJA_STATUS='[%f/%t] '
log=$(mktemp)
trap 'rm -f "$log"' EXIT
cmake --preset "$preset" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
if [ -t 2 ]; then
    ninja -C "build/$preset" -j "$jobs" "$@" >&2
else
    ninja -C "build/$preset" -j "$jobs" "$@" >"$log" 2>&1 || { grep -vE '^\[[0-9]+/[0-9]+\]' "$log" >&2 || cat "$log" >&2; exit 1; }
fi
