"""A MODEL of ours on a second device: the host's `deepclone_multigpu` gives one with weights and hooks of its own."""

from collections.abc import Callable
from functools import partial
from typing import Any

import comfy.model_management
import pytest
import torch
from patched_models import CASES, Bench
from patched_models import sample as sample_case
from torch import Tensor, nn

CPU = torch.device("cpu")


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
def sample(case) -> Callable[[Any], Tensor]:
    return partial(sample_case, case)


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
