#!/usr/bin/env bash
# A search that is killed again and again ends with the file that it ends with undisturbed, and asks for nothing that it was answered:
# crash.sh REAGENT LEARNER_SERVER [KILLS [OPTIMIZER SETTING=VALUE ...]]
set -euo pipefail
reagent=$1
learner=$2
kills=${3:-20}
shift $(($# < 3 ? $# : 3))
[ $# -gt 0 ] || set -- mipro num_trials=20
optimizer=$1
settings=("${@:2}")
concurrency=8
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
fail() { echo "$*" >&2; exit 1; }

# A free port is taken by the server itself; it prints its address.
mkfifo "$work/in"
"$learner" 5 40 20 >"$work/address" <"$work/in" &
server=$!
exec 8>"$work/in"
for _ in $(seq 100); do [ -s "$work/address" ] && break; sleep 0.05; done
base=$(cat "$work/address")

"$here/messages.sh" 40 1 >"$work/train.jsonl"
"$here/messages.sh" 80 2 >"$work/val.jsonl"

compile() {  # OUT STATE; becomes the tool, so that a kill hits it: call it in a subshell
    exec env -u http_proxy -u HTTP_PROXY OPENAI_API_KEY=none "$reagent" compile --signature 'message -> intent' --optimizer "$optimizer" \
        --train "$work/train.jsonl" --val "$work/val.jsonl" --metric exact_match:intent --lm openai/x --api-base "$base" --seed 7 \
        --concurrency $concurrency --state "$2" --out "$1" --json "${settings[@]}"
}
count() { curl -s --noproxy '*' "${base%/v1}/count" | sed "s/.*\"$1\":\([0-9]*\).*/\1/"; }

begin=$(date +%s%N)
(compile "$work/whole.json" "$work/whole") >"$work/whole.report" 2>/dev/null
took=$((($(date +%s%N) - begin) / 1000000))
whole_requests=$(count requests)
echo "undisturbed: $whole_requests requests in $took ms"

# Killed at random moments, spread over the whole of it.
lost=0
for i in $(seq "$kills"); do
    compile "$work/killed.json" "$work/state" >/dev/null 2>&1 &
    pid=$!
    sleep "$(awk -v ms=$((took / kills)) -v seed="$i" 'BEGIN { srand(seed * 7919); printf "%.3f", rand() * ms / 1000 + 0.04 }')"
    if kill -9 $pid 2>/dev/null; then lost=$((lost + 1)); fi
    wait $pid 2>/dev/null || true
done
(compile "$work/killed.json" "$work/state") >"$work/killed.report" 2>/dev/null
cmp "$work/whole.json" "$work/killed.json" || fail "the file differs after $lost kills"
# The undisturbed run asked for everything once already; whatever the killed ones asked for twice was under way when they were killed.
again=$(($(count requests) - whole_requests - whole_requests))
echo "killed $lost times: identical file, $again requests that were under way in a kill were sent again"
[ "$lost" -ge $((kills / 2)) ] || fail "only $lost of $kills kills came in time"
[ "$again" -le $((lost * concurrency)) ] || fail "$again requests were repeated, more than can have been under way"
lines=$(wc -l <"$work/state/answers.jsonl")
[ "$lines" -eq "$whole_requests" ] || fail "$lines answers were kept, not $whole_requests"
[ "$(sort "$work/state/answers.jsonl" | cut -c1-75 | uniq -d | wc -l)" -eq 0 ] || fail "an answer was kept twice: it was asked for although it was known"
