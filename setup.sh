#!/usr/bin/env bash
# Installs the Debian packages that are listed in the given files (packages.txt) and not there yet. As an ordinary user it
# only says what is missing.
set -euo pipefail
cd "$(dirname "$0")"
missing=()
for package in $(cat "${@:-packages.txt}" | sed 's/#.*//'); do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" -ne 0 ]; then
    echo "These packages are missing; install them as root, then run this again:" >&2
    echo "  apt-get install ${missing[*]}" >&2
    exit 1
fi
echo "installing ${#missing[@]} packages ..." >&2
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
if ! { apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "the packages could not be installed (log: $log)" >&2
    exit 1
fi
rm -f "$log"
