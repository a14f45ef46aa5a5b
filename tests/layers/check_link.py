#!/usr/bin/env python3
"""What a program with one `predict` on reagent::core links. Usage: check_link.py PROGRAM MAP [MOST]"""
import os
import re
import subprocess
import sys

FOREIGN = ["pq", "sqlite3", "spdlog", "fmt", "expat", "xapian", "gumbo", "pg_query", "csv", "seccomp", "CLI11"]


def main():
    program, link_map = sys.argv[1:3]
    most = int(sys.argv[3]) if len(sys.argv) > 3 else 40
    with open(link_map, encoding="utf-8", errors="replace") as text:
        objects = sorted(set(re.findall(r"(libreagent_\w+\.a)\(([^)]+)\)", text.read())))
    if not objects:
        sys.exit(f"{link_map} names no object of the SDK: is it a map of GNU ld?")
    wrong = [f"it links {o} of {library}" for library, o in objects if library != "libreagent_core.a"]
    out = subprocess.run(["readelf", "-d", program], capture_output=True, text=True, check=True).stdout
    needed = re.findall(r"\(NEEDED\).*\[lib([^\]]+?)\.so", out)
    wrong += [f"it needs lib{n}" for n in needed if any(n == f or n.startswith(f + ".") or n.startswith(f + "-") for f in FOREIGN)]
    print(f"{len(objects)} objects of the SDK:", " ".join(o.removesuffix(".o").removesuffix(".cpp") for _, o in objects))
    print("libraries:", " ".join(needed))
    print(os.path.getsize(program) // 1024, "KiB")
    if len(objects) > most:
        wrong.append(f"it links {len(objects)} objects, more than {most}")
    for w in wrong:
        print(w)
    return 1 if wrong else 0


sys.exit(main())
