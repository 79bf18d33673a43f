"""What a picture's tags say of its colours, and the way to sRGB: gamma, primaries, code points of video, film density.

Layout   rgb (..., 3), display values as stored.
Range    0..1 in; more than 1 out for light above white, less than 0 for colours outside sRGB.
Source   W3C PNG, third edition, sections 11.3.2 and 13.13; ITU-T H.273 (code points); ITU-R BT.2100 (PQ, HLG);
         BT.2408 (white of graphics is 203 cd/m2); Cineon: Kodak, "Conversion of 10-bit log film data".
Differs  Values under the curve of BT.709 or of gamma 2.2 within 5 percent are taken as sRGB's, as libpng does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ...alpha.transfer import linear_from_srgb, srgb_from_linear
from .gamut import REC709, Chromaticities, adapted

ToDisplay = Callable[[Tensor], Tensor]
"""Stored values (..., 3) to sRGB (..., 3)."""

SRGB_GAMMA = 1 / 2.2
GAMMA_TOLERANCE = 0.05
SAME_PRIMARIES = 0.002

D65 = (0.3127, 0.3290)
PRIMARIES: Mapping[int, tuple[str, Chromaticities]] = {
    1: ("BT.709", REC709),
    4: ("BT.470 M", (0.67, 0.33, 0.21, 0.71, 0.14, 0.08, 0.310, 0.316)),
    5: ("BT.470 BG", (0.64, 0.33, 0.29, 0.60, 0.15, 0.06, *D65)),
    6: ("SMPTE 170M", (0.63, 0.34, 0.31, 0.595, 0.155, 0.07, *D65)),
    7: ("SMPTE 240M", (0.63, 0.34, 0.31, 0.595, 0.155, 0.07, *D65)),
    9: ("BT.2020", (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *D65)),
    11: ("DCI-P3", (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351)),
    12: ("Display P3", (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *D65)),
}
"""Of H.273: name, and x and y of red, green, blue and white."""

UNSAID = frozenset({0, 2, 3})
VIDEO_CURVES = frozenset({1, 6, 14, 15})
SRGB, LINEAR, PQ, HLG = 13, 8, 16, 18
GAMMAS: Mapping[int, float] = {4: 2.2, 5: 2.8}

WHITE = 203.0
"""cd/m2 of the white that becomes 1."""

HLG_PEAK, HLG_GAMMA = 1000.0, 1.2


def from_gamma(gamma: float | None, primaries: Chromaticities | None) -> tuple[ToDisplay | None, str]:
    """Of PNG's gAMA (exponent of the file) and cHRM: the conversion, None where the values are sRGB's; a sentence."""
    usual = gamma is None or abs(gamma / SRGB_GAMMA - 1) <= GAMMA_TOLERANCE
    same = primaries is None or all(abs(one - two) <= SAME_PRIMARIES for one, two in zip(primaries, REC709))
    if usual and same:
        return None, ""
    if gamma is not None and not usual:
        exponent = 1 / gamma
        light_of: ToDisplay = lambda values: values.clamp(min=0) ** exponent  # noqa: E731
    else:
        light_of = linear_from_srgb
    said = [f"a gamma of {gamma:.5g}"] if not usual else []
    said += ["primaries of its own"] if not same else []
    source = REC709 if primaries is None or same else primaries
    return _converted(light_of, source), f"The file names {' and '.join(said)}; its colours were converted to sRGB."


def from_code_points(primaries: int, transfer: int) -> tuple[ToDisplay | None, str]:
    """Of a cICP chunk, or what a video says: the conversion, None where values stay as they are; a sentence or ""."""
    name, source = PRIMARIES.get(primaries, ("", REC709))
    if not name and primaries not in UNSAID:
        return None, f"The file names primaries {primaries} of H.273, which are not known; its colours are as stored."
    if transfer in (SRGB, *VIDEO_CURVES, *UNSAID):
        light_of = linear_from_srgb
        if source is REC709:
            return None, ""
    elif transfer == LINEAR:
        light_of = torch.clone
    elif transfer == PQ:
        light_of = _light_of_pq
    elif transfer == HLG:
        light_of = _light_of_hlg
    elif transfer in GAMMAS:
        exponent = GAMMAS[transfer]
        light_of = lambda values: values.clamp(min=0) ** exponent  # noqa: E731
    else:
        return None, f"The file names transfer {transfer} of H.273, which is not known; its colours are as stored."
    curve = {LINEAR: "linear light", PQ: "PQ", HLG: "HLG"}.get(transfer, "")
    said = " and ".join(word for word in (curve, name if source is not REC709 else "") if word) or "another gamma"
    bright = " White is 203 cd/m2; what is brighter is above 1." if transfer in (PQ, HLG) else ""
    return _converted(light_of, source), f"The file is in {said}; its colours were converted to sRGB.{bright}"


def from_light(source: Chromaticities = REC709) -> ToDisplay:
    """Linear light in some primaries."""
    return _converted(torch.clone, source)


def from_square_root(values: Tensor) -> Tensor:
    """The square root of light, in which libtiff hands out LogLuv."""
    return srgb_from_linear(values**2)


def from_film_log(values: Tensor) -> Tensor:
    """Printing density of film, as DPX and Cineon store it: black is 95, white 685 of 1023, gamma 0.6."""
    density = (values * 1023 - 685) * 0.002 / 0.6
    black = 10 ** ((95 - 685) * 0.002 / 0.6)
    return srgb_from_linear((10**density - black) / (1 - black))


def _converted(light_of: ToDisplay, source: Chromaticities) -> ToDisplay:
    return lambda values: srgb_from_linear(adapted(light_of(values), source, REC709))


def _light_of_pq(values: Tensor) -> Tensor:
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    power = values.clamp(0, 1) ** (1 / m2)
    return ((power - c1).clamp(min=0) / (c2 - c3 * power)) ** (1 / m1) * 10000 / WHITE


def _light_of_hlg(values: Tensor) -> Tensor:
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = torch.where(values <= 0.5, values.clamp(min=0) ** 2 / 3, (((values - c) / a).exp() + b) / 12)
    luma = (scene * scene.new_tensor([0.2627, 0.6780, 0.0593])).sum(dim=-1, keepdim=True)
    return scene * luma.clamp(min=1e-9) ** (HLG_GAMMA - 1) * HLG_PEAK / WHITE
