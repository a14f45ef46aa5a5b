#!/usr/bin/env bash
# A session with the ticket service, by curl: service_session.sh SERVICE
set -euo pipefail
unset REAGENT_LM http_proxy HTTP_PROXY
coproc service { exec "$1" 0; }
pid=$service_PID
trap 'kill "$pid" 2>/dev/null || true' EXIT
read -r url <&"${service[0]}"
expect() { [[ "$2" == *"$1"* ]] || { echo "WRONG: no \"$1\" in: $2" >&2; exit 1; }; }
ask() { curl -s -i -H 'Content-Type: application/json' "$url$1" -d "$2"; }
answer=$(ask /classify '{"message": "Where is my parcel?"}')
expect "200 OK" "$answer"
expect '{"team": "logistics", "urgent": false}' "$answer"
expect "X-Request-Id: " "$answer"
refused=$(ask /classify '{"mesage": "Where is my parcel?"}')
expect "422" "$refused"
expect '"path":"$.mesage"' "$refused"
expect "event: output" "$(curl -s -H 'Accept: text/event-stream' -H 'Content-Type: application/json' "$url/classify" -d '{"message": "m"}')"
expect '"classify"' "$(curl -s "$url/v1/models")"
expect '"openapi":"3.1.0"' "$(curl -s "$url/openapi.json")"
expect "reagent_requests_total" "$(curl -s "$url/metrics")"
kill -TERM "$pid"
wait "$pid"
echo "the session went as described"
