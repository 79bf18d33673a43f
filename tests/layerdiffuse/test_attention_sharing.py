"""Attention shared by layers: the official unit's numbers, its laws, and what it asks of a GPU."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from pipelines.layerdiffuse.attention_sharing import build_unit, read_sharing, share
from pipelines.layerdiffuse.control_maps import build_control_encoder
from pipelines.layerdiffuse.decoder import attend
from pipelines.layerdiffuse.layers import with_own_prompts

HEADS = {"single_self": 2, "single_cross": 2, "joint_self": 4, "joint_cross": 4, "joint_cross_posonly": 2}
HEADS |= {"control_self": 2, "control_cross": 2}
CUDA_BATCHES = 65_535


class Attention(nn.Module):
    """An attention module with the names that Stable Diffusion's has."""

    def __init__(self, weights, heads):
        super().__init__()
        self.heads = heads
        for name in ("to_q", "to_k", "to_v"):
            self.add_module(name, linear(weights[f"{name}.weight"]))
        self.to_out = nn.Sequential(linear(weights["to_out.0.weight"], weights["to_out.0.bias"]))

    def forward(self, x, context):
        return self.to_out(attend(self.to_q(x), self.to_k(context), self.to_v(context), self.heads))


def linear(weight, bias=None):
    layer = nn.Linear(*reversed(weight.shape), bias=bias is not None)
    layer.weight = nn.Parameter(weight)
    layer.bias = None if bias is None else nn.Parameter(bias)
    return layer


@pytest.fixture(scope="module")
def goldens(golden):
    return golden("attention_sharing")


@pytest.fixture(scope="module")
def maps(goldens):
    encoder = build_control_encoder(goldens.under("control_encoder.sd."))
    return encoder(goldens["control_encoder.in.image01"] * 2 - 1)


class Case:
    """A golden case: its unit beside the base model's attention."""

    def __init__(self, goldens, name):
        self.goldens, self.heads = goldens.under(f"{name}."), HEADS[name]
        self.unit = build_unit(self.goldens.under("sd."))
        self.attention = Attention(self.goldens.under("org."), self.heads)
        self.h = self.goldens["in.h"]

    def __call__(self, maps=None, strength=1.0):
        norm = nn.Identity()
        hooks = list(share(norm, self.attention, self.unit, strength, maps or {}))
        try:
            m = norm(self.h)
            return self.attention(m, self.context() if "in.context" in self.goldens else m)
        finally:
            for hook in hooks:
                hook.remove()

    def context(self):
        own = [self.goldens.get(f"in.cond_overwrite.{layer}") for layer in range(self.unit.layers)]
        return with_own_prompts(self.goldens["in.context"], own, self.goldens["in.cond_mark"] == 0)


@pytest.mark.parametrize("name", HEADS)
def test_the_unit_matches_the_reference(goldens, maps, name):
    case = Case(goldens, name)
    assert (case(maps) - case.goldens["out"]).abs().max() < 5e-5


def test_the_control_maps_match_the_reference(goldens, maps):
    assert len(maps) == 4
    for places, found in maps.items():
        assert (found - goldens[f"control_encoder.out.tokens_{places}"]).abs().max() < 5e-5


def test_strength_0_is_the_base_model_bit_for_bit(goldens, maps):
    case = Case(goldens, "control_self")
    assert case(maps, strength=0.0).equal(case.attention(case.h, case.h))


def test_nothing_stays_on_the_attention(goldens, maps):
    case = Case(goldens, "joint_self")
    before = case.attention(case.h, case.h)
    changed = case(maps)
    assert case.attention(case.h, case.h).equal(before) and not changed.equal(before)


def test_the_written_out_softmax_is_attention_across_the_layers(goldens):
    unit = Case(goldens, "joint_self").unit
    x = torch.randn(6, 15, 16)
    inside = unit.temporal_i(unit.temporal_n(x)).unflatten(0, (2, 3)).transpose(1, 2).flatten(0, 1)
    q, k, v = unit.temporal_q(inside), unit.temporal_k(inside), unit.temporal_v(inside)
    wanted = attend(q, k, v, 4).unflatten(0, (2, 15)).transpose(1, 2).flatten(0, 1)
    assert unit.across(x, 4).allclose(unit.temporal_o(wanted), atol=1e-6)


def test_a_single_layers_shortcut_is_the_attention_to_itself(goldens):
    unit = Case(goldens, "single_self").unit
    x = torch.randn(4, 12, 16)
    inside = unit.temporal_i(unit.temporal_n(x)).flatten(0, 1).unsqueeze(1)
    wanted = attend(unit.temporal_q(inside), unit.temporal_k(inside), unit.temporal_v(inside), 2)
    assert unit.across(x, 2).allclose(unit.temporal_o(wanted).reshape(x.shape), atol=1e-6)


class Watch(TorchFunctionMode):
    """Notes the batch of every attention and every product of batches."""

    def __init__(self):
        super().__init__()
        self.batches = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func.__name__ in ("scaled_dot_product_attention", "matmul", "bmm", "baddbmm", "einsum"):
            self.batches.append(math.prod(args[0].shape[:-2]))
        return func(*args, **(kwargs or {}))


def batches(work):
    with Watch() as watch:
        work()
    return watch.batches


@pytest.mark.parametrize("name", ["single_self", "joint_self"])
def test_the_step_across_layers_starts_no_batch_however_large_picture_and_batch_are(goldens, name):
    unit = Case(goldens, name).unit
    x = torch.zeros(1, 1, 16).expand(4 * unit.layers, CUDA_BATCHES // 2, -1)  # 4 pictures: twice the limit
    assert batches(lambda: unit.across(x, 2)) == []


def test_the_watcher_of_batches_sees_them():
    assert batches(lambda: attend(*[torch.zeros(3, 5, 8)] * 3, heads=2)) == [6]
    assert batches(lambda: torch.zeros(7, 2, 2) @ torch.zeros(7, 2, 2)) == [7]


def test_a_size_without_a_control_map_is_refused(goldens, maps):
    case = Case(goldens, "control_self")
    case.h = case.h[:, :50]
    with pytest.raises(ValueError, match=r"works on 50 places, but the control image has maps of 96, 24, 6, 2"):
        case(maps)


def test_merged_tokens_are_refused(goldens):
    case = Case(goldens, "joint_self")
    case.attention.register_forward_pre_hook(lambda module, args: tuple(x[:, ::2] for x in args))
    with pytest.raises(ValueError, match="take out Token Merging, HyperTile"):
        case()


def test_a_file_of_units_in_two_layers_with_control_is_read_whole(goldens):
    unit = goldens.under("control_self.sd.")
    encoder = goldens.under("control_encoder.sd.")
    file = {f"hookers.layers.{index}.{name}": each for index in range(3) for name, each in unit.items()}
    file |= {f"kwargs_encoder.{name}": each for name, each in encoder.items()}
    sharing = read_sharing(file)
    assert (len(sharing.units), sharing.layers) == (3, 2) and sharing.encoder is not None
    damaged = copy.copy(file)
    del damaged["hookers.layers.2.temporal_o.bias"]
    with pytest.raises(ValueError, match=r"not unit; missing: temporal_o.bias"):
        read_sharing(damaged)
