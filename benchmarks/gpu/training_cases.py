"""One step of each training recipe, on models of the published sizes with random weights.

The settings are the recipe's own; the first step, on a small clip, is not counted. Nothing here needs the host.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from meter import Meter
from sizes import WARM_UP, Clip, Sizes
from torch import nn

from pipelines.training.data.cache_joint import FAMILIES
from pipelines.training.loop import Run, train
from pipelines.training.methods.alpha_tokens import Additions
from pipelines.training.methods.dora import DoRA
from pipelines.training.methods.rgba_vae import RGBAVAE, FrozenVelocity
from pipelines.training.methods.tabd import FORMS
from pipelines.training.methods.train_dora import TrainDoRA
from pipelines.training.methods.train_transpixeler import TrainTransPixeler
from pipelines.training.methods.train_vae import TrainVAE
from pipelines.training.methods.transpixeler import TransPixeler
from pipelines.training.models.vgg import VGGDistance
from pipelines.training.run_settings import RunSettings, loss
from pipelines.training.settings import parse

RECIPES = Path(__file__).resolve().parents[2] / "pipelines" / "training" / "recipes"
TEXT_ROWS = {"cogvideox": 226, "mochi": 256, "wan": 512}
CHANNELS = {"cogvideox": 16, "mochi": 12, "wan": 16}
Figures = dict[str, Any]


def cases(sizes: Sizes, folder: Path, device: torch.device) -> dict[str, Callable[[], Figures]]:
    """Every recipe by its file's name."""
    bench = TrainingCases(sizes, folder, device)
    joint = {f"train_transpixeler_{name}": partial(bench.transpixeler, name) for name in FAMILIES}
    return {"train_wan_alpha_vae": bench.vae, "train_wan_alpha_dora": bench.dora, **joint}


class TrainingCases:
    def __init__(self, sizes: Sizes, folder: Path, device: torch.device) -> None:
        self.sizes, self.folder, self.device = sizes, folder, device

    def recipe(self, kind: type[Any], name: str, *arguments: str) -> Any:
        """The settings that the recipe's command would run with."""
        return parse(kind, name, [str(RECIPES / f"{name}.toml"), *arguments, *self.sizes.recipe])

    def made(self, build: Callable[[], Any], dtype: torch.dtype = torch.bfloat16) -> Any:
        """A frozen model with the weights of its own initialisation, made on the device in this dtype."""
        before = torch.get_default_dtype()
        torch.set_default_dtype(dtype)
        try:
            with self.device:
                return build().eval()
        finally:
            torch.set_default_dtype(before)

    def step(self, model: nn.Module, settings: RunSettings, items: Callable[[Clip], Any], clip: Clip) -> Figures:
        """Seconds of the second step and the bytes at its peak, frozen weights included."""
        meter, took = Meter(self.device), {}

        class Items:
            def __getitem__(self, number: int) -> Any:
                return items(WARM_UP if number < settings.batch else clip)

        def stepped(_: nn.Module, step: int, value: float) -> None:
            if step == 1:
                meter.begin()
            else:
                took.update(meter.end(), loss=value)

        run = Run(
            self.folder / f"run-{time.monotonic_ns()}", steps=2, batch=settings.batch, precision=settings.precision,
            clip=settings.clip, average=settings.average,
        )  # fmt: skip
        train(model.train(), loss, Items(), run, settings.adamw, on_step=stepped)
        what = {"clip": str(clip), "batch": settings.batch, "precision": settings.precision}
        return {**what, "step_seconds": took["seconds"], "step_peak_bytes": took["peak_bytes"], "loss": took["loss"]}

    def dit(self, config: dict[str, Any]) -> Any:
        from diffusers.models.transformers.transformer_wan import WanTransformer3DModel

        heads = config["num_heads"]
        same = {name: config[name] for name in ("ffn_dim", "num_layers", "text_dim", "freq_dim")}
        width = config["dim"] // heads
        return self.made(lambda: WanTransformer3DModel(num_attention_heads=heads, attention_head_dim=width, **same))

    def vae(self) -> Figures:
        """With TABD through Wan 1.3B, as the recipe's comment has it, and VGG's perceptual loss."""
        from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan

        settings = self.recipe(TrainVAE, "wan_alpha_vae", "--clips", "none.csv", "--vae", "none", "--batch", "2")
        config = self.sizes.wan_trained_jointly
        velocity = FrozenVelocity(self.dit(config), torch.randn(1, 512, config["text_dim"]))
        base = self.made(lambda: AutoencoderKLWan(base_dim=self.sizes.vae_width), torch.float32)
        model = RGBAVAE(
            base, settings.rank, settings.rendering, perceptual=VGGDistance(), tabd=FORMS[settings.tabd],
            velocity=velocity, noise=settings.noise, prior=settings.prior, psnr=settings.psnr,
        )  # fmt: skip

        def item(clip: Clip) -> dict[str, Any]:
            size = clip.frames, clip.height, clip.width
            return {"rgb": torch.rand(3, *size) * 2 - 1, "alpha": torch.rand(1, *size) * 2 - 1}

        return self.step(model, settings, item, self.sizes.trained_vae)

    def dora(self) -> Figures:
        settings = self.recipe(TrainDoRA, "wan_alpha_dora", "--cache", "none", "--dit", "none")
        dit = self.dit(self.sizes.wan)
        if settings.spare_memory:
            dit.enable_gradient_checkpointing()

        def item(clip: Clip) -> dict[str, Any]:
            latent = torch.randn(16, *clip.latent)
            text = torch.randn(TEXT_ROWS["wan"], self.sizes.wan["text_dim"])
            return {"latent": latent, "subject": torch.rand(clip.latent), "context": text}

        model = DoRA(dit, settings.rank, settings.mean_shift, settings.level_shift)
        return self.step(model, settings, item, self.sizes.trained_wan)

    def transpixeler(self, family: str) -> Figures:
        settings = self.recipe(TrainTransPixeler, f"transpixeler_{family}", "--cache", "none")
        transformer, width = self.joint_base(family)
        if settings.spare_memory:
            transformer.enable_gradient_checkpointing()

        def item(clip: Clip) -> dict[str, Any]:
            frames, height, width_ = clip.latent
            if family == "mochi":  # 1 of 6 frames
                frames = (clip.frames - 1) // 6 + 1
            halves = {half: torch.randn(CHANNELS[family], frames, height, width_) for half in ("rgb", "alpha")}
            seen = {"seen": torch.ones(TEXT_ROWS[family])} if family == "mochi" else {}
            return {**halves, "context": torch.randn(TEXT_ROWS[family], width), **seen}

        model = TransPixeler(transformer, FAMILIES[family], Additions(settings.rank), settings.same_noise)
        return self.step(model, settings, item, self.sizes.trained_jointly[family])

    def joint_base(self, family: str) -> tuple[Any, int]:
        """A family's transformer and the width of its text."""
        from diffusers.models.transformers.cogvideox_transformer_3d import CogVideoXTransformer3DModel
        from diffusers.models.transformers.transformer_mochi import MochiTransformer3DModel

        if family == "wan":
            config = self.sizes.wan_trained_jointly
            return self.dit(config), config["text_dim"]
        config = self.sizes.cogvideox if family == "cogvideox" else self.sizes.mochi
        if family == "cogvideox":
            return self.made(
                lambda: CogVideoXTransformer3DModel(use_rotary_positional_embeddings=True, **config)
            ), config["text_embed_dim"]
        return self.made(lambda: MochiTransformer3DModel(**config)), config["text_embed_dim"]
