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
auto p = co_await (late ? ask(run, f()) : ask(run, g));
co_await run.call_model("p", {}, rg::lm_request{.messages = m});
std::string s = late ? (co_await ask(run, f())).get<"x">() : std::string("none");
CPP
cat >"$scratch/right.cpp" <<'CPP'
auto a = co_await ask(run, "why? because: so");  // late ? f() : g
auto b = late ? co_await ask(run, f()) : g;
auto n = co_await ask(run, late ? 1 : 2);  // no class
co_await map(run, [](int x) { return x ? 1 : 2; }, g);
auto c = (co_await ask(run)).good() ? f() : g;
auto d = (co_await ask(run, f())).get<"x">();
lm_request q{.messages = m};
auto e = late ? f() : g;
auto h = co_await run.call_model("p", {}, q);
CPP
found=$(python3 "$here/await_shapes.py" "$scratch/wrong.cpp" | grep -c "wrong.cpp:[124567]:" || true)
[ "$found" = 6 ] || { echo "found $found of 6 wrong shapes"; exit 1; }
python3 "$here/await_shapes.py" "$scratch/right.cpp"
cd "$here/../.."
find sdk tools agents sandbox cli examples bench tests -name '*.[ch]pp' -not -path '*/compile_fail/*' -print0 | xargs -0 python3 "$here/await_shapes.py"
