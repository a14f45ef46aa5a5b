"""Saved programs between Reagent and DSPy, both ways: programs.py REAGENT API_BASE FOLDER."""
import json
import logging
import subprocess
import sys

import dspy

logging.disable(logging.CRITICAL)
reagent, api_base, folder = sys.argv[1:]
MESSAGES = [
    ("my invoice was charged twice", "billing"), ("the parcel is late again", "delivery"), ("cannot login with my password", "account"),
    ("refund the payment to my card", "billing"), ("the courier lost the package", "delivery"), ("verify my email please", "account"),
    ("why this fee on the receipt", "billing"), ("tracking says shipped to a wrong address", "delivery"),
]
with open(f"{folder}/train.jsonl", "w") as f:
    for message, intent in MESSAGES:
        f.write(json.dumps({"message": message, "intent": intent}) + "\n")


def run(*arguments):
    done = subprocess.run([reagent, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    return done.stdout


def shown(file):
    return {p["name"]: p for p in json.loads(run("program", "show", "--json", file))["predictors"]}


def plain(demo):
    """A demonstration as JSON, whichever class DSPy made of it."""
    return json.loads(json.dumps({k: v for k, v in dict(demo).items()}))


def lookup(city: str) -> str:
    """Finds a city."""
    return "a city"


MODULES = {
    "predict": lambda: dspy.Predict("message -> intent"),
    "cot": lambda: dspy.ChainOfThought("message -> intent"),
    "react": lambda: dspy.ReAct("message -> intent", tools=[lookup]),
}
dspy.configure(lm=dspy.LM("openai/x", api_base=api_base, api_key="none", cache=False))
checked = 0

# Ours -> DSPy: it loads, and has our demonstrations and instructions.
for module in ("predict", "cot", "react"):
    for optimizer in ("labeled_few_shot", "bootstrap_few_shot", "copro"):
        if module == "react" and optimizer != "labeled_few_shot":
            continue  # the learner takes no steps
        file = f"{folder}/ours_{module}_{optimizer}.json"
        settings = ["breadth=3", "depth=1"] if optimizer == "copro" else []
        run("compile", "--signature", "message -> intent", "--module", module, "--optimizer", optimizer, "--train", f"{folder}/train.jsonl",
            "--metric", "exact_match:intent", "--lm", "openai/x", "--api-base", api_base, "--out", file, "--quiet", "--no-report", *settings)
        program = MODULES[module]()
        program.load(file)
        ours = shown(file)
        theirs = dict(program.named_predictors())
        assert list(ours) == list(theirs), (list(ours), list(theirs))
        for name, predictor in theirs.items():
            assert predictor.signature.instructions == ours[name]["instructions"], name
            assert [plain(d) for d in predictor.demos] == ours[name]["demos"], name
            checked += 1
        # What DSPy saves of it loads here and is the same.
        again = f"{folder}/again_{module}_{optimizer}.json"
        program.save(again)
        assert json.loads(run("program", "diff", "--json", file, again) or "{}")["equal"] is True, file

# DSPy -> ours: it loads, has their demonstrations and instructions, and runs.
train = [dspy.Example(message=m, intent=i).with_inputs("message") for m, i in MESSAGES]
exact = lambda example, prediction, trace=None: example.intent == prediction.intent
for module in ("predict", "cot"):
    for name, compiled in {
        "labeled": dspy.LabeledFewShot(k=3).compile(MODULES[module](), trainset=train),
        "bootstrapped": dspy.BootstrapFewShot(metric=exact, max_bootstrapped_demos=2, max_labeled_demos=4).compile(MODULES[module](), trainset=train),
    }.items():
        file = f"{folder}/theirs_{module}_{name}.json"
        compiled.save(file)
        ours = shown(file)
        for path, predictor in compiled.named_predictors():
            assert predictor.signature.instructions == ours[path]["instructions"], path
            assert [plain(d) for d in predictor.demos] == ours[path]["demos"], path
            checked += 1
        result = json.loads(run("eval", "--signature", "message -> intent", "--module", module, "--program", file, "--data", f"{folder}/train.jsonl",
                                "--inputs", "message", "--metric", "exact_match:intent", "--lm", "openai/x", "--api-base", api_base, "--json", "--quiet"))
        assert result["errors"] == 0 and result["examples"] == len(MESSAGES), result
print(f"dspy {dspy.__version__}: {checked} predictors are the same on both sides")
