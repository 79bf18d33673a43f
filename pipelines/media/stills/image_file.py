"""Pictures in files through OpenImageIO: what a file holds, and its pixels as they are stored.

Layout   (H, W, C) in the file's own type; channels by name.
Source   OpenImageIO 3; alpha is left as the file has it (`oiio:UnassociatedAlpha`), for the library would else
         premultiply straight PNG, TGA and TIFF in their 8 bits.
Differs  One thread a file, since several frames are read at a time. Sizes are held to our limits before pixels are
         read, and a file that is cut is refused at its first rows: the library returns what it has, and says so apart.

The library is imported when it is needed: where requirements.txt was not installed, the pack still loads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..limits import check_size
from . import exr

LARGEST_CHANNELS = 1024
LARGEST_PARTS = 1000
LARGEST_VALUE = 8
"""Bytes of a channel."""

PACKED = 4096
"""Bytes of pixels that one of a file can hold, at most."""

LARGEST_TILE = 1 << 22
"""Pixels of a tile, where the picture itself is not larger: a library makes room for a whole one."""

TRIED_ROWS = 32
"""Rows that are read before room is made for all of them."""


WORDS = (
    "oiio:subimagename",
    "compression",
    "planarconfig",
    "textureformat",
    "oiio:ColorSpace",
    "tiff:ColorSpace",
    "jpeg:ColorSpace",
    "dpx:Transfer",
    exr.PASS,
)
NUMBERS = (
    "Orientation",
    "PixelAspectRatio",
    "ICCProfile",
    "chromaticities",
    "adoptedNeutral",
    "openexr:luminancechroma",
    "oiio:UnassociatedAlpha",
    "oiio:BitsPerSample",
    "tiff:Compression",
    "tiff:PhotometricInterpretation",
    "targa:alpha_type",
)
"""What is asked of a header, and not all that it has: OpenImageIO 3.0 ends the process over a profile's odd words."""


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Part:
    """A picture of a file: its name, channels, windows, and what else its header says."""

    index: int
    name: str
    channels: Sequence[str]
    types: Sequence[str]
    """Of each channel: uint8, uint16, uint, half, float, ..."""
    alpha: int
    """Which channel is alpha, by what the format says; -1 for none."""
    tiled: bool
    data: Window
    display: Window
    deep: bool
    attributes: Mapping[str, Any]


@cache
def library() -> ModuleType:
    """OpenImageIO, with its threads and limits set. ImportError naming the command, where it is missing."""
    try:
        import OpenImageIO
    except ImportError:
        raise ImportError(
            "OpenImageIO, which reads this kind of file, is not installed; type: pip install -r requirements.txt in "
            "the folder of the RGBA Video pack, with ComfyUI's Python, and restart ComfyUI."
        ) from None
    for name, value in (("threads", 1), ("exr_threads", 1), ("limits:channels", LARGEST_CHANNELS)):
        OpenImageIO.attribute(name, value)
    return OpenImageIO


class ImageFile:
    """An open file; see `open_image`."""

    def __init__(self, path: Path, reader: Any, parts: Sequence[Part]) -> None:
        self._path, self._reader, self.parts = path, reader, parts

    def read_pixels(self, part: Part, first: int = 0, last: int | None = None) -> np.ndarray:
        """(H, W, C) of the channels from `first` to before `last` of a part, in their type, or float for several types.

        ValueError when the part is too large or cut.
        """
        last = len(part.channels) if last is None else last
        check_size(part.data.width, part.data.height, (last - first) * LARGEST_VALUE)
        self.try_rows(part, first, last)
        pixels = self._check(self._reader.read_image(part.index, 0, first, last, _stored(part, first, last)), part)
        return pixels.reshape(part.data.height, part.data.width, last - first)

    def try_rows(self, part: Part, first: int = 0, last: int | None = None) -> None:
        """Read the first rows or tile of a part, before room is made for all. ValueError when they are not there."""
        last = len(part.channels) if last is None else last
        self._reader.seek_subimage(part.index, 0)
        spec, data, stored = self._reader.spec(), part.data, _stored(part, first, last)
        if spec.tile_width:
            right, bottom = data.x + min(spec.tile_width, data.width), data.y + min(spec.tile_height, data.height)
            box = (data.x, right, data.y, bottom, spec.z, spec.z + 1)
            self._check(self._reader.read_tiles(part.index, 0, *box, first, last, stored), part)
        elif part.attributes.get("planarconfig") == "separate":  # OpenImageIO reads no few rows of these
            self._refuse_implausible(part)
        elif data.height > TRIED_ROWS:
            rows = (data.y, data.y + TRIED_ROWS, 0)
            self._check(self._reader.read_scanlines(part.index, 0, *rows, first, last, stored), part)

    def _refuse_implausible(self, part: Part) -> None:
        bits, data = int(part.attributes.get("oiio:BitsPerSample", 8)), part.data
        needed = data.width * data.height * len(part.channels) * bits // 8
        if needed > PACKED * (size := self._path.stat().st_size):
            raise ValueError(
                f"{data.width} x {data.height} pixels cannot be held by {size} bytes; the file is cut or broken."
            )

    def _check(self, pixels: np.ndarray | None, part: Part) -> np.ndarray:
        problem = self._reader.geterror()
        if pixels is None or problem:
            said = str(part.attributes.get("compression", ""))
            if not problem and said:
                raise ValueError(
                    f"its pixels, compressed by {said}, cannot be read: the file is cut or broken, or of a kind that "
                    "is not read; save it again with another compression."
                )
            raise ValueError(
                f"its pixels cannot be read ({_one_line(problem, self._path)}); the file is cut or broken."
            )
        return pixels


@contextmanager
def open_image(path: Path) -> Iterator[ImageFile]:
    """A file of any kind that OpenImageIO knows, closed at the end of the block. ValueError when it is none."""
    oiio = library()
    settings = oiio.ImageSpec()
    settings.attribute("oiio:UnassociatedAlpha", 1)
    reader = oiio.ImageInput.open(str(path), settings)
    if reader is None:
        problem = _one_line(oiio.geterror(), path)
        if "No support" in problem:
            raise ValueError(f"its kind of pixels is not read ({problem}); save it with 8 or 16 bits a channel.")
        raise ValueError(f"a picture was expected, this file is none ({problem}).")
    try:
        parts = []
        while len(parts) < LARGEST_PARTS and reader.seek_subimage(len(parts), 0):
            spec = reader.spec()
            if spec.tile_width * spec.tile_height > max(LARGEST_TILE, 4 * spec.width * spec.height):
                raise ValueError(f"its tiles are {spec.tile_width} x {spec.tile_height} pixels; the file is broken.")
            parts.append(_part(len(parts), spec))
        reader.geterror()  # that the part after the last is not there
        yield ImageFile(path, reader, parts)
    finally:
        reader.close()


def _stored(part: Part, first: int, last: int) -> str:
    types = {*part.types[first:last]}
    only = types.pop() if len(types) == 1 else "float"
    return "float" if only == "double" else only


def _part(index: int, spec: Any) -> Part:
    attributes = {name: said for name in WORDS if (said := spec.get_string_attribute(name))}
    attributes |= {name: said for name in NUMBERS if (said := spec.getattribute(name)) is not None}
    types = spec.channelformats or (spec.format,) * spec.nchannels
    data = Window(spec.x, spec.y, spec.width, spec.height)
    display = Window(spec.full_x, spec.full_y, spec.full_width, spec.full_height)
    if "CubeFace" in str(attributes.get("textureformat", "")):  # the library says one face, whatever the header says
        display = data
    return Part(
        index,
        str(attributes.get("oiio:subimagename", "")),
        tuple(spec.channelnames),
        tuple(str(each) for each in types),
        spec.alpha_channel,
        spec.tile_width > 0,
        data,
        display,
        spec.deep,
        attributes,
    )


def _one_line(problem: str, path: Path) -> str:
    """What the library says, without the folder that the file is in."""
    words = " ".join(problem.replace(str(path), path.name).split())[:200].rstrip(".")
    return words or "nothing more is known"
