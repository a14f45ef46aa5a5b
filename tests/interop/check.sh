#!/usr/bin/env bash
# Compares Reagent's streams with the official clients': check.sh BUILD_FOLDER READ_STREAM. Exit code 77: skipped.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
venv=$1/interop-venv
skip() {
    echo "skipped: $1"
    exit 77
}
command -v python3 >/dev/null || skip "there is no python3"
if ! "$venv/bin/python" -c 'import anthropic, ollama, openai' 2>/dev/null; then
    python3 -m venv "$venv" || skip "python3 has no venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt" || skip "the clients cannot be installed"
fi
# A proxy of the environment is not for loopback.
env -u http_proxy -u https_proxy -u all_proxy -u HTTP_PROXY -u HTTPS_PROXY -u ALL_PROXY "$venv/bin/python" "$here/compare.py" "$2"
