"""In-context learners behind an OpenAI-compatible server: what they answer depends on the demonstrations and instructions of the prompt.

learners.py data KIND SEED FOLDER    train.jsonl, val.jsonl and test.jsonl
learners.py serve KIND SEED          prints its port; GET / tells how many requests came

KIND is `topics` (the nearest demonstration by words; an instruction that names a class's domain makes that class known; eight different
proposals), or `labels` (the nearest demonstration by trigrams; each hint in the instructions makes noise less and knowledge more; proposals
build on those that they are shown). One completion for a request; `labels+n` draws as many as `n` asks for.
"""

import hashlib
import json
import os
import random
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def digest(*parts):
    return int(hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:12], 16)


def field(text, name):
    found = re.search(r"\[\[ ## " + name + r" ## \]\]\s*(.*?)(?=\[\[ ## |\Z)", text, re.S)
    return found.group(1).split("\n\nRespond with")[0].strip() if found else ""


class Topics:
    examples, size = ("message", "topic"), 80
    words = {
        "hotel": "room bed checkin suite towel lobby breakfast key minibar stay",
        "flight": "plane gate boarding seat runway layover pilot luggage takeoff ticket",
        "car": "rental engine tyre fuel mileage keys driver brake insurance parking",
        "train": "rail platform conductor carriage track delay station coach timetable sleeper",
        "tour": "guide museum excursion meeting group bus audio castle walking entrance",
    }
    filler = "hello please my the was with today again thanks still why need about hi could".split()
    hints = {"hotel": "overnight stays", "flight": "air travel", "car": "driving", "train": "railways", "tour": "sightseeing"}

    def __init__(self, seed):
        self.seed = seed

    def features(self, text):
        return set(re.findall(r"[a-z]+", text.lower())) - set(self.filler)

    def classify(self, instructions, demos, question):
        own = self.features(question)
        common = {c: len(own & set(w.split())) for c, w in self.words.items()}
        for c, hint in self.hints.items():
            if hint in instructions and common[c] >= 2:
                return c
        near, label = max(((len(d & own) / (len(d | own) or 1), c) for d, c in demos), default=(0, ""))
        if near > 0.12:
            return label
        if digest("knows", question, self.seed) % 100 < 25:
            return max(common, key=lambda c: (common[c], c))
        return list(self.words)[digest("guess", question, self.seed) % 5]

    def propose(self, prompt, draw):
        variant = digest("proposal", prompt, draw, self.seed) % 8
        dice = random.Random(variant * 77 + self.seed)
        named = dice.sample(list(self.hints.values()), dice.choice([0, 1, 1, 2, 2, 3]))
        return "Assign the topic of the message" + ("; think of " + " and ".join(named) if named else "") + f". Variant {variant}."


class Labels:
    examples, size = ("text", "label"), 100
    words = {
        "urgent": "outage down crash broken emergency immediately critical failing blocked lost",
        "question": "how where which explain documentation wondering possible guide example difference",
        "praise": "love great excellent wonderful impressed happy fantastic amazing thank smooth",
        "complaint": "disappointed slow terrible refund annoyed worst unacceptable rude waiting overpriced",
    }
    filler = "the a we our team is was on in it and to of for this that with at from".split()
    hints = ["urgency", "tone of the writer", "one label only", "keywords", "ignore politeness", "step by step"]

    def __init__(self, seed):
        self.seed = seed

    def features(self, text):
        return {w[i : i + 3] for w in re.findall(r"[a-z]+", text.lower()) if w not in self.filler for i in range(max(1, len(w) - 2))}

    def classify(self, instructions, demos, question):
        known, own = sum(h in instructions for h in self.hints), self.features(question)
        if digest("fate", question, self.seed) % 100 < 35 - 5 * known:
            return list(self.words)[digest("wrong", question, self.seed) % 4]
        near, label = max(((len(d & own) / (len(d | own) or 1), c) for d, c in demos), default=(0, ""))
        if near > 0.08:
            return label
        if digest("knows", question, self.seed) % 100 < 20 + 12 * known:
            return max(self.words, key=lambda c: (len(set(question.split()) & set(self.words[c].split())), c))
        return list(self.words)[digest("guess", question, self.seed) % 4]

    def propose(self, prompt, draw):
        dice = random.Random(digest("proposal", prompt, draw, self.seed))
        kept = [h for h in self.hints if h in field(prompt, "attempted_instructions").lower() and dice.random() < 0.7]
        named = list(dict.fromkeys(kept + dice.sample(self.hints, dice.choice([0, 0, 1, 1, 2]))))
        begin = ["Read the text and pick its label.", "Label the text.", "You sort messages for a help desk.", "What kind of message is this?"]
        end = ["", " Be careful.", " Answer plainly.", " Think of the reader."]
        return dice.choice(begin) + (" Mind: " + ", ".join(named) + "." if named else "") + dice.choice(end)


KINDS = {"topics": Topics, "labels": Labels, "labels+n": Labels}


def answer(learner, request, draw):
    messages = request["messages"]
    last = messages[-1]["content"]
    source, label = learner.examples
    if "proposed_instruction" in last:
        values = {"proposed_instruction": learner.propose(last, (draw, request.get("temperature"), request.get("seed")))}
        if "proposed_prefix_for_output_field" in last:
            values["proposed_prefix_for_output_field"] = label.capitalize() + ":"
    else:
        asked = [n for n in re.findall(r"`\[\[ ## (\w+) ## \]\]`", last) if n != "completed"]
        values = dict.fromkeys(asked, "Short messages of customers, each of one kind.")
        if label in asked:
            demos = [
                (learner.features(field(q["content"], source)), field(a["content"], label))
                for q, a in zip(messages[1:-1:2], messages[2:-1:2])
            ]
            values[label] = learner.classify(messages[0]["content"].lower(), demos, field(last, source))
    return "".join(f"[[ ## {name} ## ]]\n{value}\n\n" for name, value in values.items()) + "[[ ## completed ## ]]"


def run_server(answered, draws):
    """answered(request, draw) is a text; draws(request) how many of them a request gets."""
    lock, count = threading.Lock(), [0]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_):
            pass

        def reply(self, value):
            body = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            self.reply({"requests": count[0]})

        def do_POST(self):
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with lock:
                count[0] += 1
            texts = [answered(request, i) for i in range(draws(request))]
            choices = [{"index": i, "message": {"role": "assistant", "content": t}, "finish_reason": "stop"} for i, t in enumerate(texts)]
            usage = {"prompt_tokens": sum(len(m["content"]) for m in request["messages"]) // 4, "completion_tokens": len(texts[0]) // 4}
            usage["total_tokens"] = sum(usage.values())
            self.reply({"id": "x", "object": "chat.completion", "created": 1, "model": "l", "choices": choices, "usage": usage})

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(server.server_port, flush=True)
    server.serve_forever()


def serve(kind, seed):
    learner = KINDS[kind](seed)
    run_server(lambda request, i: answer(learner, request, i), lambda request: request.get("n") or 1 if kind.endswith("+n") else 1)


def write_data(kind, seed, folder):
    learner = KINDS[kind](seed)
    words = {c: w.split() for c, w in learner.words.items()}
    source, label = learner.examples
    for part, (name, many) in enumerate({"train": learner.size, "val": learner.size, "test": 400}.items()):
        dice = random.Random(part + 1 + 100 * seed)
        with open(os.path.join(folder, name + ".jsonl"), "w") as out:
            for _ in range(many):
                kind_of_it = dice.choice(list(words))
                other = dice.choice([c for c in words if c != kind_of_it])
                text = dice.sample(words[kind_of_it], 2) + dice.sample(words[other], 1) + dice.sample(learner.filler, 4)
                dice.shuffle(text)
                out.write(json.dumps({source: " ".join(text), label: kind_of_it}) + "\n")


if __name__ == "__main__":
    if sys.argv[1] == "data":
        write_data(sys.argv[2], int(sys.argv[3]), sys.argv[4])
    else:
        serve(sys.argv[2], int(sys.argv[3]))
