"""Learners whose answers depend on the prompt alone, behind an OpenAI-compatible server; for optimizers that learn from feedback.

honest.py data KIND SEED FOLDER    train.jsonl, val.jsonl, test.jsonl, and what the program's tools know
honest.py serve KIND SEED          prints its port; GET / tells how many requests came

KIND: `topics`, a classifier that knows a class once the instructions name its domain, and else follows the nearest demonstration;
`hops`, a program of two steps, which has to name what the first passage found in its query, and to answer with a name alone;
`agent`, which has to know which of six tools answers what. A proposer writes what the feedback in its prompt asks for, each thing with
some luck, and keeps what the text has already, mostly. A demonstration teaches what it shows.
"""

import json
import os
import random
import re
import sys
import threading
from collections import Counter

from learners import Topics, digest, run_server
from learners import field as whole_field

RULE = re.compile(r"(?:Rule|rule) <([^<>]{1,60})>")


def field(text, name):
    """Of a field that is shown on one line: what follows it may be the adapter's words."""
    value = whole_field(text, name)
    return value.split("\n")[0] if name in ("message", "question", "context", "answer") else value


def rules_in(text):
    return list(dict.fromkeys(RULE.findall(text)))


class Learner:
    """`rules` are what it can be told; feedback names them as `rule <...>`."""

    def __init__(self, seed):
        self.seed, self.draw, self.asked = seed, threading.local(), Counter()

    def begin(self, request):
        """A prompt that is asked again with a temperature gets an answer of its own."""
        self.draw.number = 0
        if (request.get("temperature") or 0) >= 0.7:
            text = digest(json.dumps(request["messages"]))
            self.draw.number = self.asked[text]
            self.asked[text] += 1

    def luck(self, *parts):
        return digest(*parts, self.seed, *([self.draw.number] if self.draw.number else [])) % 100

    def rewritten(self, current, feedback, draw):
        kept = [r for r in rules_in(current) if self.luck("keep", r, feedback, draw) < 93]
        found = [r for r in rules_in(feedback) if r not in kept and self.luck("find", r, feedback, draw) < 55]
        return "Do this step with care. " + " ".join(f"Rule <{r}>." for r in kept + found)


class TopicsLearner(Learner):
    inputs, size, fields = ["message"], (60, 60, 200), {"topic"}

    def data(self, part, dice):
        topics = Topics(self.seed)
        kind = dice.choice(list(topics.words))
        other = dice.choice([c for c in topics.words if c != kind])
        text = dice.sample(topics.words[kind].split(), 2) + dice.sample(topics.words[other].split(), 1) + dice.sample(topics.filler, 4)
        dice.shuffle(text)
        return {"message": " ".join(text), "topic": kind, "rule": f"{topics.hints[kind]} means {kind}"}

    def answer(self, system, demos, last, asked):
        topics = Topics(self.seed)
        known = " ".join(topics.hints[c] for c in topics.hints if f"{topics.hints[c]} means {c}" in rules_in(system))
        shown = [(topics.features(field(q, "message")), field(a, "topic")) for q, a in demos]
        draw = f" #{self.draw.number}" if self.draw.number else ""  # is no word, but another guess
        return {"topic": topics.classify(known, shown, field(last, "message") + draw)}


class HopsLearner(Learner):
    inputs, size, fields = ["question"], (60, 60, 200), {"query", "answer"}
    rules = ["name in the query what the first passage found", "answer with the name alone"]

    def world(self):
        dice = random.Random(self.seed * 7 + 5)
        names = list(dict.fromkeys(dice.choice("BDFGKLMNPRST") + dice.choice("aeiou") + dice.choice("bdfgklmnprst") + dice.choice("aeiou")
                                   + dice.choice(["n", "r", "lo", "ska", "mir", "ton", "vel"]) for _ in range(700)))
        works, people, towns = names[:120], names[120:300], names[300:420]
        owner = {w: dice.choice(people) for w in works}
        home = {p: dice.choice(towns) for p in people}
        return works, owner, home

    def passages(self):
        works, owner, home = self.world()
        return [f"{w} belongs to {p}." for w, p in owner.items()] + [f"{p} lives in {t}." for p, t in home.items()]

    def data(self, part, dice):
        works, owner, home = self.world()
        half = works[: len(works) // 2] if part < 2 else works[len(works) // 2 :]
        w = dice.choice(half)
        return {"question": f"Where does the owner of {w} live?", "answer": home[owner[w]], "bridge": owner[w]}

    def answer(self, system, demos, last, asked):
        question, context = field(last, "question"), field(last, "context")
        told = rules_in(system)
        if "query" in asked:
            found = re.search(r"belongs to (\w+)", context)
            good = [bool(re.search(r"belongs to (\w+)", q) and re.search(r"belongs to (\w+)", q).group(1) in field(a, "query")) for q, a in demos]
            skill = 92 if self.rules[0] in told else 85 if sum(good) * 2 > len(good) else 20 if not demos else 8
            return {"query": f"{found.group(1)} lives in" if found and self.luck("query", question) < skill else question}
        found = re.search(r"(\w+) lives in (\w+)", context)
        if not found:
            return {"answer": "The passages do not say."}
        short = [len(field(a, "answer").split()) == 1 for _, a in demos]
        skill = 96 if self.rules[1] in told else 90 if sum(short) * 2 > len(short) else 45 if not demos else 25
        alone = self.luck("answer", question) < skill
        return {"answer": found.group(2) if alone else f"The owner lives in {found.group(2)}, it seems."}


class AgentLearner(Learner):
    inputs, size, fields = ["question"], (60, 60, 200), {"next_tool_name", "answer"}
    tools = {"ledger": "paid", "depot": "arrives", "registry": "lives", "archive": "signed", "bench": "repaired", "desk": "booked"}
    asks = {"paid": "What was paid for {}?", "arrives": "When is {} due, and arrives?", "lives": "Where is it that {} lives?",
            "signed": "Who was it that signed {}?", "repaired": "What was repaired at {}?", "booked": "Which room is booked for {}?"}
    rule_alone = "answer with the value alone"

    def tables(self):
        dice = random.Random(self.seed * 13 + 1)
        keys = ["".join(dice.choice("bcdfghjklmnp") + dice.choice("aeiou") for _ in range(3)) for _ in range(300)]
        return {t: {k: "v" + str(dice.randrange(1000, 9999)) for k in keys} for t in self.tools}

    def data(self, part, dice):
        tables = self.tables()
        tool = dice.choice(list(self.tools))
        key = dice.choice(sorted(tables[tool])[part * 90 : part * 90 + 90])
        word = self.tools[tool]
        return {"question": self.asks[word].format(key), "answer": tables[tool][key], "tool": tool, "word": word}

    def kind(self, question):
        return next((w for w in self.asks if w in question), None)

    def answer(self, system, demos, last, asked):
        question = field(last, "question")
        word, told = self.kind(question), rules_in(system)
        key = re.findall(r"\b(?:[bcdfghjklmnp][aeiou]){3}\b", question)
        observed = re.findall(r"observation_\d+ ## \]\]\s*(\S+)", last)
        values = [o for o in observed if re.fullmatch(r"v\d{4}", o.strip('"'))]
        if "next_tool_name" in asked:
            if values or len(observed) >= 2:
                return {"next_thought": "done", "next_tool_name": "finish", "next_tool_args": "{}"}
            right = next(t for t, w in self.tools.items() if w == word)
            shown = any(self.kind(field(q, "question")) == word and f"{right}" in q + a for q, a in demos)
            skill = 94 if f"what {word} is in {right}" in told else 75 if shown else 12
            tries = list(self.tools)
            guess = tries[digest("guess", question, len(observed), self.seed) % len(tries)]
            tool = right if self.luck("tool", question, len(observed)) < skill else guess
            return {"next_thought": f"try {tool}", "next_tool_name": tool, "next_tool_args": json.dumps({"key": key[0] if key else ""})}
        if not values:
            return {"reasoning": "-", "answer": "not known"}
        short = [len(field(a, "answer").split()) == 1 for _, a in demos]
        skill = 97 if self.rule_alone in told else 92 if short and sum(short) * 2 > len(short) else 50
        value = values[-1].strip('"')
        return {"reasoning": "-", "answer": value if self.luck("alone", question) < skill else f"It is {value}."}


KINDS = {"topics": TopicsLearner, "hops": HopsLearner, "agent": AgentLearner}


def proposal(learner, text, asked, draw):
    """What a prompt model writes: for GEPA, SIMBA, rules, and proposers that see failures."""
    draw = (draw, digest(text))
    if "new_instruction" in asked:
        current = field(text, "current_instruction")
        return {"new_instruction": learner.rewritten(current, text, draw)}
    if "module_advice" in asked:
        names = re.findall(r"[\w.]+", field(text, "module_names"))
        return {"discussion": "-", "module_advice": json.dumps({n: learner.rewritten("", text, (draw, n)) for n in names})}
    if "natural_language_rules" in asked:
        return {"reasoning": "-", "natural_language_rules": learner.rewritten("", text, draw)}
    if "proposed_instruction" in asked:
        values = {"proposed_instruction": learner.rewritten(text, text, draw)}
        if "proposed_prefix_for_output_field" in asked:
            values["proposed_prefix_for_output_field"] = "Answer:"
        return values
    return {name: "Records of a small firm." for name in asked if name not in learner.fields}


def reply(learner, request, draw):
    learner.begin(request)
    messages = request["messages"]
    system, last = messages[0]["content"], messages[-1]["content"]
    asked = [n for n in re.findall(r"`\[\[ ## (\w+) ## \]\]`", last) if n != "completed"]
    in_json = not asked
    if in_json:
        asked = re.findall(r"`(\w+)`", last.split("JSON object")[-1])
    if learner.fields & set(asked):
        demos = [(q["content"], a["content"]) for q, a in zip(messages[1:-1:2], messages[2:-1:2])]
        values = learner.answer(system, demos, last, asked)
    else:
        values = proposal(learner, last, asked, (draw, request.get("seed")))
    values = {name: values.get(name, "-") for name in asked}
    if in_json:
        return json.dumps({n: json.loads(v) if n == "module_advice" else v for n, v in values.items()})
    return "".join(f"[[ ## {n} ## ]]\n{v}\n\n" for n, v in values.items()) + "[[ ## completed ## ]]"


def write_data(kind, seed, folder):
    learner = KINDS[kind](seed)
    for part, name in enumerate(["train", "val", "test"]):
        dice = random.Random(part + 1 + 100 * seed)
        with open(os.path.join(folder, name + ".jsonl"), "w") as out:
            for _ in range(learner.size[part]):
                out.write(json.dumps(learner.data(part, dice)) + "\n")
    known = learner.passages() if kind == "hops" else learner.tables() if kind == "agent" else {}
    with open(os.path.join(folder, "known.json"), "w") as out:
        json.dump(known, out)


if __name__ == "__main__":
    kind, seed = sys.argv[2], int(sys.argv[3])
    if sys.argv[1] == "data":
        write_data(kind, seed, sys.argv[4])
    else:
        learner = KINDS[kind](seed)
        run_server(lambda request, draw: reply(learner, request, draw), lambda request: 1)
