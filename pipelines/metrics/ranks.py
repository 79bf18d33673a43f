"""`python -m pipelines.metrics.ranks KEY ANSWERS...`: from viewers' answers to the mean rank of each method.

KEY is the file that was written beside the page, ANSWERS are what viewers saved. Exit status 1 if a file is no answer
to this trial; the reason goes to standard error.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .comparison import Measure, lower
from .table import table


def mean_ranks(key: Mapping[str, Any], answers: Sequence[Mapping[str, Any]]) -> dict[str, dict[Measure, float]]:
    """By method, for each question the mean over clips and viewers: 1 = always best.

    Raises ValueError for answers to another trial, and ranks that are not 1 to the number of methods, each once.
    """
    given: dict[str, dict[Measure, list[int]]] = {}
    for viewer, answer in enumerate(answers, 1):
        if answer.get("trial") != key["trial"]:
            raise ValueError(f"Answers {viewer} are to trial {answer.get('trial')!r}, the key to {key['trial']!r}.")
        for clip, order in key["orders"].items():
            for question in key["questions"]:
                ranks = answer.get("ranks", {}).get(clip, {}).get(question, [])
                if len(ranks) != len(order) or not all(rank in ranks for rank in range(1, len(order) + 1)):
                    raise ValueError(
                        f"Answers {viewer}, {clip}, {question}: ranks 1 to {len(order)}, each once, were expected, "
                        f"got {ranks}; the page saves none before they are complete."
                    )
                for method, rank in zip(order, ranks, strict=True):
                    given.setdefault(method, {}).setdefault(lower(f"rank, {question}"), []).append(rank)
    return {
        method: {measure: sum(ranks) / len(ranks) for measure, ranks in by_question.items()}
        for method, by_question in sorted(given.items())
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table of mean ranks; 0, or 1 after an error."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.metrics.ranks", description="Mean ranks of methods.")
    parser.add_argument("key", type=Path, metavar="KEY")
    parser.add_argument("answers", type=Path, nargs="+", metavar="ANSWERS")
    given = parser.parse_args(arguments)
    try:
        key, *answers = (_read(path) for path in (given.key, *given.answers))
        if "orders" not in key:
            raise ValueError(f"{given.key}: the key of a blind page was expected, this is something else.")
        ranks = mean_ranks(key, answers)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(table(list(ranks), list(ranks.values())))
    sys.stdout.write(f"{len(answers)} viewers, {len(key['orders'])} clips.\n")
    return 0


def _read(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_text("utf-8"))
    if not isinstance(content, dict) or "trial" not in content:
        raise ValueError(f"{path}: a key or answers of a blind page were expected, this is something else.")
    return content


if __name__ == "__main__":
    sys.exit(main())
