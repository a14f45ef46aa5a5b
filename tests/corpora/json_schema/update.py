#!/usr/bin/env python3
"""Writes tests/corpora/json_schema from a checkout of github.com/json-schema-org/JSON-Schema-Test-Suite.

    tests/corpora/json_schema/update.py CHECKOUT COMMIT

One file a draft: {"source", "commit", "required": {file: [groups]}, "format": {file: [groups]}}, a group a line; and the documents
that references of the cases mean, by their URI.
"""
import json
import pathlib
import sys

checkout, commit = pathlib.Path(sys.argv[1]), sys.argv[2]
target = pathlib.Path(__file__).resolve().parent


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True)


def files(folder):
    lines = []
    for file in sorted(folder.glob("*.json")):
        groups = json.loads(file.read_text())
        for group in groups:
            group.pop("comment", None)
            group.pop("specification", None)
        lines.append(compact(file.stem) + ":[\n" + ",\n".join(map(compact, groups)) + "]")
    return "{\n" + ",\n".join(lines) + "}"


head = '{"source":"https://github.com/json-schema-org/JSON-Schema-Test-Suite","commit":' + compact(commit)
for draft in ("draft7", "draft2020-12"):
    folder = checkout / "tests" / draft
    (target / (draft + ".json")).write_text(
        head + ',\n"required":' + files(folder) + ',\n"format":' + files(folder / "optional/format") + "}\n")

remotes = []
for file in sorted((checkout / "remotes").rglob("*.json")):
    name = file.relative_to(checkout / "remotes").as_posix()
    if name.split("/")[0] in ("draft3", "draft4", "draft6", "v1"):
        continue
    remotes.append(compact("http://localhost:1234/" + name) + ":" + compact(json.loads(file.read_text())))
(target / "remotes.json").write_text("{\n" + ",\n".join(remotes) + "}\n")
