#!/usr/bin/env bash
# Measures, compiles, saves, loads and serves the customer-care program and the ticket router, on a model that learns from its prompt:
# compile_and_serve.sh CUSTOMER_CARE TICKET_ROUTER REAGENT LEARNER_SERVER DATA
set -euo pipefail
care=$1 router=$2 reagent=$3 learner=$4 data=$5
work=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
fail() { echo "$*" >&2; exit 1; }
mkfifo "$work/in"
"$learner" 0 20 0 0 0 track_order,refund,cancel_order,change_address,payment,account,complaint,product_question,logistics,billing,sales,normal >"$work/address" <"$work/in" &
server=$!
exec 8>"$work/in"
for _ in $(seq 100); do [ -s "$work/address" ] && break; sleep 0.05; done
export OPENAI_API_KEY=none
unset http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY
model=(--lm openai/learner --api-base "$(cat "$work/address")" --quiet)
head -n 150 "$data" >"$work/train.jsonl"
sed -n 151,210p "$data" >"$work/dev.jsonl"
tail -n +211 "$data" >"$work/test.jsonl"
above() { awk "BEGIN {exit !($1 > $2)}"; }

for optimizer in "bootstrap_few_shot max_bootstrapped_demos=8 max_labeled_demos=100" "mipro num_trials=8 max_bootstrapped_demos=8 max_labeled_demos=100"; do
    name=${optimizer%% *} settings=${optimizer#* }
    # shellcheck disable=SC2086
    "$care" compile --optimizer "$name" --train "$work/train.jsonl" --val "$work/dev.jsonl" --metric exact_match:intent --inputs message \
        --state "$work/$name" --out "$work/$name.json" --no-report "${model[@]}" $settings >/dev/null
    score() {
        "$care" eval --data "$work/test.jsonl" --inputs message --metric exact_match:intent --max-errors 1000 --json "${model[@]}" "$@" >"$work/eval" || true
        sed 's/^{"score": *\([0-9.eE+]*\).*/\1/' "$work/eval"
    }
    before=$(score) after=$(score --program "$work/$name.json")
    echo "customer care, $name: ${before} -> $after on messages that it never saw"
    above "$after" "$before" || fail "no gain"
    "$reagent" program show "$work/$name.json" >"$work/shown"; grep -q "^classify" "$work/shown" || fail "the program cannot be shown"
done

# From a store, by its tag; what the tag points to changes while the program runs.
"$reagent" program put "$work/bootstrap_few_shot.json" --store "$work/store" --tag production --what "bootstrapped" >/dev/null
mkfifo "$work/asks"
"$care" run --program "$work/store@production" --json "${model[@]}" <"$work/asks" >"$work/replies" 2>"$work/log" &
served=$!
exec 9>"$work/asks"
echo '{"message": "Where is my parcel? Order 99102."}' >&9
for _ in $(seq 100); do [ "$(wc -l <"$work/replies")" -ge 1 ] && break; sleep 0.05; done
"$reagent" program put "$work/mipro.json" --store "$work/store" --tag production --what "mipro" >/dev/null
echo '{"message": "I want my money back"}' >&9
echo 'no json' >&9
exec 9>&-
wait $served && fail "a line that is no input must be told by the exit code"
grep -q 'version 2' "$work/log" || fail "the new version was not taken over: $(cat "$work/log")"
[ "$(wc -l <"$work/replies")" -eq 3 ] || fail "three lines in, three lines out: $(cat "$work/replies")"
head -n 1 "$work/replies" | grep -q '"reply"' || fail "no reply: $(cat "$work/replies")"

"$router" compile --optimizer bootstrap_few_shot --train "$work/train.jsonl" --val "$work/dev.jsonl" --metric exact_match:team --inputs message \
    --out "$work/router.json" --json "${model[@]}" max_bootstrapped_demos=8 max_labeled_demos=100 >"$work/router.report"
"$router" run --program "$work/router.json" --json "${model[@]}" message="My card was charged twice" >"$work/routed"
grep -q "\"team\"" "$work/routed" || fail "the router does not answer: $(cat "$work/routed")"
# Recorded, and replayed without asking any server.
replayed() {  # PROGRAM SAVED
    rm -rf "$work/recorded"  # a replay begins with the first run of its folder
    REAGENT_RECORD=$work/recorded "$1" run --program "$2" --json "${model[@]}" message="My card was charged twice" >"$work/live"
    REAGENT_REPLAY=$work/recorded "$1" run --program "$2" --json --lm openai/x --api-base http://127.0.0.1:9/v1 message="My card was charged twice" \
        >"$work/replayed"
    cmp "$work/live" "$work/replayed" || fail "the replay differs"
}
replayed "$care" "$work/store@production"
replayed "$router" "$work/router.json"
echo "ticket router: compiled, run and replayed"
