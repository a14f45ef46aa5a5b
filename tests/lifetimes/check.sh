#!/usr/bin/env bash
# Builds lifetimes.cpp and kept.cpp under AddressSanitizer and UBSan with each compiler that is there, at -O0 and -O2, against the libraries of a
# build, and runs it. What is tested is in the headers, so the libraries need no sanitizer.
#
#     tests/lifetimes/check.sh BUILD [COMPILER...]        BUILD: build/release; compilers: g++ and clang++-19 by default
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
build=$(cd "$1" && pwd)
shift
compilers=("$@")
[ ${#compilers[@]} -gt 0 ] || compilers=(g++ clang++-19)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
flags=(-std=c++20 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-sanitize=vptr -Wno-undefined-var-template
    -Wno-undefined-internal -Wno-unknown-warning-option
    -DBOOST_ASIO_SEPARATE_COMPILATION -DBOOST_BEAST_SEPARATE_COMPILATION -DBOOST_ASIO_DISABLE_BOOST_BIND
    -DBOOST_ASIO_RECYCLING_ALLOCATOR_CACHE_SIZE=16 "-I$root/sdk/include" "-I$root/tools/include" "-I$root/agents/include")
# What the same program is linked with in that build.
libraries=$(awk '/^build bin\/lifetimes:/ { found = 1 } found && /LINK_LIBRARIES/ { sub(/.*LINK_LIBRARIES = /, ""); print; exit }' \
    "$build/build.ninja")
[ -n "$libraries" ] || { echo "configure $build first"; exit 1; }
status=0
for compiler in "${compilers[@]}"; do
    command -v "$compiler" >/dev/null || { echo "$compiler is not installed: left out"; continue; }
    for level in -O0 -O2; do
        echo "== $compiler $level"
        extra=()
        if [[ $compiler == *clang* ]]; then  # clang names some of Asio's functions otherwise than g++: it gets an Asio of its own
            echo '#include <boost/asio/impl/src.hpp>' >"$scratch/asio.cpp"
            "$compiler" "${flags[@]}" "$level" -c "$scratch/asio.cpp" -o "$scratch/asio.o"
            extra=("$scratch/asio.o" -Wl,--allow-multiple-definition)
        fi
        for program in lifetimes kept; do
            (cd "$build" && "$compiler" "${flags[@]}" "$level" "$here/$program.cpp" -o "$scratch/$program" "${extra[@]}" $libraries)
            ASAN_OPTIONS=detect_stack_use_after_return=1:detect_leaks=1 "$scratch/$program" >"$scratch/log" 2>&1 || status=1
            grep -vE '^ok ' "$scratch/log" || true
            grep -c '^ok ' "$scratch/log" || true
        done
    done
done
exit $status
