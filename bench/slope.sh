# Sourced: instructions per run by callgrind, as the slope between two numbers of runs, so that start and end of the programs do not count.
# The server is another process, which is not counted. Wants $bin, $few and $many; sets $port.
ulimit -n 8192 2>/dev/null || true

start_server() {  # DELAY_MS STEPS
    coproc server { exec "$bin/completion_server" "$1" 0 "$2"; }
    read -r port <&"${server[0]}"
}
stop_server() {
    [ -z "${server_PID:-}" ] || { kill "$server_PID" && wait "$server_PID"; } 2>/dev/null || true
}
calc() { awk "BEGIN {printf \"$1\", $2}"; }

# Of a program with so many runs; the program's own line must say that none failed.
instructions() {  # PROGRAM RUNS ARGUMENT...
    local program=$1 runs=$2 out
    shift 2
    out=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null "$bin/$program" "$port" "$runs" "$@" 2>&1)
    grep -q ' failed=0 ' <<<"$out" || { echo "$out" >&2; return 1; }
    sed -n 's/.*Collected : \([0-9]*\).*/\1/p' <<<"$out"
}
per_run() {  # PROGRAM ARGUMENT...
    local program=$1 a b
    shift
    a=$(instructions "$program" "$few" "$@")
    b=$(instructions "$program" "$many" "$@")
    echo $(((b - a) / (many - few)))
}
