"""Which sizes the models accept, and how frames and sides convert between the pixel grid and the latent grid.

Range    Wan, CogVideoX and the picture models: a latent cell is 8 x 8 pixels; a latent frame is 4 pixel frames (Mochi:
         6), the first one alone. The transformers read patches of 2 x 2 cells, one latent frame deep.
Source   Wan 2.1, arXiv:2503.20314; CogVideoX, arXiv:2408.06072; Mochi 1, genmo's release.
"""

from __future__ import annotations

from dataclasses import dataclass

CELL = 8
"""Pixels along each side of a latent cell."""

FRAMES = 4
"""Pixel frames in each latent frame but the first, which has one."""

PATCH = 2
"""Latent cells along each side of a transformer's patch."""

PATCH_PIXELS = CELL * PATCH
"""Pixels along each side of a transformer's patch."""


@dataclass(frozen=True)
class SizeRule:
    """Sides are multiples of `multiple`, lengths are `frames` * n + 1. With 1, the default, any length passes."""

    multiple: int
    frames: int = 1

    def nearest_sides(self, pixels: int) -> tuple[int, ...]:
        """The accepted sides next to this one: itself alone, or the one below and the one above. None is below 1."""
        return _surround(pixels, self.multiple, self.multiple)

    def nearest_lengths(self, frames: int) -> tuple[int, ...]:
        """The accepted lengths next to this one: itself alone, or the one below and the one above. None is below 1."""
        return _surround(frames, self.frames, 1)

    def check(self, name: str, width: int, height: int, length: int | None = None) -> None:
        """Raises ValueError, naming what came as `name` and the nearest values, unless the size is accepted."""
        wide, tall = self.nearest_sides(width), self.nearest_sides(height)
        if (wide, tall) != ((width,), (height,)):
            sizes = dict.fromkeys(f"{wide[end]} x {tall[end]}" for end in (0, -1))
            raise ValueError(
                f"{name} must have a width and height that are multiples of {self.multiple}, got {width} x {height}; "
                f"use {' or '.join(sizes)}."
            )
        if length is not None and self.nearest_lengths(length) != (length,):
            lengths = " or ".join(map(str, self.nearest_lengths(length)))
            accepted = "at least 1 frame" if self.frames == 1 else f"{self.frames}n + 1 frames"
            raise ValueError(f"{name} must have a length of {accepted}, got {length}; use {lengths}.")


def _surround(value: int, step: int, least: int) -> tuple[int, ...]:
    """The one or two of least, least + step, ... between which the value lies."""
    if value <= least:
        return (least,)
    below = least + (value - least) // step * step
    return (value,) if below == value else (below, below + step)


PICTURE_VAE = SizeRule(CELL)
"""The VAEs of SD 1.5, SDXL and Flux."""

WAN_VAE = SizeRule(CELL, FRAMES)
WAN_DIT = SizeRule(PATCH_PIXELS, FRAMES)
COGVIDEOX_DIT = SizeRule(PATCH_PIXELS, FRAMES)
MOCHI_DIT = SizeRule(PATCH_PIXELS, 6)
"""What each transformer samples, as its VAE decodes it."""


def to_latent_frames(frames: int, together: int = FRAMES) -> int:
    """Latent frames of so many pixel frames; those after the last whole latent frame are left out."""
    return (frames - 1) // together + 1


def to_pixel_frames(latent_frames: int) -> int:
    """Pixel frames of so many latent frames."""
    return FRAMES * (latent_frames - 1) + 1


def to_cells(pixels: int) -> int:
    """Latent cells along a side of so many pixels; what is left over is left out."""
    return pixels // CELL


def to_pixels(cells: int) -> int:
    """Pixels along a side of so many latent cells."""
    return CELL * cells


def to_latent_shape(frames: int, height: int, width: int) -> tuple[int, int, int]:
    """(t, h, w) of a clip (T, H, W)."""
    return to_latent_frames(frames), to_cells(height), to_cells(width)


def to_pixel_shape(t: int, h: int, w: int) -> tuple[int, int, int]:
    """(T, H, W) of a latent (t, h, w)."""
    return to_pixel_frames(t), to_pixels(h), to_pixels(w)
