"""MODELs with something of ours on them, one for each way that we put it there, and a short run of each."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import comfy.sample
import torch
from conftest import PACK, module_at
from test_transpixeler import golden, tiny_mochi
from torch import Tensor


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


class Bench:
    """Base MODELs by family as a loader of the host gives them, the nodes on them, and a short run of each."""

    def __init__(self, tiny: Any, models: Any, host_nodes: Any) -> None:
        self.tiny, self.models, self.nodes = tiny, models, host_nodes
        self.test_nodes = module_at(PACK / "tests/host/queue/packs/queue_test_nodes/__init__.py", "test_nodes")
        self.pictures = tiny.tiny_picture_models

    def base(self, file: str) -> Any:
        return self.nodes.UNETLoader(unet_name=Path(file).name, weight_dtype="default")[0]

    def picture(self, file: str) -> Any:
        """The host tells SD 1.5 and SDXL by widths that are not tiny."""
        return self.test_nodes.QueueTestCheckpoint().run(Path(file).name)[0]

    def cogvideox(self, file: str) -> Any:
        return self.nodes.RGBALoadCogVideoX(model_name=Path(file).name)[0]

    def stock_cogvideox(self) -> Any:
        """As the host's own loader has it, which knows the host's own names alone."""
        weights = self.cogvideox(self.tiny.COGVIDEOX).model.diffusion_model.state_dict()
        return self.base(self.models.save("diffusion_models", "stock_cogvideox.safetensors", weights))

    def mochi(self) -> Any:
        """The host tells Mochi by its published size alone."""
        model = tiny_mochi()
        model.cached_patcher_init = (tiny_mochi, ())
        return model

    def mochi_lora(self) -> str:
        return self.models.save("loras", "tiny_mochi_rgba.safetensors", golden("mochi_tiny_rgba_lora"))

    def dora(self, model: Any, apply: str, strength: float = 1.0) -> Any:
        return self.nodes.RGBAApplyDoRA(
            model=model, dora_name=Path(self.tiny.DORA).name, strength=strength, speed_strength=1.0, apply=apply,
            speed_lora_name=Path(self.tiny.SPEED).name,
        )[0]  # fmt: skip

    def joint(self, model: Any, lora: str) -> Any:
        return self.nodes.RGBAApplyTransPixeler(
            model=model, weights_name=Path(lora).name, strength=1.0, text_to_alpha="blocked (paper)",
            rgb_to_alpha=True, same_noise="auto",
        )[0]  # fmt: skip

    def mean_shift(self, model: Any) -> Any:
        return self.nodes.RGBAMeanShift(
            model=model, subject=noise(3, 4, 6).sigmoid(), mean_shift=0.3, subject_is="subject = 1", rounding="float32",
        )[0]  # fmt: skip

    def layers(self, model: Any, file: str) -> Any:
        return self.nodes.RGBAApplyLayerDiffuse(model=model, weights_name=Path(file).name, strength=1.0)[0]

    def condition(self, model: Any) -> Any:
        return self.nodes.RGBALayerDiffuseCondition(
            model=model, positive=prompt(1), negative=prompt(2), strength=1.0,
            weights_name=Path(self.pictures.XL_FG2BLE).name, latent={"samples": noise(1, 4, 8, 8, seed=3)},
        )[0]  # fmt: skip

    def made_together(self, model: Any) -> Any:
        return self.nodes.RGBALayerDiffuseJoint(
            model=model, weights_name=Path(self.pictures.SD15_FG2BG).name, strength=1.0,
            background=prompt(5), image=torch.rand(1, 64, 64, 4, generator=torch.Generator().manual_seed(5)),
        )[0]  # fmt: skip


def prompt(draw: int, width: int = 32, rows: int = 8, **more: Any) -> Any:
    tokens = noise(1, rows, width, seed=draw)
    return [[tokens, {"pooled_output": tokens[:, 0], **more}]]


@dataclass(frozen=True)
class Patched:
    """A MODEL with something of ours: what a loader of the host gives, and what our node makes of a MODEL."""

    base: Callable[[Bench], Any]
    ours: Callable[[Bench, Any], Any]

    def __call__(self, bench: Bench) -> Any:
        return self.ours(bench, self.base(bench))


WAN, JOINT, PICTURE = (1, 16, 3, 4, 6), (1, 16, 6, 4, 6), (1, 4, 8, 8)
MOCHI = {"rows": 12, "width": 16, "attention_mask": torch.ones(1, 12, dtype=torch.long)}
COG = (1, 16, 6, 6, 8)
BESIDE = {"noise_concat": noise(1, 4, 8, 8, seed=3)}


def wan(bench: Bench) -> Any:
    return bench.base(bench.tiny.DIT)


def sdxl(bench: Bench) -> Any:
    return bench.picture(bench.pictures.SDXL)


def sd15(bench: Bench) -> Any:
    return bench.picture(bench.pictures.SD15)


def i2v(bench: Bench) -> Any:
    return bench.cogvideox(bench.tiny.COGVIDEOX_I2V)


def joint(lora: str) -> Callable[[Bench, Any], Any]:
    return lambda bench, model: bench.joint(model, getattr(bench.tiny, lora))


def layers(file: str) -> Callable[[Bench, Any], Any]:
    return lambda bench, model: bench.layers(model, getattr(bench.pictures, file))


def as_loaded(bench: Bench, model: Any) -> Any:
    return model


CASES: dict[str, tuple[Patched, tuple[int, ...], dict[str, Any]]] = {
    "DoRA, merged": (Patched(wan, lambda b, model: b.dora(model, "merged")), WAN, {}),
    "DoRA, unmerged": (Patched(wan, lambda b, model: b.dora(model, "unmerged")), WAN, {}),
    "mean shift": (Patched(wan, Bench.mean_shift), WAN, {}),
    "TransPixeler on Wan": (Patched(wan, joint("WAN_LORA")), JOINT, {}),
    "CogVideoX": (Patched(lambda b: b.cogvideox(b.tiny.COGVIDEOX), as_loaded), COG, {}),
    "CogVideoX I2V": (Patched(i2v, as_loaded), (1, 16, 3, 6, 8), {"rows": 226}),
    "TransPixeler on CogVideoX": (Patched(Bench.stock_cogvideox, joint("COGVIDEOX_LORA")), COG, {}),
    "TransPixeler on CogVideoX I2V": (Patched(i2v, joint("COGVIDEOX_LORA")), COG, {"rows": 226}),
    "TransPixeler on Mochi": (
        Patched(Bench.mochi, lambda b, model: b.joint(model, b.mochi_lora())),
        (1, 12, 4, 4, 6),
        MOCHI,
    ),
    "LayerDiffuse on SDXL": (Patched(sdxl, layers("XL_CONV")), PICTURE, {}),
    "LayerDiffuse on SD 1.5": (Patched(sd15, layers("SD15_ATTN")), PICTURE, {}),
    "LayerDiffuse on Flux": (
        Patched(lambda b: b.base(b.pictures.FLUX), layers("FLUX_LORA")),
        (1, 16, 8, 8),
        {},
    ),
    "LayerDiffuse condition": (Patched(sdxl, Bench.condition), PICTURE, BESIDE),
    "LayerDiffuse joint": (Patched(sd15, Bench.made_together), (2, 4, 8, 8), {}),
}


def prompts(case: str) -> tuple[Any, Any]:
    """Positive and negative, with what the case's own node puts into them."""
    text = CASES[case][2]
    return prompt(1, **text), prompt(2, **text)


def sample(
    case: str, model: Any, steps: int = 2, cfg: float = 3.0, sampler: str = "euler", positive: Any = None,
    negative: Any = None, **more: Any
) -> Tensor:  # fmt: skip
    """Steps of a sampler of the host from one noise; the case's prompts where none are given."""
    shape, texts = CASES[case][1], prompts(case)
    return comfy.sample.sample(
        model, noise(*shape, seed=7), steps, cfg, sampler, "simple", positive or texts[0], negative or texts[1],
        torch.zeros(shape), disable_pbar=True, seed=1, **more,
    )  # fmt: skip


def apart(a: Tensor, b: Tensor) -> float:
    """The distance as a share of the size."""
    return ((a - b).norm() / b.norm()).item()
