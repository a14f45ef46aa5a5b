#!/usr/bin/env bash
# Judges that others wrote, on a server: serve.sh BUILD_FOLDER SERVED_MODELS. Exit code 77: skipped.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
venv=$1/serve-venv
skip() {
    echo "skipped: $1"
    exit 77
}
command -v python3 >/dev/null || skip "there is no python3"
if ! cmp -s "$here/requirements-serve.txt" "$venv/installed.txt"; then
    python3 -m venv "$venv" || skip "python3 has no venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements-serve.txt" || skip "the judges cannot be installed"
    cp "$here/requirements-serve.txt" "$venv/installed.txt"
fi
env -u http_proxy -u https_proxy -u all_proxy -u HTTP_PROXY -u HTTPS_PROXY -u ALL_PROXY "$venv/bin/python3" "$here/serve_judges.py" "$2"
