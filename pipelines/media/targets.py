"""Delivery targets: the files that a program takes without a halo, one row each.

Source   What artists and vendors report: editors read ProRes 4444, straight; compositors premultiplied light in EXR;
         OBS shows straight glows as solid; Chrome and Firefox play VP9 with alpha, Safari HEVC; Godot plays no video
         with alpha; Unity keeps the alpha of ProRes 4444 when it imports.
Differs  Nothing here was tried in those programs by this project's tests: the files are what those reports ask for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..alpha.association import PREMULTIPLIED, STRAIGHT
from .video.formats import STACKED, video_problem


@dataclass(frozen=True)
class VideoFile:
    """A video in one of `VIDEO_FORMATS`; `instead` is written premultiplied where this host cannot write it."""

    format: str
    association: str = STRAIGHT
    instead: str | None = None


@dataclass(frozen=True)
class Stills:
    """A numbered sequence in one of `STILLS`; `kind` is an EXR's compression."""

    format: str
    kind: str = "zips"


@dataclass(frozen=True)
class Sheet:
    """A sprite sheet with its JSON."""


Delivery = VideoFile | Stills | Sheet

EDITOR = (VideoFile("prores 4444"),)
TARGETS: Mapping[str, tuple[Delivery, ...]] = {
    "After Effects / Premiere": EDITOR,
    "DaVinci": EDITOR,
    "Nuke": (Stills("exr half"),),
    "Final Cut": EDITOR,
    "Unity": EDITOR,
    "Unreal": (Stills("png 8-bit"),),
    "Godot": (Sheet(),),
    "OBS": (VideoFile("webm vp9", PREMULTIPLIED),),
    "web": (VideoFile("webm vp9"), VideoFile("hevc alpha", instead=STACKED)),
}
"""Name in the menu, to what is written."""


def file_name(name: str, target: str) -> str:
    """The name that a target's files get, so that one name can be delivered to many: parrot_after_effects."""
    return f"{name}_{re.sub('[^a-z]+', '_', target.partition(' / ')[0].lower())}"


def deliveries(target: str) -> tuple[Delivery, ...]:
    """What this host writes for a target. ValueError for one that is not known."""
    if target not in TARGETS:
        raise ValueError(f"target is one of {', '.join(TARGETS)}; got {target!r}.")
    return tuple(_possible(each) for each in TARGETS[target])


def _possible(each: Delivery) -> Delivery:
    if isinstance(each, VideoFile) and each.instead and video_problem(each.format):
        return VideoFile(each.instead, PREMULTIPLIED)
    return each
