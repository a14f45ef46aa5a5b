#!/usr/bin/env python3
"""Holds the order of the folders: no include and no symbol points up or sideways, and no symbol is two things. Usage: check.py SOURCE BUILD [NM]

Edges that are known and not mended yet stand in known_edges.txt; one that is mended has to go from there."""
import collections
import json
import os
import re
import subprocess
import sys

CORE = ["base", "schema", "http", "lm", "signature", "adapter", "journal", "run", "module"]
BELOW = {folder: set(CORE[:i]) for i, folder in enumerate(CORE)}
BELOW["xml"] = set(CORE[:CORE.index("adapter") + 1])
BELOW["observe"] = set(CORE)
BELOW["durable"] = set(CORE)
BELOW["retrieve"] = set(CORE)
BELOW["evaluate"] = set(CORE) | {"retrieve"}
BELOW["optimize"] = set(CORE) | {"retrieve", "evaluate"}
BELOW["watch"] = set(CORE) | {"durable", "evaluate", "optimize"}
BELOW["serve"] = set(CORE) | {"durable", "retrieve", "evaluate"}
BELOW["sandbox"] = {"base"}
BELOW["offline"] = set(CORE)
BELOW["tools"] = set(CORE) | {"evaluate", "retrieve", "sandbox"}
BELOW["agents"] = set(CORE) | {"xml", "observe", "durable", "retrieve", "evaluate", "optimize", "watch", "tools", "sandbox"}
BELOW["cli"] = set(BELOW) | {"agents"}
LIBRARIES = ["sdk", "offline", "sandbox", "tools", "agents", "cli"]
TOP_HEADERS = {"error.hpp", "secret.hpp", "deadline.hpp", "task.hpp", "fixed_string.hpp"}  # of include/reagent: base


def folder_of(path):
    """Of a source, a header or an object, from the repository's (or the build's) root."""
    parts = path.split("/")
    library = parts[0]
    if library != "sdk":
        return library
    if "src" in parts:
        return parts[parts.index("src") + 1]
    after = parts[parts.index("reagent") + 1:]
    return after[0] if len(after) > 1 else "base" if after[0] in TOP_HEADERS else "?"


def files(root, endings):
    for library in LIBRARIES:
        for folder, _, names in os.walk(os.path.join(root, library)):
            for name in names:
                if name.endswith(endings):
                    yield os.path.relpath(os.path.join(folder, name), root)


def include_edges(source):
    """{(from folder, to folder): {"from file -> to file"}}"""
    edges = collections.defaultdict(set)
    public = {}
    for library in LIBRARIES:
        include = os.path.join(source, library, "include")
        for folder, _, names in os.walk(include):
            for name in names:
                path = os.path.join(folder, name)
                public[os.path.relpath(path, include)] = os.path.relpath(path, source)
    for path in files(source, (".cpp", ".hpp")):
        if "/src/" not in path and "/include/" not in path and "/tool/" not in path:
            continue
        with open(os.path.join(source, path), encoding="utf-8") as text:
            for line in text:
                found = re.match(r'#include ["<]([^">]+)[">]', line)
                if not found:
                    continue
                near = os.path.normpath(os.path.join(os.path.dirname(path), found[1]))
                target = public.get(found[1]) or (near if os.path.exists(os.path.join(source, near)) else None)
                if target and folder_of(target) != folder_of(path):
                    edges[folder_of(path), folder_of(target)].add(f"{path} includes {target}")
    return edges


def symbols_of(build, nm):
    """{object: [its lines of nm, in words]}"""
    symbols = {}
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as text:
        objects = {re.search(r" -o (\S+)", entry["command"])[1] for entry in json.load(text)}  # those of sources that are gone may still lie there
    for path in sorted(objects):
        if "/CMakeFiles/reagent_" not in path or not path.startswith(tuple(library + "/" for library in LIBRARIES)):
            continue
        if "cmake_pch" in path or not os.path.exists(os.path.join(build, path)):
            continue
        own = re.sub(r"^([^/]+)/CMakeFiles/[^/]+/", r"\1/", path)
        out = subprocess.run([nm, os.path.join(build, path)], capture_output=True, text=True, check=True).stdout
        symbols[own] = [line.split() for line in out.splitlines()]
    if not symbols:
        sys.exit(f"no objects in {build}: build first")
    return symbols


def names_of_two(symbols):
    """What is a function of its own in one object and another one, or an inline one, in a second: the linker takes
    either for both."""
    strong, weak = collections.defaultdict(set), collections.defaultdict(set)
    for own, lines in symbols.items():
        for words in lines:
            if len(words) == 3 and "reagent" in words[2] and words[1] in "TDBRWV":
                (strong if words[1] in "TDBR" else weak)[words[2]].add(own)
    for name, where in sorted(strong.items()):
        if len(where | weak[name]) > 1:
            yield f"{name} is defined in {', '.join(sorted(where | weak[name]))}"


def symbol_edges(symbols):
    defined, wanted = {}, {}
    for own, lines in symbols.items():
        # Weak ones (`w`) are for what a program may leave out, and templates (`W`) are everybody's.
        wanted[own] = {w[1] for w in lines if len(w) == 2 and w[0] == "U"}
        defined.update({w[2]: own for w in lines if len(w) == 3 and w[1] in "TDBR" and "reagent" in w[2]})
    edges = collections.defaultdict(set)
    for own, names in wanted.items():
        for symbol in names:
            there = defined.get(symbol)
            if there and folder_of(there) != folder_of(own):
                edges[folder_of(own), folder_of(there)].add(f"{own[:-2]} needs {there[:-2]}")
    return edges


def main():
    source, build = sys.argv[1:3]
    nm = sys.argv[3] if len(sys.argv) > 3 else "nm"
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "known_edges.txt"), encoding="utf-8") as text:
        known = {line.strip() for line in text if line.strip() and not line.startswith("#")}
    wrong, symbols = set(), symbols_of(build, nm)
    for edges in (include_edges(source), symbol_edges(symbols)):
        for (a, b), which in edges.items():
            if a not in BELOW:
                sys.exit(f"{a}: this folder has no place in the order (tests/layers/check.py): {sorted(which)[0]}")
            if b not in BELOW[a]:
                wrong |= which
    for edge in sorted(wrong - known):
        print(f"up or sideways: {edge}")
    for edge in sorted(known - wrong):
        print(f"mended, take it out of known_edges.txt: {edge}")
    twice = list(names_of_two(symbols))
    for name in twice:
        print(f"two of one name: {name}")
    print(f"{len(wrong)} edges up or sideways, {len(known)} of them known; {len(twice)} names of two")
    return 1 if wrong != known or twice else 0


sys.exit(main())
