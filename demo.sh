#!/usr/bin/env bash
# Sets everything up and puts a question to an agent with tools: ./demo.sh ["QUESTION"]. Needs no API key.
set -euo pipefail
cd "$(dirname "$0")"
case "${1:-}" in
    -h|--help)
        echo "usage: ./demo.sh [\"QUESTION\"] [OPTIONS OF reagent ask]"
        echo "Installs what is missing, builds, and asks an agent with a calculator, a shop's database and its documents."
        exit 0 ;;
esac
./setup.sh
[ -x build/release/bin/reagent ] && [ -f build/release/demo/shop.db ] || echo "building; the first time takes a few minutes ..." >&2
./build.sh release reagent_tool shop_data
question=${1:-What is 15% of the total revenue from customers in Oslo?}
[ $# -gt 0 ] || echo "asking: $question" >&2
if [ $# -gt 0 ]; then shift; fi
exec build/release/bin/reagent ask "$question" --tools "calculator,time,sql:build/release/demo/shop.db,policy=examples/data/shop_policy.json,docs:examples/data/documents" "$@"
