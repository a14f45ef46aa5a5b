"""Our tests of two samples beside SciPy's, on drawn samples: watch_statistics.py PROGRAM"""
import json
import subprocess
import sys

import numpy as np
from scipy import stats

rng = np.random.default_rng(7)
cases = []
for i in range(60):
    n, m = rng.integers(5, 300, 2)
    shift = rng.choice([0, 0.2, 0.6])
    a, b = rng.normal(0, 1, n), rng.normal(shift, 1, m)
    exact = stats.ks_2samp(a, b, method="exact")
    cases.append(({"test": "smirnov", "a": a.tolist(), "b": b.tolist()}, exact.statistic, exact.pvalue))
    ranks = stats.mannwhitneyu(b, a, alternative="greater", method="asymptotic")
    cases.append(({"test": "rank", "a": a.tolist(), "b": b.tolist()}, ranks.statistic / (n * m), ranks.pvalue))
    a, b = np.floor(rng.exponential(4, n)), np.floor(rng.exponential(4 + shift, m))  # ties
    ranks = stats.mannwhitneyu(b, a, alternative="greater", method="asymptotic")
    cases.append(({"test": "rank", "a": a.tolist(), "b": b.tolist()}, ranks.statistic / (n * m), ranks.pvalue))
    a, b = rng.multinomial(400, [0.4, 0.3, 0.3]), rng.multinomial(250, [0.4 + shift / 4, 0.3, 0.3 - shift / 4])
    table = stats.chi2_contingency([a, b], correction=False)
    cases.append(({"test": "chi_square", "a": a.tolist(), "b": b.tolist()}, table.statistic, table.pvalue))
for i in range(5):  # beyond what is exact: the limit
    a, b = rng.normal(0, 1, 3000), rng.normal(rng.choice([0, 0.05]), 1, 2500)
    d = stats.ks_2samp(a, b).statistic
    cases.append(({"test": "smirnov", "a": a.tolist(), "b": b.tolist()}, d, stats.kstwobign.sf(d * np.sqrt(3000 * 2500 / 5500))))
for i in range(10):  # ties: SciPy has no exact test of these; by shuffling
    a, b = rng.integers(0, 4, 25).astype(float), (rng.integers(0, 4, 20) + rng.choice([0, 1])).astype(float)
    pooled, draws = np.concatenate([a, b]), 4000

    def apart(x, y):
        at = np.arange(0, 6)
        return np.max(np.abs(np.searchsorted(np.sort(x), at, "right") / len(x) - np.searchsorted(np.sort(y), at, "right") / len(y)))

    observed = apart(a, b)
    more = 0
    for _ in range(draws):
        rng.shuffle(pooled)
        more += apart(pooled[:25], pooled[25:]) >= observed - 1e-12
    cases.append(({"test": "smirnov", "a": a.tolist(), "b": b.tolist(), "near": 4 * np.sqrt(0.25 / draws)}, observed, more / draws))

out = subprocess.run([sys.argv[1]], input="\n".join(json.dumps(c[0]) for c in cases) + "\n", capture_output=True, text=True, check=True).stdout
wrong = 0
answers = [json.loads(line) for line in out.splitlines()]
assert len(answers) == len(cases), f"{len(answers)} answers to {len(cases)} cases"
for (case, statistic, p_value), ours in zip(cases, answers):
    near = case.get("near")
    good = abs(ours["statistic"] - statistic) <= 1e-9 * max(1, abs(statistic))
    good = good and (abs(ours["p_value"] - p_value) <= near if near else abs(ours["p_value"] - p_value) <= 1e-7 + 1e-6 * p_value)
    if not good:
        wrong += 1
        print(f"{case['test']}, {len(case['a'])} and {len(case['b'])}: ours {ours}, SciPy {statistic} {p_value}")
print(f"{len(cases)} cases, {wrong} differ")
sys.exit(1 if wrong else 0)
