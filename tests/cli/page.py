"""The trace page in a headless browser: page.py CHROMIUM REAGENT AXE_JS|- WORK_FOLDER

Ten thousand events, hostile tool output, keyboard, search, and accessibility by axe-core where its script is given."""
import html
import json
import pathlib
import re
import subprocess
import sys
import time

chromium, reagent, axe, work = sys.argv[1:]
work = pathlib.Path(work)
HOSTILE = '</script><script>document.title="HACKED"</script><img src=x onerror="document.title=\'HACKED\'">\u2028'


def check(ok, what):
    if not ok:
        sys.exit(f"WRONG: {what}")


def journal(name, steps, changed=False):
    lines = [{"journal": "reagent", "format": 1, "program": "hostile " + HOSTILE, "inputs": {"question": HOSTILE}}]
    t = 0
    for n in range(steps):
        lines.append({"record": "finished", "id": 2 * n + 1, "kind": "model_call", "path": "react", "occurrence": n, "model": "openai/gpt-4o-mini",
                      "request": {"messages": [{"role": "system", "content": "Be careful."}, {"role": "user", "content": f"step {n} {HOSTILE}" + (" changed" if changed and n == 3 else "")}]},
                      "response": {"content": HOSTILE, "finish": "stop", "usage": {"calls": 1, "prompt_tokens": 400, "completion_tokens": 40, "cost": 0.0004}, "model": "gpt-4o-mini"},
                      "started": t, "duration": 400000, "at": t + 400000})
        lines.append({"record": "predictor", "path": "react", "occurrence": n, "inputs": {"question": HOSTILE}, "outputs": {"thought": HOSTILE}, "at": t + 400000})
        t += 400000
        tool = {"record": "finished", "id": 2 * n + 2, "kind": "tool_call", "path": "react", "occurrence": n, "splits": n + 1, "tool": "search",
                "arguments": {"q": HOSTILE}, "result": "needle" if n == 41 else HOSTILE, "started": t, "duration": 100000, "at": t + 100000}
        if n % 20 == 5:
            tool["error"] = "no answer: " + HOSTILE
        lines.append(tool)
        t += 100000
    (work / f"{name}.jsonl").write_text("\n".join(json.dumps(line) for line in lines) + "\n")
    return str(work / f"{name}.jsonl")


def page(name, *journals):
    out = str(work / f"{name}.html")
    subprocess.run([reagent, "trace", *journals, "-o", out], check=True, stdout=subprocess.DEVNULL)
    return out


def browse(file, script="", scripts=()):
    """The page with scripts of ours at its end, which the page's own policy would forbid; what they put into #said."""
    text = pathlib.Path(file).read_text()
    nonce = re.search(r"script-src 'nonce-(\w+)'", text)[1]
    extra = "".join(f'<script nonce="{nonce}">{s}</script>' for s in [*scripts, f"""
      const say = x => {{ const p = document.createElement('pre'); p.id = 'said'; p.textContent = JSON.stringify(x); document.body.append(p); }};
      const key = k => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {{key: k, bubbles: true}}));
      (async () => {{ try {{ say(await (async () => {{ {script} }})()); }} catch (e) {{ say('error: ' + e.stack); }} }})();"""])
    copy = work / "copy.html"
    copy.write_text(text.replace("</body>", extra + "</body>"))
    begin = time.time()
    # The browser itself would look for updates and the like on the internet.
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic", "--no-first-run",
             "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={work}/profile"]
    dom = subprocess.run([chromium, "--headless=new", "--no-sandbox", "--disable-gpu", *quiet, "--virtual-time-budget=15000", "--dump-dom", f"file://{copy}"],
                         capture_output=True, text=True, timeout=120).stdout
    said = re.findall(r'<pre id="said">(.*?)</pre>', dom, re.S)
    check(said, f"{file} said nothing: {dom[-400:]}")
    return json.loads(html.unescape(said[-1])), dom, time.time() - begin


hundred, big, other = journal("hundred", 100), journal("big", 5000), journal("other", 100, changed=True)

said, dom, took = browse(page("hundred", hundred), "return [document.title, document.images.length, spans.length, document.querySelectorAll('.row').length]")
check("HACKED" not in said[0].replace(HOSTILE.replace("\u2028", "\\u2028"), "") and said[1] == 0, f"untrusted text became HTML: {said}")
check(said[2] == 301, f"{said[2]} spans, not 301")

said, dom, took = browse(page("big", big), """
  el('tree').focus(); key('End'); const last = selected; key('Home'); key('ArrowDown'); key('ArrowLeft'); const folded = spans[1].folded; key('ArrowRight'); key('ArrowDown');
  const at = selected; query = 'needle'; refresh(); const found = el('found').textContent; query = ''; onlyErrors = true; refresh(); const errors = el('found').textContent;
  return {spans: spans.length, rows: document.querySelectorAll('.row').length, last, folded, at, found, errors, kind: spans[at].kind};""")
check(said["spans"] == 15001 and said["rows"] < 120, f"ten thousand events: {said}")
check(said["last"] == 15000 and said["folded"] and said["kind"] == "model", f"keyboard: {said}")
check(said["found"] == "1 match" and said["errors"] == "250 matches", f"search and filter: {said}")
check(took < 60, "a page that does not open")

said, dom, _ = browse(page("compared", hundred, other), "return [comparison.changed.length, comparison.gone.length, comparison.fresh.length, comparison.changed[0].path]")
check(said == [1, 0, 0, "react"], f"two runs compared: {said}")
said, dom, _ = browse(page("compared", hundred, other), "document.querySelector('button.link').click(); return [spans[selected].kind, spans[selected].changed, document.querySelector('.hint').textContent.length < 200];")
check(said == ["model", "differs", True], f"a difference is gone to: {said}")

if axe != "-":
    script = pathlib.Path(axe).read_text()
    for theme in ["light", "dark"]:
        said, dom, _ = browse(page("hundred", hundred), f"""document.documentElement.dataset.theme = '{theme}'; select(2);
          const r = await axe.run(document, {{resultTypes: ['violations']}});
          return r.violations.map(v => v.impact + ' ' + v.id + ': ' + v.nodes.slice(0, 2).map(n => n.html.slice(0, 120) + ' | ' + n.failureSummary).join(' ; '));""", [script])
        check(isinstance(said, list), said)
        serious = [v for v in said if v.startswith(("serious", "critical"))]
        check(not serious, f"axe-core, {theme}: {serious}")
        print(f"axe-core, {theme}: nothing serious ({len(said)} remarks)")
print("the trace page: 15,001 spans, hostile text, keyboard, search, comparison")
