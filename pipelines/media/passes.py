"""Passes: the pictures that a compositor gets of one RGBA frame.

Layout   (H, W, 4) straight RGBA to (H, W, C).
Range    0..1, sRGB; alpha and matte are coverage, 1 = opaque.
Source   CorridorKey's four: FG straight, Matte, Processed premultiplied, Comp over a checkerboard.
Differs  Its FG, Matte and Processed are linear EXR. Here `processed` is premultiplied as the colour stands, in
         display space; only an EXR holds light, made in `light`. The sidecar says which it is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..alpha.association import PREMULTIPLIED, STRAIGHT, premultiply
from ..alpha.checkerboard import checkerboard
from ..alpha.render import soft_render


@dataclass(frozen=True)
class Pass:
    """A name (of folder and file), what its channels are, and the picture that it makes of a frame."""

    name: str
    channels: str
    """RGBA, RGB, or A: coverage, stored as grey."""
    association: str | None
    """straight or premultiplied; None where colour has nothing to be associated with."""
    picture: Callable[[Tensor], Tensor]

    @property
    def is_color(self) -> bool:
        """Coverage is not: it has no transfer curve."""
        return self.channels != "A"


def _premultiplied(rgba: Tensor) -> Tensor:
    rgb, alpha = rgba.split((3, 1), dim=-1)
    return torch.cat((premultiply(rgb, alpha), alpha), dim=-1)


def _over_checkerboard(rgba: Tensor) -> Tensor:
    rgb, alpha = rgba.split((3, 1), dim=-1)
    return soft_render(rgb, alpha, checkerboard(*rgba.shape[:2]))


RGBA = Pass("rgba", "RGBA", STRAIGHT, lambda rgba: rgba)
MATTE = Pass("matte", "A", None, lambda rgba: rgba[..., 3:])
FG = Pass("fg", "RGB", STRAIGHT, lambda rgba: rgba[..., :3])
PROCESSED = Pass("processed", "RGBA", PREMULTIPLIED, _premultiplied)
COMP = Pass("comp", "RGB", None, _over_checkerboard)

PASSES: Mapping[str, Pass] = {each.name: each for each in (RGBA, MATTE, FG, PROCESSED, COMP)}
PASS_SETS: Mapping[str, tuple[Pass, ...]] = {
    "rgba": (RGBA,),
    "rgba + matte": (RGBA, MATTE),
    "fg + matte + processed + comp": (FG, MATTE, PROCESSED, COMP),
}
"""The sets in the saver's menu."""

BEST_FIRST = ("rgba", "processed", "fg")
"""Passes of a take that hold the picture, in the order in which they are looked for."""
