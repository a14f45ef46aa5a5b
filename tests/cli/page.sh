#!/usr/bin/env bash
# The trace page in headless Chromium: page.sh REAGENT. Exit code 77, and a line that says so: there is no Chromium here.
set -euo pipefail
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
[ -n "$chromium" ] || { echo "skipped: no Chromium is installed (apt-get install chromium)"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
axe=-
if command -v npm >/dev/null && (cd "$work" && npm install --silent axe-core@4.10.2 >/dev/null 2>&1); then
    axe=$work/node_modules/axe-core/axe.min.js
else
    echo "axe-core (npm) is out of reach: accessibility is not checked here"
fi
python3 "$(dirname "$0")/page.py" "$chromium" "$1" "$axe" "$work"
