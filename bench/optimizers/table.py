"""The table of reflective.sh from its runs, and a plot of scores over calls: table.py runs.txt [plot.svg]. A row loses where DSPy's mean is above by more than one standard error of the difference."""

import math
import statistics
import sys
from collections import defaultdict

runs = defaultdict(list)
for line in open(sys.argv[1]):
    parts = line.split()
    if len(parts) >= 8:
        runs[tuple(parts[:3])].append([float(p) for p in parts[5:8]])


def mean_and_error(values):
    return statistics.mean(values), (statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else float("nan"))


def shown(side):
    if not side:
        return f"{'-':>14} {'-':>6}", None
    score, error = mean_and_error([r[1] for r in side])
    return f"{score:6.1f} ±{1.96 * error:5.1f}  {statistics.mean(r[2] for r in side):6.0f}", (score, error)


print(f"{'learner':8} {'optimizer':24} {'before':>6} {'DSPy':>8} {'calls':>12} {'Reagent':>8} {'calls':>11}")
for kind, optimizer in dict.fromkeys(k[:2] for k in runs):
    theirs, ours = runs[kind, optimizer, "dspy"], runs[kind, optimizer, "reagent"]
    (left, a), (right, b) = shown(theirs), shown(ours)
    verdict = ""
    if a and b:
        error = math.hypot(*(0 if math.isnan(x[1]) else x[1] for x in (a, b)))
        verdict = "ahead" if b[0] > a[0] + error else "loses" if b[0] < a[0] - error else "even"
        if statistics.mean(r[2] for r in ours) > statistics.mean(r[2] for r in theirs):
            verdict += ", more calls"
    before = statistics.mean(r[0] for r in (ours or theirs))
    print(f"{kind:8} {optimizer:24} {before:6.1f} {left} {right}  {verdict}")


def plot(path):
    """One panel for each learner: DSPy hollow, Reagent filled, with 95% intervals; calls on a logarithmic axis."""
    kinds, colors = list(dict.fromkeys(k[0] for k in runs)), ["#1b6ca8", "#c8553d", "#588157", "#8e44ad", "#b8860b", "#444"]
    names = list(dict.fromkeys(k[1] for k in runs))
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{360 * len(kinds)}" height="330" font-family="sans-serif" font-size="11">']
    for i, kind in enumerate(kinds):
        parts.append(f'<g transform="translate({360 * i + 40},20)"><text y="-6">{kind}: score over calls</text>'
                     '<rect width="300" height="240" fill="none" stroke="#aaa"/>')
        for score in range(0, 101, 20):
            parts.append(f'<text x="-24" y="{240 - 2.4 * score + 4:.0f}">{score}</text>')
        for decade in range(5):
            parts.append(f'<text x="{75 * decade - 6}" y="256">{10**decade}</text>')
        for (k, name, side), found in runs.items():
            if k != kind or not found:
                continue
            score, error = mean_and_error([r[1] for r in found])
            x = 75 * math.log10(max(1, statistics.mean(r[2] for r in found)))
            y, color, reach = 240 - 2.4 * score, colors[names.index(name) % len(colors)], 0 if math.isnan(error) else 1.96 * 2.4 * error
            parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y - reach:.1f}" y2="{y + reach:.1f}" stroke="{color}"/>'
                         f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" stroke="{color}" fill="{"white" if side == "dspy" else color}"/>')
        parts.append("</g>")
    for i, name in enumerate(names):
        parts.append(f'<text x="{40 + 170 * i}" y="310" fill="{colors[i % len(colors)]}">{name}</text>')
    with open(path, "w") as out:
        out.write("\n".join(parts) + "\n</svg>\n")


if len(sys.argv) > 2:
    plot(sys.argv[2])
