#!/usr/bin/env bash
# Fails when a model call of an agent costs more instructions than it may, as a multiple of the same requests with Beast and Boost.JSON alone:
# bench/ceiling.sh FOLDER_OF_PROGRAMS CEILING. A short form of instructions.sh; needs valgrind.
set -euo pipefail
bin=$1 ceiling=$2 few=32 many=96 concurrency=16
. "$(dirname "$0")/slope.sh"
trap stop_server EXIT
start_server 0 3
raw=$(($(per_run raw_beast $concurrency 5) / 5))
agent=$(($(per_run react_load $concurrency) / 5))
ratio=$(calc %.2f "$agent / $raw")
echo "$agent instructions a model call, $ratio of the $raw of raw Beast; the ceiling is $ceiling"
[ "$(calc %d "$agent <= $ceiling * $raw")" = 1 ]
