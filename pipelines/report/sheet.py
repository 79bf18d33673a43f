"""A contact sheet: the middle frame of every clip over a checkerboard, in the order of their ranks.

Layout   clips (T, H, W, 4), straight RGBA, of any sizes; the sheet (H, W, 3).
Range    0..1, sRGB.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from ..alpha.checkerboard import checkerboard
from ..alpha.render import soft_render
from ..alpha.resize import resize_to_fit
from .drawing import paper, picture_of, tensor_of, text

CELL, CAPTION, GAP = 240, 34, 8


def contact_sheet(clips: Sequence[Tensor], captions: Sequence[Sequence[str]]) -> Tensor:
    """As square a sheet as the clips allow, with up to two lines below each picture."""
    columns = math.ceil(math.sqrt(len(clips)))
    rows = math.ceil(len(clips) / columns)
    sheet = paper(rows * (CELL + CAPTION + GAP) + GAP, columns * (CELL + GAP) + GAP)
    for index, (clip, lines) in enumerate(zip(clips, captions, strict=True)):
        left = GAP + index % columns * (CELL + GAP)
        top = GAP + index // columns * (CELL + CAPTION + GAP)
        sheet.paste(picture_of(_thumbnail(clip[len(clip) // 2])), (left, top))
        for line, words in enumerate(lines):
            text(sheet, left, top + CELL + 4 + 14 * line, words)
    return tensor_of(sheet)


def _thumbnail(frame: Tensor) -> Tensor:
    fitted = resize_to_fit(frame, CELL, CELL, "bilinear", fit="pad")
    return soft_render(fitted[..., :3], fitted[..., 3:], checkerboard(CELL, CELL).to(fitted))
