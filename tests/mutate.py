#!/usr/bin/env python3
"""What do the tests not see? Makes small random changes in the sources, one at a time, builds, and runs the tests.

A change ("mutant") is killed when a test fails, twice, or does not end. One that survives is either equivalent (no input tells it from
the original) or names a test that is missing. The build folder is best one without optimization:

    cmake -S . -B build/mutate -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=-O0 \\
      -DREAGENT_BUILD_EXAMPLES=OFF -DREAGENT_BUILD_BENCH=OFF -DREAGENT_BUILD_CLI=OFF
    tests/mutate.py --seed 1 --count 20 --log mutants.jsonl sdk/src/schema sdk/src/adapter
    tests/mutate.py --again mutants.jsonl          # only those that survived, after tests were written

The sources are changed in place and put back: run it in a checkout of its own. A log is continued, so a higher --count adds to it.
"""
import argparse
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
OPERATORS = [
    (r" < ", " <= "), (r" > ", " >= "), (r" <= ", " < "), (r" >= ", " > "), (r" == ", " != "), (r" != ", " == "),
    (r" && ", " || "), (r" \|\| ", " && "), (r"return true;", "return false;"), (r"return false;", "return true;"),
    (r"if \(!", "if ("), (r" \+ 1\b", " + 0"), (r" - 1\b", " - 0"), (r"\+= ", "-= "), (r"\bcontinue;", "break;"),
    (r"\b0\b", "1"), (r"\b1\b", "2")]
TIME_LIMIT, ENDED = "time limit", "exit code"
FIRST_ERROR = re.compile(r'^[^"]*\(\d+\): (?:fatal )?error: in "([^"]+)"')


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="*", help="folders of sources; mutants are spread over them by their lines")
    parser.add_argument("--build", default="build/mutate", help="a configured build folder (default: %(default)s)")
    parser.add_argument("--tests", default="lm,adapter,schema,agents,module",
                        help="test programs, in this order; those named like a folder of the mutant's path run first")
    parser.add_argument("--without", default="", help="leave out paths that hold this text")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=50, help="mutants that build (default: %(default)s)")
    parser.add_argument("--until", default="", metavar="HH:MM", help="begin no mutant after this time")
    parser.add_argument("--log", default="", help="a JSON line for each mutant; continued where it exists")
    parser.add_argument("--again", default="", metavar="LOG", help="try the survivors of this log")
    parser.add_argument("--skip", action="append", default=[], metavar="SUITE/CASE",
                        help="a slow test case to leave out (may be repeated); --again without it gives the survivors a full run")
    parser.add_argument("--jobs", type=int, default=2, help="for ninja (default: %(default)s)")
    return parser.parse_args()


def sources_of(folder, without):
    return sorted(f for f in (ROOT / folder).rglob("*.cpp") if not without or without not in f.as_posix())


def sites(folder, without):
    """Every place in `folder` that an operator fits: (file, line, column, length, replacement)."""
    found = []
    for file in sources_of(folder, without):
        name = file.relative_to(ROOT).as_posix()
        for number, line in enumerate(file.read_text().split("\n")):
            if line.strip().startswith(("//", "#", "static_assert", "template")) or '"' in line and len(line) < 40:
                continue
            code = line.split("//")[0]
            for pattern, replacement in OPERATORS:
                found += [(name, number, m.start(), len(m.group()), replacement) for m in re.finditer(pattern, code)]
    return found


def lines_of(folder, without):
    return sum(f.read_text().count("\n") for f in sources_of(folder, without))


def mutant_of(site):
    name, number, column, length, replacement = site
    before = (ROOT / name).read_text().split("\n")[number]
    return {"file": name, "line": number + 1, "before": before,
            "after": before[:column] + replacement + before[column + length:]}


def drawn(folders, seed, without):
    """Mutants in random order, of each folder as many that build as its share of the lines."""
    rng = random.Random(seed)
    pools, weight, taken = {}, {}, {}
    for folder in folders:
        pools[folder] = sites(folder, without)
        rng.shuffle(pools[folder])
        weight[folder], taken[folder] = lines_of(folder, without), 0
    while any(pools.values()):
        folder = min((f for f in folders if pools[f]), key=lambda f: (taken[f] + 0.5) / weight[f])
        mutant = mutant_of(pools[folder].pop())
        yield mutant
        taken[folder] += mutant["verdict"] != "no build"  # written by who tried it


def survivors(log):
    """Those of an earlier run, found by their text where the lines have moved."""
    for line in pathlib.Path(log).read_text().splitlines():
        mutant = json.loads(line)
        if mutant["verdict"] != "survived":
            continue
        now = (ROOT / mutant["file"]).read_text().split("\n")
        places = [i + 1 for i, text in enumerate(now) if text == mutant["before"]]
        if not places:
            print("gone:", mutant["file"], mutant["before"].strip())
            continue
        mutant["line"] = min(places, key=lambda i: abs(i - mutant["line"]))
        yield mutant


class programs:
    def __init__(self, build, names, skipped, jobs):
        self.build, self.names, self.jobs, self.limit = ROOT / build, names, jobs, {}
        self.most = ["--run_test=!" + case for case in skipped]

    def made(self, *names):
        command = ["ninja", "-C", str(self.build), f"-j{self.jobs}", *("test_" + n for n in names)]
        return subprocess.run(command, capture_output=True, text=True)

    def measured(self):
        """The tests have to pass as they are; how long they take gives their time limit."""
        made = self.made(*self.names)
        if made.returncode:
            sys.exit(made.stdout[-2000:])
        for name in self.names:
            start = time.monotonic()
            failed = self.failure(name, 900)
            if failed:
                sys.exit(f"test_{name} fails without any change: {failed}")
            self.limit[name] = 4 * (time.monotonic() - start) + 20
            print(f"test_{name}: {time.monotonic() - start:.0f} s", flush=True)

    def failure(self, name, limit, case=""):
        """The first test case that fails, or how else the program ended; empty when all pass."""
        chosen = ["--run_test=" + case] if case else self.most
        test = subprocess.Popen([str(self.build / "bin" / ("test_" + name)), "--color_output=no", "--report_level=no", *chosen],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                                start_new_session=True, cwd=self.build)
        late = threading.Event()
        timer = threading.Timer(limit, lambda: (late.set(), kill(test)))
        timer.start()
        try:
            for line in test.stdout:
                error = FIRST_ERROR.search(line)
                if error:
                    return error.group(1)
            code = test.wait()
            return TIME_LIMIT if late.is_set() else f"{ENDED} {code}" if code else ""
        finally:
            timer.cancel()
            kill(test)
            test.wait()

    def fails_again(self, name, failed):
        """A case that passes when it runs again, or with more time, may have failed for a reason of its own."""
        whole_program = failed == TIME_LIMIT or failed.startswith(ENDED)
        return bool(self.failure(name, 2 * self.limit[name], "" if whole_program else failed))

    def verdict(self, path):
        """Whether a test sees the change: (verdict, what saw it)."""
        folders = path.split("/")
        for name in sorted(self.names, key=lambda n: n not in folders):
            if self.made(name).returncode:
                return "no build", ""
            failed = self.failure(name, self.limit[name])
            if failed and self.fails_again(name, failed):
                return "killed", f"{name}: {failed}"
        return "survived", ""


def kill(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def tried(mutant, tests):
    file = ROOT / mutant["file"]
    text = file.read_text()
    lines = text.split("\n")
    lines[mutant["line"] - 1] = mutant["after"]
    try:
        file.write_text("\n".join(lines))
        return tests.verdict(mutant["file"])
    finally:
        file.write_text(text)


def told(result):
    after = " -> " + result["after"].strip() if result["verdict"] == "survived" else ""
    print(result["verdict"], f"{result['file']}:{result['line']}", "|", result["before"].strip() + after, "|", result["by"], flush=True)


def score(results):
    killed, alive = (sum(r["verdict"] == v for r in results) for v in ("killed", "survived"))
    print(f"{killed} of {killed + alive} killed: {100 * killed / max(killed + alive, 1):.0f}%", flush=True)


def logged(log):
    if not log or not os.path.exists(log):
        return {}
    results = map(json.loads, pathlib.Path(log).read_text().splitlines())
    return {(r["file"], r["line"], r["after"]): r for r in results}


def result_of(mutant, tests, log):
    verdict, by = tried(mutant, tests)
    result = mutant | {"verdict": verdict, "by": by}
    told(result)
    if log:
        with open(log, "a", encoding="utf-8") as out:
            out.write(json.dumps(result) + "\n")
    return result


def main():
    given = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    tests = programs(given.build, given.tests.split(","), given.skip, given.jobs)
    tests.measured()
    known = logged(given.log)
    source = survivors(given.again) if given.again else drawn(given.sources, given.seed, given.without)
    count = float("inf") if given.again else given.count
    results = []
    for mutant in source:
        if given.until and time.strftime("%H:%M") >= given.until:
            break
        result = known.get((mutant["file"], mutant["line"], mutant["after"])) or result_of(mutant, tests, given.log)
        mutant["verdict"] = result["verdict"]
        results.append(result)
        if sum(r["verdict"] != "no build" for r in results) >= count:
            break
    tests.made(*tests.names)
    score(results)


if __name__ == "__main__":
    main()
