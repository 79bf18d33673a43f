"""Sizes that Wan 2.1 samples: its patches are 2 x 2 latent cells, 16 x 16 pixels.

The host pads other sizes without a word, and the reference refuses them; so do our nodes on a MODEL, before sampling.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from comfy.patcher_extension import WrappersMP
from torch import Tensor

from ...latent_grid.size_rule import WAN_DIT, to_pixels

if TYPE_CHECKING:
    from ..core.sockets import ModelPatcher

KEY = "rgba_video.sampled_size"


def refuse_odd_size(noise: Tensor) -> None:
    """Raises ValueError unless noise (B, C, t, h, w) has whole patches; other layouts are not Wan's and pass."""
    if noise.ndim != 5:
        return
    height, width = map(to_pixels, noise.shape[3:])
    WAN_DIT.check("latent_image for Wan 2.1", width, height)


def refuse_odd_sizes(model: ModelPatcher) -> None:
    """Lets a cloned ModelPatcher refuse them at the start of every run."""

    def outer_sample(executor: Any, noise: Any, *rest: Any, **named: Any) -> Any:
        if isinstance(noise, Tensor):
            refuse_odd_size(noise)
        return executor(noise, *rest, **named)

    model.remove_wrappers_with_key(WrappersMP.OUTER_SAMPLE, KEY)
    model.add_wrapper_with_key(WrappersMP.OUTER_SAMPLE, KEY, outer_sample)
