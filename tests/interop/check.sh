#!/usr/bin/env bash
# Compares what Reagent and the official clients read. Exit code 77: skipped.
# check.sh BUILD_FOLDER READ_STREAM ODD_EXCHANGES [FIRST COUNT]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
venv=$1/interop-venv
skip() {
    echo "skipped: $1"
    exit 77
}
command -v python3 >/dev/null || skip "there is no python3"
if ! cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
    python3 -m venv "$venv" || skip "python3 has no venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt" || skip "the clients cannot be installed"
    cp "$here/requirements.txt" "$venv/installed.txt"
fi
# A proxy of the environment is not for loopback.
direct=(env -u http_proxy -u https_proxy -u all_proxy -u HTTP_PROXY -u HTTPS_PROXY -u ALL_PROXY)
"${direct[@]}" "$venv/bin/python" "$here/compare.py" "$2"
"${direct[@]}" "$venv/bin/python" "$here/odd_judges.py" "$3" "${4:-0}" "${5:-2000}"
