"""The colour spaces of an EXR: their primaries, and the way from the light of one to the light of another.

Layout   colours (..., 3), linear: amounts of light.
Range    any; a colour outside a smaller gamut has negative parts and keeps them.
Source   ITU-R BT.709; ACES TB-2014-004 (AP0) and S-2014-004 (AP1, ACEScg); Bradford adaptation of the white point.
Differs  Nothing. The matrices are computed from the primaries, in float64, not copied from print.
"""

from collections.abc import Mapping
from functools import cache

import numpy as np
import torch
from torch import Tensor

Chromaticities = tuple[float, float, float, float, float, float, float, float]
"""x and y of red, green, blue and white, in the order of an EXR's attribute."""

REC709: Chromaticities = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
SPACES: Mapping[str, Chromaticities] = {
    "linear Rec.709": REC709,
    "ACEScg": (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767),
    "ACES2065-1": (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.0770, 0.32168, 0.33767),
}
PRIMARIES: Mapping[str, str] = {"linear Rec.709": "Rec.709", "ACEScg": "AP1", "ACES2065-1": "AP0"}
SAME = 1e-5
"""An EXR keeps chromaticities in float32."""

BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def converted(rgb: Tensor, source: Chromaticities, target: Chromaticities) -> Tensor:
    """The same light in another space; the input itself where the spaces are one."""
    if all(abs(one - other) < SAME for one, other in zip(source, target, strict=True)):
        return rgb
    return (rgb.double() @ torch.from_numpy(matrix(source, target)).T.to(rgb.device)).to(rgb.dtype)


@cache
def matrix(source: Chromaticities, target: Chromaticities) -> np.ndarray:
    """(3, 3): target = matrix @ source, for light; white goes to white."""
    return np.linalg.inv(_to_xyz(target)) @ _adapted(source[6:], target[6:]) @ _to_xyz(source)


def _xyz(x: float, y: float) -> np.ndarray:
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _to_xyz(space: Chromaticities) -> np.ndarray:
    primaries = np.stack([np.array([x, y, 1 - x - y]) for x, y in zip(space[0:6:2], space[1:6:2], strict=True)], axis=1)
    return primaries * np.linalg.solve(primaries, _xyz(*space[6:]))


def _adapted(white: tuple[float, ...], to: tuple[float, ...]) -> np.ndarray:
    gain = (BRADFORD @ _xyz(*to)) / (BRADFORD @ _xyz(*white))
    return np.linalg.inv(BRADFORD) @ np.diag(gain) @ BRADFORD
