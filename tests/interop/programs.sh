#!/usr/bin/env bash
# Saved programs between Reagent and the real DSPy, both ways: programs.sh BUILD_FOLDER REAGENT LEARNER_SERVER. Exit code 77: skipped.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
venv=$1/dspy-venv
skip() {
    echo "skipped: $1"
    exit 77
}
command -v python3 >/dev/null || skip "there is no python3"
if ! "$venv/bin/python" -c 'import dspy' 2>/dev/null; then
    python3 -m venv "$venv" || skip "python3 has no venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements-dspy.txt" || skip "DSPy cannot be installed"
fi
work=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
mkfifo "$work/in"
"$3" 0 >"$work/address" <"$work/in" &
server=$!
exec 8>"$work/in"
for _ in $(seq 100); do [ -s "$work/address" ] && break; sleep 0.05; done
# A proxy of the environment is not for loopback.
export LITELLM_LOCAL_MODEL_COST_MAP=True  # LiteLLM would ask the internet for prices
env -u http_proxy -u https_proxy -u all_proxy -u HTTP_PROXY -u HTTPS_PROXY -u ALL_PROXY OPENAI_API_KEY=none DSPY_CACHEDIR="$work/cache" \
    "$venv/bin/python" "$here/programs.py" "$2" "$(cat "$work/address")" "$work"
