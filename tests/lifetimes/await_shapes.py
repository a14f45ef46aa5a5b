#!/usr/bin/env python3
"""Finds `?:` inside of co_await or around one, and requests written there: g++ 12 destroys what is of a class twice.

    tests/lifetimes/await_shapes.py FILE...

Prints a line for each place; ends with 1 where there is one. What is a number or a pointer is harmless: mark its line with
`// no class` to say so.
"""
import re
import sys

STRINGS = re.compile(r'R"([^()\\ ]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|//[^\n]*|/\*.*?\*/', re.S)

IN_PLACE = re.compile(r"\blm_request\s*\{")
CHOSEN = re.compile(r"\?[^:?]*$|\?.*:[^:?]*$", re.S)  # before a co_await: it stands in one of the two
TAKEN_OUT = re.compile(r"[^()]*\((?:[^()]|\([^()]*\))*\)\s*\)\s*\.\s*get\s*<")  # `(co_await ask(...)).get<...`


def blank(match):
    """Strings and comments without their text, lines kept."""
    if match.group().startswith("//") and "no class" in match.group():
        return "@" + " " * (len(match.group()) - 1)
    return re.sub(r"[^\n]", " ", match.group())


def expressions(text):
    """(offset, source) of what each co_await awaits, up to the end of its statement; bodies of lambdas are left out."""
    for found in re.finditer(r"\bco_await\b", text):
        depth, at, kept = 0, found.end(), []
        while at < len(text):
            c = text[at]
            if c == "{" and re.search(r"[)>\w]\s*$", text[found.end():at]) and is_body(text, at):
                at = end_of_block(text, at)
                kept.append(" ")
                continue
            if c in "([{":
                depth += 1
            elif c in ")]}":
                depth -= 1
                if depth < 0:
                    break
            elif c == ";" and depth == 0:
                break
            kept.append(c)
            at += 1
        yield found.start(), "".join(kept)


def is_body(text, at):
    """Whether the brace at `at` opens the body of a lambda: it holds statements."""
    return ";" in text[at:end_of_block(text, at)]


def end_of_block(text, at):
    depth = 0
    for i in range(at, len(text)):
        depth += {"{": 1, "}": -1}.get(text[i], 0)
        if depth == 0:
            return i + 1
    return len(text)


def places(text):
    clean = STRINGS.sub(blank, text)
    for start, source in expressions(clean):
        line_end = clean.find("\n", start)
        if "@" in clean[start:line_end if line_end >= 0 else len(clean)]:
            continue
        if why := what_is_wrong(clean, start, source):
            yield text.count("\n", 0, start) + 1, why


def what_is_wrong(clean, start, source):
    """Of the co_await at `start`, which awaits `source`; nothing where it is right."""
    arguments = source.find("(")
    inside = source[arguments:source.rfind(")") + 1] if arguments >= 0 else ""
    if "?" in inside:
        return "`?:` inside of co_await: g++ 12 destroys a class there twice; name the value first"
    if IN_PLACE.search(inside):
        return "a request inside of co_await: g++ 12 destroys it twice; name it first"
    before = clean[max(clean.rfind(c, 0, start) for c in ";{}") + 1:start]
    if CHOSEN.search(before) and TAKEN_OUT.match(clean, start + len("co_await")):
        return "`?:` around what is taken out of co_await: g++ 12 destroys it early; name it first"
    return ""


def main(files):
    found = 0
    for name in files:
        with open(name, encoding="utf-8") as file:
            for line, why in places(file.read()):
                found += 1
                print(f"{name}:{line}: {why}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
