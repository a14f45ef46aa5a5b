#!/usr/bin/env bash
# `reagent serve --store` with the stand-in: stored.sh REAGENT
set -euo pipefail
reagent=$1
work=$(mktemp -d)
trap 'kill -9 "${pid:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
fail() { echo "WRONG: $*" >&2; exit 1; }
unset OPENAI_API_KEY REAGENT_LM REAGENT_SERVE_KEYS REAGENT_JOURNALS http_proxy HTTP_PROXY
code() { local c=0; timeout 20 "$@" >out 2>err || c=$?; echo "$c"; }

ask=("$reagent" serve --signature "question -> reply" --lm offline/demo --path /answer --port 0)
[ "$(code "${ask[@]}" --durable)" = 2 ] || fail "--durable without a store"
grep -q -- --store err || fail "the reason is not told: $(cat err)"
echo "shop shop-key-0123456789 decide" >keys
[ "$(code "${ask[@]}" --keys keys)" = 2 ] || fail "a right that is none"
grep -q decides err || fail "the rights are not told: $(cat err)"
[ "$(code "${ask[@]/answer/ask}" --store runs.db)" = 2 ] || fail "runs under the name of those of ask"
"$reagent" serve --help >out; grep -q -- '--store' out || fail "no --store in the help"

printf 'shop shop-key-0123456789 600\nada ada-key-0123456789 6000 decides\n' >keys
begin() {
    : >url
    "${ask[@]}" --keys keys --store runs.db "$@" >url 2>>log &
    pid=$!
    for _ in $(seq 200); do [ -s url ] && break; sleep 0.1; done
    url=$(cat url)
    [[ "$url" == http://127.0.0.1:*/answer ]] || fail "no address: $url $(cat log)"
}
status() { curl -s -D head -o body -w '%{http_code}' -H "X-API-Key: ${key:-shop-key-0123456789}" -H 'Content-Type: application/json' "$@"; }
question='{"question": "What is 17% of 2,340 plus 12?"}'
begin --durable
[ "$(status "$url" -H 'Idempotency-Key: k1' -d "$question")" = 202 ] || fail "no 202: $(cat body)"
place=$(sed -n 's/^Location: //p' head | tr -d '\r')
kill -9 "$pid"; wait "$pid" 2>/dev/null || true
begin --durable
[ "$(status "$url" -H 'Idempotency-Key: k1' -d "$question")" = 202 ] || fail "no 202 after a kill: $(cat body)"
[ "$(sed -n 's/^Location: //p' head | tr -d '\r')" = "$place" ] || fail "another run after a kill"
for _ in $(seq 600); do status "${url%/answer}$place" >/dev/null; grep -q finished body && break; sleep 0.1; done
grep -q '"reply"' body || fail "the run does not go on: $(cat body)"
[ "$(status "${url%/answer}$place/events")" = 200 ] || fail "no events"
grep -q '"output"' body || fail "no end: $(cat body)"
[ "$(status "${url%/answer}$place/approve" -d '{}')" = 403 ] || fail "a key without the right decides"
[ "$(key=ada-key-0123456789 status "${url%/answer}$place/cancel" -X POST)" = 409 ] || fail "a finished run is cancelled"
"$reagent" runs list --journals runs.db | grep -q finished || fail "the store has no run"
kill -TERM "$pid"; wait "$pid" || fail "it ends with $?"
begin  # without --durable the end is waited for
[ "$(status "$url" -d "$question")" = 200 ] || fail "no answer: $(cat body)"
grep -q '"reply"' body || fail "no outputs: $(cat body)"
[ "$(status "${url%/answer}/openapi.json")" = 200 ]; grep -q '/runs/{id}/approve' body || fail "runs are not described"
kill -TERM "$pid"; wait "$pid" || fail "it ends with $?"
ask=("$reagent" serve --signature "question, history: dspy.History -> reply" --lm offline/demo --path /answer --port 0)
for turn in 1 2; do  # in a process of its own each
    begin
    [ "$(status "$url" -H 'X-Session-Id: talk' -d "$question")" = 200 ] || fail "no answer in turn $turn: $(cat body)"
    grep -qi "^X-Session-Turn: $turn" head || fail "not turn $turn: $(cat head)"
    kill -TERM "$pid"; wait "$pid" || fail "it ends with $?"
done
! grep -q "0123456789" log || fail "a key is in the log"
echo "stored as described"
