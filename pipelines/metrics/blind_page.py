"""A page for human ranks: clips of several methods side by side, in an order that only a key file knows.

One HTML file that needs no server and no network: frames are in it as PNG, drawn over the background that the viewer
chooses. It says nothing of the methods, in pixels' names and metadata neither; `ranks` reads what viewers save, with
the key. The two questions are those of Wan-Alpha's user study, arXiv:2509.24979.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from ..media.footage import Clip
from ..media.stills import png
from ..media.stills.quantise import quantise
from .clips import Pairing, read_clip

QUESTIONS = {
    "transparency": "Which is transparent where it should be, and by as much as it should?",
    "overall": "Which is best overall?",
}
HERE = Path(__file__).parent


@dataclass(frozen=True)
class BlindTrial:
    """The page, and the key to it: for each clip the methods in the order in which the page shows them."""

    page: str
    key: str


def blind_trial(pairings: Sequence[Pairing], methods: Sequence[str], fps: float, shuffler: Random) -> BlindTrial:
    """A trial of the clips of `pairings`, whose folders are those of `methods`, in that order.

    Raises ValueError for methods of one name, no frame rate, and for the frames that `read_clip` refuses.
    """
    if not fps > 0:
        raise ValueError(f"Frames per second above 0 were expected, got {fps}; 16 is what Wan makes.")
    if len(set(methods)) < len(methods):
        raise ValueError(f"Methods of different names were expected, got {', '.join(methods)}.")
    trial = secrets.token_hex(8)
    clips, orders = [], {}
    for pairing in pairings:
        order = shuffler.sample(range(len(methods)), len(methods))
        clips.append({"name": pairing.name, "candidates": [_pictures(pairing.clips[method]) for method in order]})
        orders[pairing.name] = [methods[method] for method in order]
    shown = {"trial": trial, "fps": fps, "questions": QUESTIONS, "clips": clips}
    key = json.dumps({"trial": trial, "questions": list(QUESTIONS), "orders": orders}, indent=1) + "\n"
    return BlindTrial(_page(shown), key)


def _pictures(clip: Clip) -> list[str]:
    """Each frame as a PNG of 8 bits in a data URI, written anew: the files' own text may tell where they are from."""
    encoded = (png.encode(quantise(frame, 8, number)) for number, frame in enumerate(read_clip(clip)))
    return [f"data:image/png;base64,{base64.b64encode(file).decode('ascii')}" for file in encoded]


def _page(shown: object) -> str:
    parts = {
        "{{script}}": (HERE / "blind_page.js").read_text("utf-8"),
        "{{trial}}": json.dumps(shown).replace("<", "\\u003c"),
    }
    page = (HERE / "blind_page.html").read_text("utf-8")
    for place, text in parts.items():
        page = page.replace(place, text)
    return page
