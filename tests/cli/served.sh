#!/usr/bin/env bash
# `reagent serve` with the stand-in: served.sh REAGENT
set -euo pipefail
reagent=$1
work=$(mktemp -d)
trap 'kill "${pid:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
fail() { echo "WRONG: $*" >&2; exit 1; }
unset OPENAI_API_KEY REAGENT_LM REAGENT_SERVE_KEYS http_proxy HTTP_PROXY
code() { local c=0; timeout 20 "$@" >"$work/out" 2>"$work/err" || c=$?; echo "$c"; }

signature=(--signature "question -> answer" --lm offline/demo)
[ "$(code "$reagent" serve "${signature[@]}" --address 0.0.0.0 --port 0)" = 2 ] || fail "an open address without keys is served"
grep -q "no key is wanted" "$work/err" || fail "the reason is not told: $(cat "$work/err")"
echo "# nobody" >"$work/keys"
[ "$(code "$reagent" serve "${signature[@]}" --keys "$work/keys" --port 0)" = 2 ] || fail "a file without keys is taken"

echo "shop shop-key-0123456789 0" >"$work/keys"  # not: without a limit
[ "$(code "$reagent" serve "${signature[@]}" --keys "$work/keys" --port 0)" = 2 ] || fail "a rate of 0 is taken"

echo "shop shop-key-0123456789 600" >"$work/keys"
"$reagent" serve "${signature[@]}" --path /ask --port 0 --keys "$work/keys" >"$work/url" 2>"$work/log" &
pid=$!
for _ in $(seq 100); do [ -s "$work/url" ] && break; sleep 0.1; done
url=$(cat "$work/url")
[[ "$url" == http://127.0.0.1:*/ask ]] || fail "no address: $url $(cat "$work/log")"
status() { curl -s -o "$work/body" -w '%{http_code}' -H 'Content-Type: application/json' "$@"; }
[ "$(status "$url" -d '{"question": "What is 17% of 2,340 plus 12?"}')" = 401 ] || fail "no key was wanted"
key="Authorization: Bearer shop-key-0123456789"
[ "$(status "$url" -H "$key" -d '{"question": "What is 17% of 2,340 plus 12?"}')" = 200 ] || fail "no answer: $(cat "$work/body")"
grep -q '"answer"' "$work/body" || fail "no outputs: $(cat "$work/body")"
[ "$(status "$url" -H "$key" -d '{"quesion": "x"}')" = 422 ] || fail "an unknown field is taken"
kill -TERM "$pid"
wait "$pid" || fail "it ends with $?"
grep -q "POST /ask 200 .*caller=shop" "$work/log" || fail "no access log: $(cat "$work/log")"
! grep -q "0123456789" "$work/log" "$work/url" || fail "the key is in the log"
echo "served as described"
