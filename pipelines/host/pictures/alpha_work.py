"""Alpha work on whole clips where it is more than one frame after the other: two clips of their own sizes, an estimate
that can fail, and what is probably not meant."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from functools import partial

import torch
from torch import Tensor

from ...alpha.association import ROUNDING, looks_premultiplied, premultiply, unpremultiply
from ...alpha.composite import composite
from ...alpha.resize import resize
from ...alpha.retime import retimed, retimed_length
from ...alpha.unmatte import estimated_plate, unmatte
from ...media.in_order import in_order
from ..core.clip_room import new_clip
from ..core.notices import warn
from ..core.progress import steps
from .frames import changed, frames_of, gathered, repeated
from .image_and_mask import in_clips, paired, refuse_other_image, rgba


def composited(
    foreground: Tensor,
    mask: Tensor | None,
    background: Tensor,
    space: str,
    mode: str,
    x: int,
    y: int,
    scale: float,
) -> Tensor:
    """Foreground over background, in the background's frame; a single frame of either stands beside the whole clip.

    Several frames at a time: laying one over another is little work on much memory.

    Raises ValueError when both are clips and of different length.
    """
    refuse_other_image(background)
    foreground, mask = paired(foreground, mask)
    count = _common_length(foreground, background)
    made = new_clip(count, *background.shape[1:3], 4, device=background.device)
    inference = torch.is_inference_mode_enabled()  # which a new thread has to be told

    def lay(frames: tuple[Tensor, Tensor, Tensor]) -> None:
        with torch.inference_mode(inference):
            front, back, out = frames
            composite(front.to(out), back.to(out), x, y, space, mode, out=out)

    step = steps(count)
    frames = zip(_scaled(foreground, mask, scale, count), repeated(background, count), made)
    with closing(in_order(lay, frames)) as laid:
        for _ in laid:
            step()
    return made


def unmatted(image: Tensor, mask: Tensor | None, plate: Tensor | None, strength: float, empty: float) -> Tensor:
    """The clip without its plate, or without the backdrop that is seen where alpha is at most `empty`.

    A frame that shows no backdrop keeps its colour; a warning says how many there are.
    """
    if plate is not None:
        return changed(image, mask, lambda rgb, alpha, back: (unmatte(rgb, alpha, back, strength), alpha), plate=plate)
    without: list[bool] = []

    def freed(rgb: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
        found = estimated_plate(rgb, alpha, empty)
        without.append(found is None and bool((alpha < 1).any()))
        return (rgb if found is None else unmatte(rgb, alpha, found, strength)), alpha

    made = changed(image, mask, freed)
    if any(without):
        warn(
            f"{sum(without)} of {len(without)} frames show no backdrop (alpha is above {empty:g} everywhere) and keep "
            "their colour. Connect a plate, or raise empty_below."
        )
    return made


def premultiplied(image: Tensor, mask: Tensor | None) -> Tensor:
    """The clip premultiplied, with a warning where it looks so already."""
    already: list[bool] = []

    def multiplied(rgb: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
        already.append(looks_premultiplied(rgb, alpha))
        return premultiply(rgb, alpha), alpha

    made = changed(image, mask, multiplied)
    if all(already):
        warn("No soft pixel is brighter than its alpha: this clip is probably premultiplied already.")
    return made


def unpremultiplied(image: Tensor, mask: Tensor | None) -> Tensor:
    """The clip unpremultiplied, with a warning where that gives colour above 1 or loses it."""
    brighter: list[bool] = []

    def straight(rgb: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
        brighter.append(bool((rgb > alpha + ROUNDING).any()))
        return unpremultiply(rgb, alpha), alpha

    made = changed(image, mask, straight)
    if any(brighter):
        warn(
            f"In {sum(brighter)} of {len(brighter)} frames colour is brighter than alpha, as premultiplied colour is "
            "only in glows: is this clip straight already? Colour under an alpha of 0 is lost, elsewhere it exceeds 1."
        )
    return made


def retimed_clips(
    image: Tensor, mask: Tensor | None, clips: int, from_fps: Fraction, to_fps: Fraction, method: str
) -> Tensor:
    """Each clip of the batch at the new rate, of the same duration."""
    batch = in_clips(rgba(image, mask), clips)
    change = partial(retimed, from_fps=from_fps, to_fps=to_fps, method=method)
    length = retimed_length(len(batch[0]), from_fps, to_fps)
    return gathered((frame for clip in batch for frame in change(clip)), len(batch) * length)


def _common_length(foreground: Tensor, background: Tensor) -> int:
    lengths = len(foreground), len(background)
    if lengths[0] != lengths[1] and 1 not in lengths:
        raise ValueError(
            f"foreground has {lengths[0]} frames, background has {lengths[1]}; "
            "give clips of one length, or a single frame for either."
        )
    return max(lengths)


def _scaled(image: Tensor, mask: Tensor | None, scale: float, count: int) -> Iterator[Tensor]:
    height, width = (max(1, round(side * scale)) for side in image.shape[1:3])
    frames = (resize(frame, height, width) for frame in frames_of(image, mask))
    return frames if len(image) > 1 else repeated(next(frames)[None], count)
