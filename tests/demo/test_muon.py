"""Two optimisers as one: each takes its share, and neither is lost when a run stops and goes on."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import nn

from demo.recipe.muon import muon_in_blocks, muon_in_convolutions
from pipelines.training.models.decoder_change import change_convolutions


class Blocks(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.blocks = nn.ModuleList([nn.Linear(6, 6), nn.Linear(6, 6)])
        self.last = nn.Linear(6, 2)

    def forward(self, x):
        for block in self.blocks:
            x = torch.tanh(block(x))
        return self.last(x)


def step(model, optimizer, seed):
    x = torch.randn(8, 6, generator=torch.Generator().manual_seed(seed))
    model.zero_grad()
    model(x).square().mean().backward()
    optimizer.step()


def test_a_matrix_of_a_block_moves_by_an_orthogonal_one_and_the_rest_as_with_adamw():
    model = Blocks()
    matrix, last = model.blocks[0].weight.detach().clone(), model.last.weight.detach().clone()
    step(model, muon_in_blocks(model, 0.1, 0.01), 1)
    moved = torch.linalg.svdvals((matrix - model.blocks[0].weight.detach()) / (0.1 * 0.2 * 6**0.5))
    assert moved.amin() > 0.5
    assert moved.amax() < 1.3
    assert (last - model.last.weight.detach()).abs().amax() == pytest.approx(0.01, rel=1e-3)


def test_going_on_from_a_state_is_like_not_stopping():
    model = Blocks()
    optimizer = muon_in_blocks(model, 0.1, 0.01, 0.01)
    step(model, optimizer, 1)
    again = Blocks()
    again.load_state_dict(model.state_dict())
    other = muon_in_blocks(again, 0.1, 0.01, 0.01)
    other.load_state_dict(deepcopy(optimizer.state_dict()))
    for place in (model, optimizer), (again, other):
        step(*place, 2)
    assert all(torch.equal(one, two) for one, two in zip(model.state_dict().values(), again.state_dict().values()))


def test_a_rate_of_zero_in_every_group_stands_still():
    model = Blocks()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    optimizer = muon_in_blocks(model, 0.1, 0.01, 0.01)
    for _ in range(2):  # a loaded state brings groups of its own
        for group in optimizer.param_groups:
            group["lr"] = 0.0
        step(model, optimizer, 1)
        optimizer.load_state_dict(optimizer.state_dict())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


class Coder(nn.Module):
    """A convolution to pixels, one inside with a LoRA on it, and one inside without."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.inner = nn.Conv3d(4, 6, (1, 3, 3), padding=(0, 1, 1))
        self.other = nn.Conv3d(6, 4, 1)
        self.other.requires_grad_(False)
        change_convolutions(self.other, rank=2)
        self.conv_out = nn.Conv3d(4, 3, 1)

    def forward(self, x):
        return self.conv_out(torch.tanh(self.other(torch.tanh(self.inner(x)))))


def paint(model, optimizer, seed):
    x = torch.randn(2, 4, 1, 5, 5, generator=torch.Generator().manual_seed(seed))
    optimizer.zero_grad()
    model(x).square().mean().backward()
    optimizer.step()


def test_a_kernel_moves_by_an_orthogonal_matrix_and_the_ends_as_with_adamw():
    model = Coder()
    kernel, end = model.inner.weight.detach().clone(), model.conv_out.weight.detach().clone()
    paint(model, muon_in_convolutions(model, 0.1, 0.01, lora_rate=0.1), 1)
    moved = torch.linalg.svdvals((kernel - model.inner.weight.detach()).flatten(1) / (0.1 * 0.2 * 36**0.5))
    assert moved.amin() > 0.5
    assert moved.amax() < 1.3
    assert (end - model.conv_out.weight.detach()).abs().amax() == pytest.approx(0.01, rel=1e-3)


def test_a_lora_has_a_rate_of_its_own():
    model = Coder()
    before = {name: one.detach().clone() for name, one in model.named_parameters()}
    paint(model, muon_in_convolutions(model, 0.0, 0.0, lora_rate=0.1), 1)
    moved = {name for name, one in model.named_parameters() if not torch.equal(before[name], one.detach())}
    assert moved == {"other.parametrizations.weight.0.up"}  # down has no gradient while up is 0


def test_kernels_go_on_from_a_state_and_on_a_model_that_was_moved():
    model, again = Coder(), Coder()
    optimizer = muon_in_convolutions(model, 0.1, 0.01, lora_rate=0.1)
    other = muon_in_convolutions(again, 0.1, 0.01, lora_rate=0.1)
    paint(model, optimizer, 1)
    again.load_state_dict(model.state_dict())
    for parameter in again.parameters():
        parameter.data = parameter.data.clone()  # as a move to another device does
    other.load_state_dict(deepcopy(optimizer.state_dict()))
    for place in (model, optimizer), (again, other):
        paint(*place, 2)
    assert all(torch.equal(one, two) for one, two in zip(model.state_dict().values(), again.state_dict().values()))


def test_gradients_of_kernels_do_not_add_up():
    model = Coder()
    optimizer = muon_in_convolutions(model, 0.1, 0.01, lora_rate=0.1)
    paint(model, optimizer, 1)
    optimizer.zero_grad()
    assert all(parameter.grad is None for parameter in model.parameters())


def test_loras_without_a_rate_are_refused():
    with pytest.raises(ValueError, match="want a rate of their own"):
        muon_in_convolutions(Coder(), 0.1, 0.01)


def test_a_kernel_that_is_no_row_of_numbers_is_refused_and_not_left_alone():
    model = Coder().to(memory_format=torch.channels_last_3d)
    with pytest.raises(RuntimeError, match="view"):
        paint(model, muon_in_convolutions(model, 0.1, 0.01, lora_rate=0.1), 1)
