#!/usr/bin/env python3
"""Writes the statements of the SQL corpora as seeds, a file each: seeds.py CORPORA OUT"""
import glob, hashlib, json, os, sys

corpora, out = sys.argv[1], sys.argv[2]
os.makedirs(out, exist_ok=True)
for name in sorted(glob.glob(os.path.join(corpora, "sql_*.json"))):
    with open(name, encoding="utf-8") as f:
        cases = json.load(f)["cases"]
    for case in cases:
        text = case["sql"] if "sql" in case else "".join(part * times for part, times in case["sql_parts"])
        data = text.encode("utf-8", "surrogatepass")
        if len(data) <= 4096:
            with open(os.path.join(out, hashlib.sha1(data).hexdigest()), "wb") as f:
                f.write(data)
