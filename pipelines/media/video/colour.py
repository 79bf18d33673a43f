"""The transfer curves of video: light of HDR becomes display values; what cannot be converted is named.

Layout   straight RGBA (..., 4), as stored, to straight RGBA in display space (sRGB).
Range    0..1 as stored; converted, 1 is the light of white paper (203 cd/m2), and highlights go on above 1.
Source   ITU-R BT.2100 (PQ, HLG; system gamma 1.2 at 1000 cd/m2) and BT.2408 (203 cd/m2); codes of ITU-T H.273.
Differs  BT.601, BT.709 and BT.2020's curves are shown as sRGB, as players do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from ...alpha.transfer import srgb_from_linear
from ..stills.gamut import REC709, converted

LINEAR, PQ, HLG = 8, 16, 18
REC2020_PRIMARIES, P3_PRIMARIES = 9, 12
REC2020 = (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290)
PAPER = 203.0
LOG_TRANSFERS = (9, 10)
LOG = re.compile(
    r"\b(s-?log ?[23]?|log-?c ?[34]?|v-?log|c-?log ?[23]?|canon log ?[23]?|f-?log ?2?|n-?log|d-?log(?:-m)?|apple ?log|"
    r"red ?log(?:film|3g10)?|bmd film|blackmagic design film)\b",
    re.IGNORECASE,
)
CONVERTED: Mapping[int, str] = {
    LINEAR: "It is linear light and was converted to sRGB.",
    PQ: "It is HDR (PQ) and was converted to sRGB: 203 cd/m2 is 1, highlights go on above 1.",
    HLG: "It is HDR (HLG) and was converted to sRGB: 203 cd/m2 is 1, highlights go on above 1.",
}


def colour_notes(transfer: int, primaries: int, tags: Mapping[str, str]) -> tuple[str, ...]:
    """What was converted, and what was not."""
    notes = [CONVERTED[transfer]] if transfer in CONVERTED else []
    named = next((found[0] for text in [*tags.values(), *tags] if (found := LOG.search(text))), None)
    if transfer in LOG_TRANSFERS or named:
        notes.append(f"Its colour is logarithmic ({named or 'by its tag'}) and was not converted.")
    if primaries in (REC2020_PRIMARIES, P3_PRIMARIES) and transfer not in (PQ, HLG):
        name = "BT.2020" if primaries == REC2020_PRIMARIES else "Display P3"
        notes.append(f"Its primaries are {name}; the numbers were kept, colours look less saturated than they are.")
    return tuple(notes)


def display_from(rgba: Tensor, transfer: int, primaries: int) -> Tensor:
    """Display values of what is stored with one of the curves in `CONVERTED`; everything else is returned as it is."""
    if transfer not in CONVERTED:
        return rgba
    rgb, alpha = rgba.split((3, 1), dim=-1)
    if transfer == PQ:
        rgb = _light_of_pq(rgb)
    elif transfer == HLG:
        rgb = _light_of_hlg(rgb)
    if primaries == REC2020_PRIMARIES:
        rgb = converted(rgb, REC2020, REC709).clamp_min(0)
    return torch.cat((srgb_from_linear(rgb), alpha), dim=-1)


def _light_of_pq(stored: Tensor) -> Tensor:
    powered = stored.double().pow(1 / 78.84375)
    light = ((powered - 0.8359375).clamp_min(0) / (18.8515625 - 18.6875 * powered)).pow(1 / 0.1593017578125)
    return (light * (10000 / PAPER)).float()


def _light_of_hlg(stored: Tensor) -> Tensor:
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    values = stored.double()
    scene = torch.where(values <= 0.5, values.square() / 3, (((values - c) / a).exp() + b) / 12)
    luma = (scene * scene.new_tensor((0.2627, 0.6780, 0.0593))).sum(dim=-1, keepdim=True)
    return (scene * luma.pow(0.2) * (1000 / PAPER)).float()
