"""`python -m pipelines.metrics REF GEN...`: compares clips, prints one table, writes a page for blind ranks.

REF and each GEN are a clip (a folder of frames, a video, an animation), or a folder of clips, which are then paired by
name. Exit status 1 if something cannot be read or compared; the reason goes to standard error.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from random import SystemRandom

from ..ellipse.drawing import Drawing, parse_drawing
from ..media.whole_file import write_whole
from .blind_page import blind_trial
from .clips import Pairing, notes_of, pair, read_clip
from .comparison import Column, distances, of_clip, of_pair, to_base
from .flow import CAVEAT, opencv_is_here
from .frechet import SHORTEST, Features
from .lpips import Lpips
from .table import table
from .weights import default_folder, find_i3d, find_lpips

NO_FLOW = "Flow difference is left out: it wants OpenCV (pip install opencv-python-headless)."
NO_LPIPS = (
    "LPIPS is left out: {folder} has no alexnet-owt-7be5be79.pth with alex.pth, no vgg16-397923af.pth with vgg.pth."
)
NO_FVD = "FVD is left out: {folder} has no i3d_torchscript.pt."
TOO_FEW = f"FVD is left out: it wants at least 2 clips, each of at least {SHORTEST} frames."


def compare(
    pairings: Sequence[Pairing],
    headings: Sequence[str],
    with_base: bool,
    drawing: Drawing | None,
    lpips: Lpips | None,
    features: Features | None,
) -> str:
    """The table of all clips, a column for each heading; with a base, its frames are the last of each pairing.

    Raises ValueError naming the clip that cannot be read or compared.
    """
    columns = [Column() for _ in headings]
    base_column = Column() if with_base else None
    for pairing in pairings:
        try:
            _take(pairing, columns, base_column, drawing, lpips, features)
        except ValueError as problem:
            raise ValueError(f"{pairing.name}: {problem}") from problem
    means = [column.means() for column in columns]
    if features:
        for numbers, found in zip(means, distances(columns, base_column), strict=True):
            numbers |= found
    return table(headings, means)


def _take(
    pairing: Pairing,
    columns: Sequence[Column],
    base_column: Column | None,
    drawing: Drawing | None,
    lpips: Lpips | None,
    features: Features | None,
) -> None:
    """Take in the clips of one name; one of them is held beside the reference and the base."""
    true = read_clip(pairing.clips[0])
    base = read_clip(pairing.clips[-1]) if base_column else None
    for k, column in enumerate(columns):
        clip = read_clip(pairing.clips[k]) if k else true
        numbers = {**of_pair(true, clip, lpips)} if k else {}
        numbers |= of_clip(clip, drawing)
        if base is not None:
            numbers |= to_base(base, clip, lpips)
        column.add(clip, numbers, features)
    if base_column and base is not None:
        base_column.add(base, {}, features)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table, write the page; 0, or 1 after an error."""
    given = _parser().parse_args(arguments)
    folders = [given.reference, *given.generated]
    try:
        drawing = parse_drawing(given.drawing.read_text("utf-8")) if given.drawing else None
        pairings = pair([*folders, *([given.base] if given.base else [])])
        lpips, features = find_lpips(given.weights), find_i3d(given.weights)
        notes = [] if lpips else [NO_LPIPS.format(folder=given.weights)]
        if not features:
            notes.append(NO_FVD.format(folder=given.weights))
        elif len(pairings) < 2 or min(clip.count for each in pairings for clip in each.clips) < SHORTEST:
            features = None
            notes.append(TOO_FEW)
        shown = compare(pairings, [str(folder) for folder in folders], bool(given.base), drawing, lpips, features)
        notes = [CAVEAT if opencv_is_here() else NO_FLOW, *notes, *notes_of(pairings)]
        sys.stdout.write("\n".join([f"{len(pairings)} clips, the mean over them", "", shown, *notes, ""]))
        if given.page:
            _write_trial(given.page, pairings, [str(folder) for folder in folders], given.fps)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _write_trial(page: Path, pairings: Sequence[Pairing], methods: Sequence[str], fps: float) -> None:
    trial = blind_trial(pairings, methods, fps, SystemRandom())
    key = page.with_suffix(".key.json")
    write_whole(page, trial.page.encode())
    write_whole(key, trial.key.encode())
    sys.stdout.write(f"{page} is for the viewers, {key} for `python -m pipelines.metrics.ranks` afterwards.\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.metrics",
        description="Compare transparent clips: folders of frames, videos, or folders of such, paired by name.",
    )
    add = parser.add_argument
    add("reference", type=Path, metavar="REF", help="the true clips, or those of the version before")
    add("generated", type=Path, nargs="+", metavar="GEN", help="one folder for each method")
    add("--drawing", type=Path, metavar="FILE", help="the ellipses, as JSON, that the clips were made with")
    add("--base", type=Path, metavar="FOLDER", help="the base model's clips at the same seeds: how much is preserved")
    add("--weights", type=Path, metavar="FOLDER", default=default_folder(), help="where weights are (%(default)s)")
    add("--page", type=Path, metavar="FILE", help="write an HTML page for blind ranks, and its key beside it")
    add("--fps", type=float, default=16, help="frames per second on that page (%(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
