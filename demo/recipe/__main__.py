"""Train the demo models: python -m demo.recipe FOLDER [--base DIR] [--publish DIR], stopped and started at will."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

import torch

from .stages.recipe import MODELS, Recipe
from .stages.table import LAST, STAGES, go_on_from


def main(arguments: list[str]) -> int:
    """Trains the stages asked for, with all that they need; all of them when none is named."""
    parser = argparse.ArgumentParser(prog="python -m demo.recipe", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "folder", type=Path, help="where checkpoints and results are kept; models/ in it is the outcome"
    )
    parser.add_argument(
        "stage",
        nargs="*",
        help=f"right after the folder, any of {', '.join(STAGES)}; those that it needs are trained first",
    )
    for name, what in (("steps", "steps to train"), ("clips", "clips to learn from"), ("batch", "clips in a step")):
        parser.add_argument(
            f"--{name}", nargs="+", default=[], metavar="STAGE=N", help=f"{what}, instead of the recipe's"
        )
    parser.add_argument(
        "--base", type=Path, help="a models folder whose VAE, diffusion model and text encoder to go on from"
    )
    parser.add_argument("--publish", type=Path, help="copy the models there when all is trained")
    parser.add_argument("--precision", choices=("no", "bf16"), default="no", help="of the training")
    parser.add_argument("--compile", action="store_true", help="compile the diffusion models' blocks on a processor")
    parser.add_argument("--workers", type=int, default=0, help="processes that draw clips beside a GPU's training")
    options = parser.parse_args(arguments)
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    unknown = [name for name in options.stage if name not in STAGES]
    if unknown:
        parser.error(f"unknown stage {unknown[0]}; choose from {', '.join(STAGES)}")
    steps, clips, batch = (_counts(parser, given) for given in (options.steps, options.clips, options.batch))
    recipe = Recipe(options.folder, options.precision, steps, clips, batch, options.workers, options.compile)
    if options.base is not None and not options.base.is_dir():
        parser.error(f"--base wants a models folder, got {options.base}")
    if options.base is not None:
        try:
            go_on_from(options.base, recipe)
        except ValueError as error:
            parser.error(f"--base {options.base}: {error}")
    try:
        for name in options.stage or LAST:
            STAGES[name](recipe)
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped; the same command goes on from the last checkpoint\n")
        return 130
    if options.publish is not None:
        shutil.copytree(recipe.folder / MODELS, options.publish, dirs_exist_ok=True)
    sys.stderr.write(f"models are in {options.publish or recipe.folder / MODELS}\n")
    return 0


def _counts(parser: argparse.ArgumentParser, given: list[str]) -> dict[str, int]:
    """Stage to number, of arguments such as dit_stills=4000."""
    pairs = [text.partition("=") for text in given]
    for stage, _, number in pairs:
        if stage not in STAGES or not number.isdigit() or int(number) < 1:
            parser.error(f"expected STAGE=N with a stage of {', '.join(STAGES)} and 1 or more, got {stage}={number}")
    return {stage: int(number) for stage, _, number in pairs}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
