"""Writes tests/optimize/optuna.json: how good the best of N trials is that Optuna's TPESampler and a random sampler find on three functions of
categorical choices, as mean and standard error over seeds. The functions are computed alike in tests/optimize/tpe_test.cpp."""
import json
import math
import sys

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
FUNCTIONS = {"separable": (6, 5), "pairs": (4, 6), "one_good": (3, 6)}
TRIALS, SEEDS = 60, 40


def pseudo(a, b, c=0):
    return ((a * 7919 + b * 104729 + c * 1299709 + 12345) * 2654435761 % 2**32) / 2**32


def value(name, x):
    if name == "separable":
        return sum(pseudo(i, v) for i, v in enumerate(x)) / len(x)
    if name == "pairs":
        return sum(pseudo(i, x[i], x[i + 1]) for i in range(len(x) - 1)) / (len(x) - 1)
    return sum(v == 3 for v in x) / len(x)  # one_good


def best(name, sampler):
    n, k = FUNCTIONS[name]
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.optimize(lambda t: value(name, [t.suggest_categorical(f"x{i}", list(range(k))) for i in range(n)]), n_trials=TRIALS)
    return study.best_value


def summary(values):
    mean = sum(values) / len(values)
    deviation = math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1))
    return {"mean": round(mean, 5), "standard_error": round(deviation / math.sqrt(len(values)), 5)}


facts = {"source": f"optuna {optuna.__version__}, TPESampler(multivariate=True)", "trials": TRIALS, "seeds": SEEDS, "functions": {}}
for name, (n, k) in FUNCTIONS.items():
    tpe = [best(name, optuna.samplers.TPESampler(multivariate=True, seed=s)) for s in range(SEEDS)]
    rand = [best(name, optuna.samplers.RandomSampler(seed=s)) for s in range(SEEDS)]
    facts["functions"][name] = {"choices": n, "values": k, "tpe": summary(tpe), "random": summary(rand)}
json.dump(facts, open(sys.argv[1], "w"), indent=1)
