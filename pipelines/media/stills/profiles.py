"""ICC profiles: from the colours of a profile to sRGB.

Layout   rgb (..., 3), grey as three equal channels, display values as stored.
Range    0..1 in, floats above 1 go on along the curve; colours outside sRGB come out below 0 or above 1.
Source   ICC.1:2022, sections 7 to 10: profiles of primaries (rXYZ, gXYZ, bXYZ) and curves (rTRC, gTRC, bTRC, kTRC),
         relative to a white of D50; relative colorimetric.
Differs  Only profiles of primaries and curves, which cameras, screens and painting programs write, are converted; the
         tables of printers (CMYK, Lab) are named and left.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from ...alpha.transfer import srgb_from_linear
from .colour_tags import ToDisplay
from .gamut import BRADFORD, REC709, to_xyz
from .light import BAND

D50 = np.array([0.9642, 1.0, 0.8249])
UNSEEN = 0.6 / 255
"""What a conversion may change and still be sRGB's own: profiles of sRGB differ by their rounding."""

LARGEST_TABLE = 1 << 16
PLACES = 1 << 16
"""Of the tables that stored values are looked up in."""

Curve = Callable[[np.ndarray], np.ndarray]


def from_profile(profile: bytes) -> tuple[ToDisplay | None, str]:
    """The conversion of a profile, None where the values are sRGB's or are left; a sentence for the artist, or ""."""
    try:
        return _from_profile(profile)
    except (struct.error, ValueError, IndexError, KeyError, ArithmeticError, UnicodeDecodeError):
        return None, "The colour profile of the file is broken; its colours are taken as sRGB."


def _from_profile(profile: bytes) -> tuple[ToDisplay | None, str]:
    tags = _tags(profile)
    name, space = _name(tags), profile[16:20].decode("ascii").strip()
    if space == "GRAY" and "kTRC" in tags:
        curves, matrix = [_curve(tags["kTRC"])] * 3, np.eye(3)
    elif space == "RGB" and {"rXYZ", "gXYZ", "bXYZ", "rTRC", "gTRC", "bTRC"} <= tags.keys():
        curves = [_curve(tags[f"{channel}TRC"]) for channel in "rgb"]
        primaries = np.stack([_xyz(tags[f"{channel}XYZ"]) for channel in "rgb"], axis=1)
        matrix = np.linalg.inv(_srgb_to_d50()) @ primaries
    elif space == "CMYK":
        return None, f"The file is in CMYK; its colours are an approximation, without its profile {name}."
    else:
        return None, f"The colour profile {name} is a table for {space}; its colours are taken as sRGB."
    convert = _conversion(curves, matrix)
    tried = torch.cartesian_prod(*[torch.linspace(0, 1, 6)] * 3) if space == "RGB" else _greys()
    if float((convert(tried) - tried).abs().max()) <= UNSEEN:
        return None, ""
    return convert, f"The file's colours were converted from {name} to sRGB."


def _greys() -> Tensor:
    return torch.linspace(0, 1, 64)[:, None].expand(-1, 3)


def _tags(profile: bytes) -> dict[str, bytes]:
    (count,) = struct.unpack_from(">I", profile, 128)
    if count > 100:
        raise ValueError(count)
    entries = [struct.unpack_from(">4sII", profile, 132 + 12 * index) for index in range(count)]
    return {name.decode("latin-1"): profile[start : start + size] for name, start, size in entries}


def _name(tags: dict[str, bytes]) -> str:
    """The profile's description, in either form."""
    tag = tags.get("desc", b"")
    if tag[:4] == b"desc":
        (size,) = struct.unpack_from(">I", tag, 8)
        text = tag[12 : 12 + size].decode("latin-1")
    elif tag[:4] == b"mluc":
        size, start = struct.unpack_from(">II", tag, 20)
        text = tag[start : start + size].decode("utf-16-be")
    else:
        text = ""
    plain = "".join(each for each in text if each.isprintable())[:60].strip()
    return f'"{plain}"' if plain else "of the file"


def _xyz(tag: bytes) -> np.ndarray:
    return np.array(struct.unpack_from(">3i", tag, 8)) / 65536


def _curve(tag: bytes) -> Curve:
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        if count == 0:
            return lambda values: values
        if count > LARGEST_TABLE:
            raise ValueError(count)
        table = np.array(struct.unpack_from(f">{count}H", tag, 12))
        if count == 1:
            gamma = float(table[0]) / 256
            return lambda values: values**gamma
        places = np.linspace(0, 1, count)
        values_at, slope = table / 65535, (table[-1] - table[-2]) / 65535 * (count - 1)
        return lambda values: np.interp(values, places, values_at) + np.maximum(values - 1, 0) * slope
    if tag[:4] != b"para":
        raise ValueError(tag[:4])
    (kind,) = struct.unpack_from(">H", tag, 8)
    count = (1, 3, 4, 5, 7)[kind]
    g, *rest = (each / 65536 for each in struct.unpack_from(f">{count}i", tag, 12))
    a, b = (rest[0], rest[1]) if rest else (1.0, 0.0)
    if kind == 0:
        return lambda values: values**g
    if kind in (1, 2):
        offset = rest[2] if kind == 2 else 0.0
        return lambda values: np.where(values >= -b / a, np.maximum(a * values + b, 0) ** g, 0) + offset
    c, d = rest[2], rest[3]
    e, f = (rest[4], rest[5]) if kind == 4 else (0.0, 0.0)
    return lambda values: np.where(values >= d, np.maximum(a * values + b, 0) ** g + e, c * values + f)


def _conversion(curves: Sequence[Curve], matrix: np.ndarray) -> ToDisplay:
    """By tables that have a place for each value of 8 and of 16 bits, some rows at a time."""
    tables = [torch.from_numpy(curve(np.linspace(0, 1, PLACES))).float() for curve in curves]
    change = torch.from_numpy(matrix.T).float()

    def convert_rows(values: Tensor) -> Tensor:
        places = (values.clamp(0, 1) * (PLACES - 1)).round().int()
        light = torch.stack([table[places[..., index]] for index, table in enumerate(tables)], dim=-1)
        if bool((above := values > 1).any()):
            for index, curve in enumerate(curves):
                bright = above[..., index]
                light[..., index][bright] = torch.from_numpy(curve(values[..., index][bright].double().numpy())).float()
        return srgb_from_linear(light @ change).to(values.dtype)

    return lambda values: torch.cat([convert_rows(rows) for rows in values.split(BAND)])


def from_lab(values: Tensor) -> Tensor:
    """L, a + 128 and b + 128 of CIELAB under D50, as 8 bits store them, 0..1; CIE 15."""
    lightness, a, b = values.double().unbind(dim=-1)
    y = (lightness * 100 + 16) / 116
    cubes = torch.stack((y + (a * 255 - 128) / 500, y, y - (b * 255 - 128) / 200), dim=-1)
    white = torch.from_numpy(D50)
    xyz = torch.where(cubes > 6 / 29, cubes**3, (cubes - 4 / 29) * 3 * (6 / 29) ** 2) * white
    light = xyz @ torch.from_numpy(np.linalg.inv(_srgb_to_d50()).T)
    return srgb_from_linear(light).to(values.dtype)


def _srgb_to_d50() -> np.ndarray:
    """Light of sRGB to XYZ, its white brought to D50 as a profile's is."""
    to_d65 = to_xyz(REC709)
    gain = (BRADFORD @ D50) / (BRADFORD @ to_d65.sum(axis=1))
    return np.linalg.inv(BRADFORD) @ np.diag(gain) @ BRADFORD @ to_d65
