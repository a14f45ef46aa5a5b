#!/usr/bin/env bash
# A Chroma server for one test, on loopback: chroma.sh start DIR | stop DIR. REAGENT_CHROMA: the program `chroma`. Writes DIR/url.
set -euo pipefail
dir=$2
case $1 in
    start)
        [ -n "${REAGENT_CHROMA:-}" ] || { echo "REAGENT_CHROMA is not set" >&2; exit 77; }
        mkdir -p "$dir"
        port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
        setsid env -u http_proxy -u https_proxy -u HTTP_PROXY -u HTTPS_PROXY ANONYMIZED_TELEMETRY=False \
            "$REAGENT_CHROMA" run --host 127.0.0.1 --port "$port" --path "$dir/data" >"$dir/log" 2>&1 </dev/null &
        echo $! >"$dir/pid"
        for _ in $(seq 300); do
            if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
                echo "http://127.0.0.1:$port" >"$dir/url"
                exit 0
            fi
            kill -0 "$(cat "$dir/pid")" 2>/dev/null || break
            sleep 0.1
        done
        cat "$dir/log" >&2
        exit 1
        ;;
    stop)
        kill -9 "$(cat "$dir/pid")" 2>/dev/null || true
        ;;
esac
