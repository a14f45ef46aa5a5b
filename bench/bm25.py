#!/usr/bin/env python3
"""nDCG@10 of our lexical search beside bm25s, on 2,000 generated documents and 200 queries with judgements.
Usage: bm25.py REAGENT [SEED]   (needs PyPI bm25s)"""
import json
import math
import os
import random
import subprocess
import sys
import tempfile

import bm25s


def made(rng):
    syllables = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
    words = sorted({"".join(rng.choice(syllables) for _ in range(rng.randint(2, 4))) for _ in range(4000)})
    rng.shuffle(words)
    frequent = words[:200]
    topics = [rng.sample(words[200:], 25) for _ in range(100)]
    documents, of = [], []
    for n in range(2000):
        topic, other = n % 100, rng.randrange(100)
        length = rng.randint(20, 200)
        strength = rng.uniform(0.03, 0.3)
        text = [rng.choice(topics[topic]) if rng.random() < strength else rng.choice(topics[other]) if rng.random() < 0.1
                else rng.choice(frequent) if rng.random() < 0.6 else rng.choice(words) for _ in range(length)]
        documents.append(" ".join(text))
        of.append((topic, strength))
    queries = []
    for n in range(200):
        topic = n % 100
        asked = rng.sample(topics[topic], 3) + rng.sample(frequent, 2)
        queries.append((" ".join(asked), {d: 1 + (s > 0.15) for d, (t, s) in enumerate(of) if t == topic}))
    return documents, queries


def ndcg(found, grades, k=10):
    gain = sum((2 ** grades.get(d, 0) - 1) / math.log2(i + 2) for i, d in enumerate(found[:k]))
    best = sum((2 ** g - 1) / math.log2(i + 2) for i, g in enumerate(sorted(grades.values(), reverse=True)[:k]))
    return gain / best


def main():
    reagent = sys.argv[1]
    documents, queries = made(random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1))
    with tempfile.TemporaryDirectory() as folder:
        docs, index = os.path.join(folder, "docs"), os.path.join(folder, "index")
        os.mkdir(docs)
        for n, text in enumerate(documents):
            with open(os.path.join(docs, f"{n}.txt"), "w", encoding="utf-8") as f:
                f.write(text)
        subprocess.run([reagent, "index", "build", docs, "--out", index, "--language", "none", "--chunk", "10000", "--quiet"], check=True)
        ours = []
        for query, _ in queries:
            out = subprocess.run([reagent, "index", "search", index, query, "-k", "10", "--json"], check=True, capture_output=True).stdout
            ours.append([int(p["source"].removesuffix(".txt")) for p in json.loads(out)])
    theirs = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
    theirs.index(bm25s.tokenize(documents, stopwords=None, show_progress=False), show_progress=False)
    found, _ = theirs.retrieve(bm25s.tokenize([q for q, _ in queries], stopwords=None, show_progress=False), k=10, show_progress=False)
    mean = lambda lists: sum(ndcg(list(l), g) for l, (_, g) in zip(lists, queries)) / len(queries)
    same = sum(len(set(a) & set(map(int, b))) for a, b in zip(ours, found)) / (10 * len(queries))
    print(f"nDCG@10: reagent {mean(ours):.4f}, bm25s {mean([list(map(int, f)) for f in found]):.4f}; {100 * same:.1f} % of the answers are the same")
    return 0 if mean(ours) >= mean([list(map(int, f)) for f in found]) - 0.01 else 1


sys.exit(main())
