#!/usr/bin/env bash
# What the command line shows of what others wrote, what it suggests to paste, what it takes for consent, and what it leaves alone: told.sh REAGENT
set -euo pipefail
reagent=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'kill "${ui:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
fail() { echo "WRONG: $*" >&2; exit 1; }
unset REAGENT_LM OPENAI_API_KEY http_proxy HTTP_PROXY OTEL_EXPORTER_OTLP_ENDPOINT REAGENT_JOURNALS
code() { local c=0; "$@" >out 2>err </dev/null || c=$?; echo "$c"; }
state() { find . -name out -o -name err -o -type f -printf '%p %s\n' | sort; sha256sum "$1"; }

# A file of somebody else is named as such, whoever looks, and left as it is; nothing is made where nothing is.
python3 - <<'PY'
import sqlite3
db = sqlite3.connect("shop.db")
db.execute("CREATE TABLE customers (id INTEGER)")
db.commit()
open("empty.db", "w").close()
open("words.db", "w").write("no database\n" * 100)
PY
touch out err
for file in shop.db empty.db words.db; do
    before=$(state $file)
    for command in "runs list" "runs show a" "runs cancel a" "runs approve a --latest" "runs reject a" "runs resume a" "runs replay a" "runs fork a" "runs remove a" \
        "runs work --until-idle" "sessions list" "sessions show a" "sessions fork a" "sessions remove a" "trace a" "ui --port 0"; do
        [ "$(code "$reagent" $command --journals $file)" = 1 ] || fail "$command takes $file: $(cat out err)"
        [ "$before" = "$(state $file)" ] || fail "$command changes $file or its folder"
        grep -q "$file" err || fail "$command does not name $file: $(cat err)"
    done
done
grep -q 'no SQLite database' err || fail "words: $(cat err)"
[ "$(code "$reagent" runs list --journals shop.db)" = 1 ]; grep -q 'something else.*customers' err || fail "the tables are not told: $(cat err)"
for command in "ask hi --lm offline/demo --journals" "chat hi --lm offline/demo --journals"; do
    [ "$(code "$reagent" $command shop.db)" = 1 ] || fail "$command writes into somebody else's database"
done
for command in "runs list" "ui --port 0" "sessions list" "trace a" "runs work --until-idle"; do
    [ "$(code "$reagent" $command --journals none.db)" = 1 ] || fail "$command makes a store"
    [ ! -e none.db ] || fail "$command makes a file"
done
for command in "program list" "program rollback x" "program tag x 1"; do
    [ "$(code "$reagent" $command --store nowhere)" = 2 ] || fail "$command: $(cat out err)"
    [ ! -e nowhere ] || fail "$command makes a program store"
done

# A store that is only read stays as it is, byte for byte.
export REAGENT_JOURNALS=$work/runs.db
"$reagent" ask "What is 1 plus 2?" --journals runs.db --run-id 'it'\''s $(touch pwned)' --quiet --lm offline/demo >out
"$reagent" chat "What is 17% of 2340?" --session 'ada b' --quiet --lm offline/demo >out
before=$(state runs.db)
for command in "runs list" "sessions list" "runs list --json"; do "$reagent" $command >out; done
"$reagent" runs show 'it'\''s $(touch pwned)' >out
"$reagent" sessions show 'ada b' >out
"$reagent" runs replay 'it'\''s $(touch pwned)' --lm offline/demo >out
[ "$before" = "$(state runs.db)" ] || fail "reading changed the store"

# Commands that are suggested can be pasted as they stand.
"$reagent" ask "What is 1 plus 2?" --journals runs.db --run-id 'a b"$(touch pwned)`touch pwned`' --lm offline/demo >out 2>err
suggested=$(sed -n 's/.*interrupted: reagent //p' err)
[ -n "$suggested" ] || fail "nothing is suggested: $(cat err)"
bash -c "'$reagent' $suggested" >out 2>err || true
grep -q 'finished already' err || fail "what was suggested does not name the run: $suggested: $(cat err)"
[ ! -e pwned ] || fail "what was suggested does something else: $suggested"

# A run waits for consent; its name, its tool and its arguments come from anywhere.
python3 - "$here/../durable/old/format-1.sql" <<'PY'
import sqlite3, sys
db = sqlite3.connect("asks.db")
db.executescript(open(sys.argv[1], encoding="utf-8").read())
name = "wa its'$(touch pwned)"
for table, column in (("runs", "id"), ("records", "run"), ("decisions", "run")):
    db.execute(f"UPDATE reagent_{table} SET {column} = ? WHERE {column} = 'waits'", (name,))
wanted = db.execute("SELECT wanted FROM reagent_decisions WHERE run = ?", (name,)).fetchone()[0]
wanted = wanted.replace('"tool":"drop"', '"tool":"dr' + "a\u0301\u0301\u0301\u0301\u0301\u0301" + '\\u202eop"')
db.execute("UPDATE reagent_decisions SET wanted = ? WHERE run = ?", (wanted, name))
error = "no\noutputs  paid\n\x1b[2Jrun x is finished"
db.execute("UPDATE reagent_runs SET error = ?, status = 'failed' WHERE id = 'done'", (error,))
db.execute("UPDATE reagent_runs SET worker = 'w\u202e\n1' WHERE id = 'done'")
db.commit()
PY
export REAGENT_JOURNALS=$work/asks.db
waits="wa its'\$(touch pwned)"
"$reagent" runs show done >out
grep -q '^outputs  paid' out && fail "an error looks like an output: $(cat out)"
grep -q $'\x1b' out && fail "an error steers the terminal"
grep -q 'w\\u202e\\n1' out || fail "a worker's name: $(cat out)"
"$reagent" runs show "$waits" >out
grep -q 'u0301' out && grep -q 'u202e' out || fail "a tool's name: $(cat out)"
suggested=$(sed -n 's/^  reagent \(runs approve .*--seen [0-9a-f]*\) .*/\1/p' out)
[ -n "$suggested" ] || fail "no command: $(cat out)"

# Without a word on which call was seen nothing is decided, unless somebody looks at it now.
[ "$(code "$reagent" runs approve "$waits")" = 2 ] || fail "what nobody has seen was approved: $(cat out)"
grep -q -- '--seen' err && grep -q -- '--effect' err && grep -q -- '--latest' err || fail "it does not say how: $(cat err)"
[ "$(code "$reagent" runs approve "$waits" --latest --seen 0123456789ab)" = 2 ] || fail "--latest and --seen"
for by in "$(printf 'x%.0s' $(seq 201))" $'eve\nroot' $'e\xe2\x80\xaeve' ''; do
    [ "$(code "$reagent" runs approve "$waits" --latest --by "$by")" != 0 ] || fail "--by takes anything: $by"
done
for arguments in '{"table":"a","table":"b"}' '{"table":"a","t\u0061ble":"b"}' '{"table":"a"' "{'table':'a'}" '[]' '{"x":{"y":1,"y":2}}'; do
    [ "$(code "$reagent" runs approve "$waits" --latest --arguments "$arguments")" = 2 ] || fail "$arguments was taken: $(cat out)"
done
grep -q 'twice' err || fail "why: $(cat err)"
python3 - "$reagent" "$waits" <<'PY'
import os, pty, subprocess, sys
def at_terminal(answer):
    pid, fd = pty.fork()
    if pid == 0: os.execv(sys.argv[1], [sys.argv[1], "runs", "approve", sys.argv[2]])
    os.write(fd, answer)
    seen = b""
    while True:
        try: part = os.read(fd, 4096)
        except OSError: break
        if not part: break
        seen += part
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen.decode()
code, seen = at_terminal(b"n\n")
assert code == 1 and "digest" in seen and "table" in seen and "nothing is decided" in seen, (code, seen)
code, seen = at_terminal(b"\n")
assert code == 1 and "nothing is decided" in seen, (code, seen)
PY
"$reagent" runs show "$waits" | grep -q 'decided, and' && fail "no was taken for yes"
bash -c "'$reagent' $suggested" >out 2>err || fail "what is suggested does not work: $suggested: $(cat err)"
[ ! -e pwned ] || fail "what is suggested does something else: $suggested"
"$reagent" runs show "$waits" >out; grep -q 'decided, and' out || fail "it was not decided: $(cat out)"

# The page answers what is no question with a clean 400.
"$reagent" ui --port 0 --token 0123456789abcdef >address 2>/dev/null &
ui=$!
for _ in $(seq 100); do [ -s address ] && break; sleep 0.05; done
url=$(sed 's/?.*//' address)
get() { curl -s --noproxy '*' -o body -w '%{http_code}' "$@" -H 'Authorization: Bearer 0123456789abcdef'; }
for target in 'api/run?id=%00' 'api/run?id=a%00b' 'api/run?id=%ff' 'api/run' 'api/run?id=done&from=abc' 'api/run?id=done&from=-1' 'api/content?id=done&record=abc' \
    'api/content?id=done&record=1x' 'api/content?id=done&record=99999999999999999999999' 'api/search?id=%00&q=x'; do
    [ "$(get "${url}$target")" = 400 ] || fail "$target: $(cat body)"
    [ "$(wc -l <body)" = 1 ] && ! grep -q '[[:cntrl:]]' body || fail "$target: $(cat body)"
done
[ "$(get "${url}api/run?id=no%0Ane%E2%80%AE")" = 404 ] || fail "a run that is not there"
grep -q 'no\\nne\\u202e' body || fail "its name: $(cat body)"
[ "$(get "${url}api/run?id=done&from=0")" = 200 ] && [ "$(get "${url}api/content?id=done&record=1")" = 200 ] || fail "what is there"
kill "$ui"; wait "$ui" 2>/dev/null || true

# Rows that are lost are told.
python3 - <<'PY'
import sqlite3
db = sqlite3.connect("asks.db")
db.execute("UPDATE reagent_runs SET status = 'ready' WHERE id = 'decided'")
db.execute("DELETE FROM reagent_records WHERE run = 'decided' AND number = (SELECT max(number) FROM reagent_records WHERE run = 'decided')")
db.commit()
PY
[ "$(code "$reagent" runs resume decided --lm offline/demo)" = 1 ] || [ "$(code "$reagent" runs fork decided)" = 1 ] || fail "lost rows go unnoticed"
[ "$(code "$reagent" runs fork decided)" = 1 ] || fail "lost rows are forked"
grep -q 'not whole' err && grep -q 'runs fork decided --records\|new run' err || fail "it does not say what to do: $(cat err)"
"$reagent" runs show decided >out; grep -q 'not whole' out || fail "show does not tell: $(cat out)"
# What would be kept nowhere, waited for without end, or taken for something else is refused before anything is asked.
unset REAGENT_JOURNALS
for where in :memory: sqlite::memory: 'file:x.db?mode=memory'; do
    [ "$(code "$reagent" ask "What is 1 plus 2?" --lm offline/demo --journals "$where")" = 2 ] || fail "$where is taken for a file: $(cat err)"
done
mkfifo pipe
for options in "--tools sql:pipe" "--save-journal pipe"; do
    [ "$(code timeout 20 "$reagent" ask "What is 1 plus 2?" --lm offline/demo $options)" = 2 ] || fail "$options: $(cat err)"
    grep -q 'a pipe, not a file' err || fail "$options: $(cat err)"
done
# The answer was paid for: it is told although there is no room for its journal.
{ (ulimit -f 0; "$reagent" ask "What is 1 plus 2?" --lm offline/demo -q --save-journal room.jsonl || echo "code $?") 2>&1; } | cat >out
grep -qx 3 out && grep -q "room.jsonl" out && grep -qx "code 1" out || fail "a full disk for --save-journal: $(cat out)"
"$reagent" ask "What is 1 plus 2?" --lm offline/demo -q --journals both.db --run-id both --save-journal both.jsonl >out
"$reagent" trace both.jsonl --json >out; grep -q calculator out || fail "--save-journal beside --journals: $(cat out)"
[ "$(code env REAGENT_REPLAY="$work" "$reagent" ask "What is 1 plus 2?" --lm offline/demo --journals both.db --run-id third)" = 1 ] || fail "it asks"
[ "$(code "$reagent" runs show third --journals both.db)" = 1 ] || fail "a run was begun that is to be replayed"
[ "$(code "$reagent" runs fork both --records 0 --journals both.db)" = 2 ] || fail "no records are all of them"
[ "$(code "$reagent" sessions fork both --turns 0 --journals both.db)" = 2 ] || fail "no turns are all of them"
echo '{"predict":{"signature":{"instructions":"x","fields":[]},"demos":[]}}' >p.json
[ "$(code "$reagent" program put p.json --store programs --tag 'bad tag')" = 2 ] || fail "$(cat err)"
[ ! -e programs ] || fail "a version was stored whose tag was refused"
# Every command that is suggested names the journals that were given.
"$reagent" ask "What is 1 plus 2?" --lm offline/demo -q --journals both.db --run-id other >out
[ "$(code "$reagent" runs resume other --journals both.db)" = 0 ]
grep -q 'runs show --journals both.db other' err || fail "the journals are not named: $(cat err)"
echo "what is told, suggested, consented to and left alone: as it should be"
