"""What ComfyUI's sockets carry, as types; IMAGE, MASK and SIGMAS are tensors.

For annotations alone: it is imported below TYPE_CHECKING, and loads nothing of the host.

Differs  In the host's own types (`comfy_api.latest.io`) NOISE is a tensor, and LATENT lacks keys that its nodes set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypedDict

from torch import Tensor

if TYPE_CHECKING:
    from comfy.model_patcher import ModelPatcher
    from comfy.samplers import Sampler
    from comfy.sd import CLIP, VAE
    from comfy_api.input import AudioInput as Audio
    from comfy_api.input import VideoInput

__all__ = [
    "CLIP",
    "VAE",
    "Audio",
    "Conditioning",
    "Hidden",
    "Latent",
    "ModelPatcher",
    "Noise",
    "Sampler",
    "VideoInput",
]

Conditioning: TypeAlias = "list[tuple[Tensor, dict[str, Any]]]"
"""Each prompt's features and what goes with them; the host itself writes the pairs as lists."""


class _Samples(TypedDict):
    samples: Tensor


class Latent(_Samples, total=False):
    """LATENT. Several latents packed together (NestedTensor) also come as `samples`, and are refused where they do."""

    noise_mask: Tensor
    batch_index: list[int]
    downscale_ratio_spacial: int
    downscale_ratio_temporal: int
    rgba_joint: bool
    """Ours: both domains of TransPixeler (see transpixeler/joint_latent.py)."""


class Noise(Protocol):
    """NOISE: what SamplerCustomAdvanced asks for its noise."""

    seed: int

    def generate_noise(self, latent: Latent, /) -> Tensor: ...


class Hidden(Protocol):
    """The hidden inputs of a node: the prompt and what the page adds to it."""

    prompt: dict[str, Any] | None
    extra_pnginfo: dict[str, Any] | None
