"""Reading an EXR: a layer of any part, placed in its display window, as straight RGBA.

Layout   (H, W, 4) float32.
Range    display space (sRGB); light above 1 goes on along the curve. Amounts that are no colour stay as they are.
Source   OpenEXR, technical introduction and file layout: the display window is the frame, the data window what is
         stored of it; outside it all is 0, alpha too. Chromaticities say which light is meant; white is adapted for an
         `adoptedNeutral`, and for the spaces of ACES, whose white is neutral by S-2014-004.
Differs  Y is a grey picture, in light, unless the header says that it is a matte, as ours do. R or A alone is a mask:
         its values stay. `values:` and `light:` before a layer's name choose otherwise.
         Files of one part are read by the OpenEXR library where that is installed, in half the time that OpenImageIO
         takes, and so are compressions that only it knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from ...alpha.association import unpremultiply
from ...alpha.transfer import srgb_from_linear
from ..limits import check_size
from . import exr
from .exr_layers import Layer, Place, layers_in, named_layer, picture_layer
from .gamut import ACES, REC709, Chromaticities, adapted, converted, is_possible, same_space
from .image_file import ImageFile, Part, Window, open_image
from .light import BAND
from .quantise import not_finite_note

VALUES, LIGHT = "values:", "light:"
"""What may stand before a layer's name: read it as amounts, or as light, whatever it is called."""

PLAUSIBLE = 512
"""Values that a byte of a file can hold: files with more are read by OpenImageIO, whose first rows say if it is so."""

SPARE_CHANNELS = 4
"""The OpenEXR library reads all channels: so many more than are wanted are worth its speed."""


@dataclass(frozen=True)
class ExrPicture:
    """Straight RGBA, where its pixels lay, the frame that they belong to, and what is to be known."""

    rgba: Tensor
    data: Window
    display: Window
    notes: tuple[str, ...]


def layers_of_exr(path: Path) -> list[str]:
    """The names of the layers, the unnamed one left out."""
    with open_image(path) as image:
        return [each.name for each in layers_in(image.parts) if each.name]


def read_exr(path: Path, premultiplied: bool = True, window: str = "display", name: str = "") -> ExrPicture:
    """The picture, or the layer of that name. ValueError when it is none, deep, or too large."""
    with open_image(path) as image:
        layers = layers_in(image.parts)
        if not layers:
            raise ValueError("it holds deep pixels only, which are not read; flatten it first.")
        wanted = name.removeprefix(VALUES).removeprefix(LIGHT)
        layer, note = (named_layer(layers, wanted), "") if wanted else picture_layer(layers)
        parts = {place.part: image.parts[place.part] for place in layer.channels.values()}
        main = image.parts[next(iter(layer.channels.values())).part]
        meaning = _meaning(layer, main, name)
        places = {each: layer.channels[each] for each in meaning.channels}
        frame, data, cut = _frame(main, [parts[place.part] for place in places.values()], window)
        planes = _read_planes(path, image, places, frame)
        if "A" not in planes and data != frame:
            covered = np.ones((data.height, data.width), np.float32)
            planes["A"] = _placed(covered, data, frame)
    notes = [each for each in (note, meaning.note, cut, *_header_notes(main)) if each]
    if meaning.is_light:
        rgba, more = _shown(planes, main, premultiplied)
    else:
        rgba, more = _amounts(planes)
    return ExrPicture(rgba, data, main.display, (*notes, *more))


@dataclass(frozen=True)
class _Meaning:
    channels: Sequence[str]
    is_light: bool
    note: str = ""


def _meaning(layer: Layer, part: Part, name: str) -> _Meaning:
    """Which channels of a layer are read, and whether they are light."""
    alpha = ["A"] if "A" in layer.channels else []
    color = layer.possible_color
    if color == "Y" and not alpha and part.attributes.get(exr.PASS) == exr.MATTE and not name.startswith(LIGHT):
        return _Meaning("Y", False)
    if name.startswith(VALUES) or (not layer.color and not name.startswith(LIGHT)):
        chosen = [*color, *alpha] if color else _first_three(layer)
        said = f"The layer {layer.name} holds amounts" if layer.name else f"The file holds {', '.join(chosen)}"
        return _Meaning(chosen, False, f"{said}, not colours: its values are as stored.")
    chosen = [*color, *alpha] if color else [*_first_three(layer), *alpha]
    return _Meaning(list(dict.fromkeys(chosen)), True)


def _first_three(layer: Layer) -> list[str]:
    """Amounts in three channels as red, green and blue, else the first, as grey."""
    names = [each for each in layer.channels if each != "A"] or ["A"]
    known = [each for order in ("RGB", "XYZ") for each in order if {*order} <= {*names}]
    return known[:3] if known else names[:3] if len(names) == 3 else names[:1]


def _frame(main: Part, parts: Sequence[Part], window: str) -> tuple[Window, Window, str]:
    """The rectangle that is read, where pixels are, and a sentence when some are cut."""
    left, top = min(each.data.x for each in parts), min(each.data.y for each in parts)
    right = max(each.data.x + each.data.width for each in parts)
    bottom = max(each.data.y + each.data.height for each in parts)
    data, display = Window(left, top, right - left, bottom - top), main.display
    frame = data if window == "data" else display
    check_size(frame.width, frame.height)
    inside = left >= frame.x and top >= frame.y
    inside = inside and right <= frame.x + frame.width and bottom <= frame.y + frame.height
    note = (
        f"{data.width} x {data.height} pixels are stored, the frame is {display.width} x {display.height}: what lies "
        "outside it (overscan) was cut. Choose window: data to keep it."
    )
    return frame, data, "" if inside else note


def _read_planes(path: Path, image: ImageFile, places: Mapping[str, Place], frame: Window) -> dict[str, np.ndarray]:
    """Channels by name, each (H, W) of the frame; 0 where nothing is stored."""
    parts = {place.part: image.parts[place.part] for place in places.values()}
    for part in parts.values():
        if part.deep:
            raise ValueError("it holds deep pixels, which are not read; flatten it first.")
        check_size(part.data.width, part.data.height)
    planes: dict[str, np.ndarray] = {}
    for index, part in parts.items():
        wanted = {name: place.channel for name, place in places.items() if place.part == index}
        for name, plane in _planes_of(path, image, part, wanted).items():
            planes[name] = _placed(plane, part.data, frame)
    return planes


def _planes_of(path: Path, image: ImageFile, part: Part, wanted: Mapping[str, int]) -> dict[str, np.ndarray]:
    single = len(image.parts) == 1 and len(part.channels) <= len(wanted) + SPARE_CHANNELS
    values = part.data.width * part.data.height * len(part.channels)
    single = single and "openexr:luminancechroma" not in part.attributes and values < PLAUSIBLE * path.stat().st_size
    if single and exr.is_installed():
        channels = exr.decode(path.read_bytes())
        size = (part.data.height, part.data.width)
        if all(part.channels[index] in channels for index in wanted.values()):
            found = {name: channels[part.channels[index]] for name, index in wanted.items()}
            if all(plane.shape == size for plane in found.values()):
                return found  # a broken file can be another one to each of the two libraries
    planes = {}
    try:
        for first, last in _runs(part, sorted(wanted.values())):
            pixels = image.read_pixels(part, first, last)
            planes |= {name: pixels[..., index - first] for name, index in wanted.items() if first <= index < last}
    except ValueError as error:
        newer = "" if exr.is_installed() else f" If it is compressed by HTJ2K or Zstandard: {exr.INSTALL}"
        raise ValueError(f"{error}{newer}") from None
    return planes


def _runs(part: Part, channels: Sequence[int]) -> list[tuple[int, int]]:
    """Neighbours of one type, which are read at once."""
    runs: list[tuple[int, int]] = []
    for index in channels:
        if runs and index == runs[-1][1] and part.types[index] == part.types[runs[-1][0]]:
            runs[-1] = (runs[-1][0], index + 1)
        else:
            runs.append((index, index + 1))
    return runs


def _placed(plane: np.ndarray, data: Window, frame: Window) -> np.ndarray:
    if data == frame:
        return plane
    placed = np.zeros((frame.height, frame.width), plane.dtype)
    top, left = max(data.y, frame.y), max(data.x, frame.x)
    bottom = min(data.y + data.height, frame.y + frame.height)
    right = min(data.x + data.width, frame.x + frame.width)
    if top < bottom and left < right:
        inside = plane[top - data.y : bottom - data.y, left - data.x : right - data.x]
        placed[top - frame.y : bottom - frame.y, left - frame.x : right - frame.x] = inside
    return placed


def _amounts(planes: Mapping[str, np.ndarray]) -> tuple[Tensor, list[str]]:
    """Opaque RGBA of amounts: three as they are, one as grey."""
    values = [torch.from_numpy(plane.astype(np.float32)) for name, plane in planes.items() if name != "A"]
    alpha = planes.get("A")
    if not values:
        values, alpha = [torch.from_numpy(cast(np.ndarray, alpha).astype(np.float32))], None
    color = values if len(values) == 3 else values[:1] * 3
    opacity = torch.ones_like(color[0]) if alpha is None else torch.from_numpy(alpha.astype(np.float32))
    rgba = torch.stack([*color, opacity], dim=-1)
    note = not_finite_note(rgba)
    return rgba, [note] if note else []


def _shown(planes: Mapping[str, np.ndarray], part: Part, premultiplied: bool) -> tuple[Tensor, list[str]]:
    """Straight RGBA of light, a band of rows at a time."""
    names = [name for name in planes if name != "A"]
    height, width = planes[names[0]].shape
    source, neutral = _space(part.attributes)
    rgba, glow = torch.empty(height, width, 4), 0
    broken = ""
    for top in range(0, height, BAND):
        rows = slice(top, top + BAND)
        bands = [torch.from_numpy(planes[name][rows].astype(np.float32)) for name in names]
        rgb = torch.stack(bands if len(bands) == 3 else bands[:1] * 3, dim=-1)
        alpha = torch.from_numpy(planes["A"][rows].astype(np.float32))[..., None] if "A" in planes else None
        broken = broken or not_finite_note(rgb if alpha is None else torch.cat((rgb, alpha), dim=-1), top)
        if alpha is not None:
            glow += _count_glow(rgb, alpha)
            rgb = unpremultiply(rgb, alpha, keep_hidden=True) if premultiplied else rgb
        light = adapted(rgb, source, REC709, neutral) if neutral else converted(rgb, source, REC709)
        rgba[rows, :, :3] = srgb_from_linear(light)
        rgba[rows, :, 3:] = 1 if alpha is None else alpha
    notes = [broken] if broken else []
    if glow and premultiplied:
        notes.append(
            f"{glow} pixels have light where alpha is 0 (a glow). Their colour is kept, but straight colour under an "
            "alpha of 0 shows nothing; add such a layer by itself."
        )
    return rgba, notes


def _count_glow(rgb: Tensor, alpha: Tensor) -> int:
    empty = alpha[..., 0] == 0
    if not bool(empty.any()):
        return 0
    return int((empty & (rgb > 0).any(dim=-1)).count_nonzero())


def _space(said: Mapping[str, Any]) -> tuple[Chromaticities, tuple[float, float] | None]:
    """The primaries of a header, and what is neutral, where white is to be adapted."""
    if "chromaticities" not in said:
        return REC709, None
    source = cast("Chromaticities", tuple(float(value) for value in said["chromaticities"]))
    if not is_possible(source):
        raise ValueError(f"its chromaticities ({source}) are those of no colour space; the file is broken.")
    neutral = said.get("adoptedNeutral")
    if neutral is not None and float(neutral[1]) > 0:
        return source, (float(neutral[0]), float(neutral[1]))
    return source, source[6:] if any(same_space(source, space) for space in ACES) else None


def _header_notes(part: Part) -> list[str]:
    aspect = float(part.attributes.get("PixelAspectRatio", 1.0))
    if abs(aspect - 1) < 1e-4:
        return []
    return [f"Its pixels are {aspect:.4g} times as wide as high (anamorphic); the frame is not stretched."]
