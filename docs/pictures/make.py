"""Makes the pictures of the trace page from real runs: make.py BUILD_FOLDER (needs Chromium)."""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

build = pathlib.Path(sys.argv[1]).resolve()
here = pathlib.Path(__file__).resolve().parent
source = here.parent.parent
reagent = build / "bin" / "reagent"
chromium = shutil.which("chromium") or shutil.which("google-chrome")
if not chromium:
    sys.exit("no Chromium is installed")
work = pathlib.Path(tempfile.mkdtemp())


def ask(question, name):
    tools = f"calculator,time,sql:{build}/demo/shop.db,docs:{source}/examples/data/documents"
    subprocess.run([reagent, "ask", question, "--lm", "offline/demo", "--tools", tools, "--save-journal", name, "--quiet"], cwd=work, check=True,
                   stdout=subprocess.DEVNULL)


def picture(name, script, *journals):
    subprocess.run([reagent, "trace", *journals, "-o", "page.html"], cwd=work, check=True, stdout=subprocess.DEVNULL)
    page = (work / "page.html").read_text()
    nonce = re.search(r"script-src 'nonce-(\w+)'", page)[1]
    (work / "page.html").write_text(page.replace("</body>", f'<script nonce="{nonce}">{script}</script></body>'))
    subprocess.run([chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking",
                    "--disable-component-update", "--disable-sync", "--no-first-run", f"--user-data-dir={work}/profile", "--window-size=1440,900",
                    "--virtual-time-budget=3000", f"--screenshot={here / name}", f"file://{work}/page.html"], check=True, capture_output=True)


ask("What is half of the number of orders from the city where the company was founded?", "founded.jsonl")
ask("How many orders came from customers in Oslo?", "oslo.jsonl")
ask("How many orders came from customers in Bergen?", "bergen.jsonl")
subprocess.run([build / "bin" / "08_safe_sql"], cwd=work, env={"REAGENT_RECORD": str(work / "sql"), "PATH": "/usr/bin:/bin"}, check=True,
               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
runs = sorted((work / "sql").glob("*.jsonl"), key=lambda f: -len(f.read_text().splitlines()))
light = "document.documentElement.dataset.theme = 'light';"
dark = "document.documentElement.dataset.theme = 'dark';"
picture("agent.png", light + "select(spans.findIndex(s => s.kind === 'tool'));", "founded.jsonl")
picture("backtrack.png", dark + "select(spans.findIndex(s => s.kind === 'backtrack'));", str(runs[0]))
picture("comparison.png", light, "oslo.jsonl", "bergen.jsonl")
shutil.rmtree(work)
