"""Live previews of a run over both domains: alpha stands to the right of RGB, with whatever previewer the host has.

The host previews the first frames of what a sampler hands to its callback, which would be RGB alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from comfy.patcher_extension import WrappersMP
from torch import Tensor

from ...transpixeler.halves import split

if TYPE_CHECKING:
    from ..core.sockets import ModelPatcher

KEY = "rgba_video.joint_preview"


def show_both_halves(model: ModelPatcher) -> None:
    """Lets a cloned ModelPatcher preview both halves in every run; once is enough, twice changes nothing."""

    def outer_sample(
        executor: Any,
        noise: Any,
        latent_image: Any,
        sampler: Any,
        sigmas: Any,
        denoise_mask: Any = None,
        callback: Any = None,
        *rest: Any,
        **named: Any,
    ) -> Any:
        shown = None if callback is None else _side_by_side(callback)
        return executor(noise, latent_image, sampler, sigmas, denoise_mask, shown, *rest, **named)

    model.remove_wrappers_with_key(WrappersMP.OUTER_SAMPLE, KEY)
    model.add_wrapper_with_key(WrappersMP.OUTER_SAMPLE, KEY, outer_sample)


def _side_by_side(callback: Callable[..., Any]) -> Callable[..., Any]:
    def on_step(step: int, x0: Tensor, x: Tensor, total: int) -> Any:
        shown = torch.cat(split(x0), dim=-1)
        result = callback(step, shown, x, total)
        shown.set_(x0)  # pyright: ignore[reportArgumentType]  torch sets tensors too; the host keeps the tensor that it was shown as `denoised_output`
        return result

    return on_step
