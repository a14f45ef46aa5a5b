#!/usr/bin/env bash
# Runs every fuzz target for some seconds: fuzz/run.sh [SECONDS]. New inputs are kept in build/fuzz/corpus.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-10}
for program in build/fuzz/bin/fuzz_*; do
    [ -x "$program" ] || continue
    name=$(basename "$program" | sed 's/^fuzz_//')
    mkdir -p "build/fuzz/corpus/$name"
    seeds=fuzz/corpus/$name
    [ -d "$seeds" ] || seeds=
    dictionary=
    [ -f "fuzz/$name.dict" ] && dictionary=-dict=fuzz/$name.dict
    if [ "$name" = sql_check ]; then
        seeds="$seeds build/fuzz/seeds/sql"
        python3 fuzz/seeds.py tests/corpora build/fuzz/seeds/sql
    fi
    echo "fuzzing $name for $seconds s"
    if ! "$program" "build/fuzz/corpus/$name" $seeds $dictionary -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="build/fuzz/$name-" >"build/fuzz/$name.log" 2>&1; then
        tail -n 40 "build/fuzz/$name.log"
        exit 1
    fi
    grep -E 'number_of_executed_units' "build/fuzz/$name.log"
done
