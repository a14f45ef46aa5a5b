#!/usr/bin/env bash
# Optimizers beside those of DSPy 3.3.1, on the same in-context learners, with the same options: beside_dspy.sh [DATASETS [SEEDS [OPTIMIZER ...]]].
# Mean score on 400 unseen examples, and requests of the search: one run of DSPy for each dataset, SEEDS of Reagent. DSPy is installed from PyPI, once.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
datasets=${1:-4} seeds=${2:-4}
shift $(($# < 2 ? $# : 2))
optimizers=("${@:-}")
[ -n "${optimizers[0]}" ] || optimizers=(labeled_few_shot bootstrap_few_shot bootstrap_random_search copro mipro mipro_zero)
reagent=$root/build/release/bin/reagent
[ -x "$reagent" ] || "$root/build.sh" release reagent
python=$root/build/optimizers-venv/bin/python
if ! "$python" -c 'import dspy, optuna' 2>/dev/null; then
    python3 -m venv "$root/build/optimizers-venv"
    "$python" -m pip install --quiet -r "$root/tests/interop/requirements-dspy.txt" optuna
fi
export OPENAI_API_KEY=none
unset http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY
work=$(mktemp -d)
trap 'kill "${server_PID:-}" 2>/dev/null || true; rm -rf "$work"' EXIT

ours() {  # OPTIMIZER SEED
    local name=${1%_zero} options=()
    [ "$1" = mipro_zero ] && options=(max_bootstrapped_demos=0 max_labeled_demos=0)
    local same=(--signature "$source -> $label" --inputs "$source" --metric "exact_match:$label" --lm openai/l --api-base "http://127.0.0.1:$port/v1")
    rm -f made.json
    calls=$("$reagent" compile "${same[@]}" --train train.jsonl --val val.jsonl --optimizer "$name" --seed "$2" --no-report --json --quiet \
        --out made.json "${options[@]}" 2>/dev/null | sed 's/.*"search_calls": *\([0-9]*\).*/\1/')
    score=$("$reagent" eval "${same[@]}" --data test.jsonl --program made.json --json --quiet 2>/dev/null | sed 's/.*{"score": *\([0-9.]*\).*/\1/')
    echo "ours $score $calls"
}

printf '%-24s %-9s %7s %7s %7s %7s %7s\n' optimizer learner before dspy calls reagent calls
for optimizer in "${optimizers[@]}"; do
    for kind in topics labels labels+n; do
        for dataset in $(seq "$datasets"); do
            folder=$work/$kind-$dataset
            mkdir -p "$folder" && cd "$folder"
            python3 "$here/learners.py" data "$kind" "$dataset" "$folder"
            coproc server { exec python3 "$here/learners.py" serve "$kind" "$dataset"; }
            read -r port <&"${server[0]}"
            case $kind in topics) source=message label=topic ;; *) source=text label=label ;; esac
            echo "dspy $("$python" "$here/dspy_side.py" "$optimizer" 1 "$port" $source $label 2>/dev/null | tail -1)"
            for seed in $(seq "$seeds"); do ours "$optimizer" "$seed"; done
            kill "$server_PID" 2>/dev/null || true
            wait "$server_PID" 2>/dev/null || true
        done | awk -v what="$optimizer" -v kind="$kind" '
            $1 == "dspy" { ++d; before += $2; theirs += $3; their_calls += $4 }
            $1 == "ours" { ++o; ours += $2; our_calls += $3 }
            END { printf "%-24s %-9s %7.1f %7.1f %7.0f %7.1f %7.0f\n", what, kind, before / d, theirs / d, their_calls / d, ours / o, our_calls / o }'
    done
done
