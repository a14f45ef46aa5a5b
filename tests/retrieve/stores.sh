#!/usr/bin/env bash
# The behaviours of stores with real servers from PyPI, started by the test on loopback: stores.sh BUILD_FOLDER TEST_RETRIEVE [EXAMPLE_25]. Exit code 77: skipped.
set -euo pipefail
venvs=$1
skip() {
    echo "skipped: $1"
    exit 77
}
command -v python3 >/dev/null || skip "there is no python3"
# installed NAME PACKAGE: a venv with it, once.
installed() {
    [ ! -f "$venvs/$1/installed" ] || return 0
    python3 -m venv "$venvs/$1" && "$venvs/$1/bin/pip" install --quiet --disable-pip-version-check "$2" && touch "$venvs/$1/installed"
}
tried=0
if installed chroma-venv chromadb==1.5.9; then
    export REAGENT_CHROMA=$venvs/chroma-venv/bin/chroma
    tried=1
else
    echo "without Chroma: chromadb cannot be installed"
fi
# The user `postgres` has to reach the programs.
postgres=${TMPDIR:-/tmp}/reagent-pgserver-$(id -u)
if installed pgvector-venv pgserver==0.1.4; then
    from=$(ls -d "$venvs"/pgvector-venv/lib/python3*/site-packages)
    rm -rf "$postgres" && mkdir -p "$postgres/pgserver"
    cp -r "$from/pgserver/pginstall" "$postgres/pgserver/" && cp -r "$from/pgserver.libs" "$postgres/"  # its programs look for the second by the first
    chmod -R a+rX "$postgres"
    trap 'rm -rf "$postgres"' EXIT
    export REAGENT_POSTGRES_BIN=$postgres/pgserver/pginstall/bin
    tried=1
else
    echo "without pgvector: pgserver cannot be installed"
fi
[ $tried = 1 ] || skip "neither server can be installed"
"$2" --run_test=stores,every_retriever --log_level=message --color_output=no
# The example with a server that somebody else has started.
if [ -n "${3:-}" ] && [ -n "${REAGENT_CHROMA:-}" ]; then
    place=$(mktemp -d)
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    "$REAGENT_CHROMA" run --path "$place" --port "$port" >"$place/log" 2>&1 &
    server=$!
    trap 'kill $server; rm -rf "$place" "$postgres"' EXIT
    for _ in $(seq 600); do
        (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
        sleep 0.1
    done
    told=$(CHROMA_URL=http://127.0.0.1:$port "$3")
    [ "$told" = "2: A kettle may be returned within 45 days." ] || { echo "25_chroma said: $told"; exit 1; }
fi
