#!/usr/bin/env bash
# What is refused on the command lines of durable runs, by the option's name and with exit code 2; exit codes of `runs resume`; stores that
# cannot be written: refused.sh REAGENT
set -euo pipefail
reagent=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'kill "${worker:-}" "${model:-}" 2>/dev/null || true; chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"
wrong=0
fail() { echo "WRONG: $*" >&2; wrong=1; }
unset REAGENT_LM OPENAI_API_KEY http_proxy HTTP_PROXY OTEL_EXPORTER_OTLP_ENDPOINT
export REAGENT_JOURNALS=$work/runs.db
code() { local c=0; timeout 60 "$@" >out 2>err </dev/null || c=$?; echo "$c"; }
"$reagent" ask "What is 17% of 2,340 plus 12?" --journals runs.db --run-id a --quiet --lm offline/demo >out

# A number that is none, or that no limit can be, says which option it was given to.
refused() { [ "$(code "$reagent" "${@:2}")" = 2 ] && grep -q -- "$1" err || fail "${*:2}: $(cat out err)"; }
for n in 0 -5 1e3 1.5 '' ' 3' 0x10 99999999999999999999 nan; do
    refused --concurrency runs work --until-idle --lm offline/demo --concurrency "$n"
    refused --limit runs list --limit "$n"
    refused --limit sessions list --limit "$n"
    refused --effect runs approve a --effect "$n"
    refused --effect runs resume a --effect "$n"
    refused --effect runs fork a --effect "$n"
    refused --records runs fork a --records "$n"
    refused --max-iters ask hi --lm offline/demo --max-iters "$n"
    refused --max-iters chat hi --lm offline/demo --max-iters "$n"
    refused --max-tokens ask hi --lm offline/demo --max-tokens "$n"
    refused --history-tokens chat hi --lm offline/demo --history-tokens "$n"
    refused --turns sessions fork a --turns "$n"
done
for n in 0 -1 nan inf '' ' 3' 1e9; do
    for c in ask chat; do refused --timeout $c hi --lm offline/demo --timeout "$n"; done
done
for n in -1 65536 1e3 ''; do refused --port ui --port "$n"; done
refused --history-tokens chat hi --lm offline/demo --history-tokens 499
refused --consent-lifetime runs work --until-idle --consent-lifetime soon
refused --consent-lifetime runs resume a --consent-lifetime 0s
[ "$(code "$reagent" runs list --limit 1)" = 0 ] || fail "a good limit: $(cat err)"

# A name that nothing has would keep nothing private.
refused 'did you mean `question`' ask hi --lm offline/demo --private qestion
refused 'did you mean `expression`' ask hi --lm offline/demo --private expresion --tools calculator
[ "$(code "$reagent" ask "What is 1 plus 2?" --lm offline/demo --private question --private expression --tools calculator)" = 0 ] || fail "private: $(cat err)"

# Ids stand wherever a run is shown: no key may be one, and none is shown while it is refused.
key=q7Xk-THE-OWN-KEY-9Lm2Vb
for id in sk-proj-Ab12Cd34Ef56Gh78 "run-$key" "$key"; do
    for command in "ask hi --journals runs.db --lm offline/demo --run-id" "chat hi --lm offline/demo --session" "runs fork a --new-id" "sessions fork a --new-id"; do
        got=$(OPENAI_API_KEY=$key code "$reagent" $command "$id")
        [ "$got" = 2 ] || fail "$command takes a key: $got $(cat out err)"
        grep -q "$id\|OWN-KEY\|Ab12Cd34" out err && fail "$command shows a key: $(cat out err)"
    done
done
for id in ' ' '  ' ' x' 'x ' $'x\t'; do
    [ "$(code "$reagent" chat hi --lm offline/demo --session "$id")" = 2 ] || fail "a session \"$id\": $(cat out err)"
    [ "$(code "$reagent" ask hi --lm offline/demo --journals runs.db --run-id "$id")" = 2 ] || fail "a run \"$id\": $(cat out err)"
done

# Turns are never left out without a word.
for i in $(seq 6); do
    "$reagent" chat "What is $i plus 1? $(head -c 900 /dev/zero | tr '\0' 'x')" --session long --history-tokens 500 --quiet --lm offline/demo >/dev/null 2>&1 || true
done
"$reagent" sessions show long --json | python3 -c 'import json, sys; s = json.load(sys.stdin); assert s.get("summarized", 0) == 0 or s["summary"].strip(), s' || fail "turns are left out, and nothing says so"

# `runs resume`, of whatever is there: 0 finished, 1 failed or cancelled, 3 waits.
[ "$(code "$reagent" runs resume a)" = 0 ] && grep -q 409.8 out || fail "a finished run: $(cat out err)"
# What a worker lends. Without --tools a stored run names what it likes.
"$reagent" runs fork a --records 3 --new-id fewer >/dev/null
"$reagent" runs work --until-idle --lm offline/demo --tools time,sql:shop.db >/dev/null 2>&1
"$reagent" runs show fewer --json | grep -q 'began with the tool .*calculator' || fail "a tool that is not lent: $("$reagent" runs show fewer)"
"$reagent" runs fork a --records 3 --new-id enough >/dev/null
"$reagent" runs work --until-idle --lm offline/demo --tools time,calculator >/dev/null 2>&1
[ "$(code "$reagent" runs resume enough)" = 0 ] && grep -q 409.8 out || fail "tools that are lent: $(cat out err)"

"$reagent" runs fork a --records 3 --new-id gone >/dev/null
"$reagent" runs cancel gone >/dev/null
[ "$(code "$reagent" runs resume gone)" = 1 ] && grep -q 'is cancelled' out || fail "a cancelled run: $(cat out err)"
python3 - "$here/../durable/old/format-1.sql" <<'PY'
import sqlite3, sys
db = sqlite3.connect("asks.db")
db.executescript(open(sys.argv[1], encoding="utf-8").read())
db.execute("UPDATE reagent_runs SET program = 'ask'")
db.commit()
PY
[ "$(code "$reagent" runs resume waits --journals asks.db --lm offline/demo)" = 3 ] && grep -q 'waits for consent' out || fail "a run that waits: $(cat out err)"

# A store that cannot be written.
"$reagent" runs fork a --records 3 --new-id left >/dev/null
python3 -c 'import sqlite3; sqlite3.connect("runs.db").execute("VACUUM INTO \"fixed.db\"")'
mkdir locked && cp fixed.db locked/runs.db && chmod 444 locked/runs.db && chmod 555 locked
if [ "$(id -u)" -eq 0 ]; then as="setpriv --reuid=65534 --regid=65534 --clear-groups"; chmod 755 "$work"; else as=; fi
if $as "$reagent" --version >/dev/null 2>&1; then
    [ "$(code timeout 20 $as "$reagent" runs work --until-idle --lm offline/demo --journals locked/runs.db)" = 1 ] || fail "a store that is only read: $(cat out err)"
    grep -Eq 'may not write it|read-only' err || fail "words: $(cat err)"
    mkdir shared && cp fixed.db shared/runs.db && chmod 644 shared/runs.db && chmod 777 shared  # a log may be made beside it
    [ "$(code timeout 50 $as "$reagent" runs work --until-idle --lm offline/demo --journals shared/runs.db)" = 1 ] || fail "a file that is only read: $(cat out err)"
else
    echo "a store that is only read is not tried: another user cannot start the tool"
fi
if (ulimit -f 64 && [ "$(code "$reagent" ask "What is 17% of 2,340 plus 12?" --journals fixed.db --run-id big --quiet --lm offline/demo)" = 1 ]); then
    grep -q 'ulimit -f' err || fail "a limit of file sizes: $(cat err)"
fi
[ "$(code "$reagent" runs list --journals postgresql://127.0.0.1:1/none?connect_timeout=1)" = 1 ] || fail "no database"
grep -q 'pg_isready' err || fail "a database that is away: $(cat err)"

# A worker whose terminal is closed leaves its runs in good order.
"$reagent" runs work --lm offline/demo >worker.out 2>worker.err &
worker=$!
for _ in $(seq 400); do grep -q 'left.*finished' worker.out && break; sleep 0.05; done
kill -HUP "$worker"
wait "$worker" || fail "a worker that is hung up: $?"
grep -q stopping worker.err || fail "a worker that is hung up: $(cat worker.err)"

[ "$wrong" = 0 ] && echo "what is refused: as it should be"
exit "$wrong"
