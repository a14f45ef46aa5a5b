#!/usr/bin/env bash
# Installs the build into a folder of its own, builds a project against it with find_package(reagent), and runs that.
set -euo pipefail
build=$1 source=$2 compiler=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$build" --prefix "$work/prefix" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
test -x "$work/prefix/bin/reagent"
cmake -S "$source" -B "$work/build" -G Ninja -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_PREFIX_PATH="$work/prefix" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
cmake --build "$work/build" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
"$work/build/consumer"

# The core alone, on a machine that has nothing of what the others need.
mkdir "$work/pc"
for module in libutf8proc libidn2 libpcre2-8 zlib; do
  cp "$(pkg-config --variable=pcfiledir $module)/$module.pc" "$work/pc"
done
PKG_CONFIG_LIBDIR="$work/pc" cmake -S "$source/core" -B "$work/core" -G Ninja -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_PREFIX_PATH="$work/prefix" \
  -DCMAKE_DISABLE_FIND_PACKAGE_spdlog=ON >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
cmake --build "$work/core" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
"$work/core/small" nobody/model >"$work/log" 2>&1 && { echo "a provider that nobody knows answered"; exit 1; }
grep -q 'unknown provider "nobody"' "$work/log" || { cat "$work/log"; exit 1; }
sed 's/COMPONENTS core/COMPONENTS core cluster/' "$source/core/CMakeLists.txt" >"$work/pc/CMakeLists.txt"
if cmake -S "$work/pc" -B "$work/none" -G Ninja -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_PREFIX_PATH="$work/prefix" >"$work/log" 2>&1; then
  echo "a component that does not exist was found"
  exit 1
fi
tr '\n' ' ' <"$work/log" | tr -s ' ' | grep -q 'without the component "cluster"' || { cat "$work/log"; exit 1; }
