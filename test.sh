#!/usr/bin/env bash
# Sets everything up, builds, and runs all tests: ./test.sh [PRESET] [OPTIONS OF ctest]. Presets: release, debug, asan, tsan.
set -euo pipefail
cd "$(dirname "$0")"
case "${1:-}" in
    -h|--help) sed -n 2p "$0" | cut -c3-; exit 0 ;;
esac
preset=release
if [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; then preset=$1; shift; fi
./setup.sh
echo "building $preset ..." >&2
./build.sh "$preset"
exec ctest --preset "$preset" -j "$(nproc)" "$@"
