#!/usr/bin/env bash
# The first error that the compiler reports for a bad program must say what its first line expects: // expect: words
set -u
compiler=$1 program=$2
shift 2
expected=$(sed -n '1s|^// expect: ||p' "$program")
errors=$("$compiler" -std=c++20 -fsyntax-only -DBOOST_ASIO_SEPARATE_COMPILATION "$@" "$program" 2>&1) && { echo "it compiled"; exit 1; }
first=$(printf '%s\n' "$errors" | grep -m 1 'error:')
case "$first" in
    *"$expected"*) exit 0 ;;
esac
echo "expected: $expected"
echo "first:    $first"
exit 1
