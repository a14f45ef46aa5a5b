#!/usr/bin/env bash
# await_shapes.py finds what it is to find, and nothing in our own sources.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cat >"$scratch/wrong.cpp" <<'CPP'
auto a = co_await ask(run, late ? f() : g);
auto b = co_await ask(run,
                      "question"_f = late ? std::string{"a;b"} : g);
co_await map(run, [](int x) { return x ? 1 : 2; }, late ? f() : g);
CPP
cat >"$scratch/right.cpp" <<'CPP'
auto a = co_await ask(run, "why? because: so");  // late ? f() : g
auto b = late ? co_await ask(run, f()) : g;
auto n = co_await ask(run, late ? 1 : 2);  // no class
co_await map(run, [](int x) { return x ? 1 : 2; }, g);
auto c = (co_await ask(run)).good() ? f() : g;
CPP
found=$(python3 "$here/await_shapes.py" "$scratch/wrong.cpp" | grep -c "wrong.cpp:[124]:" || true)
[ "$found" = 3 ] || { echo "found $found of 3 wrong shapes"; exit 1; }
python3 "$here/await_shapes.py" "$scratch/right.cpp"
cd "$here/../.."
find sdk tools agents sandbox cli examples bench tests -name '*.[ch]pp' -not -path '*/compile_fail/*' -print0 | xargs -0 python3 "$here/await_shapes.py"
