"""A frame as light: the channels of an EXR.

Layout   straight RGBA (H, W, 4) in display space to channels by name, each (H, W).
Range    display 0..1 (more goes on along the curve); light of any amount.
Source   OpenEXR's custom: colour is linear, and premultiplied after it was made linear.
Differs  Colour where alpha is 0 is lost by premultiplying; `emissive` keeps it there, as light that covers nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from ...alpha.association import premultiply
from ...alpha.transfer import linear_from_srgb
from ..passes import Pass
from .gamut import REC709, SPACES, adapted

BAND = 64
"""Rows that are worked on at once, so that what lies between two steps stays in the processor's cache."""


def light_channels(
    rgba: Tensor,
    passes: Sequence[Pass],
    space: str,
    emissive: bool = False,
    layers: bool = False,
    stored: torch.dtype = torch.float32,
) -> dict[str, Tensor]:
    """The channels of the passes, as `stored`. As layers, the pass with RGBA is the file's own R, G, B, A.

    A matte alone is Y, as a grey picture is in an EXR; as a layer it is `matte.A`.
    """
    channels: dict[str, Tensor] = {}
    for each in passes:
        prefix = "" if not layers or each.channels == "RGBA" else f"{each.name}."
        if each.channels == "A":
            channels["matte.A" if layers else "Y"] = rgba[..., 3].to(stored)
        elif each.channels == "RGB":
            planes = _in_bands(partial(_light, space=space), each.picture(rgba), stored)
            channels |= {prefix + name: plane for name, plane in zip("RGB", planes, strict=True)}
        else:
            planes = _in_bands(partial(_premultiplied, space=space, emissive=emissive), rgba, stored)
            channels |= dict(zip("RGBA", planes, strict=True))
    return channels


def _in_bands(light: Callable[[Tensor], Tensor], picture: Tensor, stored: torch.dtype) -> Tensor:
    """(C, H, W): what `light` makes of the planes of a picture (H, W, C)."""
    bands = (band.movedim(-1, 0).contiguous() for band in picture.split(BAND))
    return torch.cat([light(planes).to(stored) for planes in bands], dim=1)


def _premultiplied(planes: Tensor, space: str, emissive: bool) -> Tensor:
    straight, alpha = _light(planes[:3], space), planes[3:]
    light = premultiply(straight, alpha)
    return torch.cat((torch.where(alpha > 0, light, straight) if emissive else light, alpha))


def _light(planes: Tensor, space: str) -> Tensor:
    light = linear_from_srgb(planes)
    return adapted(light.movedim(0, -1), REC709, SPACES[space]).movedim(-1, 0)
