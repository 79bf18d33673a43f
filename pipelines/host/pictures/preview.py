"""Clips for the player in the node: stacked PNG frames in the host's temp folder, and what the player must know.

Nothing is written elsewhere. The host empties the folder when it starts.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import folder_paths
from torch import Tensor

from ...alpha.render import COLORS, soft_render
from ...media.in_order import in_order
from ...media.stills import png
from ...media.stills.quantise import quantise
from ...media.video.stacked import stacked
from ...media.whole_file import write_whole

FASTEST = 1
"""Compression of the temporary files: the picture is the same at every level."""


def shown(
    clip: Tensor, plate: Tensor | None, other: Tensor | None, rate: Fraction, on_frame: Callable[..., None]
) -> dict[str, Any]:
    """The ui entry for straight RGBA (T, H, W, 4), and an optional plate and clip to compare with, of the same layout.

    The plate is shown over black. A plate or other clip of one frame stands still. `on_frame` is called after each
    written frame and may raise.
    """
    height, width = clip.shape[1:3]
    folder = f"rgba_preview_{uuid.uuid4().hex[:12]}"
    entry: dict[str, Any] = {
        "subfolder": folder,
        "width": width,
        "height": height,
        "rate": {"num": rate.numerator, "den": rate.denominator},
        "clip": _written(folder, "clip", map(stacked, clip), on_frame),
    }
    if plate is not None:
        behind = (soft_render(frame[..., :3], frame[..., 3:], COLORS["black"]) for frame in plate)
        entry["plate"] = _written(folder, "plate", behind, on_frame)
    if other is not None:
        entry["other"] = _written(folder, "other", map(stacked, other), on_frame)
    return {"rgba_preview": [entry]}


def _written(folder: str, name: str, frames: Iterable[Tensor], on_frame: Callable[..., None]) -> int:
    """Writes the frames as name_0000.png and so on, and returns how many there are."""
    target = Path(folder_paths.get_temp_directory()) / folder
    target.mkdir(parents=True, exist_ok=True)

    def encoded(item: tuple[int, Tensor]) -> tuple[int, bytes]:
        index, frame = item
        return index, png.encode(quantise(frame, 8, index), compression=FASTEST)

    count = 0
    with closing(in_order(encoded, enumerate(frames))) as ready:
        for index, data in ready:
            write_whole(target / f"{name}_{index:04d}.png", data)
            count += 1
            on_frame(count)
    return count
