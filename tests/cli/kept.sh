#!/usr/bin/env bash
# What a durable run keeps of the command line that began it, whichever process goes on with it; and what its tools are: kept.sh REAGENT
set -euo pipefail
reagent=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'kill "${model:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
wrong=0
fail() { echo "WRONG: $*" >&2; wrong=1; }
unset REAGENT_LM OPENAI_API_KEY http_proxy HTTP_PROXY OTEL_EXPORTER_OTLP_ENDPOINT REAGENT_JOURNALS
code() { local c=0; timeout 60 "$@" >out 2>err </dev/null || c=$?; echo "$c"; }
python3 "$here/model.py" log >port &
model=$!
for _ in $(seq 200); do [ -s port ] && break; sleep 0.05; done
url=http://127.0.0.1:$(cat port)
export REAGENT_JOURNALS=$work/runs.db OPENAI_API_KEY=sk-proj-THEKEYabcdefghijklmnop123456
ask() { code "$reagent" ask "$1" --journals "$REAGENT_JOURNALS" --lm openai/x --api-base "$url/v1" --tools "${tools-}" --quiet "${@:2}"; }

# Private fields and limits, by each of the ways to go on: the telemetry of whoever goes on holds no private value.
watched() { OTEL_EXPORTER_OTLP_ENDPOINT=$url OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true code "$@"; }
for way in resume fork work; do
    rm -f log.mended
    [ "$(ask "FAIL PRIVATEVALUE$way" --run-id "p$way" --private question --max-tokens 77)" = 1 ] || fail "it did not fail: $(cat out err)"
    touch log.mended
    : >log
    case $way in
        resume) watched "$reagent" runs resume "p$way" --api-base "$url/v1" >rc ;;
        fork)
            "$reagent" runs fork "p$way" --new-id "q$way" >/dev/null 2>&1
            watched "$reagent" runs resume "q$way" --api-base "$url/v1" >rc ;;
        work)
            "$reagent" runs fork "p$way" --new-id "q$way" >/dev/null 2>&1
            watched "$reagent" runs work --until-idle --lm openai/x --api-base "$url/v1" >rc ;;
    esac
    [ "$(cat rc)" = 0 ] || fail "$way: $(cat out err)"
    grep -q '"path": "/v1/traces"' log || fail "$way: no telemetry"
    grep '"path": "/v1/traces"' log | grep -q 'private' || fail "$way: the telemetry says nothing of what it withholds"
    grep '"path": "/v1/traces"' log | grep -q "PRIVATEVALUE$way" && fail "$way: a private value stands in the telemetry"
    grep 'chat/completions' log | grep -q 'max_\(completion_\)\?tokens\\": *77' || fail "$way: --max-tokens is forgotten"
done

# A deadline holds for all that go on together.
[ "$(ask 'SLOW 5' --run-id late --timeout 0.5)" = 1 ] || fail "a deadline passed: $(cat out err)"
grep -q 'deadline of 500 ms' err || fail "the deadline is not told: $(cat err)"
[ "$(code "$reagent" runs resume late --api-base "$url/v1")" = 1 ] && grep -q 'deadline of 500 ms' out || fail "the deadline is forgotten: $(cat out err)"
"$reagent" runs fork late --records 1 --new-id later >/dev/null
[ "$(code "$reagent" runs work --until-idle --lm openai/x --api-base "$url/v1")" = 0 ]
grep -q 'later.*deadline of 500 ms' out || fail "a worker forgets the deadline: $(cat out err)"

# Ctrl-C, in a call of the model or of a tool: the run goes on at once elsewhere, and does not take its holder's lease to be over.
begun() { for _ in $(seq 400); do grep -q "$1" log && return; sleep 0.05; done; fail "$1 is not asked"; }
interrupt() {  # SIGNAL WORDS COMMAND...
    : >log
    timeout --foreground 60 "${@:3}" >out 2>err </dev/null &
    local runs=$!
    begun "$2"
    kill "-$1" "$(pgrep -P "$runs")"
    local c=0; wait "$runs" || c=$?
    [ "$c" = $((128 + $(kill -l "$1"))) ] || fail "$1: exit code $c: $(cat out err)"
    grep -q 'interrupted; ' err || fail "$1: nothing is told: $(cat out err)"
    grep -q -- --force err && fail "$1: a lease is left: $(cat err)"
    return 0
}
asked=(--lm openai/x --api-base "$url/v1" --journals "$REAGENT_JOURNALS" --quiet)
interrupt INT 'SLOW 3' "$reagent" ask 'SLOW 3' --run-id stopped1 "${asked[@]}"
grep -q 'reagent runs resume.* stopped1' err || fail "how it goes on: $(cat err)"
[ "$(code "$reagent" runs resume stopped1 --api-base "$url/v1")" = 0 ] || fail "a run that was interrupted: $(cat out err)"
# Also where telemetry has a thread of its own.
OTEL_EXPORTER_OTLP_ENDPOINT=$url interrupt TERM 'SLOW 4' "$reagent" ask 'SLOW 4' --run-id stopped3 "${asked[@]}"
[ "$(code "$reagent" runs resume stopped3 --api-base "$url/v1")" = 0 ] || fail "a run that was interrupted beside telemetry: $(cat out err)"
interrupt TERM '"slow"' "$reagent" ask "SCRIPT http_get {\"url\": \"$url/slow?3\"}" --run-id stopped2 --tools "http:${url#http://}" "${asked[@]}"
[ "$(code "$reagent" runs resume stopped2 --api-base "$url/v1")" != 1 ] || fail "a run that was interrupted in a call: $(cat out err)"
grep -q 'lease\|taken by\|other worker' out err && fail "a lease is left: $(cat out err)"
interrupt INT 'SLOW 2' "$reagent" chat 'SLOW 2' --session talk "${asked[@]}"
grep -q 'chat --session talk' err || fail "how a conversation goes on: $(cat err)"
[ "$(code "$reagent" chat 'and now?' --session talk "${asked[@]}")" = 0 ] || fail "a conversation that was interrupted: $(cat out err)"
rm -f log.mended
[ "$(ask 'FAIL SLOW 3' --run-id again)" = 1 ] && touch log.mended
interrupt INT 'SLOW 3' "$reagent" runs resume again --api-base "$url/v1"
[ "$(code "$reagent" runs resume again --api-base "$url/v1")" = 0 ] || fail "a resumed run that was interrupted: $(cat out err)"

# A conversation: private fields stay private in its later turns, and a turn has its own time.
: >log
talk() { watched "$reagent" chat "$@" --session private "${asked[@]}"; }
[ "$(talk 'PRIVATETURN one' --private message --tools '')" = 0 ] || fail "chat --private: $(cat out err)"
[ "$(talk 'what else is there')" = 0 ] || fail "chat: $(cat out err)"
[ "$(grep -c '"path": "/v1/traces"' log)" -ge 2 ] || fail "no telemetry of a conversation: $(cat log | cut -c1-300)"
grep '"path": "/v1/traces"' log | grep -q 'PRIVATETURN\|what else' && fail "a conversation's private value stands in the telemetry"
[ "$(code "$reagent" chat hi --private mesage "${asked[@]}")" = 2 ] && grep -q 'did you mean `message`' err || fail "a private name that nothing has: $(cat err)"
[ "$(code "$reagent" chat 'SLOW 5' --session late --timeout 0.5 "${asked[@]}")" = 1 ] && grep -q 'deadline of 500 ms' err || fail "chat --timeout: $(cat out err)"

# The adapter, by a worker.
rm -f log.mended
[ "$(ask 'FAIL now' --run-id json --adapter json)" = 1 ]
touch log.mended
"$reagent" runs fork json --new-id json2 >/dev/null 2>&1
: >log
code "$reagent" runs work --until-idle --lm openai/x --api-base "$url/v1" >/dev/null
grep 'chat/completions' log | head -1 | grep -q '\[\[ ##' && fail "a worker forgets the adapter: $(head -c 600 log)"

# Runs of older versions, which keep less, go on as they did.
rm -f log.mended
[ "$(ask 'FAIL old' --run-id old)" = 1 ]
touch log.mended
python3 - <<'PY'
import json, sqlite3
db = sqlite3.connect("runs.db")
inputs = json.loads(db.execute("SELECT inputs FROM reagent_runs WHERE id = 'old'").fetchone()[0])
for key in ("timeout", "max_tokens", "private", "history_tokens"): inputs.pop(key, None)
db.execute("UPDATE reagent_runs SET inputs = ? WHERE id = 'old'", (json.dumps(inputs),))
db.commit()
PY
[ "$(code "$reagent" runs resume old --api-base "$url/v1")" = 0 ] || fail "a run of an older version: $(cat out err)"

# A run that is cancelled while a tool is at work keeps what that did.
slow() {
    exec timeout 60 "$reagent" ask "SCRIPT http_get {\"url\": \"$url/slow?$2\"}" --run-id "$1" --journals runs.db --lm openai/x \
        --api-base "$url/v1" --tools "http:${url#http://}" --quiet >"$1.out" 2>"$1.err" </dev/null
}
waits_for_slow() {
    for _ in $(seq 400); do grep -q '"slow"' log && return; sleep 0.05; done
    fail "the tool is not called"
}
: >log
slow stopped 2 &
asker=$!
waits_for_slow
"$reagent" runs cancel stopped >out; grep -q 'comes to its end first' out || fail "cancel: $(cat out)"
wait $asker && fail "a cancelled run ends well"
grep -q 'is cancelled$' stopped.err || fail "what is told: $(cat stopped.err)"
"$reagent" runs show stopped --json >out
python3 - <<'PY' || fail "what a tool did is lost"
import json
run = json.load(open("out"))
assert run["status"] == "cancelled", run["status"]
calls = [s for s in run["trace"] if s["name"] == "http_get"]
assert len(calls) == 1 and "WHAT IT DID" in json.dumps(calls), calls
PY

# Where its process dies in the call, nobody knows what came of it, and that is said.
: >log
slow killed 3 &
asker=$!
waits_for_slow
pkill -KILL -P "$asker" || true
wait $asker || true
python3 - <<'PY'
import sqlite3
db = sqlite3.connect("runs.db")
db.execute("UPDATE reagent_runs SET lease_until = 1, lease_from = 0, lease_boot_until = 1 WHERE id = 'killed'")
db.commit()
PY
"$reagent" runs cancel killed >out 2>err || fail "cancel: $(cat out err)"
grep -q 'is cancelled: .*http_get.*outcome is unknown' out || fail "an unknown outcome is not told: $(cat out)"
"$reagent" runs show killed >out; grep -q 'outcome is unknown' out || fail "an unknown outcome is not shown: $(cat out)"
[ "$(code "$reagent" runs resume killed --api-base "$url/v1")" = 1 ] || fail "a cancelled run went on"
grep -q 'is cancelled' out && grep -q 'runs fork .*killed' out || fail "a cancelled run: $(cat out err)"

# Files of tools are the same wherever a run goes on.
for d in here elsewhere; do
    mkdir -p $d/notes
    echo "the word is ${d^^}" >$d/notes/a.txt
    python3 -c 'import sqlite3, sys; db = sqlite3.connect(sys.argv[1] + "/shop.db"); db.execute("CREATE TABLE t (x)"); db.execute("INSERT INTO t VALUES (?)", ("row " + sys.argv[1],)); db.commit()' $d
done
echo '{"dialect": "sqlite", "allowed_tables": ["t"]}' >here/policy.json
echo '{"dialect": "sqlite", "allowed_tables": []}' >elsewhere/policy.json
rm -f log.mended
cd here
tools=files:notes,sql:./shop.db,policy=policy.json
[ "$(ask 'FAIL SCRIPT read_file {"path": "a.txt"} ;; sql {"query": "SELECT x FROM t"}' --run-id moved)" = 1 ] || fail "it did not fail: $(cat out err)"
cd ../elsewhere
touch ../log.mended
[ "$(code "$reagent" runs resume moved --journals ../runs.db --api-base "$url/v1")" = 0 ] || fail "a run that goes on elsewhere: $(cat out err)"
cd ..
"$reagent" runs show moved --json >out
grep -q 'word is HERE' out && grep -q 'row here' out || fail "other files were read: $(tail -c 1500 out)"
grep -q 'ELSEWHERE\|row elsewhere' out && fail "other files were read: $(tail -c 1500 out)"
python3 - <<'PY' || fail "paths are stored as they were typed"
import json
tools = json.load(open("out"))["inputs"]["tools"].split(",")
assert all("/" == t.split(":" if ":" in t else "=", 1)[1][0] for t in tools), tools
PY

[ "$wrong" = 0 ] && echo "what a run keeps: as it should be"
exit "$wrong"
