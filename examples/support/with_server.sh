#!/usr/bin/env bash
# Starts a server on a free port of localhost and runs a program with its address: with_server.sh SERVER PROGRAM [ARGUMENTS ...]
set -euo pipefail
coproc server { exec "$1" 0; }
read -r port <&"${server[0]}"
trap 'kill "$server_PID" 2>/dev/null || true' EXIT
"${@:2}" "http://127.0.0.1:$port/v1"
