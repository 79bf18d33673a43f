"""A MODEL of ours on a second device: the host's `deepclone_multigpu` gives one with weights and hooks of its own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import comfy.model_management
import comfy.sample
import pytest
import torch
from conftest import PACK, module_at
from test_transpixeler import golden, tiny_mochi
from torch import Tensor, nn

CPU = torch.device("cpu")


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
        return self.base(self.models.save("diffusion_models", "several_cogvideox.safetensors", weights))

    def mochi(self) -> Any:
        """The host tells Mochi by its published size alone."""
        model = tiny_mochi()
        model.cached_patcher_init = (tiny_mochi, ())
        return model

    def mochi_lora(self) -> str:
        return self.models.save("loras", "several_mochi_rgba.safetensors", golden("mochi_tiny_rgba_lora"))

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

    def layers(self, model: Any, file: str) -> Any:
        return self.nodes.RGBAApplyLayerDiffuse(model=model, weights_name=Path(file).name, strength=1.0)[0]

    def condition(self) -> Any:
        return self.nodes.RGBALayerDiffuseCondition(
            model=self.picture(self.pictures.SDXL), positive=prompt(1), negative=prompt(2), strength=1.0,
            weights_name=Path(self.pictures.XL_FG2BLE).name, latent={"samples": noise(1, 4, 8, 8, seed=3)},
        )[0]  # fmt: skip

    def made_together(self) -> Any:
        return self.nodes.RGBALayerDiffuseJoint(
            model=self.picture(self.pictures.SD15), weights_name=Path(self.pictures.SD15_FG2BG).name, strength=1.0,
            background=prompt(5), image=torch.rand(1, 64, 64, 4, generator=torch.Generator().manual_seed(5)),
        )[0]  # fmt: skip


def prompt(draw: int, width: int = 32, rows: int = 8, **more: Any) -> Any:
    tokens = noise(1, rows, width, seed=draw)
    return [[tokens, {"pooled_output": tokens[:, 0], **more}]]


WAN, JOINT, PICTURE = (1, 16, 3, 4, 6), (1, 16, 6, 4, 6), (1, 4, 8, 8)
MOCHI = {"rows": 12, "width": 16, "attention_mask": torch.ones(1, 12, dtype=torch.long)}
COG = (1, 16, 6, 6, 8)
BESIDE = {"noise_concat": noise(1, 4, 8, 8, seed=3)}

CASES: dict[str, tuple[Callable[[Bench], Any], tuple[int, ...], dict[str, Any]]] = {
    "DoRA, merged": (lambda b: b.dora(b.base(b.tiny.DIT), "merged"), WAN, {}),
    "DoRA, unmerged": (lambda b: b.dora(b.base(b.tiny.DIT), "unmerged"), WAN, {}),
    "mean shift": (
        lambda b: b.nodes.RGBAMeanShift(
            model=b.base(b.tiny.DIT),
            subject=noise(3, 4, 6).sigmoid(),
            mean_shift=0.3,
            subject_is="subject = 1",
            rounding="float32",
        )[0],
        WAN,
        {},
    ),
    "TransPixeler on Wan": (lambda b: b.joint(b.base(b.tiny.DIT), b.tiny.WAN_LORA), JOINT, {}),
    "CogVideoX": (lambda b: b.cogvideox(b.tiny.COGVIDEOX), COG, {}),
    "CogVideoX I2V": (lambda b: b.cogvideox(b.tiny.COGVIDEOX_I2V), (1, 16, 3, 6, 8), {"rows": 226}),
    "TransPixeler on CogVideoX": (lambda b: b.joint(b.stock_cogvideox(), b.tiny.COGVIDEOX_LORA), COG, {}),
    "TransPixeler on CogVideoX I2V": (
        lambda b: b.joint(b.cogvideox(b.tiny.COGVIDEOX_I2V), b.tiny.COGVIDEOX_LORA),
        COG,
        {"rows": 226},
    ),
    "TransPixeler on Mochi": (lambda b: b.joint(b.mochi(), b.mochi_lora()), (1, 12, 4, 4, 6), MOCHI),
    "LayerDiffuse on SDXL": (lambda b: b.layers(b.picture(b.pictures.SDXL), b.pictures.XL_CONV), PICTURE, {}),
    "LayerDiffuse on SD 1.5": (lambda b: b.layers(b.picture(b.pictures.SD15), b.pictures.SD15_ATTN), PICTURE, {}),
    "LayerDiffuse on Flux": (lambda b: b.layers(b.base(b.pictures.FLUX), b.pictures.FLUX_LORA), (1, 16, 8, 8), {}),
    "LayerDiffuse condition": (lambda b: b.condition(), PICTURE, BESIDE),
    "LayerDiffuse joint": (lambda b: b.made_together(), (2, 4, 8, 8), {}),
}


@pytest.fixture(scope="module")
def bench(tiny, models, host_nodes):
    return Bench(tiny, models, host_nodes)


@pytest.fixture
def patched(bench, case):
    return CASES[case][0](bench)


def deepclone(model: Any) -> Any:
    return model.deepclone_multigpu(new_load_device=CPU)


def match(model: Any) -> Any:
    """What the host makes of a deep clone before every run: a clone of the MODEL as it is now, over those weights."""
    model = model.clone()
    model.set_additional_models("multigpu", [deepclone(model)])
    model.match_multigpu_clones()
    return model.get_additional_models_with_key("multigpu")[0]


@pytest.fixture(params=[deepclone, match])
def copy(request) -> Callable[[Any], Any]:
    return request.param


@pytest.fixture
def sample(case):
    """Two steps of the host's Euler from one noise."""
    shape, text = CASES[case][1:]
    positive, negative = prompt(1, **text), prompt(2, **text)

    def run(model: Any) -> Tensor:
        return comfy.sample.sample(
            model, noise(*shape, seed=7), 2, 3.0, "euler", "simple", positive, negative, torch.zeros(shape),
            disable_pbar=True, seed=1,
        )  # fmt: skip

    return run


def networks(model: Any) -> list[nn.Module]:
    return [each.model for each in (model, *model.get_nested_additional_models()) if not each.is_multigpu_base_clone]


def tensors(model: Any) -> dict[str, Tensor]:
    """Every parameter and buffer of a MODEL and of what stands beside it, by name."""
    return {
        f"{index}.{name}": tensor
        for index, network in enumerate(networks(model))
        for name, tensor in (*network.named_parameters(), *network.named_buffers())
    }


def storages(model: Any) -> set[int]:
    return {tensor.untyped_storage().data_ptr() for tensor in tensors(model).values()}


every_case = pytest.mark.parametrize("case", CASES)


@every_case
def test_a_copy_on_another_device_makes_the_same_to_the_last_bit(patched, sample, copy):
    expected = sample(patched)
    assert torch.equal(sample(copy(patched)), expected)
    assert torch.equal(sample(patched), expected)


@every_case
def test_a_copy_shares_no_weight_with_the_original(patched, copy):
    """Both as they are while they are in use, with whatever is patched in."""
    other = copy(patched)
    assert tensors(other).keys() == tensors(patched).keys()
    comfy.model_management.load_models_gpu(
        [patched, other, *patched.get_nested_additional_models(), *other.get_nested_additional_models()]
    )
    assert tensors(other).keys() == tensors(patched).keys()
    assert storages(other).isdisjoint(storages(patched))


@every_case
def test_a_copy_asks_nothing_of_the_original(patched, sample, copy):
    """Neither its modules, nor what hooks and wrappers may have kept of their weights."""
    expected, other = sample(patched), copy(patched)
    asked: list[str] = []
    for network in networks(patched):
        for name, module in network.named_modules():
            module.register_forward_pre_hook(lambda module, _, name=name: asked.append(name))
    for tensor in tensors(patched).values():
        tensor.fill_(float("nan") if tensor.is_floating_point() else 0)
    assert torch.equal(sample(other), expected)
    assert asked == []


@pytest.mark.parametrize("case", ["DoRA, unmerged", "TransPixeler on CogVideoX I2V", "LayerDiffuse joint"])
def test_a_copy_can_be_copied(patched, sample):
    expected = sample(patched)
    assert torch.equal(sample(deepclone(deepclone(patched))), expected)


@pytest.mark.parametrize("case", ["DoRA, unmerged"])
def test_another_strength_reaches_the_other_device(bench, patched, sample, case):
    """The host keeps a deep clone while the graph changes, and copies what is new beside the MODEL."""
    model = patched.clone()
    model.set_additional_models("multigpu", [deepclone(model)])
    model = bench.dora(model, "unmerged", strength=0.5)
    model.match_multigpu_clones()
    (other,) = model.get_additional_models_with_key("multigpu")
    model.remove_additional_models("multigpu")
    assert torch.equal(sample(other), sample(model))
    assert not torch.equal(sample(other), sample(patched))


@pytest.mark.parametrize("case", ["CogVideoX"])
def test_the_sampling_that_another_node_has_put_on_stays_on_a_copy(patched, host_nodes, case):
    (other,) = host_nodes.ModelSamplingDiscrete(model=patched, sampling="v_prediction", zsnr=True)
    theirs = other.get_model_object("model_sampling")
    assert deepclone(other).get_model_object("model_sampling") is theirs
