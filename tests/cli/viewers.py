"""Three viewers of a huge run at the same time, and what they cost `reagent ui`: viewers.py REAGENT WORK_FOLDER"""
import json
import pathlib
import re
import sqlite3
import subprocess
import sys
import threading
import urllib.parse
import urllib.request

reagent, work = sys.argv[1], pathlib.Path(sys.argv[2])
STEPS = 1500
TOKEN = "0123456789abcdef"
LIMIT = 50 << 20


def check(ok, what):
    if not ok:
        sys.exit(f"WRONG: {what}")


def request(n, whole, text):
    """Of step n: all of its text, or what is new in it."""
    if whole or n == 0:
        return {"messages": [{"role": "system", "content": "Be careful."}, {"role": "user", "content": text}]}
    return {"earlier": 2 * n - 1, "messages": [{"from": 0, "count": 1}, {"role": "user", "of": 1, "content": [{"from": 0, "bytes": len(text) - 60}, text[-60:]]}]}


def fill(db, run, whole):
    number, text, t = 0, "x" * 60, 0
    size = 0
    for n in range(STEPS):
        if n:
            text += f"[step {n:6d}] ".ljust(60, "o")
        records = [
            {"record": "finished", "id": 2 * n + 1, "kind": "model_call", "path": "react", "occurrence": n, "model": "m", "request": request(n, whole, text),
             "response": {"content": "a step", "finish": "stop", "usage": {"calls": 1, "prompt_tokens": 400, "completion_tokens": 40}, "model": "m"}, "started": t, "duration": 4, "at": t + 4},
            {"record": "predictor", "path": "react", "occurrence": n, "inputs": {"question": "q"}, "outputs": {"thought": "needle" if n == 7 else "hm"}, "at": t + 5},
            {"record": "finished", "id": 2 * n + 2, "kind": "tool_call", "path": "react", "occurrence": n, "splits": n + 1, "tool": "look\u202e", "arguments": {"n": n},
             "result": "found " + "o" * 100, "started": t + 6, "duration": 1, "at": t + 7}]
        t += 10
        for r in records:
            number += 1
            body = json.dumps(r, separators=(",", ":"))
            size += len(body)
            db.execute("INSERT INTO reagent_records (run, number, body) VALUES (?, ?, ?)", (run, number, body))
    db.execute("INSERT INTO reagent_runs (id, program, status, inputs, session, format, last_record, created, updated) VALUES (?, 'p', 'finished', '{}', '', ?, ?, 1, 1)", (run, 1 if whole else 2, number))
    return text, number, size


subprocess.run([reagent, "ask", "What is 1 plus 1?", "--journals", "huge.db", "--run-id", "small", "--quiet", "--lm", "offline/demo"], cwd=work, check=True, stdout=subprocess.DEVNULL)
db = sqlite3.connect(work / "huge.db")
last_text, records, bytes_whole = fill(db, "whole", True)
_, _, bytes_new = fill(db, "new", False)
db.commit()
db.close()

ui = subprocess.Popen([reagent, "ui", "--journals", "huge.db", "--port", "0", "--token", TOKEN], cwd=work, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
try:
    url = ui.stdout.readline().split("?")[0].strip()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(path, **parameters):
        return json.load(opener.open(url + path + "?" + urllib.parse.urlencode({**parameters, "token": TOKEN}), timeout=120))

    def memory():
        return int(re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path(f"/proc/{ui.pid}/status").read_text())[1]) * 1024

    get("api/runs")
    get("api/run", id="small")
    before = memory()
    failures = []

    def view(run):
        try:
            spans, start, pages = [], 0, 0
            while start is not None:
                page = get("api/run", id=run, **{"from": start})
                check(len(json.dumps(page)) < 600_000, "a page is no page")
                spans += page["spans"]
                start, pages = page.get("next"), pages + 1
            check(len(spans) == 1 + 3 * STEPS and pages >= 3, f"{run}: {len(spans)} spans in {pages} pages")
            check(all(s.get("parent", -1) < i for i, s in enumerate(spans)), "a parent behind its child")
            models = [s for s in spans if s["kind"] == "model"]
            held = get("api/content", id=run, record=models[-1]["record"])
            check(held["messages"][1]["content"] == last_text, f"{run}: the last prompt is not what was sent: {held['messages'][1]['content'][-200:]}")
            check(get("api/search", id=run, q="NEEDLE") == [23], f"{run}: search {get('api/search', id=run, q='NEEDLE')}")
        except SystemExit as e:
            failures.append(str(e))
        except Exception as e:
            failures.append(repr(e))

    for run in ["whole", "new"]:
        viewers = [threading.Thread(target=view, args=(run,)) for _ in range(3)]
        for v in viewers:
            v.start()
        for v in viewers:
            v.join()
    check(not failures, failures)
    grown = memory() - before
    check(grown < LIMIT, f"three viewers cost {grown >> 20} MB")
    print(f"three viewers of a run of {bytes_whole >> 20} MB and of {bytes_new >> 20} MB cost {grown >> 20} MB")
finally:
    ui.terminate()
    ui.wait()
