"""Live previews of a run over both domains: alpha stands to the right of RGB, with whatever previewer the host has.

The host previews the first frames of what a sampler hands to its callback, which would be RGB alone, and keeps that
tensor as `denoised_output`. So it is handed x0 in a class that looks like both halves for as long as it is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from comfy.patcher_extension import WrappersMP
from torch import Tensor
from torch.utils._pytree import tree_map

from ...transpixeler.halves import split

if TYPE_CHECKING:
    from ..core.sockets import ModelPatcher

KEY = "rgba_video.joint_preview"


class ShownLatent(Tensor):
    """A latent of both domains, its own memory. While `shown` is set, whoever works with it works with that instead;
    without it this is the latent. What is made of it is a plain tensor."""

    shown: Tensor | None = None

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, args: tuple[Any, ...] = (), named: Mapping[str, Any] | None = None
    ) -> Any:
        with torch._C.DisableTorchFunctionSubclass():
            args, keywords = tree_map(_seen, args), tree_map(_seen, dict(named or {}))
            return function(*args, **keywords)


def _seen(value: Any) -> Any:
    if not isinstance(value, ShownLatent):
        return value
    return value.as_subclass(Tensor) if value.shown is None else value.shown


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
        latent = x0.as_subclass(ShownLatent)
        latent.shown = torch.cat(split(x0), dim=-1)
        try:
            return callback(step, latent, x, total)
        finally:
            latent.shown = None

    return on_step
