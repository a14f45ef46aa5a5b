#!/usr/bin/env bash
# An example has the same result, byte for byte, when its runs are replayed from what was recorded once: replay.sh [-l LINES] EXAMPLE [ARGUMENTS ...]
# -l: only the last lines are the result; before them it prints what happens on the way, and in a replay no backtrack happens again.
set -euo pipefail
lines=100000
if [ "$1" = -l ]; then lines=$2; shift 2; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset REAGENT_RECORD REAGENT_REPLAY
result() {  # FILE COMMAND ...
    local code=0
    "${@:2}" >"$1.all" 2>&1 || code=$?
    { tail -n "$lines" "$1.all"; echo "exit code $code"; } >"$1"
}
REAGENT_RECORD=$work/runs result "$work/first" "$@"
ls "$work"/runs/run-1.jsonl >/dev/null
REAGENT_REPLAY=$work/runs result "$work/second" "$@"
diff "$work/first" "$work/second" || { echo "the replay differs" >&2; exit 1; }
# Now the journal has another prompt than the program, and so another fingerprint: that is told, with the place.
sed -i 's/"role":"user","content":"/&Changed. /; s/"fingerprint":"/&other/' "$work"/runs/*.jsonl
REAGENT_REPLAY=$work/runs result "$work/third" "$@"
grep -aq 'message [0-9]* (user) differs in line 1: the journal has "Changed' "$work/third.all" || { cat "$work/third.all" >&2; echo "a changed prompt is not told" >&2; exit 1; }
echo "replayed: the same"
