"""One search by DSPy 3.4.1: dspy_reflective.py KIND OPTIMIZER SEED PORT, in a folder with the data of honest.py. Prints the score on test data before and after, and
the requests of the search."""

import json
import os
import re
import sys
import urllib.request

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # no look at prices outside
import dspy

kind, optimizer, seed, port = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
base = f"http://127.0.0.1:{port}"
lm = dspy.LM("openai/l", api_base=base + "/v1", api_key="none", max_tokens=4000)
dspy.configure(lm=lm)
dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=True)
known = json.load(open("known.json"))


def load(name):
    inputs = {"topics": "message"}.get(kind, "question")
    with open(name + ".jsonl") as lines:
        return [dspy.Example(**json.loads(line)).with_inputs(inputs) for line in lines]


def words(text):
    return re.findall(r"[A-Za-z0-9]+", text.lower())


class Hops(dspy.Module):
    def __init__(self):
        super().__init__()
        self.query = dspy.Predict("question, context -> query")
        self.answer = dspy.Predict("question, context -> answer")

    @staticmethod
    def search(query):
        wanted = set(words(query)) - {"the", "of", "in", "does", "where", "owner"}
        return max(known, key=lambda p: len(wanted & set(words(p))))

    def forward(self, question):
        first = self.search(question)
        query = self.query(question=question, context=first).query
        return dspy.Prediction(query=query, answer=self.answer(question=question, context=first + " " + self.search(query)).answer)


def table(name):
    def look(key: str) -> str:
        return known[name].get(key, "nothing")

    return dspy.Tool(look, name=name, desc="Looks into the firm's records.")


def judged(example, prediction, name=None):
    """Score and feedback, on the whole or on one predictor."""
    if kind == "topics":
        good = prediction.topic == example.topic
        return float(good), "" if good else f"Expected {example.topic}: rule <{example.rule}>."
    good = prediction.answer == example.answer
    said = []
    if kind == "hops":
        if name != "answer" and example.bridge not in prediction.query:
            said.append(f"The query misses {example.bridge}: rule <name in the query what the first passage found>.")
        if name != "query" and example.answer in prediction.answer and not good:
            said.append("rule <answer with the name alone>.")
        return float(good), " ".join(said)
    if example.answer in prediction.answer and not good:
        said.append("rule <answer with the value alone>.")
    if example.answer not in prediction.answer:
        said.append(f"This stands elsewhere: rule <what {example.word} is in {example.tool}>.")
    return float(good), " ".join(said)


def right(example, prediction, trace=None):
    return judged(example, prediction)[0]


def with_feedback(gold, pred, trace=None, pred_name=None, pred_trace=None):
    score, said = judged(gold, pred, pred_name)
    return dspy.Prediction(score=score, feedback=said)


def requests():
    return json.load(urllib.request.build_opener(urllib.request.ProxyHandler({})).open(base + "/"))["requests"]


def score(program):
    return dspy.Evaluate(devset=load("test"), metric=right, num_threads=8, display_progress=False)(program).score


program = dspy.Predict("message -> topic") if kind == "topics" else Hops() if kind == "hops" else None
if program is None:
    program = dspy.ReAct("question -> answer", tools=[table(name) for name in known], max_iters=4)
train, val = load("train"), load("val")
before, began = score(program), requests()
if optimizer == "gepa":
    search = dspy.GEPA(metric=with_feedback, auto="light", reflection_lm=lm, seed=seed, num_threads=8)
    made = search.compile(program, trainset=train, valset=val)
elif optimizer == "simba":
    made = dspy.SIMBA(metric=with_feedback, num_threads=8).compile(program, trainset=train, seed=seed)
elif optimizer == "infer_rules":
    made = dspy.InferRules(metric=right, num_threads=8).compile(program, trainset=train, valset=val)
elif optimizer == "mipro":
    made = dspy.MIPROv2(metric=right, auto="light", seed=seed, num_threads=8).compile(program, trainset=train, valset=val)
elif optimizer == "bootstrap_random_search":
    made = dspy.BootstrapFewShotWithRandomSearch(metric=right, num_threads=8).compile(program, trainset=train, valset=val)
elif optimizer == "labeled_few_shot":
    made = dspy.LabeledFewShot(k=8).compile(program, trainset=train)
else:
    sys.exit(f"no optimizer {optimizer!r}")
spent = requests() - began
print(before, score(made), spent)
