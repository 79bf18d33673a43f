"""Reading the sidecar of a take: the rate of its frames, and how the colour of a pass is associated with alpha.

Any JSON may lie beside frames. One that is not a sidecar of these very frames, or is damaged, too large or absurd,
changes nothing and raises nothing.
"""

from __future__ import annotations

import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

from ...alpha.association import PREMULTIPLIED, STRAIGHT
from ..passes import PASSES

HEAD, LAST_KEY = 1 << 16, b'\n  "graph": '
"""What is read here stands in the first bytes of a sidecar, and before the graph, which can have any size."""

LARGEST = 2 << 20
"""Bytes of a sidecar that something else has written anew; in memory JSON takes up to 25 times as much."""

SLOWEST, FASTEST = Fraction(1, 1001), 1000
"""Frames per second that are believed; `rates.exact_rate` writes none below."""


def read_sidecar(frame: Path) -> tuple[Fraction | None, str | None]:
    """The rate, and straight or premultiplied, as the sidecar of a take says of the pass that `frame` is one of.

    None for what is not said.
    """
    for path in sidecars_of(frame):
        if found := _of_frame(path, frame):
            return found
    return None, None


def sidecars_of(path: Path) -> list[Path]:
    """Files that may be sidecars of a still, or of the stills in a folder. They are not opened.

    They lie beside the stills, or above them where the folder is one of a pass; a still's begin with the same name.
    """
    folder = path if path.is_dir() else path.parent
    takes = [folder, folder.parent] if folder.name in PASSES else [folder]
    found = [each for take in takes for each in sorted(take.glob("*.json")) if each.is_file()]
    return found if path.is_dir() else [each for each in found if path.name.startswith(each.stem)]


def _of_frame(path: Path, frame: Path) -> tuple[Fraction, str | None] | None:
    sidecar = _json_object(path)
    fps, passes = sidecar.get("fps"), sidecar.get("passes")
    rate = _rate(fps.get("num"), fps.get("den")) if isinstance(fps, dict) else None
    if rate is None or not isinstance(passes, list):
        return None
    name = frame.relative_to(path.parent).as_posix()
    said = [
        each.get("association") for each in passes if isinstance(each, dict) and _is_named(name, each.get("pattern"))
    ]
    if not said:
        return None
    of_all = said[0] if all(each == said[0] for each in said) else None  # passes that are layers of one file differ
    return rate, of_all if of_all in (STRAIGHT, PREMULTIPLIED) else None


def _json_object(path: Path) -> dict[str, Any]:
    """What is in a file, the graph left out; nothing where that is not a JSON object, or one that cannot be read."""
    try:
        with path.open("rb") as file:
            head, end, _ = file.read(HEAD).partition(LAST_KEY)
            text = head.rstrip(b", \r\n") + b"}" if end else head + file.read(LARGEST)
        found = json.loads(text) if len(text) <= LARGEST else None
    except (OSError, ValueError, RecursionError):  # no such file any more; not JSON, or cut; nested too deep
        return {}
    return found if isinstance(found, dict) else {}


def _rate(numerator: object, denominator: object) -> Fraction | None:
    if type(numerator) is not int or type(denominator) is not int or denominator <= 0:
        return None
    rate = Fraction(numerator, denominator)
    return rate if SLOWEST <= rate <= FASTEST else None


def _is_named(name: str, pattern: object) -> bool:
    """Whether `a/b.0001.png` is one of `a/b.####.png`."""
    if not isinstance(pattern, str):
        return False
    before, _, after = pattern.partition("#")
    after = after.lstrip("#")
    number = name[len(before) : len(name) - len(after)]
    return name.startswith(before) and name.endswith(after) and re.fullmatch("[0-9]+", number) is not None
