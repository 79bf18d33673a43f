"""Tiny random checkpoints in the published key layouts: graphs of the whole pack run on a CPU in seconds.

    python tools/tiny_checkpoints.py DIR [--seed N]

Writes a folder laid out as ComfyUI's models folder. The models are the host's own classes with small numbers, so this
runs in the host's interpreter (it finds the host by itself). The same seed writes the same weights.
"""

# pyright: reportMissingImports=false
# `comfy` is the host's, and its folder is known only when this runs.

from __future__ import annotations

import argparse
import io
import json
import math
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor

if not __package__:  # started as a file: the checkout takes the place of this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])
from tools import comfy_host, tiny_picture_models
from tools.comfy_host import in_process

WIDTH, FFN, BLOCKS, HEADS, FREQUENCIES, TEXT = 48, 96, 2, 2, 32, 32
VAE_WIDTH, VAE_RANK, DORA_RANK, SPEED_RANK = 8, 4, 4, 3
FEATURES = 4 * VAE_WIDTH
LATENT_FRAMES = 21
STRENGTH = 0.1
"""Size of the random changes, as a share of the weights that they change."""

DIT = "diffusion_models/rgba_tiny_wan2.1_t2v.safetensors"
VAE = "vae/rgba_tiny_wan_2.1_vae.safetensors"
TEXT_ENCODER = "text_encoders/rgba_tiny_umt5.safetensors"
DECODERS = "vae/rgba_tiny_decoder.bin"
DECODERS_SAFE = "vae/rgba_tiny_decoder.safetensors"
ALPHA_VAE = "vae/rgba_tiny_Wan-Alpha-VAE.bin"
ALPHA_VAE_SAFE = "vae/rgba_tiny_Wan-Alpha-VAE.safetensors"
RGB_CHANNEL = "vae/rgba_tiny_vae_rgb_channel.safetensors.safetensors"
ALPHA_CHANNEL = "vae/rgba_tiny_vae_alpha_channel.safetensors.safetensors"
DORA = "loras/rgba_tiny_t2v.safetensors"
DORA_NO_ADAPTER = "loras/rgba_tiny_t2v_no_adapter_name.safetensors"
DORA_COMFY = "loras/rgba_tiny_rgba_lora.safetensors"
SPEED = "loras/rgba_tiny_lightx2v.safetensors"
GAUSS_MASK = "input/gauss_mask"
COGVIDEOX = "diffusion_models/rgba_tiny_cogvideox_5b.safetensors"
COGVIDEOX_I2V = "diffusion_models/rgba_tiny_cogvideox_5b_i2v.safetensors"
COGVIDEOX_LORA = "loras/rgba_tiny_cogvideox_rgba_lora.safetensors"
WAN_LORA = "loras/rgba_tiny_wan_rgba_lora.safetensors"
MOCHI_LORA = "loras/rgba_tiny_mochi_rgba_lora.ckpt"
UPSCALER = "upscale_models/rgba_tiny_x2.pth"
INTERPOLATOR = "frame_interpolation/rgba_tiny_rife.safetensors"

COGVIDEOX_HEADS, COGVIDEOX_WIDTH, COGVIDEOX_TIME, COGVIDEOX_TEXT_ROWS = 2, 128, 32, 226
I2V_SIZE = {"sample_frames": 9, "sample_height": 6, "sample_width": 8}
"""Of the tiny CogVideoX-5B-I2V, whose learned positions fit 9 frames of 64 x 48 pixels alone."""
MOCHI_WIDTH = 64
UPSCALE = 2
RGBA_RANK = 4

CORPUS = (
    "A little girl holds a bubble wand. A parrot spreads its wings. Smoke rises from a glass of red wine.",
    "The background of this video is transparent. Realistic style. Medium shot. Close-up. Full shot. Wide shot.",
    "A blue jellyfish glows in the dark. Hair and fur move in the wind. Orange fire burns on green leaves.",
    "Animation style. High quality, sharp details. Gentle motion. Strong motion. The subject hardly moves.",
    "Black white yellow cyan magenta purple left right top bottom centre small large soft hard fast slow.",
)


def write(folder: Path, seed: int = 0) -> None:
    """Every file under `folder`; runs in the host's interpreter with the host on sys.path."""
    import comfy.ldm.cogvideo.model
    import comfy.ldm.wan.model
    import comfy.ldm.wan.vae
    import comfy.ops
    import comfy_extras.frame_interpolation_models.ifnet
    import torch
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int, std: float) -> Tensor:
        return torch.randn(shape, generator=generator) * std

    def filled(module: torch.nn.Module) -> dict[str, Tensor]:
        """Norms and gains 1, biases 0, matrices of a size that keeps activations sane."""
        return {name: _filled(name, tensor.shape) for name, tensor in module.state_dict().items()}

    def _filled(name: str, shape: torch.Size) -> Tensor:
        if name.endswith("bias"):
            return torch.zeros(shape)
        if name.endswith("modulation"):
            return normal(*shape, std=0.02)
        if len(shape) < 2 or name.endswith("gamma") or "norm" in name.rsplit(".", 2)[-2]:
            return torch.ones(shape)
        return normal(*shape, std=1.0 / math.sqrt(math.prod(shape[1:])))

    def low_rank(weight: Tensor, rank: int) -> tuple[Tensor, Tensor]:
        """B and A whose product is STRENGTH of the weight, in the shapes of PEFT."""
        down = normal(rank, *weight.shape[1:], std=1.0)
        up = normal(weight.shape[0], rank, *[1] * (weight.ndim - 2), std=1.0)
        size = (up.flatten(1) @ down.flatten(1)).norm()
        return up * (STRENGTH * weight.norm() / size), down

    def save(name: str, weights: Mapping[str, Tensor], config: object = None) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".safetensors":
            contiguous = {key: tensor.contiguous() for key, tensor in weights.items()}
            save_file(contiguous, path, {"config": json.dumps(config)} if config else None)
        else:
            torch.save(dict(weights), path)

    sizes = {"num_heads": HEADS, "freq_dim": FREQUENCIES, "text_dim": TEXT}
    build = {"device": "cpu", "dtype": torch.float32, "operations": comfy.ops.manual_cast}
    dit = filled(
        comfy.ldm.wan.model.WanModel(model_type="t2v", dim=WIDTH, ffn_dim=FFN, num_layers=BLOCKS, **sizes, **build)
    )
    save(DIT, dit, {"transformer": sizes})

    vae = filled(
        comfy.ldm.wan.vae.WanVAE(
            dim=VAE_WIDTH,
            z_dim=16,
            dim_mult=[1, 2, 4, 4],
            num_res_blocks=2,
            attn_scales=[],
            temperal_downsample=[False, True, True],
            image_channels=3,
            conv_out_channels=3,
        )
    )
    save(VAE, vae)

    loras, channels = {}, {"vae_fgr": dict(vae), "vae_pha": dict(vae)}
    for prefix, name in _decoder_layers(vae, channels):
        weight = vae[f"{name}.weight"]
        up, down = low_rank(weight, VAE_RANK)
        module = f"{prefix}.{name}" + (".conv3D" if weight.ndim == 5 else "")
        loras[f"{module}.lora_B.default.weight"], loras[f"{module}.lora_A.default.weight"] = up * VAE_RANK, down
        change = (up.flatten(1) @ down.flatten(1)).reshape(weight.shape)
        channels[prefix][f"{name}.weight"] = weight + change
    save(DECODERS, {key: torch.nn.Parameter(tensor) for key, tensor in loras.items()})
    save(DECODERS_SAFE, loras)
    save(RGB_CHANNEL, channels["vae_fgr"])
    save(ALPHA_CHANNEL, channels["vae_pha"])
    merge = {f"middle.block.{key}": _filled(key, shape) for key, shape in _merge_block(torch.Size)}
    extras = {"vae_fgr.conv2.weight": vae["conv2.weight"], "vae_pha.encoder.conv1.weight": vae["encoder.conv1.weight"]}
    save(ALPHA_VAE, loras | merge | extras)
    save(ALPHA_VAE_SAFE, loras | merge)

    dora, plain, comfy_keys, speed = {}, {}, {}, {}
    for target in dora_targets(dit):
        weight = dit[f"{target}.weight"]
        up, down = low_rank(weight, DORA_RANK)
        magnitude = (weight + up @ down).norm(dim=1) * (1 + normal(weight.shape[0], std=0.02))
        for part, tensor in (("lora_A", down), ("lora_B", up), ("lora_magnitude_vector", magnitude)):
            dora[f"{target}.{part}.default.weight"] = tensor
            plain[f"{target}.{part}.weight"] = tensor
        comfy_keys[f"diffusion_model.{target}.lora_A.weight"] = down
        comfy_keys[f"diffusion_model.{target}.lora_B.weight"] = up
        comfy_keys[f"diffusion_model.{target}.dora_scale"] = magnitude[:, None]
        up, down = low_rank(weight, SPEED_RANK)
        speed[f"diffusion_model.{target}.lora_up.weight"] = up
        speed[f"diffusion_model.{target}.lora_down.weight"] = down
        speed[f"diffusion_model.{target}.diff_b"] = normal(weight.shape[0], std=0.01)
    for block in range(BLOCKS):
        speed[f"diffusion_model.blocks.{block}.norm3.diff"] = normal(WIDTH, std=0.01)
        speed[f"diffusion_model.blocks.{block}.diff_m"] = normal(1, 6, WIDTH, std=0.01)
    speed["diffusion_model.head.diff_m"] = normal(1, 2, WIDTH, std=0.01)
    save(DORA, dora)
    save(DORA_NO_ADAPTER, plain)
    save(DORA_COMFY, comfy_keys)
    save(SPEED, speed)

    save(TEXT_ENCODER, _text_encoder(filled))
    mask = torch.linspace(0, 1, LATENT_FRAMES * 12 * 17).reshape(LATENT_FRAMES, 12, 17)
    (folder / GAUSS_MASK).parent.mkdir(parents=True, exist_ok=True)
    torch.save(mask, folder / GAUSS_MASK)

    for name, channels, size in ((COGVIDEOX, 16, {}), (COGVIDEOX_I2V, 32, I2V_SIZE)):
        network = comfy.ldm.cogvideo.model.CogVideoXTransformer3DModel(
            num_attention_heads=COGVIDEOX_HEADS, in_channels=channels, time_embed_dim=COGVIDEOX_TIME,
            text_embed_dim=TEXT, num_layers=BLOCKS, use_rotary_positional_embeddings=True, **build,
        )  # fmt: skip
        cogvideox = {_diffusers_name(key): tensor for key, tensor in filled(network).items()}
        if size:
            tokens = ((size["sample_frames"] + 3) // 4) * (size["sample_height"] // 2) * (size["sample_width"] // 2)
            table = normal(1, COGVIDEOX_TEXT_ROWS + tokens, COGVIDEOX_WIDTH, std=0.1)
            cogvideox["patch_embed.pos_embedding"] = table
        save(name, cogvideox, {"transformer": size} if size else None)

    def rgba_pair(out: int, width: int) -> tuple[Tensor, Tensor]:
        """A pair for a matrix of the size that `filled` makes, to be multiplied by 1 / rank."""
        up, down = low_rank(normal(out, width, std=1.0 / math.sqrt(width)), RGBA_RANK)
        return up * RGBA_RANK, down

    rgba: dict[str, Tensor] = {"domain_emb": normal(1, COGVIDEOX_WIDTH, std=0.1)}
    for block in range(BLOCKS):
        for layer in ("to_q", "to_k", "to_v", "to_out.0"):
            key = f"transformer.transformer_blocks.{block}.attn1.{layer}"
            up, down = rgba_pair(COGVIDEOX_WIDTH, COGVIDEOX_WIDTH)
            rgba[f"{key}.lora_A.weight"], rgba[f"{key}.lora_B.weight"] = down, up
    save(COGVIDEOX_LORA, rgba)

    embedding = normal(1, WIDTH, std=0.1)
    rgba = {f"{prefix}.modality_embedding": embedding.clone() for prefix in ("diffusion_model", "transformer")}
    for target in rgba_targets(dit):
        up, down = rgba_pair(*dit[f"{target}.weight"].shape)
        rgba[f"diffusion_model.{target}.lora_A.weight"], rgba[f"diffusion_model.{target}.lora_B.weight"] = down, up
    save(WAN_LORA, rgba)

    rgba = {}
    for block in range(BLOCKS):
        for layer in ("to_q", "to_k", "to_v", "to_out"):
            up, down = rgba_pair(MOCHI_WIDTH, MOCHI_WIDTH)
            rgba[f"block_{block}.{layer}_lora.0.weight"], rgba[f"block_{block}.{layer}_lora.1.weight"] = down, up
    torch.save({"state_dict": rgba, "global_step": 0}, folder / MOCHI_LORA)

    wide, shown = 8, 3 * UPSCALE * UPSCALE
    shapes = {"0.weight": (wide, 3, 3, 3), "1.weight": (wide,), "2.weight": (wide, wide, 3, 3), "3.weight": (wide,)}
    upscaler = {f"body.{name}": normal(*shape, std=0.1) for name, shape in shapes.items()}
    upscaler |= {f"body.{layer}.bias": torch.zeros(wide) for layer in (0, 2)}
    save(UPSCALER, upscaler | {"body.4.weight": normal(shown, wide, 3, 3, std=0.02), "body.4.bias": torch.zeros(shown)})
    save(INTERPOLATOR, filled(comfy_extras.frame_interpolation_models.ifnet.IFNet(channels=[4] * 5)))

    tiny_picture_models.write(normal, filled, low_rank, save)


def _decoder_layers(vae: Mapping[str, Tensor], prefixes: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Every convolution of both decoders: (prefix, layer)."""
    for prefix in prefixes:
        for name, tensor in vae.items():
            if name.startswith("decoder.") and name.endswith(".weight") and tensor.ndim > 3:
                yield prefix, name.removesuffix(".weight")


def dora_targets(dit: Mapping[str, object]) -> list[str]:
    """The linear layers that Wan-Alpha's DoRA changes: q, k, v, o of both attentions and both of the feed-forward."""
    suffixes = (".q.weight", ".k.weight", ".v.weight", ".o.weight", ".ffn.0.weight", ".ffn.2.weight")
    return [name.removesuffix(".weight") for name in dit if name.startswith("blocks.") and name.endswith(suffixes)]


def rgba_targets(dit: Mapping[str, object]) -> list[str]:
    """The linear layers that TransPixeler's Wan LoRA changes: all of the DoRA's but the keys and values of the text."""
    return [target for target in dora_targets(dit) if not target.endswith(("cross_attn.k", "cross_attn.v"))]


def _diffusers_name(key: str) -> str:
    """What diffusers calls a weight of the host's CogVideoX."""
    names = {
        "blocks.": "transformer_blocks.", ".norm_q.": ".attn1.norm_q.", ".norm_k.": ".attn1.norm_k.",
        ".q.": ".attn1.to_q.", ".k.": ".attn1.to_k.", ".v.": ".attn1.to_v.", ".attn_out.": ".attn1.to_out.0.",
        ".ff_proj.": ".ff.net.0.proj.", ".ff_out.": ".ff.net.2.", "time_embedding_linear": "time_embedding.linear",
    }  # fmt: skip
    for native, name in names.items():
        key = key.replace(native, name)
    return key


def _merge_block(size: Callable[..., Any]) -> Iterator[tuple[str, Any]]:
    yield "conv1.weight", size((FEATURES, 2 * FEATURES, 1, 1, 1))
    yield "conv1.bias", size((FEATURES,))
    for index in (0, 2, 4):
        for norm, conv in ((0, 2), (3, 6)):
            yield f"middle.{index}.residual.{norm}.gamma", size((FEATURES, 1, 1, 1))
            yield f"middle.{index}.residual.{conv}.weight", size((FEATURES, FEATURES, 3, 3, 3))
            yield f"middle.{index}.residual.{conv}.bias", size((FEATURES,))
    for index in (1, 3):
        yield f"middle.{index}.norm.gamma", size((FEATURES, 1, 1))
        for layer, out in (("to_qkv", 3 * FEATURES), ("proj", FEATURES)):
            yield f"middle.{index}.{layer}.weight", size((out, FEATURES, 1, 1))
            yield f"middle.{index}.{layer}.bias", size((out,))
    yield "head.0.gamma", size((FEATURES, 1, 1, 1))
    yield "head.2.weight", size((16, FEATURES, 3, 3, 3))
    yield "head.2.bias", size((16,))


def _text_encoder(filled: Callable) -> dict:
    """A UMT5 of width TEXT with a sentencepiece model inside, as ComfyUI's repackaged text encoders have it."""
    import comfy.ops
    import comfy.text_encoders.t5
    import sentencepiece
    import torch

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS), model_writer=model, vocab_size=160, pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
        hard_vocab_limit=False, num_threads=1, minloglevel=2,
    )  # fmt: skip
    config = {
        "d_model": TEXT, "d_ff": 2 * TEXT, "d_kv": TEXT // 2, "num_heads": 2, "num_layers": 1, "vocab_size": 160,
        "dense_act_fn": "gelu_pytorch_tanh", "is_gated_act": True, "model_type": "umt5",
    }  # fmt: skip
    weights = filled(comfy.text_encoders.t5.T5(config, torch.float32, "cpu", comfy.ops.manual_cast))
    return weights | {"spiece_model": torch.frombuffer(bytearray(model.getvalue()), dtype=torch.uint8)}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    host = comfy_host.install()
    if Path(sys.executable).absolute() != Path(host.python).absolute():
        command = [host.python, str(Path(__file__).resolve()), *sys.argv[1:]]
        return subprocess.run(command, env=comfy_host.environment()).returncode
    in_process.enter(host.root, "--cpu")
    write(options.folder, options.seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
