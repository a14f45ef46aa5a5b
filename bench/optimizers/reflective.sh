#!/usr/bin/env bash
# The optimizers that learn from feedback, beside those of DSPy 3.4.1 on the same learners, data and budgets: reflective.sh [DATASETS [SEEDS [OPTIMIZER ...]]].
# For each learner (honest.py): the mean score on 200 unseen examples with its 95% interval over datasets and seeds, and the requests of the search. One line
# a pair of runs goes to runs.txt in $OUT (default: the current folder). WITHOUT_DSPY=1: Reagent alone. LEARNERS="topics hops agent".
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
datasets=${1:-4} seeds=${2:-3}
shift $(($# < 2 ? $# : 2))
optimizers=("${@:-}")
[ -n "${optimizers[0]}" ] || optimizers=(labeled_few_shot bootstrap_random_search mipro infer_rules simba gepa)
bench=${OPTIMIZER_BESIDE:-$root/build/release/bin/optimizer_beside}
[ -x "$bench" ] || "$root/build.sh" release optimizer_beside
python=${DSPY_PYTHON:-$root/build/optimizers-venv-3.4/bin/python}
if [ -z "${WITHOUT_DSPY:-}" ] && ! "$python" -c 'import dspy, gepa, optuna' 2>/dev/null; then
    python3 -m venv "$root/build/optimizers-venv-3.4"
    python=$root/build/optimizers-venv-3.4/bin/python
    "$python" -m pip install --quiet dspy==3.4.1 gepa==0.1.4 optuna
fi
unset http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY
out=$(cd "${OUT:-.}" && pwd)
work=$(mktemp -d)
trap 'kill "${server_PID:-}" 2>/dev/null || true; rm -rf "$work"' EXIT

for kind in ${LEARNERS:-topics hops agent}; do
    for optimizer in "${optimizers[@]}"; do
        options=()
        [ "$optimizer" = labeled_few_shot ] && options=(k=8)
        for dataset in $(seq "$datasets"); do
            folder=$work/$kind-$dataset
            mkdir -p "$folder" && cd "$folder"
            python3 "$here/honest.py" data "$kind" "$dataset" "$folder"
            coproc server { exec python3 "$here/honest.py" serve "$kind" "$dataset"; }
            read -r port <&"${server[0]}"
            for seed in $(seq "$seeds"); do
                [ -n "${WITHOUT_DSPY:-}" ] || echo "$kind $optimizer dspy $dataset $seed $("$python" "$here/dspy_reflective.py" "$kind" "$optimizer" "$seed" "$port" 2>/dev/null | tail -1)"
                echo "$kind $optimizer reagent $dataset $seed $("$bench" "$kind" "$optimizer" "$seed" "$port" "${options[@]}")"
            done | tee -a "$out/runs.txt" >&2
            kill "$server_PID" 2>/dev/null || true
            wait "$server_PID" 2>/dev/null || true
        done
    done
done
python3 "$here/table.py" "$out/runs.txt" "$out/plot.svg"
