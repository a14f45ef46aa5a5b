"""Measures of random rankings by Reagent and by ir-measures (trec_eval): equal to 1e-9. Usage: retrieval_measures.py PROGRAM"""
import json
import random
import subprocess
import sys

import ir_measures
from ir_measures import RR, P, R, Success, nDCG

CASES = 400


def case(dice):
    pool = [f"d{i}" for i in range(dice.choice([3, 10, 60]))]
    found = dice.sample(pool, dice.randint(1, len(pool)))
    relevant = {d: dice.choice([0, 1, 1, 2, 3]) for d in dice.sample(pool, dice.randint(1, len(pool)))}
    relevant["elsewhere"] = dice.choice([0, 1, 2])
    if not any(relevant.values()):
        relevant["elsewhere"] = 1
    return {"found": found, "relevant": relevant, "k": dice.choice([1, 2, 3, 5, 10, 100])}


def reference(c):
    k = c["k"]
    measures = {"R": R @ k, "P": P @ k, "RR": RR, "nDCG": nDCG @ k, "Success": Success @ k}
    # The cut-off of the reciprocal rank is not trec_eval's: the ranking is cut instead.
    scores = {d: float(len(c["found"]) - i) for i, d in enumerate(c["found"])}
    cut = {d: scores[d] for d in c["found"][:k]}
    made = {}
    for name, measure in measures.items():
        run = {"q": cut if name == "RR" else scores}
        made[name] = ir_measures.calc_aggregate([measure], {"q": c["relevant"]}, run)[measure]
    return made


def main():
    dice = random.Random(21)
    cases = [case(dice) for _ in range(CASES)]
    asked = "".join(json.dumps(c) + "\n" for c in cases)
    answered = subprocess.run([sys.argv[1]], input=asked, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(answered) == CASES
    worst = 0.0
    for c, line in zip(cases, answered):
        ours, theirs = json.loads(line), reference(c)
        for name, value in theirs.items():
            difference = abs(ours[name] - value)
            worst = max(worst, difference)
            if not difference <= 1e-9:
                sys.exit(f"{name}: {ours[name]} here, {value} by ir-measures, of {json.dumps(c)}")
    print(f"{CASES} rankings, five measures each: the largest difference is {worst:.2g}")


main()
