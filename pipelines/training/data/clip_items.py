"""One clip of the list as a training wants it: a window for the VAE, a whole clip with its caption for the models.

Layout   clips (3 or 1, T, H, W), no batch axis.
Range    -1..1, straight colour, alpha 1 = opaque.
Source   Wan-Alpha and TransPixeler, as the modules say that are used here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import torch
from einops import rearrange
from torch import Tensor

from ...alpha.blur import blur
from ...alpha.decontaminate import decontaminate
from ...alpha.render import COLORS, hard_render, soft_render
from ...ellipse.fit import fit
from ...latent_grid.size_rule import WAN_DIT, SizeRule
from ...prompts.transparent import PLACES, transparent_prompt
from ..draws import mix
from .buckets import EndlessOrder, bucket
from .clip_list import Complain, Row
from .footage import opened
from .windows import covering, cut_window, slide_window, to_and_fro

FIT_THRESHOLD, FIT_GROWTH = 0.75, 8
"""Of the ellipses that the released DoRA was trained with."""

TRIES = 20

Thing = TypeVar("Thing")


class Windows:
    """Endless numbered windows for the VAE: {"rgb": (3, T, H, W), "alpha": (1, T, H, W)}.

    A still slides, a short clip goes to and fro. A row that cannot be read is told to `complain`, and another takes its
    place; `complain` may raise.
    """

    def __init__(
        self, rows: Sequence[Row], frames: int, height: int, width: int, seed: int, complain: Complain
    ) -> None:
        self.rows, self.frames, self.height, self.width = rows, frames, height, width
        self.seed, self.complain = seed, complain
        self.order = EndlessOrder([()] * len(rows), 1, seed)

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        first = self.order[number]
        for attempt in range(TRIES):
            row = self.rows[(first + attempt) % len(self.rows)]
            try:
                return self._window(row, torch.Generator().manual_seed(mix(self.seed, number, attempt)))
            except ValueError as problem:
                self.complain(f"{row.name}: {problem}")
        raise ValueError(f"{TRIES} clips one after another could not be read, from {self.rows[first].name} on.")

    def _window(self, row: Row, generator: torch.Generator) -> dict[str, Tensor]:
        length = count_frames(row)
        if length == 1:
            rgba = slide_window(read_rgba(row), self.frames, self.height, self.width, generator)
            return _split(rgba)
        room = max(length - self.frames, 0)
        start = int(torch.randint(room + 1, (), generator=generator))
        footage = read_rgba(row, start, min(self.frames, length))
        footage = footage[to_and_fro(footage.shape[0], 0, self.frames)]
        return _split(cut_window(footage, self.height, self.width, generator))


def count_frames(row: Row) -> int:
    """How many frames have colour and alpha. Raises ValueError, naming the files, where their rates differ."""
    rgb = opened(row.rgb)
    if row.alpha is None:
        return rgb.count
    alpha = opened(row.alpha)
    if rgb.fps and alpha.fps and rgb.fps != alpha.fps:
        raise ValueError(
            f"colour and alpha must have one frame rate, got {float(rgb.fps):.3f} of {row.rgb.name} and "
            f"{float(alpha.fps):.3f} of {row.alpha.name}."
        )
    return min(rgb.count, alpha.count)


def read_rgba(row: Row, start: int = 0, count: int = 0) -> Tensor:
    """(T, H, W, 4): `count` frames, 0: to the end. Raises ValueError when colour and alpha are not of one size and
    length."""
    rgb = opened(row.rgb).read(start, count)
    if row.alpha is None:
        return rgb
    alpha = opened(row.alpha).read(start, count)
    if alpha.shape != rgb.shape:
        raise ValueError(
            f"colour and alpha want one size and length, got {_size(rgb)} of {row.rgb.name} and {_size(alpha)} of "
            f"{row.alpha.name}."
        )
    return torch.cat([rgb[..., :3], alpha[..., :1]], dim=-1)


def whole_clip_of(row: Row, frames: int, area: int, sizes: SizeRule = WAN_DIT) -> Tensor:
    """As many of the first frames as the model accepts, at most `frames`, brought to the bucket of this area."""
    length = sizes.nearest_lengths(min(count_frames(row), frames))[0]
    rgba = read_rgba(row, 0, length)
    return covering(rgba, *bucket(rgba.shape[1], rgba.shape[2], area)).clamp(0, 1)


def hard_rendered_clip(rgba: Tensor, seed: int) -> dict[str, Tensor]:
    """The colour before a wall of one of the eight colours, and alpha."""
    color = one_of(list(COLORS.values()), torch.Generator().manual_seed(seed))
    rgb = hard_render(rgba[..., :3], rgba[..., 3:], color)
    return _split(torch.cat([rgb, rgba[..., 3:]], dim=-1))


def over_a_wall(rgba: Tensor, color: Sequence[float]) -> dict[str, Tensor]:
    """The colour composited over a plain one, and alpha."""
    return _split(torch.cat([soft_render(rgba[..., :3], rgba[..., 3:], color), rgba[..., 3:]], dim=-1))


def before_a_blurred_background(rgba: Tensor, background: Tensor, reading: str | None) -> dict[str, Tensor]:
    """TransPixeler's pair: the colour composited over the blurred first frame of a background (H, W, 3), and alpha.

    `reading` is the one of `decontaminate`, or None to leave the colour as it is.
    """
    wall = blur(background)
    rgb, alpha = rgba[..., :3], rgba[..., 3:]
    if reading is not None:
        rgb = decontaminate(rgb, alpha, wall, reading=reading)
    return _split(torch.cat([soft_render(rgb, alpha, wall), alpha], dim=-1))


def subject_of(rgba: Tensor) -> Tensor:
    """The ellipses' field (t, h, w) of a clip's alpha."""
    return fit(rgba[..., 3], FIT_THRESHOLD, FIT_GROWTH).subject


def prompt_of(row: Row, seed: int, model: str = "Wan-Alpha") -> str:
    """The caption with its labels, drawn before or after it, and the model's phrase for an empty background.

    Raises ValueError for a row without a caption.
    """
    place = one_of(PLACES, torch.Generator().manual_seed(mix(seed, 1)))
    chosen: Mapping[str, str] = {"shot": "none", "style": "none", **row.labels}
    language = "zh" if any("\u4e00" <= character <= "\u9fff" for character in row.caption) else "en"
    return transparent_prompt(row.caption, **chosen, labels=place, language=language, model=model)


def one_of(things: Sequence[Thing], generator: torch.Generator) -> Thing:
    """Any of them, each as likely."""
    return things[int(torch.randint(len(things), (), generator=generator))]


def _split(rgba: Tensor) -> dict[str, Tensor]:
    """(T, H, W, 4) in 0..1 to channels first in -1..1."""
    channels_first = rearrange(rgba, "t h w c -> c t h w") * 2 - 1
    return {"rgb": channels_first[:3].contiguous(), "alpha": channels_first[3:].contiguous()}


def _size(clip: Tensor) -> str:
    return f"{clip.shape[0]} frames of {clip.shape[2]} x {clip.shape[1]}"
