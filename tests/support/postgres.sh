#!/usr/bin/env bash
# A PostgreSQL server for one test, on a socket in a folder of its own and nowhere else: postgres.sh start DIR | stop DIR | crash DIR.
# PostgreSQL refuses to run as root; then it runs as the user `postgres`, whom its package makes. REAGENT_POSTGRES_BIN: of another version.
set -euo pipefail
dir=$2
bin=${REAGENT_POSTGRES_BIN:-$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1 || true)}
[ -n "$bin" ] || { echo "no PostgreSQL server is installed" >&2; exit 77; }
as() { if [ "$(id -u)" -eq 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
run() {
    as "$bin/pg_ctl" -D "$dir/data" -w -l "$dir/data/server.log" -o "-k '$dir' -c listen_addresses='' -c fsync=off -c full_page_writes=off \
        -c max_connections=50 -c shared_buffers=16MB" start >/dev/null || { cat "$dir/data/server.log" >&2; exit 1; }
}
case $1 in
    start)
        mkdir -p "$dir"
        [ "$(id -u)" -ne 0 ] || chown postgres "$dir"
        cd "$dir"
        as "$bin/initdb" -D "$dir/data" -U owner -A trust --no-sync --locale=C -E UTF8 >"$dir/log" 2>&1 || { cat "$dir/log" >&2; exit 1; }
        run
        ;;
    crash)
        cd "$dir"
        as "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null
        run
        ;;
    stop)
        cd /
        as "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1 || true
        rm -rf "$dir"
        ;;
esac
