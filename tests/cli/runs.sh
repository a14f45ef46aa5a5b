#!/usr/bin/env bash
# Durable runs from the command line: started, killed, resumed, listed, shown, forked, drawn; and the page that shows them live: runs.sh REAGENT
set -euo pipefail
reagent=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'kill "${ui:-}" "${worker:-}" 2>/dev/null || true; umount "$work/small" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
fail() { echo "WRONG: $*" >&2; exit 1; }
unset REAGENT_LM OPENAI_API_KEY http_proxy HTTP_PROXY OTEL_EXPORTER_OTLP_ENDPOINT
export REAGENT_JOURNALS=$work/runs.db
code() { local c=0; "$@" >out 2>err || c=$?; echo "$c"; }

[ "$(code "$reagent" runs list)" = 1 ] || fail "no journals, and no error"
grep -q -- --journals err || fail "the error does not say what to do: $(cat err)"
"$reagent" ask "What is 17% of 2,340 plus 12?" --journals runs.db --run-id a --quiet >out
grep -qx 409.8 out || fail "the answer: $(cat out)"
"$reagent" runs list >out; grep -q 'a .*finished' out || fail "list: $(cat out)"
"$reagent" runs show a >out; grep -q 'tool calculator' out || fail "show: $(cat out)"
"$reagent" runs show a --json | python3 -c 'import json,sys; r = json.load(sys.stdin); assert r["status"] == "finished" and r["usage"]["calls"] == 3, r'
[ "$(code "$reagent" runs resume a)" = 0 ] && grep -q 409.8 out || fail "a finished run has its outputs: $(cat out err)"
[ "$(code "$reagent" runs approve a)" = 1 ] || fail "a finished run was approved"
[ "$(code "$reagent" runs show none)" = 1 ] || fail "a run that is not there"
[ "$(code "$reagent" runs resume)" = 2 ] || fail "a command line without its argument"
"$reagent" runs fork a --records 4 --new-id b >out
"$reagent" runs resume b --json >out 2>err || fail "the fork does not end: $(cat err)"
[ "$(code "$reagent" runs fork a --effect 99)" = 1 ] || fail "a fork at an effect that is not there"
[ "$(code "$reagent" runs fork a --records 9999 --new-id never)" = 1 ] || fail "a fork at a record that is not there"
grep -q 'records, not 9999' err || fail "why: $(cat err)"
"$reagent" runs fork a --effect 2 --new-id at2 >out && "$reagent" runs show at2 >out
grep -q '#2' out && ! grep -q '#3' out || fail "a fork after the second effect: $(cat out)"
"$reagent" runs cancel at2 >/dev/null && "$reagent" runs remove at2
"$reagent" runs show b --json >out
grep -q '409.8' out || fail "the fork's answer: $(cat out)"
"$reagent" trace a b -o both.html >out; grep -q 'differs\|comparison' both.html
"$reagent" trace a --json | python3 -c 'import json,sys; assert json.load(sys.stdin)["spans"][0]["kind"] == "run"'
"$reagent" ask "What is 3 plus 4?" --save-journal file.jsonl --quiet >out
"$reagent" trace file.jsonl >out; [ -s trace-file.jsonl.html ] || fail "no page"

# A changed program is told apart from the run; nothing is asked for that.
"$reagent" runs replay a >out || fail "a run differs from itself: $(cat out)"
python3 - <<'PY'
import sqlite3
db = sqlite3.connect("runs.db")
db.execute("UPDATE reagent_runs SET inputs = replace(inputs, '2,340', '2,350') WHERE id = 'b'")
db.commit()
PY
[ "$(code "$reagent" runs replay b --json)" = 3 ] || fail "other inputs, and no difference: $(cat out)"
python3 -c 'import json,sys; r = json.load(open("out")); assert not r["same"] and "2,350" in r["differences"][0]["what"], r'

# A conversation, by several processes.
[ "$("$reagent" chat "What is 17% of 2340?" --session ada --quiet --lm offline/demo)" = 397.8 ] || fail "the first turn"
printf 'What is 3 plus 4?\n\nWhat is 2 plus 2?\n/quit\nWhat is 1 plus 1?\n' | "$reagent" chat --session ada --lm offline/demo --json >out
[ "$(wc -l <out)" = 2 ] || fail "two lines are two turns: $(cat out)"
"$reagent" sessions list >out; grep -q '^ada .*3 turns' out || fail "sessions: $(cat out)"
"$reagent" sessions show ada >out; grep -q 'reply: 397.8' out || fail "a session: $(cat out)"
"$reagent" sessions fork ada --turns 1 --new-id eve >out
"$reagent" sessions show eve --json | python3 -c 'import json,sys; s = json.load(sys.stdin); assert len(s["turns"]) == 1 and s["parent"] == "ada", s'
[ "$(code "$reagent" sessions show none)" = 1 ] || fail "a session that is not there"
[ "$(code "$reagent" chat hello --session x --signature "question -> answer")" = 2 ] || fail "a signature without history"
"$reagent" sessions remove eve
[ "$(code "$reagent" sessions show eve)" = 1 ] || fail "a removed session is still there"

"$reagent" ui --port 0 --token 0123456789abcdef >address 2>/dev/null &
ui=$!
for _ in $(seq 100); do [ -s address ] && break; sleep 0.05; done
url=$(sed 's/?.*//' address)
get() { curl -s --noproxy '*' -o body -w '%{http_code}' "$@"; }
[ "$(get "$url")" = 403 ] || fail "the page without a token"
[ "$(get "$url?token=0123456789abcdeX")" = 403 ] || fail "the page with a wrong token"
[ "$(get "$url?token=0123456789abcdef" -H 'Host: evil.example')" = 403 ] || fail "the page by another name"
[ "$(get "$url?token=0123456789abcdef")" = 200 ] || fail "the page"
[ "$(get "${url}api/run?id=a&token=0123456789abcdef")" = 200 ] || fail "a run"
grep -q execute body || grep -q calculator body || fail "a run's spans"
[ "$(get "${url}api/run?id=none&token=0123456789abcdef")" = 404 ] || fail "a run that is not there"
[ "$(get "${url}metrics" -H 'Authorization: Bearer 0123456789abcdef')" = 200 ] || fail "metrics"
grep -q '^reagent_runs{program="ask",status="finished"} 5$' body || fail "metrics: $(cat body)"
grep -q '^reagent_model_calls_total{program="ask"}' body || fail "metrics: $(cat body)"
(timeout 5 curl -sN --noproxy '*' "${url}api/events?token=0123456789abcdef" >events || true) &
sleep 1
"$reagent" ask "What is 5 plus 5?" --journals runs.db --run-id live --quiet >out
sleep 1.5
grep -q '^event: runs' events && grep -q '"live"' events || fail "the events do not tell of a new run: $(cat events)"
# Connections that say nothing, or half a request, lock nobody out.
python3 - "$(sed 's|.*:\([0-9]*\)/.*|\1|' <<<"$url")" <<'END' || fail "silent connections locked the ui out"
import socket, sys
def connected(): return socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
silent = [connected() for _ in range(150)]
for s in silent[::2]: s.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n")
for _ in range(3):
    s = connected()
    s.settimeout(20)
    s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert s.recv(100).startswith(b"HTTP/1.1 403"), "no answer"
# A body is not read, whatever stands around it.
for tail in (b"0\r\nX-T: " + b"a" * 70000 + b"\r\n\r\n", b"1;" + b"a" * 70000 + b"\r\n \r\n0\r\n\r\n", b"0\r\n" + b"X-T: 1\r\n" * 9000 + b"\r\n"):
    s = connected()
    s.settimeout(20)
    s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    try: s.sendall(tail)
    except OSError: pass
    assert s.recv(100).startswith(b"HTTP/1.1 403"), "a body was read"
END
"$reagent" runs cancel a >out 2>&1 && fail "a finished run was cancelled"
"$reagent" runs remove a
[ "$(code "$reagent" runs show a)" = 1 ] || fail "a removed run is still there"

# A worker that still has its lease keeps its run, unless it is taken by force.
"$reagent" runs fork live --records 4 --new-id kept >out
python3 - <<'PY'
import sqlite3, time
db = sqlite3.connect("runs.db")
now = int(time.time() * 1000)
db.execute("UPDATE reagent_runs SET status = 'running', worker = 'elsewhere:1:x', fence = 7, lease_from = ?, lease_until = ? WHERE id = 'kept'", (now, now + 3600000))
db.commit()
PY
[ "$(code "$reagent" runs resume kept)" = 1 ] || fail "a run was taken from its worker"
grep -q 'elsewhere:1:x' err && grep -q -- '--force kept' err || fail "the error does not say how to take it: $(cat err)"
[ "$(code "$reagent" runs resume --force kept)" = 0 ] || fail "it was not taken by force: $(cat out err)"
grep -q 'may still act' err || fail "the risk is not told: $(cat err)"

# A worker says at once that its store cannot be used, and goes on when it can.
python3 -c "import sqlite3; sqlite3.connect('runs.db').execute(\"VACUUM INTO 'mended.db'\")"
"$reagent" runs fork live --records 4 --new-id left --journals mended.db >out
"$reagent" runs work --journals mended.db >worker.out 2>worker.err &
worker=$!
for _ in $(seq 400); do grep -q 'left.*finished' worker.out && break; sleep 0.05; done
python3 -c 'import sqlite3; db = sqlite3.connect("mended.db"); db.execute("ALTER TABLE reagent_runs RENAME TO gone")'
for _ in $(seq 400); do grep -q 'not to be used' worker.err && break; sleep 0.05; done
grep -q 'not to be used.*trying again' worker.err || fail "the worker is silent: $(cat worker.err)"
python3 -c 'import sqlite3; db = sqlite3.connect("mended.db"); db.execute("ALTER TABLE gone RENAME TO reagent_runs")'
for _ in $(seq 800); do grep -q 'work again' worker.err && break; sleep 0.05; done
grep -q 'work again' worker.err || fail "the worker does not go on: $(cat worker.err)"
kill "$worker"; wait "$worker" || fail "the worker did not end well"

# What waits for consent is shown whole, with nothing invisible in it; who decides is said, and what was seen is what is decided.
python3 - "$here/../durable/old/format-1.sql" <<'PY'
import sqlite3, sys
db = sqlite3.connect("asks.db")
db.executescript(open(sys.argv[1], encoding="utf-8").read())
wanted = db.execute("SELECT wanted FROM reagent_decisions WHERE run = 'waits'").fetchone()[0]
arguments = '"arguments":{"table":"' + "x" * 5000 + 'END\u202e\u200b\\n","second":7}'
assert '"arguments":{"table":"old"}' in wanted, wanted
wanted = wanted.replace('"arguments":{"table":"old"}', arguments).replace('"tool":"drop"', '"tool":"dr\u2066op"')
db.execute("UPDATE reagent_decisions SET wanted = ? WHERE run = 'waits'", (wanted,))
db.execute("UPDATE reagent_runs SET id = 'two\nlines' WHERE id = 'done'")
db.commit()
PY
export REAGENT_JOURNALS=$work/asks.db
"$reagent" runs list >out; [ "$(wc -l <out)" = 4 ] || fail "a heading, and a row for each run: $(cat out)"
grep -q '"two\\nlines"' out || fail "a run's name: $(cat out)"
"$reagent" runs show waits >out
grep -q 'xEND\\u202e\\u200b\\n"' out || fail "an argument is cut or invisible: $(tail -c 300 out)"
grep -q '  second  7' out || fail "the second argument: $(tail -c 300 out)"
grep -q 'dr\\u2066op' out || fail "a tool's name: $(tail -c 300 out)"
"$reagent" runs show waits --json | python3 -c 'import json,sys; p = json.load(sys.stdin)["pending"][0]; assert len(p["digest"]) == 64 and not p["decided"], p; print(p["digest"])' >digest
[ "$(code "$reagent" runs approve waits --seen 000000000000)" = 1 ] || fail "what was not seen was approved"
grep -q digest err || fail "the error: $(cat err)"
"$reagent" runs approve waits --seen "$(cut -c1-12 digest)" --by 'eve' >out || fail "approve: $(cat out)"
"$reagent" runs show waits >out; grep -q 'approved by eve at 20' out || fail "who and when: $(tail -c 300 out)"
"$reagent" runs show waits --json | python3 -c 'import json,sys; p = json.load(sys.stdin)["pending"][0]; assert p["by"] == "eve" and p["at_ms"] > 1e12 and p["approved"], p'
[ "$(code "$reagent" runs work --until-idle --consent-lifetime soon)" = 2 ] || fail "a lifetime that is none"
export REAGENT_JOURNALS=$work/runs.db
python3 "$here/viewers.py" "$reagent" "$work"

# A full disk: a clear error, and nothing that was stored is lost.
if [ "$(id -u)" -eq 0 ] && mkdir small && mount -t tmpfs -o size=400k none small 2>/dev/null; then
    "$reagent" ask "What is 1 plus 2?" --journals small/runs.db --run-id first --quiet >out 2>&1 || fail "before the disk is full: $(cat out)"
    dd if=/dev/zero of=small/filler bs=1k count=1000 2>/dev/null || true
    [ "$(code "$reagent" ask "What is 17% of 2,340 plus 12?" --journals small/runs.db --run-id second --quiet)" = 1 ] || fail "a full disk went unnoticed"
    grep -qi 'disk is full\|full' err || fail "a full disk is not told: $(cat err)"
    rm small/filler
    "$reagent" runs show first --journals small/runs.db >out || fail "what was stored is lost: $(cat out)"
    umount small
    echo "a full disk: told, nothing lost"
else
    echo "a full disk is not tried: no small file system can be mounted here"
fi
echo "runs, trace and ui: as they should be"
