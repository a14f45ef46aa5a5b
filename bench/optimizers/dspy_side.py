"""One search by DSPy: dspy_side.py OPTIMIZER SEED PORT INPUT OUTPUT, in a folder with train.jsonl, val.jsonl and test.jsonl. Prints the score on test data before,
after, and the requests of the search."""

import json
import os
import sys
import urllib.request

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # no look at prices outside
import dspy

optimizer, seed, port, source, label = sys.argv[1], int(sys.argv[2]), *sys.argv[3:6]
base = f"http://127.0.0.1:{port}"
dspy.configure(lm=dspy.LM("openai/l", api_base=base + "/v1", api_key="none", max_tokens=1000))
dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=True)


def load(name):
    with open(name + ".jsonl") as lines:
        return [dspy.Example(**json.loads(line)).with_inputs(source) for line in lines]


def right(example, prediction, trace=None):
    return example[label] == prediction[label]


def requests():
    return json.load(urllib.request.build_opener(urllib.request.ProxyHandler({})).open(base + "/"))["requests"]


def score(program):
    return dspy.Evaluate(devset=load("test"), metric=right, num_threads=8, display_progress=False)(program).score


program, train, val = dspy.Predict(f"{source} -> {label}"), load("train"), load("val")
before, began = score(program), requests()
none = {"max_bootstrapped_demos": 0, "max_labeled_demos": 0}
if optimizer == "labeled_few_shot":
    made = dspy.LabeledFewShot(k=16).compile(program, trainset=train)
elif optimizer == "bootstrap_few_shot":
    made = dspy.BootstrapFewShot(metric=right).compile(program, trainset=train)
elif optimizer == "bootstrap_random_search":
    made = dspy.BootstrapFewShotWithRandomSearch(metric=right, num_threads=8).compile(program, trainset=train, valset=val)
elif optimizer == "copro":
    made = dspy.COPRO(metric=right).compile(program, trainset=train, eval_kwargs={"num_threads": 8, "display_progress": False})
elif optimizer == "mipro":
    made = dspy.MIPROv2(metric=right, auto="light", seed=seed, num_threads=8).compile(program, trainset=train, valset=val)
elif optimizer == "mipro_zero":
    search = dspy.MIPROv2(metric=right, auto="light", seed=seed, num_threads=8, **none)
    made = search.compile(program, trainset=train, valset=val, **none)
else:
    sys.exit(f"no optimizer {optimizer!r}")
spent = requests() - began
print(before, score(made), spent)
