#!/usr/bin/env bash
# Tests of two samples against SciPy: watch_statistics.sh BUILD_FOLDER PROGRAM. Exit code 77: skipped.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
venv=$1/scipy-venv
skip() {
    echo "skipped: $1"
    exit 77
}
command -v python3 >/dev/null || skip "there is no python3"
if ! "$venv/bin/python" -c 'import scipy' 2>/dev/null; then
    python3 -m venv "$venv" || skip "python3 has no venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check scipy==1.14.1 || skip "SciPy cannot be installed"
fi
"$venv/bin/python" "$here/watch_statistics.py" "$2"
