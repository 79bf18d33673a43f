"""Models of the published sizes with random weights, made where they compute: nothing is downloaded or read.

Imported in a process that has entered the host.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import comfy.ldm.wan.vae
import comfy.model_management
import comfy.model_patcher
import comfy.sd
import comfy.supported_models
import torch
from safetensors.torch import save_file
from sizes import Sizes
from torch import Tensor, nn

from tools import tiny_checkpoints

CPU = torch.device("cpu")
FP8 = torch.float8_e4m3fn
Pairs = dict[str, Tensor]


def device() -> torch.device:
    return comfy.model_management.get_torch_device()


def half() -> torch.dtype:
    """What weights are in: bfloat16 on a GPU, float32 on a CPU, which computes in nothing else at speed."""
    return torch.bfloat16 if device().type == "cuda" else torch.float32


@torch.no_grad()
def fill(network: nn.Module) -> nn.Module:
    """Matrices of a size that keeps activations sane, gains 1, biases 0; fp8, which torch cannot draw, is rounded."""
    for name, weight in network.named_parameters():
        if weight.ndim > 1:
            drawn = torch.randn(weight.shape, device=weight.device, dtype=half())
            weight.copy_(drawn.mul_(1 / math.sqrt(math.prod(weight.shape[1:]))))
        else:
            weight.copy_(torch.full_like(weight, 0.0 if name.endswith("bias") else 1.0, dtype=half()))
    return network


def model(family: str, config: dict[str, Any], dtype: torch.dtype) -> Any:
    """A MODEL of one of the host's `supported_models`; it is offloaded to the CPU as a loaded one is."""
    made = getattr(comfy.supported_models, family)(dict(config))
    made.unet_config["dtype"] = dtype
    made.set_inference_dtype(dtype, None if dtype == half() else half())
    built = made.get_model({}, "", device=device())
    fill(built.diffusion_model.to(device()))
    return comfy.model_patcher.CoreModelPatcher(built, load_device=device(), offload_device=CPU)


def wan(sizes: Sizes, dtype: torch.dtype) -> Any:
    more = {"image_model": "wan2.1", "model_type": "t2v", "in_dim": 16, "out_dim": 16, "patch_size": (1, 2, 2)}
    return model("WAN21_T2V", sizes.wan | more, dtype)


def cogvideox(sizes: Sizes) -> Any:
    more = {"image_model": "cogvideox", "in_channels": 16, "use_rotary_positional_embeddings": True}
    return model("CogVideoX_T2V", sizes.cogvideox | more, half())


def sdxl(sizes: Sizes) -> Any:
    more = {
        "image_size": 32, "in_channels": 4, "out_channels": 4, "use_spatial_transformer": True, "legacy": False,
        "num_classes": "sequential", "channel_mult": [1, 2, 4] if sizes.picture > 64 else [1, 1, 1],
        "use_linear_in_transformer": True, "num_head_channels": 64,
    }  # fmt: skip
    return model("SDXL", {**sizes.sdxl, **more}, half())


def wan_vae(sizes: Sizes) -> Any:
    """A VAE with the stock Wan 2.1 VAE's layers."""
    network = comfy.ldm.wan.vae.WanVAE(
        dim=sizes.vae_width, z_dim=16, dim_mult=[1, 2, 4, 4], num_res_blocks=2, attn_scales=[],
        temperal_downsample=[False, True, True], image_channels=3, conv_out_channels=3,
    ).to(device())  # fmt: skip
    return comfy.sd.VAE(sd=fill(network).state_dict())


def prompt(rows: int, width: int, pooled: int = 0) -> list[Any]:
    """A CONDITIONING of random tokens."""
    more = {"pooled_output": torch.randn(1, pooled)} if pooled else {}
    return [[torch.randn(1, rows, width), more]]


def _save(path: Path, weights: Pairs) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.to(half()).cpu().contiguous() for name, tensor in weights.items()}, path)
    return path.name


def _pair(shape: Iterable[int], rank: int) -> tuple[Tensor, Tensor]:
    """B and A whose product is small against a matrix of `fill`."""
    out, width = shape
    size = 0.1 / math.sqrt(rank * width)
    return torch.randn(out, rank, device=device()) * size, torch.randn(rank, width, device=device())


def dora_file(base: Any, rank: int, path: Path) -> str:
    """Wan-Alpha's DoRA for this base, in the published keys."""
    shapes = {name: weight.shape for name, weight in base.model.diffusion_model.named_parameters()}
    weights: Pairs = {}
    for target in tiny_checkpoints.dora_targets(shapes):
        out, width = shapes[f"{target}.weight"]
        up, down = _pair((out, width), rank)
        magnitude = torch.ones(out, device=device())  # as long as the rows of `fill`
        for part, tensor in (("lora_A", down), ("lora_B", up), ("lora_magnitude_vector", magnitude)):
            weights[f"{target}.{part}.default.weight"] = tensor
    return _save(path, weights)


def speed_file(base: Any, rank: int, path: Path) -> str:
    """A speed LoRA for the same layers."""
    shapes = {name: weight.shape for name, weight in base.model.diffusion_model.named_parameters()}
    weights: Pairs = {}
    for target in tiny_checkpoints.dora_targets(shapes):
        up, down = _pair(shapes[f"{target}.weight"], rank)
        weights[f"diffusion_model.{target}.lora_up.weight"] = up
        weights[f"diffusion_model.{target}.lora_down.weight"] = down
    return _save(path, weights)


def joint_file(base: Any, rank: int, path: Path) -> str:
    """TransPixeler's LoRA and domain embedding for a CogVideoX."""
    network = base.model.diffusion_model
    weights: Pairs = {"domain_emb": 0.1 * torch.randn(1, network.dim)}
    for block in range(len(network.blocks)):
        for layer in ("to_q", "to_k", "to_v", "to_out.0"):
            key = f"transformer.transformer_blocks.{block}.attn1.{layer}"
            up, down = _pair((network.dim, network.dim), rank)
            weights[f"{key}.lora_A.weight"], weights[f"{key}.lora_B.weight"] = down, up * rank
    return _save(path, weights)


def layerdiffuse_file(base: Any, rank: int, path: Path) -> str:
    """LayerDiffuse's layer_xl_transparent_attn for this base."""
    weights: Pairs = {}
    for name, weight in base.model.diffusion_model.named_parameters():
        if name.endswith(("to_q.weight", "to_k.weight", "to_v.weight", "to_out.0.weight")):
            up, down = _pair(weight.shape, rank)
            weights[f"diffusion_model.{name}::lora::0"], weights[f"diffusion_model.{name}::lora::1"] = up, down
    return _save(path, weights)


def decoder_file(network: nn.Module, path: Path) -> str:
    """LayerDiffuse's vae_transparent_decoder."""
    return _save(path, fill(network).state_dict())
