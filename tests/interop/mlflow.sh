#!/usr/bin/env bash
# Spans arrive in a real collector: mlflow.sh BUILD_FOLDER REAGENT. MLflow (PyPI) is started on loopback and asked for the trace.
# Exit code 77, and a line that says so: it cannot be installed here.
set -euo pipefail
build=$1
reagent=$2
here=$(cd "$(dirname "$0")" && pwd)
venv=${REAGENT_MLFLOW_VENV:-$build/interop/mlflow}
if [ ! -x "$venv/bin/mlflow" ]; then
    python3 -m venv "$venv" && "$venv/bin/pip" install --quiet mlflow==3.17.2 >"$build/mlflow.log" 2>&1 || {
        echo "skipped: MLflow cannot be installed: $(tail -n 1 "$build/mlflow.log")"
        exit 77
    }
fi
work=$(mktemp -d)
cleanup() { [ -z "${server:-}" ] || kill -- -"$server" 2>/dev/null || true; rm -rf "$work"; }
trap cleanup EXIT
port=$("$venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export MLFLOW_DISABLE_TELEMETRY=true DO_NOT_TRACK=true
unset http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY
set -m
"$venv/bin/mlflow" server --host 127.0.0.1 --port "$port" --workers 1 --backend-store-uri "sqlite:///$work/mlflow.db" \
    --default-artifact-root "$work/artifacts" >"$work/server.log" 2>&1 &
server=$!
set +m
for _ in $(seq 240); do
    "$venv/bin/python" -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:$port/health', timeout=2)" 2>/dev/null && break
    kill -0 "$server" 2>/dev/null || break
    sleep 0.5
done
export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$port OTEL_EXPORTER_OTLP_HEADERS=x-mlflow-experiment-id=0 OTEL_SERVICE_NAME=reagent-test
OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true "$reagent" ask "What is 12% of 450 minus 4?" --json --lm offline/demo >"$work/answer.json"
"$reagent" ask "What is 31415 plus 1?" --json --lm offline/demo >"$work/second.json"
"$venv/bin/python" "$here/mlflow_check.py" "http://127.0.0.1:$port" "$work/answer.json" "$work/second.json" || { tail -n 30 "$work/server.log" >&2; exit 1; }
