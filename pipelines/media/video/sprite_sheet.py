"""A sprite sheet: all frames in one PNG, and a JSON that says where they are.

Layout   frames (T, H, W, 4) to one picture (rows, columns), row by row from the top left.
Range    straight RGBA, sRGB, 0..1, alpha 1 = opaque; stored in 8 bits.
Source   The JSON is laid out as Aseprite's "hash" export, which engines and their importers read: `frames` by name with
         `frame`, `spriteSourceSize`, `sourceSize` and `duration` in milliseconds, `meta` with `frameTags`.
Differs  All frames are trimmed to one box, so that the animation does not shake where an importer ignores offsets.
         `meta.fps` keeps the exact rate. Colour runs on under alpha 0, so that filters and mip-maps find no black.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...alpha.association import STRAIGHT
from ...alpha.bleed import edge_bleed
from ..read_back import refuse_difference
from ..stills import png
from ..stills.quantise import quantise
from ..whole_file import named_when_whole
from .animation import delays

PLAYBACK = ("loop", "once", "ping-pong")
MILLISECOND = Fraction(1, 1000)


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels: left, top, width, height."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class SheetPlan:
    """How a sheet is laid out; ValueError for what cannot be.

    columns   0 = as square as it gets
    max_size  the most pixels that a side may have: 4096 is what every GPU takes
    trim      empty borders that all frames share are left out
    gap       pixels between frames, so that a filter does not reach the neighbour
    playback  loop, once, or ping-pong: forth and back, the frames are there once
    """

    fps: Fraction
    columns: int = 0
    max_size: int = 4096
    trim: bool = True
    gap: int = 2
    playback: str = "loop"

    def __post_init__(self) -> None:
        if self.columns < 0 or self.gap < 0 or self.max_size < 1:
            raise ValueError(
                f"columns and gap are 0 or more, max_size 1 or more; got {self.columns}, {self.gap}, {self.max_size}."
            )
        if self.playback not in PLAYBACK:
            raise ValueError(f"playback is one of {', '.join(PLAYBACK)}; got {self.playback!r}.")


def visible_box(frames: Tensor) -> Box:
    """The smallest box with every pixel that is visible in any frame of (T, H, W, 4); one pixel when none is."""
    seen = torch.zeros(frames.shape[1:3], dtype=torch.bool)
    for frame in frames:
        seen |= frame[..., 3].cpu() > 0.5 / 255
    if not bool(seen.any()):
        return Box(0, 0, 1, 1)
    rows, columns = seen.any(dim=1).nonzero()[:, 0], seen.any(dim=0).nonzero()[:, 0]
    left, top = int(columns[0]), int(rows[0])
    return Box(left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top)


def places(count: int, box: Box, plan: SheetPlan) -> tuple[list[Box], int, int]:
    """Where each frame lies, and the width and height of the sheet. ValueError when it is larger than it may be."""
    wide, high = box.width + plan.gap, box.height + plan.gap
    columns = plan.columns or max(1, min(count, round(math.sqrt(count * high / wide))))
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    width, height = columns * wide - plan.gap, rows * high - plan.gap
    if max(width, height) > plan.max_size:
        across, down = ((plan.max_size + plan.gap) // each for each in (wide, high))
        raise ValueError(
            f"A sheet of at most {plan.max_size} pixels a side was expected, {count} frames of {box.width} x "
            f"{box.height} in {columns} columns take {width} x {height}; {across * down} such frames fit "
            f"({across} columns): resize them, take fewer, or trim."
        )
    cells = [Box(i % columns * wide, i // columns * high, box.width, box.height) for i in range(count)]
    return cells, width, height


def sheet(
    frames: Tensor, plan: SheetPlan, on_frame: Callable[[], None] = lambda: None
) -> tuple[Tensor, list[Box], Box]:
    """The sheet (H, W, 4), where its frames lie, and the part of each frame that is in it.

    `on_frame` is called after each frame and may raise to stop.
    """
    box = visible_box(frames) if plan.trim else Box(0, 0, frames.shape[2], frames.shape[1])
    cells, width, height = places(len(frames), box, plan)
    picture = torch.zeros(height, width, 4)
    for frame, cell in zip(frames, cells, strict=True):
        part = frame[box.y : box.y + box.height, box.x : box.x + box.width]
        picture[cell.y : cell.y + cell.height, cell.x : cell.x + cell.width] = part
        on_frame()
    picture[..., :3] = edge_bleed(picture[..., :3], picture[..., 3:])
    return picture, cells, box


def described(
    name: str, size: tuple[int, int], cells: list[Box], box: Box, source: tuple[int, int], plan: SheetPlan
) -> bytes:
    """The JSON of a sheet called `name`.png of `size` (width, height), made of frames of `source` (width, height)."""
    durations = delays(len(cells), plan.fps, MILLISECOND)
    trimmed = (box.width, box.height) != source
    frames = {
        f"{name}.{index:04d}": {
            "frame": {"x": cell.x, "y": cell.y, "w": cell.width, "h": cell.height},
            "rotated": False,
            "trimmed": trimmed,
            "spriteSourceSize": {"x": box.x, "y": box.y, "w": box.width, "h": box.height},
            "sourceSize": {"w": source[0], "h": source[1]},
            "duration": duration,
        }
        for index, (cell, duration) in enumerate(zip(cells, durations, strict=True))
    }
    tag: dict[str, object] = {"name": name, "from": 0, "to": len(cells) - 1}
    tag["direction"] = "pingpong" if plan.playback == "ping-pong" else "forward"
    tag |= {"repeat": "1"} if plan.playback == "once" else {}
    meta = {
        "app": "ComfyUI-RGBA-Video",
        "image": f"{name}.png",
        "format": "RGBA8888",
        "association": STRAIGHT,
        "size": {"w": size[0], "h": size[1]},
        "scale": "1",
        "fps": {"num": plan.fps.numerator, "den": plan.fps.denominator, "value": float(plan.fps)},
        "frameTags": [tag],
    }
    return json.dumps({"frames": frames, "meta": meta}, indent=1).encode()


def write_sheet(frames: Tensor, path: Path, plan: SheetPlan, on_frame: Callable[[], None] = lambda: None) -> Path:
    """Write the PNG to `path` and the JSON beside it, checked; returns the JSON's path.

    `on_frame` is called after each frame and may raise to stop: nothing is written then.

    ValueError for no frame, too large a sheet and what is not finite; FileExistsError when a name is taken.
    """
    if not len(frames):
        raise ValueError("A clip of at least one frame was expected, got none.")
    picture, cells, box = sheet(frames, plan, on_frame)
    pixels: np.ndarray = quantise(picture, 8, 0)
    file = png.encode(pixels)
    refuse_difference(path.name, pixels, png.decode(file))
    told = path.with_suffix(".json")
    size, source = (pixels.shape[1], pixels.shape[0]), (frames.shape[2], frames.shape[1])
    with named_when_whole(told) as partial_json, named_when_whole(path) as partial:
        partial.write_bytes(file)
        partial_json.write_bytes(described(path.stem, size, cells, box, source, plan))
    return told
