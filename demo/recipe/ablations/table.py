"""The numbers of all runs that are through, as one table for each group, and each claim of the papers beside them.

agrees        the difference has the claimed sign with every seed, and is larger than what a seed makes
contradicts   it has the other sign with every seed, and is larger
undecided     otherwise

What a seed makes is the standard deviation of the measure over the seeds, the larger of the two variants'; with one
seed it is not known, and nothing is asked of the size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev

from .groups import GROUPS, Claim, Group
from .runs import DIVERGED, numbers_in

BySeed = Mapping[int, Mapping[str, float]]
NOTHING = "-"


def markdown(folder: Path) -> str:
    """Of the runs in FOLDER/GROUP/VARIANT/SEED."""
    return "\n".join(line for key, group in GROUPS.items() for line in _group(folder / key, group))


def verdict(claim: Claim, first: BySeed, second: BySeed) -> str:
    """One sentence: what was said, what was measured, and whether they agree."""
    pairs = [
        (first[seed][claim.measure], second[seed][claim.measure])
        for seed in sorted(first.keys() & second.keys())
        if claim.measure in first[seed] and claim.measure in second[seed]
    ]
    pairs = [pair for pair in pairs if not any(map(math.isnan, pair))]
    if not pairs:
        return f"{claim.says}: not measured yet."
    shown = [shown_mean([pair[place] for pair in pairs]) for place in (0, 1)]
    measured = f"{claim.measure} {shown[0]} ({claim.first}), {shown[1]} ({claim.second})"
    with_seeds = f"{len(pairs)} seed{'s' if len(pairs) > 1 else ''}"
    subject = "The paper says nothing" if claim.rises is None else "The paper says"
    return f"{subject}: {claim.says}. {measured}, {with_seeds}: {_outcome(pairs, claim.rises)}."


def _outcome(pairs: Sequence[tuple[float, float]], rises: bool | None) -> str:
    by_seed = [stdev(values) if len(pairs) > 1 else 0.0 for values in zip(*pairs)]
    differences = [first - second for first, second in pairs]
    is_higher = min(differences) > 0
    if not (is_higher or max(differences) < 0) or abs(fmean(differences)) <= max(by_seed):
        return "undecided"
    if rises is None:
        return "higher" if is_higher else "lower"
    return "agrees" if is_higher == rises else "contradicts"


def shown_mean(values: Sequence[float]) -> str:
    """Mean, and the standard deviation where there are several."""
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return NOTHING
    spread = f" ± {stdev(known):.2g}" if len(known) > 1 else ""
    return f"{fmean(known):.3g}{spread}"


def _group(folder: Path, group: Group) -> list[str]:
    found = {name: _by_seed(folder / name) for name in group.names()}
    measures = list(dict.fromkeys(name for runs in found.values() for run in runs.values() for name in run))
    measures = [name for name in measures if name != DIVERGED]
    lines = [f"## {group.title}", "", _row(["variant", "seeds", *measures]), _row(["---"] * (len(measures) + 2))]
    for name, runs in found.items():
        values = [[run[measure] for run in runs.values() if measure in run] for measure in measures]
        lines.append(_row([name, _seeds(runs), *map(shown_mean, values)]))
    claims = [verdict(claim, found[claim.first], found[claim.second]) for claim in group.claims]
    return [*lines, "", *(f"- {sentence}" for sentence in claims), ""]


def _seeds(runs: BySeed) -> str:
    said = [f"{seed} diverged" if DIVERGED in run else str(seed) for seed, run in runs.items()]
    return ", ".join(said) or NOTHING


def _by_seed(folder: Path) -> dict[int, dict[str, float]]:
    runs = {int(path.name): numbers_in(path) for path in folder.glob("[0-9]*") if path.name.isdigit()}
    return {seed: runs[seed] or {} for seed in sorted(runs) if runs[seed] is not None}


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
