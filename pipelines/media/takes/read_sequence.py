"""Reading a take: numbered stills of a folder, or one still, back to straight RGBA.

Layout   (T, H, W, 4) float32.
Range    straight, sRGB, 0..1, alpha 1 = opaque.

What the files cannot say (the rate, the association of a pass) is taken from the sidecar beside them or above them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..in_order import in_order
from ..stills.read_still import READABLE, read_still

NUMBERED = re.compile(r"(?P<stem>.*?)(?P<number>[0-9]+)_?(?P<suffix>\.[A-Za-z]+)")
"""The last run of digits before the suffix; the host's own savers put an underscore behind it."""

BEST_FIRST = ("rgba", "processed", "fg")
"""Passes of a take that hold the picture, in the order in which they are looked for."""


@dataclass(frozen=True)
class Footage:
    """Stills of one clip in order of their numbers, and what is told about them."""

    files: Sequence[Path]
    numbers: Sequence[int]
    fps: Fraction | None = None
    association: str | None = None


def find_footage(path: Path) -> Footage:
    """The clip of a folder (a take, one of its passes, or any folder with one numbered sequence), or a single still.

    FileNotFoundError when nothing is there, ValueError when there are no stills or several sequences.
    """
    if path.is_file():
        return Footage([path], [0], *_told(path.parent))
    if not path.is_dir():
        raise FileNotFoundError(f"{path.name}: a folder of stills or one still was expected, nothing is there.")
    found = _sequences(path)
    if not found:
        inner = [path / name for name in BEST_FIRST if (path / name).is_dir()]
        if not inner:
            raise ValueError(
                f"{path.name}: stills ({', '.join(sorted(READABLE))}) were expected, none is in this folder."
            )
        path, found = inner[0], _sequences(inner[0])
    if len(found) != 1:
        raise ValueError(
            f"{path.name}: one sequence was expected, got {', '.join(sorted(found)) or 'none'}; part them."
        )
    (files,) = found.values()
    numbers = sorted(files)
    fps, association = _told(path)
    return Footage([files[number] for number in numbers], numbers, fps, association)


def chosen(footage: Footage, start: int = 0, count: int = 0, every: int = 1) -> Footage:
    """Every `every`-th frame from the number `start` on (0: from the first), `count` of them (0: all).

    ValueError when the number or the count is not there, or a frame among those that are asked for is not. The rate
    falls with the frames, so that time stays.
    """
    by_number = dict(zip(footage.numbers, footage.files))
    first, last = footage.numbers[0], footage.numbers[-1]
    if start and not first <= start <= last:
        raise ValueError(f"Frame {first} to {last} can be the first, got {start}.")
    wanted = range(start or first, last + 1, every)
    if count > len(wanted):
        raise ValueError(f"{len(wanted)} frames are there from frame {wanted[0]} on, got a frame_count of {count}.")
    wanted = wanted[: count or None]
    if gaps := [number for number in wanted if number not in by_number]:
        raise ValueError(
            f"{footage.files[0].name}: frames {wanted[0]} to {wanted[-1]} were expected, without {len(gaps)} of them, "
            f"the first is {gaps[0]}; render what is missing, or choose others by start_frame and frame_count."
        )
    rate = footage.fps / every if footage.fps else None
    return Footage([by_number[number] for number in wanted], wanted, rate, footage.association)


def read_footage(
    footage: Footage, association: str | None = None, on_frame: Callable[[int], None] = lambda _: None
) -> Tensor:
    """(T, H, W, 4): every frame read, a few at a time; `on_frame` hears of each and may raise to stop.

    `association` (straight, premultiplied) overrides what files and sidecar say. ValueError naming the file when one
    cannot be read or has another size than the first.
    """
    clip: Tensor | None = None
    with closing(
        in_order(lambda path: read_still(path, association or footage.association).rgba, footage.files)
    ) as ready:
        for index, frame in enumerate(ready):
            if clip is None:
                clip = torch.empty(len(footage.files), *frame.shape)
            if frame.shape != clip.shape[1:]:
                raise ValueError(
                    f"{footage.files[index].name} is {frame.shape[1]} x {frame.shape[0]}, the first frame "
                    f"{clip.shape[2]} x {clip.shape[1]}; one size was expected."
                )
            clip[index] = frame
            on_frame(index + 1)
    if clip is None:
        raise ValueError("At least one frame was expected, got none.")
    return clip


def _sequences(folder: Path) -> dict[str, dict[int, Path]]:
    """{stem and suffix: {number: file}} of the stills in a folder; a still without a number is a sequence of one."""
    found: dict[str, dict[int, Path]] = {}
    for path in folder.iterdir():
        if path.suffix.lower() in READABLE and not path.name.startswith("."):
            match = NUMBERED.fullmatch(path.name)
            stem, number = (match["stem"], int(match["number"])) if match else (path.stem, 0)
            found.setdefault(f"{stem}#{path.suffix}", {})[number] = path
    return found


def _told(folder: Path) -> tuple[Fraction | None, str | None]:
    """The rate and the association that the sidecar of a take says of the pass in a folder."""
    for path, told in sidecars(folder):
        passes = {path.parent / str(Path(each["pattern"]).parent): each["association"] for each in told["passes"]}
        if folder in passes:
            return Fraction(told["fps"]["num"], told["fps"]["den"]), passes[folder]
    return None, None


def sidecars(folder: Path) -> list[tuple[Path, dict[str, Any]]]:
    """The sidecars of ours in a folder and in the one above it, where those of passes lie, and what they say."""
    files = [path for take in (folder, folder.parent) for path in sorted(take.glob("*.json")) if path.is_file()]
    return [(path, told) for path in files if (told := _sidecar(path)) is not None]


def _sidecar(path: Path) -> dict[str, Any] | None:
    """What a sidecar of ours says; None for any other JSON."""
    try:
        told = json.loads(path.read_bytes())
    except ValueError:
        return None
    return told if isinstance(told, dict) and {"passes", "fps", "version"} <= told.keys() else None
