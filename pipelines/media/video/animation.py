"""Animated pictures: WebP, APNG and GIF, in the rate that was asked for.

Layout   frames (H, W, 4), one size.
Range    straight RGBA, sRGB, 0..1, alpha 1 = opaque; stored in 8 bits, rounded half a step up.
Source   WebP and GIF delay a frame by whole milliseconds and hundredths; APNG by a fraction. Encoders: Pillow's libwebp
         and GIF, FFmpeg's APNG.
Differs  Rounding each delay alone makes 24 frames a second 24.39; here what one frame loses the next one gets, so that
         every frame begins within half a unit of its time, and rate and number of frames are noted in a GIF's comment
         and a WebP's XMP. GIF has one bit of alpha: from 1/2 on it is opaque.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import cast

import av
import numpy as np
from PIL import Image
from torch import Tensor

from ..read_back import ReadBackError, refuse_difference
from ..stills.quantise import quantise
from ..whole_file import named_when_whole
from .delays import note_of

UNITS: Mapping[str, Fraction | None] = {"webp": Fraction(1, 1000), "apng": None, "gif": Fraction(1, 100)}
"""Format, to the unit of its delays in seconds; None where a delay is exact."""

SUFFIXES: Mapping[str, str] = {"webp": "webp", "apng": "png", "gif": "gif"}
LOSSLESS = 100
FOR_EVER = Fraction(10**9)
"""Frames that are all equal are stored as a picture that does not move."""

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:source="%s"/></rdf:RDF></x:xmpmeta>'
)
"""A WebP's place for text."""

FASTEST_GIF = 50
"""Viewers slow a GIF down whose frames stand for less than 2/100 of a second."""


@dataclass(frozen=True)
class Animation:
    """How a clip is animated; ValueError for what the format has not.

    format   webp, apng or gif
    loop     how often it plays, 0 = for ever
    quality  of WebP: 100 is lossless, below it colour is lossy and alpha is not
    """

    format: str
    fps: Fraction
    loop: int = 0
    quality: int = LOSSLESS

    def __post_init__(self) -> None:
        if self.format not in UNITS:
            raise ValueError(f"format is one of {', '.join(UNITS)}; got {self.format!r}.")
        if self.format == "gif" and self.fps > FASTEST_GIF:
            raise ValueError(f"A GIF plays at most {FASTEST_GIF} frames a second, got {float(self.fps):g}; take webp.")
        if self.loop < 0 or not 1 <= self.quality <= LOSSLESS:
            raise ValueError(f"loop is 0 or more, quality 1 to 100; got {self.loop} and {self.quality}.")


def delays(count: int, fps: Fraction, unit: Fraction) -> list[int]:
    """How long each frame stands, in units; the sum of the first n is n frames to within half a unit."""
    ends = [round(index / fps / unit) for index in range(count + 1)]
    return [after - before for before, after in pairwise(ends)]


def write_animation(
    frames: Sequence[Tensor] | Tensor, path: Path, plan: Animation, on_step: Callable[[int], None] = lambda _: None
) -> None:
    """Write and check an animation; `on_step` hears of each frame twice: written, read back. It may raise to stop.

    ValueError for no frame; FileExistsError when `path` is taken; ReadBackError when the file does not hold the frames.
    In every case nothing is left under the name.
    """
    if not len(frames):
        raise ValueError("A clip of at least one frame was expected, got none.")
    with named_when_whole(path) as partial:
        (_write_apng if plan.format == "apng" else _write_by_pillow)(frames, partial, plan, on_step)
        _check(frames, partial, plan, on_step)


def stored_pixels(rgba: Tensor, index: int, plan: Animation) -> np.ndarray:
    """(H, W, 4) of uint8; a GIF's alpha is 0 or 255."""
    pixels = quantise(rgba, 8, index)
    if plan.format == "gif":
        pixels[..., 3] = np.where(pixels[..., 3] >= 128, 255, 0)
    return pixels


class _Frames(Image.Image):
    """A picture of many frames, as Pillow saves one, of which a single frame is held at a time."""

    def __init__(self, count: int, pixels_of: Callable[[int], np.ndarray]) -> None:
        super().__init__()
        self.n_frames = count
        self.pixels_of = pixels_of
        self.at = -1
        self.seek(0)

    def seek(self, frame: int) -> None:
        if frame >= self.n_frames:
            raise EOFError
        if frame != self.at:
            shown = Image.fromarray(self.pixels_of(frame))
            self.im, self._mode, self._size, self.at = shown.im, shown.mode, shown.size, frame

    def tell(self) -> int:
        return self.at


def _write_by_pillow(
    frames: Sequence[Tensor] | Tensor, path: Path, plan: Animation, on_step: Callable[[int], None]
) -> None:
    heard = -1

    def pixels_of(index: int) -> np.ndarray:
        nonlocal heard
        if index > heard:
            heard = index
            on_step(index + 1)
        return stored_pixels(frames[index], index, plan)

    unit = cast(Fraction, UNITS[plan.format])
    times = [int(each * unit * 1000) for each in delays(len(frames), plan.fps, unit)]
    options: dict[str, object] = {"save_all": True, "duration": times}
    note = note_of(plan.fps, len(frames))
    if plan.format == "webp":
        options["xmp"] = XMP % note
        options |= {"loop": plan.loop, "method": 4, "exact": True, "alpha_quality": 100}
        options |= {"lossless": True} if plan.quality == LOSSLESS else {"quality": plan.quality}
    else:
        options |= {"comment": note, "disposal": 2} | ({"loop": max(plan.loop - 1, 0)} if plan.loop != 1 else {})
    with path.open("wb") as file:
        _Frames(len(frames), pixels_of).save(file, plan.format.upper(), **options)


def _write_apng(frames: Sequence[Tensor] | Tensor, path: Path, plan: Animation, on_step: Callable[[int], None]) -> None:
    height, width = frames[0].shape[:2]
    with av.open(str(path), "w", format="apng", options={"plays": str(plan.loop)}) as container:
        stream = cast(av.VideoStream, container.add_stream("apng", rate=plan.fps, options={"pred": "mixed"}))
        stream.width, stream.height, stream.pix_fmt = width, height, "rgba"
        stream.codec_context.time_base = 1 / plan.fps
        for index, rgba in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(stored_pixels(rgba, index, plan), "rgba")
            frame.pts, frame.time_base = index, 1 / plan.fps
            container.mux(stream.encode(frame))
            on_step(index + 1)
        container.mux(stream.encode(None))


def _read(path: Path) -> Iterator[tuple[Fraction, np.ndarray]]:
    """Each stored frame and the time at which it ends, in seconds. Equal frames in a row may be stored as one."""
    end = Fraction(0)
    with Image.open(path) as image:
        for index in range(image.n_frames):
            image.seek(index)
            image.load()
            stands = Fraction(image.info.get("duration", 0)).limit_denominator(100_000) / 1000
            end += stands if image.n_frames > 1 else FOR_EVER
            yield end, np.asarray(image.convert("RGBA"))


def _check(frames: Sequence[Tensor] | Tensor, path: Path, plan: Animation, on_step: Callable[[int], None]) -> None:
    """ReadBackError unless every frame is seen at its time: alpha as written, and colour where the format keeps it."""
    read = _read(path)
    end, pixels = next(read)
    unit = UNITS[plan.format] or Fraction(1, 1000)
    for index, rgba in enumerate(frames):
        middle = (index + Fraction(1, 2)) / plan.fps
        while end <= middle:
            try:
                end, pixels = next(read)
            except StopIteration:
                raise ReadBackError(
                    f"{plan.format}: frame {index} was expected, the file ends at {float(end):.3f} s. Nothing was "
                    "kept: choose another format."
                ) from None
        stored = stored_pixels(rgba, index, plan)
        refuse_difference(f"{plan.format}, alpha of frame {index}", stored[..., 3], pixels[..., 3])
        if plan.format != "gif" and plan.quality == LOSSLESS:
            seen = stored[..., 3] > 0
            refuse_difference(f"{plan.format}, colour of frame {index}", stored[seen], pixels[seen])
        on_step(len(frames) + index + 1)
    total = len(frames) / plan.fps
    if end < FOR_EVER and abs(end - total) > unit:
        raise ReadBackError(
            f"{plan.format}: {float(total):.4f} s were written, {float(end):.4f} s read back. Nothing was kept: choose "
            "another format."
        )
