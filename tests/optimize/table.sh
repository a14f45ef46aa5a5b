#!/usr/bin/env bash
# What every optimizer does for a program on the in-context learner, on 500 messages that it never saw: table.sh REAGENT LEARNER_SERVER
# [TRANSCRIPTS_FOLDER]
set -euo pipefail
reagent=$(realpath "$1") learner=$(realpath "$2") transcripts=${3:+$(realpath "$3")}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
mkfifo "$work/in"
"$learner" 5 40 >"$work/address" <"$work/in" &
server=$!
exec 8>"$work/in"
for _ in $(seq 100); do [ -s "$work/address" ] && break; sleep 0.05; done
export OPENAI_API_KEY=none
unset http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY
"$here/messages.sh" 60 1 >"$work/train.jsonl"
"$here/messages.sh" 90 2 >"$work/dev.jsonl"
"$here/messages.sh" 500 3 >"$work/test.jsonl"
cd "$work"
json() { sed "s/.*\"$1\": *\([^,}]*\).*/\1/"; }
printf '%-28s %7s %7s %8s %7s %8s\n' optimizer before after p calls seconds
while read -r name settings; do
    # shellcheck disable=SC2086
    "$reagent" compile --signature 'message -> intent' --train train.jsonl --val dev.jsonl --test test.jsonl --metric exact_match:intent \
        --lm openai/learner --api-base "$(cat address)" --seed 1 --optimizer "$name" --out "$name.json" $settings >said.txt 2>progress.txt
    "$reagent" compile --signature 'message -> intent' --train train.jsonl --val dev.jsonl --test test.jsonl --metric exact_match:intent \
        --lm openai/learner --api-base "$(cat address)" --seed 1 --optimizer "$name" --out "$name.json" $settings --json --quiet >report.json
    [ -z "$transcripts" ] || cat progress.txt said.txt >"$transcripts/$name$(echo "$settings" | tr -d ' =_')".txt
    python3 - "$name $settings" <<'P'
import json, sys
r = json.load(open("report.json"))
t = r["test"]
print("%-28s %7.1f %7.1f %8.4f %7d %8.2f" % (sys.argv[1][:28], t["before"]["score"], t["after"]["score"], t["p_value"], r["search_calls"], r["search_seconds"]))
P
done <<'L'
labeled_few_shot k=4
labeled_few_shot k=16
bootstrap_few_shot
bootstrap_few_shot max_bootstrapped_demos=16 max_labeled_demos=40
bootstrap_random_search
knn_few_shot k=3
ensemble size=3
copro breadth=5 depth=1
copro breadth=10 depth=3
mipro auto=light
mipro auto=medium
mipro auto=light max_bootstrapped_demos=0 max_labeled_demos=0
L
