"""The colour spaces of an EXR: their primaries, and the way from the light of one to the light of another.

Layout   colours (..., 3), linear: amounts of light.
Range    any; a colour outside a smaller gamut has negative parts and keeps them.
Source   ITU-R BT.709; ACES TB-2014-004 (AP0) and S-2014-004 (AP1, ACEScg); Bradford adaptation of the white point.
         OpenEXR, technical introduction: chromaticities say which light is meant; white is adapted only for an
         `adoptedNeutral`.
Differs  Nothing. The matrices are computed from the primaries, in float64, not copied from print.
"""

from collections.abc import Mapping
from functools import lru_cache

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
ACES = (SPACES["ACEScg"], SPACES["ACES2065-1"])
PRIMARIES: Mapping[str, str] = {"linear Rec.709": "Rec.709", "ACEScg": "AP1", "ACES2065-1": "AP0"}
SAME = 1e-5
"""An EXR keeps chromaticities in float32."""

BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def adapted(
    rgb: Tensor, source: Chromaticities, target: Chromaticities, neutral: tuple[float, float] | None = None
) -> Tensor:
    """Light of one space in another, the input itself where the spaces are one; white goes to white.

    neutral  x and y of what is to become the target's white, where that is not the source's white.
    """
    white = source[6:] if neutral is None else neutral
    if same_space(source, target) and _close(white, target[6:]):
        return rgb
    return _apply(matrix(source, target, white), rgb)


def converted(rgb: Tensor, source: Chromaticities, target: Chromaticities) -> Tensor:
    """The same light in another space, its white as it is; the input itself where the spaces are one."""
    return rgb if same_space(source, target) else _apply(matrix(source, target), rgb)


def is_possible(space: Chromaticities) -> bool:
    """Whether primaries span a triangle, and white has an amount of light."""
    red_x, red_y, green_x, green_y, blue_x, blue_y, _, white_y = space
    area = (green_x - red_x) * (blue_y - red_y) - (blue_x - red_x) * (green_y - red_y)
    return bool(np.isfinite(space).all()) and abs(area) > 1e-6 and white_y > 1e-6


def same_space(source: Chromaticities, target: Chromaticities) -> bool:
    """Whether two spaces are one, by what an EXR keeps of them."""
    return _close(source, target)


def _close(some: tuple[float, ...], others: tuple[float, ...]) -> bool:
    return all(abs(one - other) < SAME for one, other in zip(some, others, strict=True))


def _apply(change: np.ndarray, rgb: Tensor) -> Tensor:
    return (rgb.double() @ torch.from_numpy(change).T.to(rgb.device)).to(rgb.dtype)


@lru_cache(maxsize=64)
def matrix(source: Chromaticities, target: Chromaticities, neutral: tuple[float, ...] | None = None) -> np.ndarray:
    """(3, 3): target = matrix @ source, for light; `neutral` (x, y) goes to the target's white, None: all stays."""
    change = np.eye(3) if neutral is None else _adapted(neutral, target[6:])
    return np.linalg.inv(to_xyz(target)) @ change @ to_xyz(source)


def _xyz(x: float, y: float) -> np.ndarray:
    return np.array([x / y, 1.0, (1 - x - y) / y])


def to_xyz(space: Chromaticities) -> np.ndarray:
    """(3, 3): light to CIE XYZ, white at Y = 1."""
    primaries = np.stack([np.array([x, y, 1 - x - y]) for x, y in zip(space[0:6:2], space[1:6:2], strict=True)], axis=1)
    return primaries * np.linalg.solve(primaries, _xyz(*space[6:]))


def _adapted(white: tuple[float, ...], to: tuple[float, ...]) -> np.ndarray:
    gain = (BRADFORD @ _xyz(*to)) / (BRADFORD @ _xyz(*white))
    return np.linalg.inv(BRADFORD) @ np.diag(gain) @ BRADFORD
