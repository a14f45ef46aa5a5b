#!/usr/bin/env bash
# Compiles with an optimizer of one's own, on a model that learns from its prompt: own_optimizer.sh PROGRAM LEARNER_SERVER DATA
set -euo pipefail
program=$1 learner=$2 data=$3
work=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
mkfifo "$work/in"
"$learner" 0 0 0 0 0 track_order,refund,cancel_order,change_address,payment,account,complaint,product_question >"$work/address" <"$work/in" &
server=$!
exec 8>"$work/in"
for _ in $(seq 100); do [ -s "$work/address" ] && break; sleep 0.05; done
export OPENAI_API_KEY=none
unset http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY
head -n 60 "$data" >"$work/train.jsonl"
sed -n 61,100p "$data" >"$work/dev.jsonl"
"$program" compile --help | grep -q "demos=12 .*to begin with" || { echo "its settings are not in the help" >&2; exit 1; }
"$program" compile --optimizer fewer_demos --train "$work/train.jsonl" --val "$work/dev.jsonl" --metric exact_match:intent --inputs message \
    --out "$work/out.json" --no-report --json --quiet --lm openai/learner --api-base "$(cat "$work/address")" demos=10 >"$work/report"
grep -o "\"left\": *[0-9]*" "$work/report" | wc -l
kept=$(sed 's/.*"demos": *\([0-9]*\).*/\1/' "$work/report")
[ "$kept" -lt 10 ] && [ "$kept" -ge 1 ] || { echo "$kept demonstrations are left of 10" >&2; exit 1; }
echo "fewer demonstrations, and no worse"
