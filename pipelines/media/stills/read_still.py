"""A still on disk as straight RGBA, whatever its format.

Layout   (H, W, 4) float32.
Range    straight colour in display space (sRGB), 0..1; light above 1 goes on along the curve. Alpha 1 = opaque.
Source   PNG, WebP, AVIF: straight by specification. EXR: premultiplied light by custom. TIFF: as its ExtraSamples say.
         TGA, PSD, DPX: straight by custom. A sidecar, or the artist, knows better than all of these.
Differs  Premultiplied colour is divided wherever alpha is above 0; where it is 0 it stays as it stands.
         TGA of 8, 24 and 32 bits is read by FFmpeg, in a tenth of the time that OpenImageIO takes.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...alpha.association import PREMULTIPLIED, STRAIGHT, unpremultiply
from ..signatures import READABLE, find_kind, misnamed_note
from . import png, tga
from .colour_tags import ToDisplay, from_code_points, from_film_log, from_light, from_square_root
from .image_file import Part, Window, open_image
from .pillow_file import Picture, read_picture
from .profiles import from_lab, from_profile
from .quantise import not_finite_note
from .read_exr import layers_of_exr, read_exr
from .read_png import (
    animation_note,
    colour_of,
    only_pixels,
    orientation_of,
    read_header,
    refuse_missing_rows,
)
from .read_tiff import (
    BITS,
    LOGLUV,
    LOGLUV_NOTE,
    MEANING,
    SIGNED,
    SIGNED_NOTE,
    WHITE_IS_ZERO,
    is_for_pillow,
    is_tiff,
    refuse_kind,
)

WINDOWS = ("display", "data")
"""Of an EXR: the frame as it is shown, or all that was rendered."""

PILLOW: Mapping[str, tuple[str, ...]] = {
    ".webp": ("WEBP",),
    ".avif": ("AVIF",),
    ".jpg": ("JPEG", "MPO"),
    ".jpeg": ("JPEG", "MPO"),
    ".bmp": ("BMP",),
}
MOVING = frozenset({"WEBP", "AVIF"})

PHOTOSHOP, CMYK = frozenset({".psd", ".psb"}), 4

NO_PROFILE = "The file is in CMYK without a profile; its colours are an approximation."


@dataclass(frozen=True, eq=False)
class Still:
    """A frame, and what is to be known of how it was read.

    notes    what was converted, cut, lost or guessed, a sentence each, without the file's name.
    data     of an EXR, where its pixels lie; `display`: the frame that it belongs to.
    """

    rgba: Tensor
    notes: tuple[str, ...] = ()
    data: Window | None = None
    display: Window | None = None


@dataclass(frozen=True)
class Stored:
    """Pixels (H, W, C) as a file has them, grey, grey + alpha, RGB or RGBA, and how they become straight sRGB."""

    pixels: np.ndarray
    premultiplied: bool = False
    to_display: ToDisplay | None = None
    notes: tuple[str, ...] = ()
    orientation: int = 1


def read_still(path: Path, association: str | None = None, *, window: str = "display", layer: str = "") -> Still:
    """The picture of a file; ValueError naming the file when there is none, or it is too large.

    association  straight or premultiplied, over what the file says.
    window       of WINDOWS, for EXR: `data` is all that was rendered, overscan included.
    layer        of an EXR, by its name; "" is the picture itself. `layers_of` lists them.
    """
    suffix = path.suffix.lower()
    if suffix not in READABLE:
        raise ValueError(f"{path.name}: one of {', '.join(sorted(READABLE))} was expected.")
    if window not in WINDOWS:
        raise ValueError(f"window is one of {', '.join(WINDOWS)}; got {window!r}.")
    try:
        kind = find_kind(path)
        misnamed = tuple(each for each in (misnamed_note(suffix, kind),) if each)
        if kind == ".exr":
            picture = read_exr(path, association != STRAIGHT, window, layer)
            return Still(picture.rgba, (*misnamed, *picture.notes), picture.data, picture.display)
        if layer:
            raise ValueError(f"only EXR has layers, so that {layer!r} is not in it; leave layer empty.")
        stored = _read_stored(path, kind)
        stored = replace(stored, notes=(*misnamed, *stored.notes))
        given = PREMULTIPLIED if stored.premultiplied else STRAIGHT
        return _displayed(stored, (association or given) == PREMULTIPLIED)
    except (ValueError, ImportError) as error:
        raise ValueError(f"{path.name}: {error}") from None
    except MemoryError:
        raise ValueError(f"{path.name}: it needs more memory than there is; make it smaller.") from None


def layers_of(path: Path) -> list[str]:
    """The names that `layer` may have for a file; none for all but EXR. ValueError naming the file when it is none."""
    try:
        return layers_of_exr(path) if find_kind(path) == ".exr" else []
    except (ValueError, ImportError) as error:
        raise ValueError(f"{path.name}: {error}") from None


def rgba_from(pixels: np.ndarray, premultiplied: bool = False) -> Tensor:
    """Straight RGBA (H, W, 4) of grey, grey + alpha, RGB or RGBA (H, W, C), whole numbers of any type or floats."""
    values = _float_of(pixels)
    channels = values.shape[-1]
    if channels in (1, 3):
        rgb = values.expand(-1, -1, 3)
        return torch.cat((rgb, torch.ones_like(rgb[..., :1])), dim=-1)
    if channels == 2:
        values = torch.cat((values[..., :1].expand(-1, -1, 3), values[..., 1:]), dim=-1)
    if not premultiplied:
        return values
    rgb, alpha = values.split((3, 1), dim=-1)
    return torch.cat((unpremultiply(rgb, alpha, keep_hidden=True), alpha), dim=-1)


def _float_of(pixels: np.ndarray) -> Tensor:
    values = pixels.astype(np.float32)
    if pixels.dtype.kind in "ui":
        values /= np.float32(np.iinfo(pixels.dtype).max)
    return torch.from_numpy(values)


def _displayed(stored: Stored, premultiplied: bool) -> Still:
    rgba = rgba_from(stored.pixels, premultiplied)
    notes = stored.notes
    if stored.pixels.dtype.kind == "f" and (note := not_finite_note(rgba)):
        notes = (*notes, note)
    if stored.to_display is not None:
        rgba[..., :3] = stored.to_display(rgba[..., :3])
    return Still(_turned(rgba, stored.orientation), notes)


def _turned(rgba: Tensor, orientation: int) -> Tensor:
    """Upright, by the number that TIFF and Exif have for it."""
    if orientation not in range(2, 9):
        return rgba
    if orientation >= 5:
        rgba = rgba.transpose(0, 1)
    flipped = {2: [1], 3: [0, 1], 4: [0], 6: [1], 7: [0, 1], 8: [0]}.get(orientation, [])
    return rgba.flip(flipped).contiguous()


def _read_stored(path: Path, suffix: str) -> Stored:
    if suffix == ".png":
        return _read_png(path)
    if suffix == ".tga":
        return _read_tga(path)
    if suffix in PILLOW:
        return _read_by_pillow(path, PILLOW[suffix])
    return _read_by_library(path, suffix)


def _read_png(path: Path) -> Stored:
    file = path.read_bytes()
    header = read_header(file)
    to_display, note = colour_of(header)
    notes = tuple(each for each in (note, animation_note(header)) if each)
    if header.is_quick:
        pixels = png.decode(only_pixels(file, header))
        refuse_missing_rows(file, header, pixels)
        return Stored(pixels, False, to_display, notes, orientation_of(header))
    with open_image(path) as image:
        pixels = image.read_pixels(image.parts[0])
    return Stored(pixels, False, to_display, notes, orientation_of(header))


def _read_tga(path: Path) -> Stored:
    file = path.read_bytes()
    if not tga.is_quick(file):
        stored = _read_by_library(path, ".tga")
        note = "The file has one bit of alpha, which programs read in opposite ways; it was left out."
        return replace(stored, notes=(*stored.notes, note)) if tga.has_alpha_bit(file) else stored
    return Stored(tga.decode(file), tga.says_premultiplied(file))


def _read_by_pillow(path: Path, formats: tuple[str, ...]) -> Stored:
    picture = read_picture(path, formats)
    to_display, note = _colour_of_mode(picture)
    notes = [each for each in (note, picture.guessed) if each]
    if picture.count > 1 and MOVING.intersection(formats):
        notes.append(f"The file is an animation of {picture.count} frames; the first was read. Load it as a video.")
    elif picture.count > 1:
        notes.append(f"The file has {picture.count} pictures; the first was read.")
    return Stored(picture.pixels, False, to_display, tuple(notes), picture.orientation)


def _colour_of_mode(picture: Picture) -> tuple[ToDisplay | None, str]:
    if picture.mode == "LAB":
        return from_lab, "The file is in Lab; its colours were converted to sRGB."
    if picture.profile:
        return from_profile(picture.profile)
    if picture.code_points:
        return from_code_points(*picture.code_points)
    return None, NO_PROFILE if picture.mode == "CMYK" else ""


def _read_by_library(path: Path, kind: str) -> Stored:
    with open_image(path) as image:
        part = image.parts[0]
        said = part.attributes
        if is_tiff(part) and is_for_pillow(part):
            stored = _read_by_pillow(path, ("TIFF",))
            bits = int(said.get(BITS, 8))
            less = bits > 8 and stored.pixels.dtype == np.uint8
            return replace(stored, notes=(*stored.notes, f"Its {bits} bits were read as 8.")) if less else stored
        refuse_kind(part)
        if part.deep:
            raise ValueError("it holds deep pixels, which are not read; flatten it first.")
        pixels = image.read_pixels(part)
        color, alpha, note = _chosen_channels(part)
        notes = [note] if note else []
        if kind in PHOTOSHOP and (extra := _spare_channels(path, len(part.channels))):
            notes.append(f"The file has {extra} saved selections beside its picture; they were left out.")
        if len(image.parts) > 1 and is_tiff(part):
            notes.append(f"The file has {len(image.parts)} pages; the first was read.")
        if SIGNED.intersection(part.types):
            notes.append(SIGNED_NOTE)
    if said.get(MEANING) == WHITE_IS_ZERO and pixels.dtype == np.uint16:
        pixels[..., color] = 65535 - pixels[..., color]  # of 8 bits the library does it
    to_display, note = _colour_of(part, pixels.dtype, kind in PHOTOSHOP)
    notes += [note] if note else []
    wanted = [*color, *alpha]
    kept = pixels if wanted == [*range(pixels.shape[-1])] else pixels[..., wanted]
    premultiplied = bool(alpha) and _says_premultiplied(part)
    return Stored(kept, premultiplied, to_display, tuple(notes), int(said.get("Orientation", 1)))


def _spare_channels(path: Path, read: int) -> int:
    """How many channels a PSD has beside those that were read; four of CMYK become three."""
    with path.open("rb") as file:
        channels, _, _, _, mode = struct.unpack(">HIIHH", file.read(26)[12:])
    return max(channels - read - (mode == CMYK), 0)


def _chosen_channels(part: Part) -> tuple[list[int], list[int], str]:
    """Which channels are colour, which is alpha, and a sentence about what was guessed."""
    names = list(part.channels)
    color = [names.index(name) for name in "RGB"] if {*"RGB"} <= {*names} else [0]
    rest = [index for index in range(len(names)) if index not in color]
    if part.alpha in rest:
        return color, [part.alpha], ""
    if len(rest) == 1:
        return color, rest, "The file has a channel without a meaning beside its colours; it was read as alpha."
    if rest:
        return color, [], f"The file has {len(rest)} channels without a meaning beside its colours; they were left out."
    return color, [], ""


def _says_premultiplied(part: Part) -> bool:
    said = part.attributes
    if is_tiff(part):
        return part.alpha >= 0 and not said.get("oiio:UnassociatedAlpha")
    return said.get("targa:alpha_type") == tga.PREMULTIPLIED


def _colour_of(part: Part, stored: np.dtype[Any], is_photoshop: bool) -> tuple[ToDisplay | None, str]:
    said: Mapping[str, Any] = part.attributes
    if said.get(MEANING) in LOGLUV:
        return from_square_root, LOGLUV_NOTE
    if "ICCProfile" in said:
        return from_profile(bytes(said["ICCProfile"]))
    if "dpx:Transfer" in said:
        return _film(str(said["dpx:Transfer"]))
    if said.get("tiff:ColorSpace") == "CMYK" or said.get("jpeg:ColorSpace") == "CMYK":
        return None, NO_PROFILE
    if is_photoshop and stored.kind == "f":
        return from_light(), ""
    if str(said.get("oiio:ColorSpace", "")).startswith("lin"):
        return from_light(), ""
    if stored.kind == "f":
        return (
            None,
            "The file holds floats, which are taken as display values (sRGB); convert it to EXR if it is light.",
        )
    return None, ""


def _film(transfer: str) -> tuple[ToDisplay | None, str]:
    if transfer.lower() in ("logarithmic", "printing density"):
        return from_film_log, "The file is in logarithmic film density; its colours were converted to sRGB."
    if transfer.lower() == "linear":
        return from_light(), "The file is in linear light; its colours were converted to sRGB."
    return None, ""
