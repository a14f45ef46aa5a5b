#!/usr/bin/env python3
"""headers.py COMPILER -I... : what including reagent.hpp costs, and which headers it must not bring."""
import os
import re
import resource
import subprocess
import sys
import tempfile

EMPTY = "#include <boost/asio/awaitable.hpp>\n#include <boost/json.hpp>\nint main() {}\n"
WHOLE = "#include <boost/asio.hpp>\n#include <boost/json.hpp>\nint main() {}\n"
ALL = "#include <reagent/reagent.hpp>\nint main() {}\n"

# Each by itself costs a tenth of the empty program or more; what needs one of them is compiled into the library.
HEAVY = [
    r"boost/asio/experimental/", r"boost/asio/(steady_timer|basic_waitable_timer|io_context|thread_pool)\.hpp", r"boost/asio/ssl",
    r"boost/beast", r"boost/url", r"boost/regex", r"/c\+\+/[0-9.]+/(future|regex|iostream|thread|condition_variable|random)$",
    r"spdlog", r"sqlite3", r"libpq", r"expat",
]
MOST_HEADERS = 800  # the empty program brings about 340


def main():
    compiler, flags = sys.argv[1], sys.argv[2:] + ["-std=c++20", "-O2"]
    with tempfile.TemporaryDirectory() as folder:
        def file(name, text):
            path = os.path.join(folder, name)
            with open(path, "w") as f:
                f.write(text)
            return path

        empty, everything = file("empty.cpp", EMPTY), file("all.cpp", ALL)
        dependencies = subprocess.run([compiler, *flags, "-M", everything], check=True, capture_output=True, text=True).stdout
        headers = [h for h in dependencies.replace("\\\n", " ").split()[1:] if h != everything]

        def cost(source):
            """Least seconds of user and system time of three, and kilobytes."""
            best, memory = None, 0
            for _ in range(3):
                pid = os.spawnvp(os.P_NOWAIT, compiler, [compiler, *flags, "-c", source, "-o", source + ".o"])
                _, status, usage = os.wait4(pid, 0)
                if status != 0:
                    sys.exit(f"{source} does not compile")
                seconds = usage.ru_utime + usage.ru_stime
                best = seconds if best is None else min(best, seconds)
                memory = max(memory, usage.ru_maxrss)
            return best, memory

        time_empty, memory_empty = cost(empty)
        time_whole, memory_whole = cost(file("whole.cpp", WHOLE))
        time_all, memory_all = cost(everything)
    print(f"reagent.hpp: {time_all:.2f} s, {memory_all // 1024} MB, {len(headers)} headers; "
          f"Asio and JSON alone: {time_empty:.2f} s, {memory_empty // 1024} MB; "
          f"ratio {time_all / time_empty:.2f} of time, {memory_all / memory_empty:.2f} of memory; "
          f"to all of Asio and JSON {time_all / time_whole:.2f} and {memory_all / memory_whole:.2f}")
    heavy = sorted(h for h in headers if any(re.search(p, h) for p in HEAVY))
    for h in heavy:
        print("must not be included by reagent.hpp:", h)
    if len(headers) > MOST_HEADERS:
        print(f"more than {MOST_HEADERS} headers")
    sys.exit(1 if heavy or len(headers) > MOST_HEADERS else 0)


main()
