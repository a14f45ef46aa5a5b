#!/usr/bin/env bash
# A program with a main of its own goes on with the model that its run was started with: own_model.sh PROGRAM REAGENT
set -euo pipefail
program=$1 reagent=$2
work=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
fail() { echo "WRONG: $*" >&2; exit 1; }
code() { local c=0; "$@" >out 2>err || c=$?; echo "$c"; }
unset OPENAI_API_KEY ANTHROPIC_API_KEY GEMINI_API_KEY http_proxy HTTP_PROXY OTEL_EXPORTER_OTLP_ENDPOINT
export REAGENT_LM=offline/demo  # what whoever names no model would get

cat >server.py <<'PY'
import http.server, json, os
class model(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with open("asked", "a") as f: f.write(asked["model"] + "\n")
        with open("prompts", "a") as f: f.write(json.dumps(asked["messages"]) + "\n")
        well = os.path.exists("well")
        text = "[[ ## team ## ]]\nbilling\n\n[[ ## priority ## ]]\nnormal\n\n[[ ## completed ## ]]"
        body = {"choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}], "model": asked["model"],
                "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}} if well else {"error": {"message": "not yet"}}
        body = json.dumps(body).encode()
        self.send_response(200 if well else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), model)
open("port.new", "w").write(str(server.server_port))
os.rename("port.new", "port")
server.serve_forever()
PY
python3 server.py & server=$!
for _ in $(seq 100); do [ -f port ] && break; sleep 0.1; done
base=http://127.0.0.1:$(cat port)/v1

begin() { [ "$(code "$program" run message=hello --lm openai/one --api-base "$base" --journals runs.db --run-id "$1" --quiet)" = 1 ] || fail "$(cat out err)"; }
begin a; begin b; begin c
: >asked; touch well
"$program" runs resume a --journals runs.db >out 2>err || fail "the run does not go on: $(cat out err)"
grep -qx one asked || fail "its model was not asked: $(cat asked out err)"
# Another one counts where it is named.
: >asked
"$program" runs resume b --journals runs.db --lm openai/two --api-base "$base" >out 2>err || fail "$(cat out err)"
[ "$(sort -u asked)" = two ] || fail "$(cat asked)"
# A copy has the model of its original, and so has whoever works without being told one.
"$program" runs fork c --journals runs.db --new-id d >out
: >asked
"$program" runs work --until-idle --journals runs.db >out 2>err || fail "$(cat out err)"
[ "$(sort -u asked)" = one ] || fail "a worker asked: $(cat asked out err)"
"$program" runs list --journals runs.db >out; grep -q '^d .*finished' out || fail "$(cat out)"

# Likewise its adapter and its saved program, from whichever folder: of a store the version that the tag named then.
saved() {
    python3 - "$1" "$2" <<'PY'
import json, sys
predictor = {"traces": [], "train": [], "demos": [], "lm": None,
             "signature": {"instructions": sys.argv[2], "fields": [{"prefix": p, "description": "d"} for p in ("Message:", "Team:", "Priority:")]}}
json.dump({"route": predictor, "metadata": {"dependency_versions": {}}}, open(sys.argv[1], "w"))
PY
}
saved saved.json "Route it by the FIRST rules."
"$reagent" program put saved.json --store programs --tag best >/dev/null
go() { "$program" "${@:2}" --journals "$work/runs.db" >"$work/out" 2>"$work/err" || fail "$1: $(cat "$work/out" "$work/err")"; }
rm well
start() { [ "$(code "$program" run message=hello --lm openai/one --api-base "$base" --journals runs.db --run-id "$1" --quiet "${@:2}")" = 1 ] || fail "$(cat out err)"; }
start json1 --adapter json
start saved1 --program saved.json
start tag1 --program programs@best --adapter xml
saved saved.next.json "Route it by the SECOND rules."
"$reagent" program put saved.next.json --store programs --tag best >/dev/null
touch well
mkdir elsewhere
prompted() { cat "$work/prompts"; }
: >prompts; (cd elsewhere && { "$program" runs resume json1 --journals ../runs.db >../out 2>../err || true; })
prompted | grep -q . || fail "nothing was asked: $(cat out err)"
prompted | head -1 | grep -q 'one JSON object' || fail "the adapter is forgotten: $(prompted)"
: >prompts; (cd elsewhere && go saved1 runs resume saved1)
prompted | head -1 | grep -q 'FIRST rules' || fail "the saved program is forgotten: $(prompted)"
: >prompts; (cd elsewhere && { "$program" runs resume tag1 --journals ../runs.db >../out 2>../err || true; })
prompted | head -1 | grep -q 'FIRST rules' || fail "another version went on: $(prompted) $(cat err)"
prompted | head -1 | grep -q '\[\[ ##' && fail "the adapter beside a program is forgotten: $(prompted)"
# A worker has one of each: it takes those of the oldest run that waits, and refuses others.
"$program" runs fork saved1 --records 1 --new-id saved2 --journals runs.db >out
: >prompts; (cd elsewhere && go worker runs work --until-idle)
prompted | head -1 | grep -q 'FIRST rules' || fail "a worker forgets the saved program: $(prompted) $(cat out err)"
"$program" runs fork saved1 --records 1 --new-id saved3 --journals runs.db >out
"$program" runs fork json1 --records 1 --new-id json3 --journals runs.db >out
: >prompts; (cd elsewhere && go worker runs work --until-idle)
"$program" runs list --journals runs.db >out; grep -q '^saved3 .*finished' out || fail "$(cat out)"
grep -q '^json3 .*failed.*' out || fail "a run with another adapter was handed to a worker: $(cat out)"
"$program" runs show json3 --journals runs.db >out; grep -q -- '--adapter json' out || fail "why is not told: $(cat out)"

# Without its key no other provider is asked.
[ "$(code env OPENAI_API_KEY=k-for-tests "$program" run message=hello --lm openai/one --api-base http://127.0.0.1:1/v1 --journals keys.db --run-id k --quiet)" = 1 ]
python3 - <<'PY'
import sqlite3
db = sqlite3.connect("keys.db")
(body,) = db.execute("SELECT body FROM reagent_records WHERE run = 'k' ORDER BY number LIMIT 1").fetchone()
first, _, rest = body.partition("\n")
import json
taken = json.loads(first)
assert taken["record"] == "taken" and taken["about"]["lm"] == "openai/one", first
taken["about"] = {"lm": "anthropic/claude-haiku-4-5"}
db.execute("UPDATE reagent_records SET body = ? WHERE run = 'k' AND number = 1", (json.dumps(taken) + (_ + rest if _ else ""),))
db.commit()
PY
[ "$(code "$program" runs resume k --journals keys.db)" != 0 ] || fail "it went on without a key: $(cat out err)"
grep -q ANTHROPIC_API_KEY out err || fail "the error does not name the key: $(cat out err)"

# An id, or a session, of a durable run wants journals.
for p in "$program run message=hello" "$reagent ask hello"; do
    [ "$(code $p --run-id k --lm offline/demo)" = 2 ] || fail "$p --run-id without journals: $(cat out err)"
    grep -q -- --journals err || fail "it does not say what is missing: $(cat err)"
done
[ "$(code "$program" run message=hello --session s --lm offline/demo)" = 2 ] || fail "--session without journals"
export REAGENT_JOURNALS=$work/named.db
code "$reagent" ask "What is 1 plus 1?" --run-id k --lm openai/one --api-base "$base" --quiet >/dev/null
"$reagent" runs list >out; grep -q '^k ' out || fail "\$REAGENT_JOURNALS is not used: $(cat out err)"
code "$program" run message=hello --run-id own --lm openai/one --api-base "$base" --quiet >/dev/null
"$reagent" runs list >out; grep -q '^own ' out || fail "\$REAGENT_JOURNALS is not used by the program: $(cat out err)"
[ "$(code "$reagent" chat "")" = 2 ] && [ -s err ] || fail "an empty turn says nothing"
