"""What is measured inside the host: each case returns figures of one thing that a user waits for.

Imported in a process that has entered the host and loaded the pack.
"""

from __future__ import annotations

import gc
import importlib
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import comfy.model_management
import comfy.sample
import folder_paths
import random_models as models
import torch
from comfy.ldm.modules.attention import attention_pytorch
from meter import Meter
from sizes import Sizes
from torch import Tensor

from tools.comfy_host.in_process import run_node

STEPS = 3
"""Of which the first, which also loads the model, is told apart."""
OVERRIDE = "optimized_attention_override"
SHIFT = {"mean_shift": 0.05, "subject_is": "subject = 1", "rounding": "float32"}
Figures = dict[str, Any]


class HostCases:
    """The cases by name, on models that are made when a case first needs them and stay for the next one."""

    def __init__(self, sizes: Sizes, folder: Path, pack: str) -> None:
        self.sizes, self.folder, self.pack = sizes, folder, pack
        for kind in ("loras", "layer_model"):
            folder_paths.add_model_folder_path(kind, str(folder / kind), is_default=True)
        self.base = lru_cache(maxsize=1)(self._base)
        self.held = ""
        self.meter = Meter(models.device())

    def cases(self) -> dict[str, Callable[[], Figures]]:
        wan = {
            f"wan_{kind}_{way}": partial(self.wan, kind, way)
            for kind in ("16_bit", "fp8")
            for way in ("plain", "merged", "unmerged")
        }
        ways = ("one_domain", "split", "open", "dense_mask")
        return {
            **wan,
            **{f"cogvideox_{way}": partial(self.cogvideox, way) for way in ways},
            "decode_by_the_host": partial(self.decode, ours=False),
            "decode_rgba": partial(self.decode, ours=True),
            "layerdiffuse_plain": partial(self.layerdiffuse, patched=False),
            "layerdiffuse_patched": partial(self.layerdiffuse, patched=True),
            "layerdiffuse_decode": self.layerdiffuse_decode,
        }

    def ours(self, name: str) -> Any:
        """A module of the pack, as the host has loaded it."""
        return importlib.import_module(f"{self.pack}.{name}")

    def _base(self, name: str) -> Any:
        made: dict[str, Callable[[], Any]] = {
            "wan_16_bit": lambda: models.wan(self.sizes, models.half()),
            "wan_fp8": lambda: models.wan(self.sizes, models.FP8),
            "cogvideox": lambda: models.cogvideox(self.sizes),
            "sdxl": lambda: models.sdxl(self.sizes),
            "vaes": lambda: [models.wan_vae(self.sizes) for _ in range(2)],
        }
        return made[name]()

    def one(self, name: str) -> Any:
        """A model; the one of the case before is dropped if it is another."""
        if name != self.held:
            comfy.model_management.current_loaded_models.clear()  # unloaded, they would be copied to the CPU first
            self.base.cache_clear()
            gc.collect()
            comfy.model_management.soft_empty_cache()
        self.held = name
        return self.base(name)

    def steps(self, model: Any, latent: Tensor, prompts: tuple[Any, Any], cfg: float = 1.0) -> Figures:
        """Seconds of the first step, load and patches included, and of those that follow, and the peaks of both."""
        seen: list[float] = []

        def stepped(*_: Any) -> None:
            if not seen:
                first.update(self.meter.end())
                self.meter.begin()
            seen.append(self.meter.now())

        first: Figures = {}
        self.meter.begin()
        comfy.sample.sample(
            model, torch.randn(latent.shape), STEPS, cfg, "euler", "simple", *prompts, latent, disable_pbar=True,
            callback=stepped, seed=1,
        )  # fmt: skip
        peak = self.meter.peak()
        return {
            "step_seconds": round((seen[-1] - seen[0]) / (len(seen) - 1), 4),
            "step_peak_bytes": peak,
            "first_step_seconds": first["seconds"],
            "first_step_peak_bytes": first["peak_bytes"],
        }

    def wan(self, kind: str, way: str) -> Figures:
        base, clip = self.one(f"wan_{kind}"), self.sizes.wan_clip
        model = base if way == "plain" else self._with_wan_alpha(base, way)
        text = models.prompt(512 if clip.frames > 9 else 8, self.sizes.wan["text_dim"])
        figures = self.steps(model, torch.zeros(1, 16, *clip.latent), (text, text))
        return {"clip": str(clip), "weight_bytes": base.model_size(), **figures}

    def _with_wan_alpha(self, base: Any, apply: str) -> Any:
        """DoRA, speed LoRA and mean shift, as the example graph has them."""
        rank, loras = self.sizes.dora_rank, self.folder / "loras"
        names = {"dora_name": loras / "dora.safetensors", "speed_lora_name": loras / "speed.safetensors"}
        for make, path in zip((models.dora_file, models.speed_file), names.values()):
            if not path.is_file():
                make(base, rank, path)
        files = {name: path.name for name, path in names.items()}
        (model,) = run_node("RGBAApplyDoRA", model=base, strength=1.0, speed_strength=1.0, apply=apply, **files)
        frames, height, width = self.sizes.wan_clip.latent
        subject = torch.zeros(frames, height, width)
        subject[:, height // 4 : -height // 4, width // 4 : -width // 4] = 1
        return run_node("RGBAMeanShift", model=model, subject=subject, **SHIFT)[0]

    def cogvideox(self, way: str) -> Figures:
        sampling = self.ours("pipelines.host.transpixeler.cogvideox_sampling")
        positions = self.ours("pipelines.host.transpixeler.cogvideox_positions")
        base, clip = self.one("cogvideox"), self.sizes.cogvideox_clip
        model = positions.with_rotary_table(sampling.with_v_prediction(base))
        frames, height, width = clip.latent
        latent = torch.zeros(1, 16, frames, height, width)
        if way != "one_domain":
            path = self.folder / "loras" / "joint.safetensors"
            if not path.is_file():
                models.joint_file(base, self.sizes.joint_rank, path)
            text_to_alpha = "blocked (paper)" if way == "split" else "open"
            settings = {"strength": 1.0, "rgb_to_alpha": True, "same_noise": "off", "text_to_alpha": text_to_alpha}
            if way == "dense_mask":
                model = with_dense_mask(model, rows=226, tokens=frames * (height // 2) * (width // 2))
            (model,) = run_node("RGBAApplyTransPixeler", model=model, weights_name=path.name, **settings)
            latent = torch.cat([latent, latent], dim=2)
        text = models.prompt(226, self.sizes.cogvideox["text_embed_dim"])
        return {"clip": str(clip), **self.steps(model, latent, (text, text))}

    def decode(self, ours: bool) -> Figures:
        """Two decoders on one latent: our node, or the host's VAE Decode twice, whose results stay too."""
        clip, vaes = self.sizes.decoded_clip, self.one("vaes")
        (pair,) = run_node("RGBAVAEFromPair", rgb_vae=vaes[0], alpha_vae=vaes[1])

        def run(samples: Tensor) -> list[Any]:
            given = {"samples": {"samples": samples}}
            if ours:
                return [run_node("RGBADecode", rgba_vae=pair, tile_size=0, **given)]
            return [run_node("VAEDecode", vae=vae, **given) for vae in vaes]

        run(torch.randn(1, 16, 2, 4, 4))
        samples = torch.randn(1, 16, *clip.latent)
        self.meter.begin()
        run(samples)
        return {"clip": str(clip), **self.meter.end()}

    def layerdiffuse(self, patched: bool) -> Figures:
        base, side = self.one("sdxl"), self.sizes.picture
        model = base
        if patched:
            path = self.folder / "layer_model" / "layer_xl_transparent_attn.safetensors"
            models.layerdiffuse_file(base, self.sizes.joint_rank, path)
            (model,) = run_node("RGBAApplyLayerDiffuse", model=base, weights_name=path.name, strength=1.0)
        width = self.sizes.sdxl["context_dim"]
        prompts = [models.prompt(77, width, self.sizes.sdxl["adm_in_channels"] - 1536) for _ in range(2)]
        latent = torch.zeros(1, 4, side // 8, side // 8)
        return {"picture": f"{side} x {side}", **self.steps(model, latent, (prompts[0], prompts[1]), cfg=5.0)}

    def layerdiffuse_decode(self) -> Figures:
        side, path = self.sizes.picture, self.folder / "layer_model" / "vae_transparent_decoder.safetensors"
        network = self.ours("pipelines.layerdiffuse.decoder").TransparentDecoder(self.sizes.decoder_widths, 4)
        models.decoder_file(network.to(models.device()), path)
        given = {"weights_name": path.name, "ensemble": True}

        def run(side: int) -> None:
            samples = {"samples": torch.randn(1, 4, side // 8, side // 8)}
            run_node("RGBADecodeLayerDiffuse", samples=samples, rgb=torch.rand(1, side, side, 3), **given)

        run(64)
        self.meter.begin()
        run(side)
        return {"picture": f"{side} x {side}", "views": 8, **self.meter.end()}


def with_dense_mask(model: Any, rows: int, tokens: int) -> Any:
    """A clone whose attention is torch's under the mask (S, S) that keeps text from alpha: what the split replaces."""
    clone = model.clone()
    held: dict[torch.dtype, Tensor] = {}

    def attend(func: Any, q: Tensor, k: Tensor, v: Tensor, heads: int, **named: Any) -> Tensor:
        if q.dtype not in held:
            mask = torch.zeros(rows + 2 * tokens, rows + 2 * tokens, device=q.device, dtype=q.dtype)
            mask[:rows, rows + tokens :] = -torch.inf
            held[q.dtype] = mask
        return attention_pytorch(q, k, v, heads, **{**named, "mask": held[q.dtype]})

    clone.model_options.setdefault("transformer_options", {})[OVERRIDE] = attend
    return clone
