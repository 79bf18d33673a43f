"""What other packs do to a MODEL, around ours: all of it acts, whichever comes first, or the run is refused."""

from itertools import permutations
from types import MethodType
from typing import Any

import comfy.ldm.wan.model
import comfy.model_management
import pytest
import torch
from comfy.ldm.modules.attention import attention_basic, wrap_attn
from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import CallbacksMP
from other_packs import OtherPack, Places
from patched_models import CASES, Bench, apart, sample
from torch import Tensor, nn

WAN = Places("blocks.0", "blocks.0.self_attn.q")
UNET = Places("middle_block.1", "middle_block.1.transformer_blocks.0.attn1.to_q", replace=False)
PLACES = {
    "DoRA, merged": WAN,
    "DoRA, unmerged": WAN,
    "mean shift": WAN,
    "TransPixeler on Wan": WAN,
    "TransPixeler on CogVideoX": Places("blocks.0", "blocks.0.q", replace=False),
    "TransPixeler on Mochi": Places("blocks.0", "blocks.0.attn.qkv_x", wrapper=False),
    "LayerDiffuse on SDXL": UNET,
    "LayerDiffuse on SD 1.5": UNET,
    "LayerDiffuse on Flux": Places("double_blocks.0", "double_blocks.0.img_attn.qkv"),
    "LayerDiffuse condition": UNET,
    "LayerDiffuse joint": UNET,
}
ROUNDING = 1e-4
"""Factors that are multiplied in another order, over the steps of a run."""

every_case = pytest.mark.parametrize("case", PLACES)


@pytest.fixture(scope="module")
def bench(tiny, models, host_nodes):
    return Bench(tiny, models, host_nodes)


@pytest.fixture
def base(bench, case) -> Any:
    return CASES[case][0].base(bench)


@pytest.fixture
def patched(bench, base, case) -> Any:
    return CASES[case][0].ours(bench, base)


@every_case
def test_two_packs_that_wrap_and_override_at_the_same_time_act_with_ours_in_every_order(bench, base, case):
    packs = [OtherPack(name, factor, PLACES[case]) for name, factor in (("one", 1.01), ("two", 0.97))]
    nodes = {pack.name: pack.put_on for pack in packs} | {"ours": lambda model: CASES[case][0].ours(bench, model)}

    def run(*names: str) -> Tensor:
        for pack in packs:
            pack.calls.clear()
        model = base
        for name in names:
            model = nodes[name](model)
        made = sample(case, model)
        assert all(set(pack.calls) == pack.wanted for pack in packs if pack.name in names)
        return made

    first, *others = (run(*names) for names in permutations(nodes))
    assert all(apart(other, first) < ROUNDING for other in others)
    for left_out in nodes:
        if (case, left_out) != ("LayerDiffuse condition", "ours"):  # its latents have no place without it
            assert apart(run(*(name for name in nodes if name != left_out)), first) > 10 * ROUNDING


# Attention


def quantised(q: Tensor, k: Tensor, v: Tensor, heads: int, **named: Any) -> Tensor:
    """Attention on rounded queries and keys, as SageAttention's."""
    return attention_basic.__wrapped__((q * 32).round() / 32, (k * 32).round() / 32, v, heads, **named)


@every_case
def test_an_attention_override_acts_with_ours_in_either_order(bench, base, patched, case):
    def sage(model: Any) -> Any:
        clone = model.clone()
        options = clone.model_options["transformer_options"]
        options["optimized_attention_override"] = lambda func, *args, **named: quantised(*args, **named)
        return clone

    made = sample(case, sage(patched))
    assert torch.equal(sample(case, CASES[case][0].ours(bench, sage(base))), made)
    assert apart(made, sample(case, patched)) > 1e-5
    if case != "LayerDiffuse condition":
        assert apart(made, sample(case, sage(base))) > 1e-3


@pytest.mark.parametrize("case", ["DoRA, merged", "DoRA, unmerged", "TransPixeler on Wan"])
def test_attention_that_a_pack_puts_into_the_hosts_module_acts_with_ours(base, patched, case, monkeypatch):
    alone = sample(case, patched)
    monkeypatch.setattr(comfy.ldm.wan.model, "optimized_attention", wrap_attn(quantised))
    made = sample(case, patched)
    assert apart(made, alone) > 1e-5
    assert apart(made, sample(case, base)) > 1e-3


@pytest.mark.parametrize("case", ["TransPixeler on Wan"])
def test_attention_in_the_hosts_module_that_asks_no_override_is_refused(patched, case, monkeypatch):
    monkeypatch.setattr(comfy.ldm.wan.model, "optimized_attention", quantised)
    with pytest.raises(
        RuntimeError, match=r"TransPixeler was lost on 2 of \d+ places \(attention of blocks.0.self_attn"
    ):
        sample(case, patched)


# Memory


def swap_blocks(model: Any) -> Any:
    """Blocks wait elsewhere, are brought in as they are called, and taken out again."""
    clone = model.clone()

    def moved(block: nn.Module) -> None:
        for parameter in block.parameters():
            parameter.data = parameter.data.clone()

    def swapped(patcher: Any, *rest: Any) -> None:
        for block in patcher.model.diffusion_model.blocks:
            moved(block)

    clone.add_callback_with_key(CallbacksMP.ON_LOAD, "block swap", swapped)
    for index, block in enumerate(clone.model.diffusion_model.blocks):
        forward = block.forward

        def swapping(self: nn.Module, *args: Any, _forward: Any = forward, **named: Any) -> Any:
            moved(self)
            try:
                return _forward(*args, **named)
            finally:
                moved(self)

        clone.add_object_patch(f"diffusion_model.blocks.{index}.forward", MethodType(swapping, block))
    return clone


@pytest.mark.parametrize("case", list(PLACES)[:6])
def test_block_swap_gives_the_same_in_either_order(bench, base, patched, case):
    expected = sample(case, patched)
    assert torch.equal(sample(case, swap_blocks(patched)), expected)
    assert torch.equal(sample(case, CASES[case][0].ours(bench, swap_blocks(base))), expected)


@every_case
def test_a_card_that_is_too_small_loses_nothing(patched, case, monkeypatch):
    """The host keeps a little of the model in place and patches the rest as it uses it."""
    expected = sample(case, patched)
    load = ModelPatcher.load

    def in_part(self: Any, device: Any, *_: Any, force_patch_weights: bool = False, **named: Any) -> Any:
        return load(self, device, 1000, force_patch_weights, False)

    patched.detach()
    monkeypatch.setattr(ModelPatcher, "load", in_part)
    assert apart(sample(case, patched.clone()), expected) < ROUNDING
    assert patched.model.model_lowvram


@every_case
def test_a_pack_that_has_models_loaded_in_the_middle_of_a_pass_is_no_loss(bench, base, patched, case):
    """As the host's Uni3C ControlNet, which encodes a video in the first block: our hooks go off and on again."""

    def reloads(model: Any) -> Any:
        clone = model.clone()
        name = f"diffusion_model.{PLACES[case].block}.forward"
        forward = clone.get_model_object(name)

        def call(*args: Any, **named: Any) -> Any:
            comfy.model_management.load_models_gpu(comfy.model_management.loaded_models(only_currently_used=True))
            return forward(*args, **named)

        clone.add_object_patch(name, call)
        return clone

    expected = sample(case, patched)
    assert torch.equal(sample(case, reloads(patched)), expected)
    assert torch.equal(sample(case, CASES[case][0].ours(bench, reloads(base))), expected)


# The feed-forward in parts


def in_parts(model: Any, count: int) -> Any:
    """Wan's feed-forward over `count` parts of the rows, one after the other, to save memory."""
    clone = model.clone()
    for index, block in enumerate(clone.model.diffusion_model.blocks):

        def forward(self: Any, x: Tensor) -> Tensor:
            return torch.cat([nn.Sequential.forward(self, part) for part in x.chunk(count, dim=1)], dim=1)

        clone.add_object_patch(f"diffusion_model.blocks.{index}.ffn.forward", MethodType(forward, block.ffn))
    return clone


@pytest.mark.parametrize("case", ["DoRA, merged", "DoRA, unmerged"])
def test_a_feed_forward_in_parts_gives_the_same(bench, base, patched, case):
    expected = sample(case, patched)
    for model in (in_parts(patched, 2), CASES[case][0].ours(bench, in_parts(base, 2))):
        assert apart(sample(case, model), expected) < ROUNDING


@pytest.mark.parametrize("case", ["TransPixeler on Wan"])
@pytest.mark.parametrize("count", [2, 3])
def test_a_feed_forward_in_parts_is_refused_where_rows_are_counted(bench, base, patched, case, count):
    for model in (in_parts(patched, count), CASES[case][0].ours(bench, in_parts(base, count))):
        with pytest.raises(ValueError, match=r"a layer was given \d+: .*\(chunked feed-forward\)"):
            sample(case, model)
