"""What is lost ends a run: layers that are not called, attention of another kind, patches that a loader leaves out."""

import gc
import logging
import re
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MethodType
from typing import Any

import comfy.hooks
import comfy.model_management
import comfy.sample
import comfy.samplers
import pytest
import torch
from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import WrappersMP
from patched_models import CASES, Bench, noise, prompt
from test_quantised_pictures import quantised_flux
from torch import Tensor, nn

HOOKED = {
    "DoRA, unmerged": ("blocks.1.self_attn.q", "blocks.0.ffn.2"),
    "TransPixeler on Wan": ("blocks.1.self_attn.v", "blocks.1.self_attn"),
    "TransPixeler on CogVideoX I2V": ("blocks.1",),
    "TransPixeler on Mochi": ("blocks.0.attn.qkv_x",),
    "LayerDiffuse on SD 1.5": ("middle_block.1.transformer_blocks.0.attn1.to_q",),
    "LayerDiffuse joint": ("input_blocks.1.1.transformer_blocks.0.attn2.to_out",),
}


@pytest.fixture(scope="module")
def bench(tiny, models, host_nodes):
    return Bench(tiny, models, host_nodes)


@pytest.fixture
def patched(bench, case):
    return CASES[case][0](bench)


@pytest.fixture
def sample(case):
    """Three steps of the host's Euler; `calls` has what the network was called for."""
    shape, text = CASES[case][1:]
    positive, negative = prompt(1, **text), prompt(2, **text)

    def run(model: Any, steps: int = 3) -> Tensor:
        return comfy.sample.sample(
            model, noise(*shape, seed=7), steps, 3.0, "euler", "simple", positive, negative, torch.zeros(shape),
            disable_pbar=True, seed=1,
        )  # fmt: skip

    return run


@contextmanager
def uncalled(module: nn.Module) -> Iterator[None]:
    """The module computes what it did, and is not called as a module: its hooks do not run."""
    kind = type(module)

    def call(self: nn.Module, *args: Any, **named: Any) -> Any:
        return self.forward(*args, **named)

    module.__class__ = type(kind.__name__, (kind,), {"__call__": call})
    try:
        yield
    finally:
        module.__class__ = kind


@contextmanager
def counted(network: nn.Module) -> Iterator[list[int]]:
    """The number of calls of the network."""
    calls = [0]
    forward = network.forward

    def counting(self: nn.Module, *args: Any, **named: Any) -> Any:
        calls[0] += 1
        return forward(*args, **named)

    network.forward = MethodType(counting, network)
    try:
        yield calls
    finally:
        del network.forward


def hooks_on(network: nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in network.modules())


NAMES = {"DoRA, unmerged": "the DoRA", "TransPixeler on Wan": "TransPixeler"}

each_place = pytest.mark.parametrize(("case", "path"), [(case, path) for case in HOOKED for path in HOOKED[case]])


@each_place
def test_a_layer_that_is_not_called_ends_the_run_after_its_first_step(patched, sample, path):
    network = patched.model.diffusion_model
    with (
        uncalled(network.get_submodule(path)),
        counted(network) as calls,
        pytest.raises(RuntimeError, match=rf"was lost on \d+ of \d+ places \(.*{re.escape(path)}"),
    ):
        sample(patched)
    assert calls[0] <= 2  # positive and negative
    sample(patched)


@pytest.mark.parametrize("case", ["TransPixeler on Wan"])
def test_attention_that_asks_no_override_ends_the_run(patched, sample, case):
    attention = patched.model.diffusion_model.blocks[1].self_attn
    forward = attention.forward

    def plain(x: Tensor, freqs: Tensor, transformer_options: Any = None) -> Tensor:
        return forward(x, freqs, transformer_options={})

    attention.forward = plain
    try:
        with pytest.raises(RuntimeError, match=r"TransPixeler was lost on 1 of \d+ places \(attention of blocks.1"):
            sample(patched)
    finally:
        del attention.forward
    sample(patched)


def left_out(key: str) -> type[ModelPatcher]:
    class LeavesOut(ModelPatcher):
        """A loader's patcher that does nothing with the patches of one weight."""

        def patch_weight_to_device(self, each: str, *args: Any, **named: Any) -> Any:
            return None if each == key else super().patch_weight_to_device(each, *args, **named)

    return LeavesOut


MERGED = {
    "DoRA, merged": "diffusion_model.blocks.1.ffn.2.weight",
    "LayerDiffuse on SDXL": "diffusion_model.input_blocks.0.0.weight",
    "LayerDiffuse on Flux": "diffusion_model.single_blocks.0.linear1.weight",
    "LayerDiffuse condition": "diffusion_model.out.2.weight",
}


@pytest.mark.parametrize(("case", "key"), MERGED.items())
def test_a_patch_that_the_loader_leaves_out_ends_the_run(patched, sample, key):
    patched.__class__ = left_out(key)
    with (
        counted(patched.model.diffusion_model) as calls,
        pytest.raises(RuntimeError, match=rf"was lost on 1 of \d+ places \({re.escape(key)}"),
    ):
        sample(patched)
    assert calls[0] <= 2


@pytest.mark.parametrize("case", ["LayerDiffuse on SDXL"])
def test_a_weight_that_takes_no_patch_is_refused_by_the_node(bench, case):
    class Closed(ModelPatcher):
        def add_patches(self, patches: dict[Any, Any], *strengths: float) -> list[Any]:
            return super().add_patches({key: patch for key, patch in patches.items() if "out.2" not in key[0]})

    model = bench.picture(bench.pictures.SDXL)
    model.__class__ = Closed
    with pytest.raises(ValueError, match=r"changes \d weights that cannot be patched with this loader \(.*out\.2"):
        bench.layers(model, bench.pictures.XL_CONV)


@pytest.mark.parametrize("case", NAMES)
def test_a_block_that_another_node_leaves_out_is_a_warning_with_its_name(patched, sample, caplog, case):
    patched.set_model_patch_replace(skip, "dit", "double_block", 1)
    with caplog.at_level(logging.WARNING):
        assert torch.isfinite(sample(patched)).all()
    told = [record.getMessage() for record in caplog.records if "leaves out" in record.getMessage()]
    assert told == [f"{NAMES[case]} is not in block 1, which test_first_step leaves out."]


def skip(args: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    return {"img": args["img"]}


@pytest.mark.parametrize("case", ["LayerDiffuse on Flux"])
def test_a_block_of_flux_that_another_node_leaves_out_is_a_warning(bench, models, sample, caplog, case):
    """Its low-rank changes stand beside quantised weights, and so want every layer to be called."""
    model = quantised_flux(models, bench.pictures, bench.nodes, "int8")
    patched = bench.layers(model, bench.pictures.FLUX_LORA)
    patched.set_model_patch_replace(
        lambda args, extra: {"img": args["img"], "txt": args["txt"]}, "dit", "double_block", 0
    )
    with caplog.at_level(logging.WARNING):
        assert torch.isfinite(sample(patched)).all()
    told = [record.getMessage() for record in caplog.records if "is not in" in record.getMessage()]
    assert told == ["LayerDiffuse is not in block 0, which test_first_step leaves out."]


@pytest.mark.parametrize("apply", ["merged", "unmerged"])
@pytest.mark.parametrize("case", ["DoRA, unmerged"])
def test_a_part_that_the_network_does_not_use_in_this_run_is_a_warning(bench, models, sample, caplog, apply, case):
    """Such as the layers of a reference image where none is connected."""
    model = bench.base(bench.tiny.DIT)
    model.model.diffusion_model.img_emb = nn.Sequential(nn.Linear(8, 6))
    pair = {"img_emb.0.lora_down.weight": torch.ones(2, 8), "img_emb.0.lora_up.weight": torch.ones(6, 2)}
    of_block = {
        "blocks.0.ffn.0.lora_down.weight": torch.ones(2, 48),
        "blocks.0.ffn.0.lora_up.weight": torch.ones(96, 2),
    }
    speed = models.save("loras", "with_img_emb.safetensors", pair | of_block)
    (patched,) = bench.nodes.RGBAApplyDoRA(
        model=model, dora_name=Path(bench.tiny.DORA).name, strength=1.0, speed_strength=1.0, apply=apply,
        speed_lora_name=speed,
    )  # fmt: skip
    with caplog.at_level(logging.WARNING):
        sample(patched)
    told = [record.getMessage() for record in caplog.records if "does not use" in record.getMessage()]
    assert told == ([] if apply == "merged" else ["the DoRA is not in img_emb, which this run does not use."])


@pytest.mark.parametrize("case", ["DoRA, merged", "DoRA, unmerged", "TransPixeler on Wan", "LayerDiffuse on SD 1.5"])
def test_a_run_in_which_no_prompt_is_active_is_a_warning(patched, case, caplog):
    shape, text = CASES[case][1:]
    late = {"start_percent": 0.99, "end_percent": 1.0}
    with caplog.at_level(logging.WARNING):
        comfy.sample.sample(
            patched, noise(*shape, seed=7), 20, 3.0, "euler", "simple", prompt(1, **text, **late),
            prompt(2, **text, **late), torch.zeros(shape), disable_pbar=True, seed=1, last_step=2,
        )  # fmt: skip
    told = [record.getMessage() for record in caplog.records if "was not called in this run" in record.getMessage()]
    assert told


@pytest.mark.parametrize("case", HOOKED)
def test_a_lora_of_one_prompt_alone_is_no_loss(patched, sample, case):
    """For its sake the host has every hook taken off and put on again in the first step."""
    shape, text = CASES[case][1:]
    hooks = comfy.hooks.HookGroup()
    name, weight = next(
        (name, each) for name, each in patched.model.diffusion_model.named_parameters() if each.ndim > 1
    )
    hook = comfy.hooks.WeightHook(strength_model=1.0)
    hook.weights = {f"diffusion_model.{name}": ("diff", (torch.full_like(weight, 0.01),))}
    hook.need_weight_init = False
    hooks.add(hook)
    positive, negative = prompt(1, **text, hooks=hooks), prompt(2, **text)
    made = comfy.sample.sample(
        patched, noise(*shape, seed=7), 3, 3.0, "euler", "simple", positive, negative, torch.zeros(shape),
        disable_pbar=True, seed=1,
    )  # fmt: skip
    assert not made.equal(sample(patched))
    (path, *_) = HOOKED[case]
    with uncalled(patched.model.diffusion_model.get_submodule(path)), pytest.raises(RuntimeError, match="was lost on"):
        comfy.sample.sample(
            patched, noise(*shape, seed=7), 3, 3.0, "euler", "simple", positive, negative, torch.zeros(shape),
            disable_pbar=True, seed=1,
        )  # fmt: skip


@pytest.mark.parametrize("case", ["DoRA, unmerged"])
def test_a_network_that_another_node_computes_ends_the_run(patched, sample, case):
    patched.set_model_unet_function_wrapper(lambda apply_model, given: given["input"] * 0.5)
    with pytest.raises(RuntimeError, match="another node computes in the place of this model, without the "):
        sample(patched)


@pytest.mark.parametrize("case", ["DoRA, unmerged", "TransPixeler on Wan"])
def test_a_first_step_that_another_node_answers_is_not_the_first(patched, sample, case):
    """Such as a cache that still has the answer."""
    answered = []

    def cached(executor: Any, x: Tensor, *args: Any, **named: Any) -> Tensor:
        answered.append(x)
        return x * 0.5 if len(answered) == 1 else executor(x, *args, **named)

    patched.add_wrapper_with_key(WrappersMP.PREDICT_NOISE, "a cache", cached)
    sample(patched)
    (path, *_) = HOOKED[case]
    answered.clear()
    with (
        uncalled(patched.model.diffusion_model.get_submodule(path)),
        pytest.raises(RuntimeError, match="was lost on"),
    ):
        sample(patched)
    assert len(answered) == 2


@pytest.mark.parametrize("case", ["DoRA, unmerged", "TransPixeler on Wan", "LayerDiffuse on SD 1.5"])
def test_a_guider_that_asks_the_model_by_another_way_is_checked_at_the_end(patched, sample, monkeypatch, case):
    monkeypatch.setattr(comfy.samplers.CFGGuider, "__call__", comfy.samplers.CFGGuider.predict_noise)
    sample(patched)
    (path, *_) = HOOKED[case]
    with uncalled(patched.model.diffusion_model.get_submodule(path)), pytest.raises(RuntimeError, match="was lost on"):
        sample(patched)


@pytest.mark.parametrize("case", [*HOOKED, *MERGED])
def test_after_the_first_step_python_makes_the_same_calls_as_without_the_check(patched, sample, monkeypatch, ours):
    def calls() -> list[int]:
        """Of each step but the first."""
        counts: list[int] = []

        def step(executor: Any, *args: Any, **named: Any) -> Any:
            made = [0]

            def count(frame: Any, event: str, arg: Any) -> None:
                made[0] += event in ("call", "c_call")

            sys.setprofile(count)
            try:
                return executor(*args, **named)
            finally:
                sys.setprofile(None)
                counts.append(made[0])

        patched.add_wrapper_with_key(WrappersMP.PREDICT_NOISE, "counts", step)
        try:
            sample(patched)
        finally:
            patched.remove_wrappers_with_key(WrappersMP.PREDICT_NOISE, "counts")
        return counts

    calls()
    first, *others = calls()
    taken = {key: kept for key, kept in patched.wrappers[WrappersMP.OUTER_SAMPLE].items() if "first_step" in key}
    assert taken
    patched.wrappers[WrappersMP.OUTER_SAMPLE] = {
        key: kept for key, kept in patched.wrappers[WrappersMP.OUTER_SAMPLE].items() if key not in taken
    }
    if not patched.wrappers[WrappersMP.OUTER_SAMPLE]:
        del patched.wrappers[WrappersMP.OUTER_SAMPLE]
    first_without, *others_without = calls()
    assert others == others_without
    assert first > first_without


@pytest.mark.parametrize("case", ["LayerDiffuse joint"])
def test_attention_without_its_norm_is_refused_where_it_runs(patched, sample, case):
    norm = patched.model.diffusion_model.get_submodule("input_blocks.1.1.transformer_blocks.0.norm2")
    with uncalled(norm), pytest.raises(ValueError, match="ran without the norm before it"):
        sample(patched)


@pytest.mark.parametrize("case", HOOKED)
def test_hooks_go_with_a_model_that_is_garbage_in_a_circle(bench, sample, case):
    patched = CASES[case][0](bench)
    base, gone = patched.model, weakref.ref(patched)
    sample(patched)
    assert hooks_on(base)
    circle: list[Any] = [patched]
    circle.append(circle)
    del patched, circle
    gc.collect()
    assert gone() is None
    assert not hooks_on(base)


@pytest.fixture
def second_device() -> Iterator[torch.device]:
    """The host takes the same processor under another name for another device."""
    device = torch.device("cpu", 0)
    yield device
    comfy.model_management.free_memory(1e30, device)


@pytest.mark.parametrize("case", ["DoRA, unmerged", "TransPixeler on Wan", "LayerDiffuse on SD 1.5"])
def test_a_layer_that_is_not_called_on_another_device_ends_the_run(patched, sample, second_device, case):
    """Positive on one, negative on the other."""
    expected = sample(patched)
    other = patched.deepclone_multigpu(new_load_device=second_device)
    other.is_multigpu_base_clone = True
    patched.set_additional_models("multigpu", [other])
    with counted(other.model.diffusion_model) as calls:
        torch.testing.assert_close(sample(patched), expected, rtol=1e-4, atol=1e-4)
    assert calls[0]
    (path, *_) = HOOKED[case]
    with uncalled(other.model.diffusion_model.get_submodule(path)), pytest.raises(RuntimeError, match="was lost on"):
        sample(patched)


@pytest.mark.parametrize("case", HOOKED)
def test_a_clone_that_goes_while_the_original_runs_takes_no_hooks_along(patched, sample, case):
    """A clone of a MODEL in use believes that its hooks are in place."""
    expected = sample(patched)
    seen = []

    def step(executor: Any, *args: Any, **named: Any) -> Any:
        seen.append(patched.clone())
        seen.clear()
        gc.collect()
        return executor(*args, **named)

    patched.add_wrapper_with_key(WrappersMP.PREDICT_NOISE, "clones", step)
    assert torch.equal(sample(patched), expected)
