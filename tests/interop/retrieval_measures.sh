#!/usr/bin/env bash
# Measures of retrieval against ir-measures: retrieval_measures.sh BUILD_FOLDER PROGRAM. Exit code 77: skipped.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
venv=$1/ir-measures-venv
skip() {
    echo "skipped: $1"
    exit 77
}
command -v python3 >/dev/null || skip "there is no python3"
if ! "$venv/bin/python" -c 'import ir_measures, pytrec_eval' 2>/dev/null; then
    python3 -m venv "$venv" || skip "python3 has no venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check ir-measures==0.4.3 || skip "ir-measures cannot be installed"
fi
"$venv/bin/python" "$here/retrieval_measures.py" "$2"
