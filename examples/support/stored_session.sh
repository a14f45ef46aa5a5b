#!/usr/bin/env bash
# The session of docs/serving.md, word by word, with the service that it is told of; then the service is killed and started again:
# stored_session.sh SERVICE PAGE
set -euo pipefail
unset REAGENT_LM http_proxy HTTP_PROXY
work=$(mktemp -d)
trap 'kill -9 "${pid:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
fail() { echo "WRONG: $*" >&2; exit 1; }
begin() {
    : >"$work/url"
    "$1" 0 "$work/runs.db" >"$work/url" 2>"$work/log" &
    pid=$!
    for _ in $(seq 200); do [ -s "$work/url" ] && break; sleep 0.05; done
    url=$(cat "$work/url")
    [[ "$url" == http://127.0.0.1:* ]] || fail "no address: $(cat "$work/log")"
}
begin "$1"
awk '/^```sh session$/ {inside = 1; next} /^```$/ {inside = 0} inside' "$2" >"$work/session"
grep -q approve "$work/session" || fail "the page has no session"
export url
(cd "$work" && bash -euo pipefail session) >"$work/out" 2>&1 || fail "the session ends with an error: $(cat "$work/out")"
for part in '202 Accepted' '"status": "awaiting_approval"' '"digest"' 'event: decided' 'event: output' 'paid 7 for V1' '"by": "ada"' '2 messages' '4 messages'; do
    grep -qF "$part" "$work/out" || fail "no $part in: $(cat "$work/out")"
done
asks() { curl -s -H 'X-API-Key: shop-key-0123456789' -H 'Content-Type: application/json' "$@"; }
same=(-H 'Idempotency-Key: refund-V2' "$url/refund" -d '{"order": "V2", "amount": 1}')
first=$(asks "${same[@]}" | sed 's/^{"id": "\([^"]*\)".*/\1/')
kill -9 "$pid"; wait "$pid" 2>/dev/null || true
begin "$1"
same[2]="$url/refund"
[ "$(asks "${same[@]}" | sed 's/^{"id": "\([^"]*\)".*/\1/')" = "$first" ] || fail "another run after a restart"
asks -H 'X-Session-Id: ada' "$url/chat" -d '{"message": "And now?"}' | grep -qF '6 messages' || fail "the conversation is forgotten"
kill -TERM "$pid"
wait "$pid" || fail "it ends with $?"
echo "the session went as described"
