"""Tiny random SD 1.5, SDXL and Flux with their VAEs, ControlNets and LayerDiffuse files, for `tiny_checkpoints`.

The UNets have the structure of theirs with one unit a level, and the published key names; the host's checkpoint loader
knows the families by their widths, so the tests load them with one of their own.
"""

# pyright: reportMissingImports=false
# `comfy` is the host's, and its folder is known only when this runs.

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

Shape = tuple[int, ...]
Weights = Mapping[str, "Tensor"]

WIDTH, TEXT, RANK, FLUX_WIDTH, CONTROL, VAE_WIDTH = 64, 32, 4, 128, 8, 32
POOLED = TEXT
SIZES = 1536
"""Numbers that SDXL puts beside the pooled prompt: the picture's size, in sines."""
DECODER_WIDTHS = (4, 4, 8, 12, 16, 16, 16)
CHANGE = 0.1
"""Size of the random changes, as a share of the weights that they change."""
THROUGH_SILU = 1.7
"""What a convolution has to gain so that SiLU behind it leaves a signal of its size."""

SD15, SDXL = "checkpoints/rgba_tiny_sd15.safetensors", "checkpoints/rgba_tiny_sdxl.safetensors"
FLUX, FLUX_VAE = "diffusion_models/rgba_tiny_flux.safetensors", "vae/rgba_tiny_flux_vae.safetensors"
SD15_CONTROLNET, SDXL_CONTROLNET, FLUX_CONTROLNET = (
    f"controlnet/rgba_tiny_{family}_controlnet.safetensors" for family in ("sd15", "sdxl", "flux")
)
XL_ATTN, XL_CONV, XL_FG2BLE, XL_BG2BLE, XL_FGBLE2BG, XL_BGBLE2FG = (
    f"layer_model/rgba_tiny_layer_xl_{name}.safetensors"
    for name in ("transparent_attn", "transparent_conv", "fg2ble", "bg2ble", "fgble2bg", "bgble2fg")
)
SD15_ATTN, SD15_JOINT, SD15_FG2BG, SD15_BG2FG = (
    f"layer_model/rgba_tiny_layer_sd15_{name}.safetensors" for name in ("transparent_attn", "joint", "fg2bg", "bg2fg")
)
DECODER, ENCODER = (f"layer_model/rgba_tiny_vae_transparent_{name}.safetensors" for name in ("decoder", "encoder"))
FLUX_TRANSPARENT_VAE = "layer_model/rgba_tiny_TransparentVAE.pth"
FLUX_LORA = "loras/rgba_tiny_layerlora.safetensors"

UNET = {
    "image_size": 32, "in_channels": 4, "model_channels": WIDTH, "context_dim": TEXT, "legacy": False,
    "use_spatial_transformer": True,
}  # fmt: skip
SD15_UNET = UNET | {
    "num_res_blocks": [1] * 4, "channel_mult": [1] * 4, "transformer_depth": [1, 1, 1, 0],
    "transformer_depth_output": [1, 1, 1, 1, 1, 1, 0, 0], "transformer_depth_middle": 1, "num_heads": 8,
}  # fmt: skip
SDXL_UNET = UNET | {
    "num_res_blocks": [1] * 3, "channel_mult": [1] * 3, "transformer_depth": [0, 1, 2],
    "transformer_depth_output": [0, 0, 1, 1, 2, 2], "transformer_depth_middle": 2, "num_head_channels": 64,
    "use_linear_in_transformer": True, "num_classes": "sequential", "adm_in_channels": POOLED + SIZES,
}  # fmt: skip
FLUX_DIT = {
    "in_channels": 16, "out_channels": 16, "vec_in_dim": POOLED, "context_in_dim": TEXT, "hidden_size": FLUX_WIDTH,
    "mlp_ratio": 4.0, "num_heads": 1, "depth": 1, "depth_single_blocks": 1, "axes_dim": [16, 56, 56], "theta": 10000,
    "patch_size": 2, "qkv_bias": True, "guidance_embed": True, "txt_ids_dims": [],
}  # fmt: skip


def write(
    normal: Callable[..., Tensor],
    filled: Callable[[Any], dict[str, Tensor]],
    low_rank: Callable[[Tensor, int], tuple[Tensor, Tensor]],
    save: Callable[[str, Weights], None],
) -> None:
    """Every file: `normal` draws, `filled` fills a network, `low_rank` makes a change of a weight, `save` writes."""
    import comfy.cldm.cldm
    import comfy.ldm.flux.controlnet
    import comfy.ldm.flux.model
    import comfy.ops
    import torch
    from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel

    build = {"device": "cpu", "dtype": torch.float32, "operations": comfy.ops.manual_cast}

    def drawn(shapes: Iterator[tuple[str, Shape]], gain: float = 1.0) -> dict[str, Tensor]:
        """Matrices of a size that keeps activations sane; norms 1, biases 0."""
        weights = {}
        for name, shape in shapes:
            if len(shape) > 1:
                weights[name] = normal(*shape, std=gain / math.sqrt(math.prod(shape[1:])))
            else:
                weights[name] = torch.full(shape, 0.0 if name.endswith("bias") else 1.0)
        return weights

    unets = {}
    for name, config, control in ((SD15, SD15_UNET, SD15_CONTROLNET), (SDXL, SDXL_UNET, SDXL_CONTROLNET)):
        unets[name] = unet = filled(UNetModel(**_copied(config), out_channels=4, **build))
        checkpoint = {f"model.diffusion_model.{key}": tensor for key, tensor in unet.items()}
        vae = filled(_vae(4))
        save(name, checkpoint | {f"first_stage_model.{key}": tensor for key, tensor in vae.items()})
        beside = _copied(config) | ({} if "num_heads" not in config else {"num_heads": -1, "num_head_channels": 64})
        save(control, filled(comfy.cldm.cldm.ControlNet(**beside, hint_channels=3, **build)))

    flux = filled(comfy.ldm.flux.model.Flux(**FLUX_DIT, **build))
    save(FLUX, flux)
    save(FLUX_VAE, filled(_vae(16)))
    controlnet = filled(comfy.ldm.flux.controlnet.ControlNetFlux(**FLUX_DIT, **build))
    save(FLUX_CONTROLNET, {key.replace("_norm.weight", "_norm.scale"): tensor for key, tensor in controlnet.items()})
    lora = {}
    for block, names in (
        ("transformer_blocks.0", ("to_q", "to_k", "to_v", "to_out.0")),
        ("single_transformer_blocks.0", ("to_q", "to_k", "to_v")),
    ):
        for layer in names:
            up, down = low_rank(normal(FLUX_WIDTH, FLUX_WIDTH, std=1 / math.sqrt(FLUX_WIDTH)), RANK)
            lora[f"transformer.{block}.attn.{layer}.lora_A.weight"] = down
            lora[f"transformer.{block}.attn.{layer}.lora_B.weight"] = up
    save(FLUX_LORA, lora)

    sdxl = {f"diffusion_model.{key}": tensor for key, tensor in unets[SDXL].items()}
    pairs = {}
    for key in (key for key in sdxl if key.endswith(ATTENTION)):
        pairs[f"{key}::lora::0"], pairs[f"{key}::lora::1"] = low_rank(sdxl[key], RANK)
    save(XL_ATTN, pairs)
    others = {key: tensor for key, tensor in sdxl.items() if not key.endswith(ATTENTION[:3])}
    spread = {key: CHANGE * tensor.std(correction=0).item() for key, tensor in others.items()}
    save(XL_CONV, {f"{key}::diff::0": normal(*each.shape, std=spread[key]) for key, each in others.items()})
    for name, latents in ((XL_FG2BLE, 1), (XL_BG2BLE, 1), (XL_FGBLE2BG, 2), (XL_BGBLE2FG, 2)):
        widened = normal(WIDTH, 4 + 4 * latents, 3, 3, std=1 / math.sqrt(36))
        last = normal(4, WIDTH, 3, 3, std=CHANGE / math.sqrt(9 * WIDTH))
        keys = ("diffusion_model.input_blocks.0.0.weight", "diffusion_model.out.2.weight")
        save(name, {f"{key}::diff::0": tensor for key, tensor in zip(keys, (widened, last))})

    for name, layers, given in (
        (SD15_ATTN, 1, False),
        (SD15_JOINT, 3, False),
        (SD15_FG2BG, 2, True),
        (SD15_BG2FG, 2, True),
    ):
        units = {}
        for index, block in enumerate(_in_order(unets[SD15])):
            for each, attention in enumerate(("attn1", "attn2")):
                width, context = unets[SD15][f"{block}.{attention}.to_k.weight"].shape
                unit = drawn(_unit(width, context, layers, given), gain=math.sqrt(CHANGE))
                units |= {f"hookers.layers.{2 * index + each}.{key}": tensor for key, tensor in unit.items()}
        if given:
            units |= {
                f"kwargs_encoder.{key}": tensor for key, tensor in drawn(_control_encoder(), THROUGH_SILU).items()
            }
        save(name, units)

    save(DECODER, _decoder_weights(drawn, 4))
    save(ENCODER, drawn(_encoder(4)))
    both = {f"decoder.{key}": tensor for key, tensor in _decoder_weights(drawn, 16).items()}
    both |= {f"encoder.{key}": tensor for key, tensor in drawn(_encoder(16)).items()}
    save(FLUX_TRANSPARENT_VAE, both)


ATTENTION = ("to_q.weight", "to_k.weight", "to_v.weight", "to_out.0.weight")


def _copied(config: Mapping[str, Any]) -> dict[str, Any]:
    """The host takes the lists of a config apart."""
    return {key: list(value) if isinstance(value, list) else value for key, value in config.items()}


def _vae(channels: int) -> Any:
    from comfy.ldm.models.autoencoder import AutoencoderKL

    network = {"double_z": True, "z_channels": channels, "resolution": 64, "in_channels": 3, "out_ch": 3}
    network |= {"ch": VAE_WIDTH, "ch_mult": [1] * 4, "num_res_blocks": 1, "attn_resolutions": [], "dropout": 0.0}
    return AutoencoderKL(embed_dim=channels, ddconfig=network)


def _in_order(unet: Weights) -> list[str]:
    """The transformer blocks as LayerDiffuse counts them: on the way down, on the way up, then in the middle."""
    found = [key.removesuffix(".attn1.to_q.weight") for key in unet if key.endswith(".attn1.to_q.weight")]
    parts = ("input_blocks.", "output_blocks.", "middle_block.")
    return sorted(found, key=lambda name: (parts.index(name.split(".")[0] + "."), int(name.split(".")[1])))


def _layer(name: str, *shape: int) -> Iterator[tuple[str, Shape]]:
    yield f"{name}.weight", shape
    yield f"{name}.bias", shape[:1]


def _unit(width: int, context: int, layers: int, given: bool) -> Iterator[tuple[str, Shape]]:
    for layer in range(layers):
        for name, inner in (("q", width), ("k", context), ("v", context), ("out", width)):
            yield f"to_{name}_lora.{layer}.down.weight", (RANK, inner)
            yield f"to_{name}_lora.{layer}.up.weight", (width, RANK)
        if given:
            yield from _layer(f"control_convs.{layer}.0", CONTROL, CONTROL, 3, 3)
            yield from _layer(f"control_convs.{layer}.2", width, CONTROL, 1, 1)
    yield from _layer("temporal_n", width)
    for name in "iqkvo":
        yield from _layer(f"temporal_{name}", width, width)


def _convolutions(prefix: str, widths: list[int]) -> Iterator[tuple[str, Shape]]:
    for index, (inner, out) in enumerate(pairwise(widths)):
        yield from _layer(f"{prefix}.{2 * index}", out, inner, 3, 3)


def _control_encoder() -> Iterator[tuple[str, Shape]]:
    yield from _convolutions("blocks_0", [3, 4, 4, 4, 4, 6, 6, CONTROL, CONTROL])
    for stage in (1, 2, 3):
        yield from _convolutions(f"blocks_{stage}", [CONTROL] * 3)


def _encoder(channels: int) -> Iterator[tuple[str, Shape]]:
    yield from _convolutions("blocks", [4, 4, 4, 6, 6, 8, 8, 12, 12, channels])


def _decoder_weights(drawn: Callable[..., dict[str, Tensor]], channels: int) -> dict[str, Tensor]:
    """Its answers lie around a half, so that alpha is neither nothing nor everything."""
    weights = drawn(_decoder(channels))
    return weights | {
        "conv_out.weight": 0.2 * weights["conv_out.weight"],
        "conv_out.bias": weights["conv_out.bias"] + 0.5,
    }


def _decoder(channels: int) -> Iterator[tuple[str, Shape]]:
    last = len(DECODER_WIDTHS) - 1
    yield from _layer("conv_in", DECODER_WIDTHS[0], 3, 3, 3)
    yield from _layer("latent_conv_in", DECODER_WIDTHS[2], channels, 1, 1)
    width, skips = DECODER_WIDTHS[0], [DECODER_WIDTHS[0]]
    for index, out in enumerate(DECODER_WIDTHS):
        yield from _level(f"down_blocks.{index}", [width, out], out, index >= 4)
        skips += [out, out]
        if index < last:
            yield from _layer(f"down_blocks.{index}.downsamplers.0.conv", out, out, 3, 3)
            skips.append(out)
        width = out
    yield from _level("mid_block", [width, width], width, False)
    yield from _attention("mid_block.attentions.0", width)
    for index, out in enumerate(reversed(DECODER_WIDTHS)):
        yield from _level(f"up_blocks.{index}", [each + skips.pop() for each in (width, out, out)], out, index < 3)
        if index < last:
            yield from _layer(f"up_blocks.{index}.upsamplers.0.conv", out, out, 3, 3)
        width = out
    yield from _layer("conv_norm_out", width)
    yield from _layer("conv_out", 4, width, 3, 3)


def _level(name: str, inner: list[int], out: int, attended: bool) -> Iterator[tuple[str, Shape]]:
    for index, width in enumerate(inner):
        residual = f"{name}.resnets.{index}"
        yield from _layer(f"{residual}.norm1", width)
        yield from _layer(f"{residual}.conv1", out, width, 3, 3)
        yield from _layer(f"{residual}.norm2", out)
        yield from _layer(f"{residual}.conv2", out, out, 3, 3)
        if width != out:
            yield from _layer(f"{residual}.conv_shortcut", out, width, 1, 1)
        if attended:
            yield from _attention(f"{name}.attentions.{index}", out)


def _attention(name: str, width: int) -> Iterator[tuple[str, Shape]]:
    yield from _layer(f"{name}.group_norm", width)
    for layer in ("to_q", "to_k", "to_v", "to_out.0"):
        yield from _layer(f"{name}.{layer}", width, width)
