"""A clip frame by frame: the result is all that is held, each frame moves the progress bar, and Cancel stops between
two of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor

from ..core.clip_room import new_clip
from ..core.progress import steps
from .image_and_mask import fitting, paired, rgba

Change = Callable[..., tuple[Tensor, Tensor]]
"""(rgb, alpha) of a frame, and a frame of each other clip, to (rgb, alpha); (H, W, 3) and (H, W, 1)."""


def frames_of(image: Tensor, mask: Tensor | None = None) -> Iterator[Tensor]:
    """The frames of IMAGE and MASK as straight RGBA (H, W, 4), made one at a time; read them, do not write them.

    Raises ValueError for what `pictures.rgba` refuses, before the first frame.
    """
    image, fitted = paired(image, mask)

    def each() -> Iterator[Tensor]:
        for index in range(len(image)):
            part = slice(index, index + 1)
            yield rgba(image[part], None if fitted is None else fitted[part])[0]

    return each()


def repeated(other: Tensor, count: int) -> Iterator[Tensor]:
    """`count` frames: the clip's own, or its single one again and again."""
    return (other[index if len(other) > 1 else 0] for index in range(count))


def gathered(frames: Iterable[Tensor], count: int) -> Tensor:
    """`count` frames (H, W, C) of one size as a clip, with progress."""
    step = steps(count)
    made: Tensor | None = None
    for index, frame in enumerate(frames):
        made = new_clip(count, *frame.shape, device=frame.device) if made is None else made
        made[index] = frame
        step()
    assert made is not None
    return made


def changed(image: Tensor, mask: Tensor | None, change: Change, **others: Tensor) -> Tensor:
    """The clip with each frame changed. `others` are IMAGEs in its size, of as many frames or one; their RGB goes in.

    Raises ValueError by the name of another clip that does not fit.
    """
    image, mask = paired(image, mask)
    count = len(image)
    beside = [repeated(fitting(name, other, image), count) for name, other in others.items()]

    def each() -> Iterator[Tensor]:
        for frame, *more in zip(frames_of(image, mask), *beside):
            rgb, alpha = frame.split((3, 1), dim=-1)
            yield torch.cat(change(rgb, alpha, *(other[..., :3].to(rgb) for other in more)), dim=-1)

    return gathered(each(), count)
