"""The Wan-Alpha VAE on the host: two VAEs of its own for decoding, one encoder with the merge block for encoding.

Each decoder is the stock Wan 2.1 VAE with its LoRA merged before the host sees it, so offloading, tiling, dtype and
out-of-memory fallback are the host's. The encoder is the stock one without its head, in one model with the merge block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import comfy.ldm.wan.vae
import comfy.model_management
import comfy.model_patcher
import comfy.ops
import comfy.sd
import torch
from comfy.ldm.modules.diffusionmodules.model import vae_attention
from torch import Tensor, nn

from ...latent_grid.size_rule import WAN_VAE, to_cells
from ...wan_alpha.checkpoint import split_vae_weights
from ...wan_alpha.decoder_lora import DecoderLoRAs, merge_decoder, read_decoder_loras
from ...wan_alpha.merge_block import build_merge_block
from ...weights.kinds.wan import WAN21_VAE
from ...weights.kinds.wan_alpha import DECODER_LORAS, WAN_ALPHA_VAE
from ...weights.weights_file import named, read_weights
from ..core.model_files import chosen_for, read_chosen
from ..core.progress import steps
from ..pictures.image_and_mask import join_decoded_clips

if TYPE_CHECKING:
    from comfy.ldm.wan.vae import WanVAE

    from ..core.sockets import ModelPatcher

SMALLEST_TILE = 64


@dataclass(frozen=True, eq=False)
class RGBAVAE:
    """What the RGBA_VAE socket carries. `encoder` is None without a merge block: such a VAE only decodes."""

    rgb: comfy.sd.VAE
    alpha: comfy.sd.VAE
    encoder: comfy.sd.VAE | None


class MergedEncoder(nn.Module):
    """The stock encoder's features of colour and of alpha, merged into one latent."""

    def __init__(self, wan_vae: Any, merge: nn.Module) -> None:
        super().__init__()
        del wan_vae.decoder, wan_vae.conv2
        wan_vae.encoder.head = nn.Sequential()
        wan_vae.conv1 = _KeepAll()
        self.wan_vae = wan_vae
        self.merge = merge

    def forward(self, rgb: Tensor, alpha: Tensor) -> Tensor:
        """Two clips (B, 3, T, H, W) in -1..1 to the raw latent (B, 16, t, H / 8, W / 8)."""
        features = torch.cat([self.wan_vae.encode(rgb), self.wan_vae.encode(alpha)], dim=1)
        return self.merge(features)


class _KeepAll(nn.Module):
    """The host keeps the first half of what the layer after the encoder gives; this gives the features twice."""

    def forward(self, features: Tensor) -> Tensor:
        return torch.cat([features, features], dim=1)


def load(vae_path: Path, weights_path: Path) -> RGBAVAE:
    """From the stock Wan 2.1 VAE and a Wan-Alpha file. Raises ValueError, naming input and file, for any other kind."""
    base = read_chosen(vae_path, [WAN21_VAE], "vae_name")
    weights = read_chosen(weights_path, [DECODER_LORAS, WAN_ALPHA_VAE], "weights_name")
    with chosen_for("weights_name"), named(weights_path):
        parts = split_vae_weights(weights)
        assert parts.decoders is not None  # both kinds have them
        rgb, alpha = (_decoder(base, parts.decoders, (vae_path, weights_path, which)) for which in ("rgb", "alpha"))
        return RGBAVAE(rgb, alpha, None if parts.merge_block is None else _encoder(base, parts.merge_block))


def paired(rgb: comfy.sd.VAE, alpha: comfy.sd.VAE) -> RGBAVAE:
    """From two VAEs that are merged already. Raises ValueError when one is no Wan 2.1 VAE."""
    if rgb is alpha:
        raise ValueError(
            "rgb_vae and alpha_vae are the same VAE; one wants the rgb channel, the other the alpha channel."
        )
    for name, vae in (("rgb_vae", rgb), ("alpha_vae", alpha)):
        if not isinstance(vae.first_stage_model, comfy.ldm.wan.vae.WanVAE):
            kind = type(vae.first_stage_model).__name__
            raise ValueError(f"{name} wants a Wan 2.1 VAE, got a {kind}; load a wan_alpha_2.1_vae file with VAELoader.")
    return RGBAVAE(rgb, alpha, None)


def _decoder(base: Mapping[str, Tensor], loras: DecoderLoRAs, source: tuple[Path, Path, str]) -> comfy.sd.VAE:
    """The one that `source` names last, from the files that it names first."""
    vae = comfy.sd.VAE(sd=merge_decoder(base, getattr(loras, source[-1])))
    vae.throw_exception_if_invalid()
    vae.patcher.cached_patcher_init = (_decoder_patcher, source)
    return vae


def _decoder_patcher(vae_path: Path, weights_path: Path, which: str, disable_dynamic: bool = False) -> ModelPatcher:
    """Loads one decoder again: the host asks for it when it wants a patcher of another kind or on another device."""
    loras = read_decoder_loras(read_weights(weights_path))
    assert loras is not None  # the file was loaded from before
    return _decoder(read_weights(vae_path), loras, (vae_path, weights_path, which)).patcher


def _encoder(base: Mapping[str, Tensor], merge_block: Mapping[str, Tensor]) -> comfy.sd.VAE:
    vae = comfy.sd.VAE(sd=dict(base))
    merge = build_merge_block(merge_block, comfy.ops.manual_cast, vae_attention())
    module = MergedEncoder(vae.first_stage_model, merge).to(vae.vae_dtype).eval()
    comfy.model_management.archive_model_dtypes(module)
    patcher = comfy.model_patcher.CoreModelPatcher(
        module, load_device=vae.device, offload_device=comfy.model_management.vae_offload_device()
    )
    vae.patcher = patcher
    vae.first_stage_model = module  # pyright: ignore[reportAttributeAccessIssue]  it knows the host's own networks
    return vae


def decode(samples: Tensor, vae: RGBAVAE, tile_size: int = 0) -> tuple[Tensor, Tensor]:
    """(B, 16, t, h, w) to straight RGBA (B * T, 8h, 8w, 4), T = 4t - 3, and its colour: one decoder after the other.

    tile_size is the side of a tile in pixels; 0 decodes whole frames, and the host tiles when memory runs out.
    Raises ValueError for a latent of another shape and for NaN.
    """
    _refuse_latent(samples)
    pictures = []
    step = steps(2 * samples.shape[0] * _chunks(samples.shape[2]))
    for decoder in (vae.rgb, vae.alpha):
        with _after_each_call(cast("WanVAE", decoder.first_stage_model).decoder, step):
            decoded = _decode_one(decoder, samples, tile_size)
        pictures.append(decoded.flatten(0, 1).to(torch.float32))
        del decoded
    return join_decoded_clips(pictures[0], pictures[1], "mean")


def _decode_one(decoder: comfy.sd.VAE, samples: Tensor, tile_size: int) -> Tensor:
    if tile_size == 0:
        return decoder.decode(samples)
    if tile_size < SMALLEST_TILE:
        raise ValueError(f"tile_size wants 0 (whole frames) or at least {SMALLEST_TILE} pixels, got {tile_size}.")
    tile = to_cells(tile_size)
    return decoder.decode_tiled(samples, tile_x=tile, tile_y=tile, overlap=tile // 4)


def encode(rgb: Tensor, alpha: Tensor, vae: RGBAVAE) -> Tensor:
    """Hard-rendered colour (T, H, W, 3) and alpha (T, H, W, 1), both 0..1, to the raw latent (1, 16, t, H / 8, W / 8).

    Raises ValueError for a VAE without merge block, and unless T is 4n + 1 and the size a multiple of 8.
    """
    if vae.encoder is None:
        raise ValueError(
            "this rgba_vae only decodes: its files have no feature merge block. Load Wan-Alpha-VAE.bin (v1) or "
            "Wan-Alpha-v2-VAE.bin with Load Wan-Alpha VAE."
        )
    frames, height, width = rgb.shape[:3]
    WAN_VAE.check("image", width, height, frames)
    encoder = vae.encoder
    shape = (1, 3, *rgb.shape[:3])
    comfy.model_management.load_models_gpu(
        [encoder.patcher], memory_required=encoder.memory_used_encode(shape, encoder.vae_dtype)
    )
    clips = [_to_vae(clip, encoder) for clip in (rgb, alpha.expand(-1, -1, -1, 3))]
    module = cast("MergedEncoder", encoder.first_stage_model)
    step = steps(2 * (1 + (rgb.shape[0] - 1) // 2))
    with comfy.model_management.cuda_device_context(encoder.device), _after_each_call(module.wan_vae.encoder, step):
        return module(*clips).to(encoder.output_device, torch.float32)


def _to_vae(clip: Tensor, vae: comfy.sd.VAE) -> Tensor:
    return (clip * 2 - 1).movedim(-1, 0).unsqueeze(0).to(vae.device, vae.vae_dtype)


@contextmanager
def _after_each_call(module: nn.Module, step: Callable[..., None]) -> Iterator[None]:
    handle = module.register_forward_hook(lambda *_: step())
    try:
        yield
    finally:
        handle.remove()


def _chunks(latent_frames: int) -> int:
    """The host's Wan VAE goes through the first latent frame alone, then through two at a time."""
    return 1 + latent_frames // 2


def _refuse_latent(samples: Tensor) -> None:
    if samples.ndim != 5 or samples.shape[1] != 16:
        raise ValueError(
            f"samples wants a Wan 2.1 video latent (B, 16, t, h, w), got {tuple(samples.shape)}; connect the sampler's "
            "output of a Wan 2.1 model."
        )
    if not bool(torch.isfinite(samples).all()):
        raise ValueError(
            "samples holds NaN or infinity, so there is no picture in it; the model overflowed while sampling. Try "
            "another dtype for the model (bf16 instead of fp16) or check its LoRAs."
        )
