"""IMAGE and MASK, the host's picture sockets, against straight RGBA, this pack's.

Layout   IMAGE (T, H, W, 3 or 4); MASK (T, H, W) of 1 - alpha. Straight RGBA: (T, H, W, 4).
Range    0..1, sRGB, alpha 1 = opaque; float32, whatever the host's intermediate dtype.
Source   ComfyUI's Load Image, Join Image with Alpha and Split Image with Alpha, whose polarity MASK has here.
Differs  The host resizes what does not fit and cuts the longer clip; we refuse both. A single mask repeats, and so
         does a single picture with several masks.
"""

from __future__ import annotations

import re

import torch
from torch import Tensor

from ...alpha.decoded import join_decoded
from ..core.clip_room import new_clip

NO_MASK = (64, 64)
"""Load Image gives a picture without alpha a mask of this size, all zeros."""


def rgba(image: Tensor, mask: Tensor | None = None) -> Tensor:
    """(T, H, W, 4): the image's own alpha, or 1 - mask where a mask is given, or 1 where neither is there.

    A single mask, or a single image, repeats. The result shares memory with `image` where nothing has to change: read
    it, do not write it. Raises ValueError naming both sizes when a mask does not fit.
    """
    image, mask = paired(image, mask)
    if mask is None and image.shape[-1] == 4:
        return image if image.dtype == torch.float32 else copy_clip(image)
    joined = new_clip(*image.shape[:3], 4, device=image.device)
    for index, frame in enumerate(joined):
        frame[..., :3] = image[index, ..., :3]
        frame[..., 3] = 1 if mask is None else 1 - mask[index].to(frame)
    return joined


def copy_clip(clip: Tensor) -> Tensor:
    """The same frames (T, H, W, C) in room of their own, float32."""
    return new_clip(*clip.shape, device=clip.device).copy_(clip)


def join_decoded_clips(colour: Tensor, grey: Tensor, alpha_from: str) -> tuple[Tensor, Tensor]:
    """Straight RGBA (T, H, W, 4) of two decoded clips, as `join_decoded`, and the colour in room of its own."""
    rgba = new_clip(*colour.shape[:3], 4, device=colour.device)
    return join_decoded(colour, grey, alpha_from, out=rgba), copy_clip(colour)


def rgb_and_alpha(image: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """(T, H, W, 3) and (T, H, W, 1) of the same, straight."""
    joined = rgba(image, mask)
    return joined[..., :3], joined[..., 3:]


def with_alpha(rgb: Tensor, grey: Tensor) -> Tensor:
    """(T, H, W, 4): the image's colour, and as alpha the mean of a grey IMAGE's channels, 1 = opaque.

    A single frame of either repeats. Raises ValueError naming both sizes when they differ.
    """
    for image in (rgb, grey):
        refuse_other_image(image)
    rgb = _repeated(rgb, grey)
    _refuse_other_size("alpha", grey, rgb, "rgb")
    joined = new_clip(*rgb.shape[:3], 4, device=rgb.device)
    for index, frame in enumerate(joined):
        frame[..., :3] = rgb[index, ..., :3]
        frame[..., 3] = grey[index if len(grey) > 1 else 0, ..., :3].to(frame).mean(dim=-1)
    return joined


def paired(image: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """IMAGE and MASK with as many frames as the longer of them, without copying; None for a mask that says nothing.

    Raises ValueError naming both sizes when they do not fit: a single frame of either repeats.
    """
    refuse_other_image(image)
    if mask is not None and _says_something(mask, image):
        image = _repeated(image, mask.reshape(-1, *mask.shape[-2:]))
    return image, given(mask, image)


def frame_count(image: Tensor, mask: Tensor | None) -> int:
    """How many frames IMAGE and MASK have together. Raises ValueError as `paired`."""
    return len(paired(image, mask)[0])


def in_clips(frames: Tensor, clips: int) -> tuple[Tensor, ...]:
    """A batch as its clips of one length. Raises ValueError when the frames do not divide."""
    if frames.shape[0] % clips:
        raise ValueError(
            f"clips is {clips}, but image has {frames.shape[0]} frames, which {clips} clips of one length cannot have."
        )
    return frames.chunk(clips)


def fitting(name: str, other: Tensor, image: Tensor) -> Tensor:
    """`other`, an IMAGE that goes with `image`: in its size, with as many frames or a single one. Raises ValueError."""
    refuse_other_image(other)
    _refuse_other_size(name, other, image)
    return other


def mask_of(image: Tensor) -> Tensor:
    """(T, H, W): 1 - alpha of straight RGBA, as a MASK."""
    mask = new_clip(*image.shape[:3], device=image.device)
    for frame, inverse in zip(image, mask):
        torch.sub(1, frame[..., 3], out=inverse)
    return mask


def background_color(text: str) -> tuple[float, float, float]:
    """#rrggbb to 0..1. Raises ValueError for anything else."""
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        raise ValueError(f"color wants #rrggbb, such as #00ff00, got {text!r}.")
    red, green, blue = bytes.fromhex(text[1:])
    return red / 255, green / 255, blue / 255


def given(mask: Tensor | None, image: Tensor) -> Tensor | None:
    """The mask, checked against the image, or None when it says nothing. A single mask is expanded over the frames."""
    if mask is None:
        return None
    frames, height, width = image.shape[:3]
    mask = mask.reshape(-1, *mask.shape[-2:])
    if not _says_something(mask, image):
        return None
    _refuse_other_size("mask", mask, image)
    return mask.expand(frames, height, width)


def _says_something(mask: Tensor, image: Tensor) -> bool:
    return mask.shape[-2:] != NO_MASK or image.shape[1:3] == NO_MASK or bool(mask.any())


def _repeated(image: Tensor, other: Tensor) -> Tensor:
    """A single frame as often as the frames of its size in `other`, in its own memory; a clip as it is."""
    fits = len(image) == 1 and image.shape[1:3] == other.shape[1:3]
    return image.expand(len(other), -1, -1, -1) if fits else image


def refuse_other_image(image: Tensor) -> None:
    """Raises ValueError when it is no IMAGE in RGB or RGBA."""
    if image.ndim != 4 or image.shape[-1] not in (3, 4) or 0 in image.shape:
        raise ValueError(
            f"image wants frames (T, H, W, 3 or 4), got {tuple(image.shape)}; connect an IMAGE in RGB or RGBA."
        )


def _refuse_other_size(name: str, given: Tensor, image: Tensor, image_name: str = "image") -> None:
    (count, height, width), (frames, *size) = given.shape[:3], image.shape[:3]
    if count not in (1, frames) or [height, width] != size:
        raise ValueError(
            f"{name} has {_frames(count)} of {width} x {height}, {image_name} has {_frames(frames)} of {size[1]} x "
            f"{size[0]}; give one {name} frame, or one for each frame of {image_name}, in its size."
        )


def _frames(count: int) -> str:
    return f"{count} frame" + "s" * (count != 1)
