#!/usr/bin/env bash
# Writes the API reference as HTML: docs/reference.sh FOLDER. Anything that Doxygen warns of is an error.
set -euo pipefail
[ $# -eq 1 ] || { sed -n 2p "$0" | cut -c3-; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
{ cat docs/Doxyfile; echo "OUTPUT_DIRECTORY = \"$out\""; } | doxygen -
echo "$out/html/index.html"
