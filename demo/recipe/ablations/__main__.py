"""Train and measure the ablations: python -m demo.recipe.ablations FOLDER [NAME ...]. Several processes may be
started with the same arguments: each takes the next variant that none is at. The table is made of what is there."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..stages.recipe import Recipe
from .groups import GROUPS, all_names, jobs
from .runs import go_through
from .study import SMALL, Budget, Study
from .table import markdown


def main(arguments: list[str]) -> int:
    """Goes through the variants that are asked for, then tells the table."""
    parser = argparse.ArgumentParser(prog="python -m demo.recipe.ablations", description=__doc__)
    parser.add_argument("folder", type=Path, help="a recipe's folder with its trained models")
    parser.add_argument(
        "name", nargs="*", help=f"groups ({', '.join(GROUPS)}) or GROUP/VARIANT; all when none is named"
    )
    parser.add_argument("--small", action="store_true", help="a budget for a processor: shorter, smaller, fewer clips")
    parser.add_argument("--steps", type=int, help=f"of each variant's training ({Budget.steps}; small {SMALL.steps})")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2], help="to train with (1 2)")
    parser.add_argument("--table", type=Path, help="write the table there, not to the standard output")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.name if name not in all_names()]
    if unknown:
        parser.error(f"unknown name {unknown[0]}; choose from {', '.join(all_names())}")
    budget = SMALL if options.small else Budget()
    study = Study(Recipe(options.folder), budget if options.steps is None else replace(budget, steps=options.steps))
    try:
        study.keep_to_its_budget()
    except ValueError as problem:
        parser.error(str(problem))
    failed = go(study, options.name, options.seeds)
    told = markdown(study.folder)
    if options.table is None:
        sys.stdout.write(told)
    else:
        options.table.write_text(told, encoding="utf-8")
    return 1 if failed else 0


def go(study: Study, names: Sequence[str], seeds: Sequence[int]) -> list[Path]:
    """Every run that is not through and that no other process is at; the folders of those that failed."""
    failed: list[Path] = []
    for job in jobs(names, seeds):
        folder = study.run_folder(job.group, job.name, job.seed)
        try:
            go_through(folder, lambda folder, job=job: job.make(study, job.seed, folder), wait=False)
        except Exception:  # a device that runs out of memory in one of them: the others shall be told of all the same
            failed.append(folder)
            sys.stderr.write(f"{folder} failed:\n{traceback.format_exc()}")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
